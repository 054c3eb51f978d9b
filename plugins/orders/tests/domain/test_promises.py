from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from crmkit_orders.domain.errors import AmountError
from crmkit_orders.domain.promises import is_late, is_on_time, next_warnings, promise

from crmkit import BusinessCalendar

OFFICE = BusinessCalendar(zone="Europe/Berlin")  # 9 to 18 from Monday to Friday
FRIDAY = datetime(2026, 11, 27, 16, 0, tzinfo=UTC)  # 17:00 there
MONDAY = datetime(2026, 11, 30, 8, 0, tzinfo=UTC)  # 9:00 there
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ("0", FRIDAY),
        ("1", FRIDAY + HOUR),
        ("2", MONDAY + HOUR),
        ("1.5", MONDAY + HOUR / 2),
        ("10", MONDAY + 9 * HOUR),
    ],
)
def test_a_promise_counts_open_hours(hours: str, expected: datetime) -> None:
    found = promise(FRIDAY, Decimal(hours), OFFICE)
    assert (expected, UTC) == (found, found.tzinfo)


def test_a_promise_without_hours_is_never_at_night() -> None:
    assert promise(FRIDAY + 5 * HOUR, Decimal(0), OFFICE) == MONDAY


def test_hours_count_from_when_the_goods_are_here() -> None:
    assert MONDAY + 3 * HOUR == promise(FRIDAY, Decimal(2), OFFICE, not_before=MONDAY + HOUR)
    assert MONDAY + HOUR == promise(FRIDAY, Decimal(2), OFFICE, not_before=FRIDAY - HOUR)


@pytest.mark.parametrize("hours", ["-1", "NaN", "1000000"])
def test_hours_that_nobody_can_promise_are_refused(hours: str) -> None:
    with pytest.raises(AmountError):
        promise(FRIDAY, Decimal(hours), OFFICE)


def test_at_the_promised_moment_it_is_not_late_and_never_when_nothing_is_open() -> None:
    some, later = Decimal("0.0001"), FRIDAY + timedelta(microseconds=1)
    assert [False, True, False] == [
        is_late(FRIDAY, FRIDAY, some),
        is_late(later, FRIDAY, some),
        is_late(later, FRIDAY, Decimal(0)),
    ]


def test_warnings_count_back_in_open_hours_each_once_and_in_order() -> None:
    hours = [Decimal(2), Decimal("0.5"), Decimal("2.0")]
    assert (FRIDAY, MONDAY + HOUR / 2) == next_warnings(MONDAY + HOUR, hours, OFFICE)


def test_on_time_is_measured_to_the_moment() -> None:
    assert is_on_time(FRIDAY, FRIDAY)
    assert not is_on_time(FRIDAY, FRIDAY + timedelta(microseconds=1))
