from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from crmkit.errors import NeverOpensError
from crmkit.model.calendar import OFFICE_WEEK, Hours, HoursError, parse_hours, write_hours
from crmkit.work.clock import (
    Calendar,
    add,
    add_days,
    between,
    hours_of,
    is_open,
    next_open,
    spans,
    subtract,
)

if TYPE_CHECKING:
    from collections.abc import Callable

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = Calendar(zone="Europe/Berlin")
ALWAYS = Calendar(zone="Europe/Berlin", week=(((0, 1440),),) * 7)
NEVER = Calendar(week=((),) * 7)
NIGHT: Hours = ((22 * 60, 30 * 60),)
_H = timedelta(hours=1)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def test_two_hours_from_friday_evening_are_monday_morning() -> None:
    assert berlin("2026-11-30T10:00") == add(berlin("2026-11-27T17:00"), 2 * _H, OFFICE)
    assert berlin("2026-11-27T18:00") == add(berlin("2026-11-27T17:00"), _H, OFFICE)
    assert berlin("2026-11-27T17:00") == subtract(berlin("2026-11-30T10:00"), 2 * _H, OFFICE)


def test_results_are_utc_and_arguments_have_a_zone() -> None:
    start = datetime(2026, 11, 27, 20, tzinfo=timezone(5 * _H))
    assert UTC == add(start, _H, OFFICE).tzinfo
    assert UTC == next_open(start, ALWAYS).tzinfo
    naive = datetime(2026, 11, 27)  # noqa: DTZ001 - what is refused
    for call in (
        lambda: add(naive, _H, OFFICE),
        lambda: subtract(naive, _H, ALWAYS),
        lambda: between(naive, start, OFFICE),
        lambda: between(start, naive, ALWAYS),
        lambda: is_open(naive, ALWAYS),
        lambda: next_open(naive, OFFICE),
        lambda: add_days(naive, 1, OFFICE),
        lambda: spans(naive, start, OFFICE),
    ):
        with pytest.raises(ValueError, match="no time zone"):
            call()


def test_what_goes_backwards_is_refused() -> None:
    start = berlin("2026-11-27T17:00")
    with pytest.raises(ValueError, match="negative"):
        add(start, -_H, OFFICE)
    with pytest.raises(ValueError, match="negative"):
        subtract(start, -_H, ALWAYS)
    with pytest.raises(ValueError, match="lies before"):
        between(start, start - _H, OFFICE)
    with pytest.raises(ValueError, match="lies before"):
        spans(start, start - _H, OFFICE)
    with pytest.raises(ValueError, match="0 or more"):
        add_days(start, -1, OFFICE)


def test_no_time_at_all_is_the_start_even_when_closed() -> None:
    sunday = berlin("2026-11-29T12:00")
    assert sunday == add(sunday, timedelta(0), OFFICE)
    assert sunday == subtract(sunday, timedelta(0), NEVER)
    assert sunday == add_days(sunday, 0, NEVER)


def test_the_minute_of_closing_is_closed() -> None:
    assert not is_open(berlin("2026-11-27T08:59"), OFFICE)
    assert is_open(berlin("2026-11-27T09:00"), OFFICE)
    assert is_open(berlin("2026-11-27T17:59"), OFFICE)
    assert not is_open(berlin("2026-11-27T18:00"), OFFICE)
    assert berlin("2026-11-30T09:00") == next_open(berlin("2026-11-27T18:00"), OFFICE)
    assert berlin("2026-11-27T09:30") == next_open(berlin("2026-11-27T09:30"), OFFICE)


def test_holidays_own_days_and_absences_count() -> None:
    christmas, saturday = date(2026, 12, 25), date(2026, 12, 26)
    away = (berlin("2026-12-23T12:00"), berlin("2026-12-24T18:00"))
    calendar = Calendar(
        zone="Europe/Berlin",
        holidays=frozenset({christmas, saturday}),
        days=((saturday, ((600, 660),)),),
        absences=(away,),
    )
    start = berlin("2026-12-23T09:00")
    assert 3 * _H == between(start, berlin("2026-12-26T00:00"), calendar)
    assert berlin("2026-12-26T10:30") == add(start, 3.5 * _H, calendar)
    assert ((), ((600, 660),)) == (hours_of(christmas, calendar), hours_of(saturday, calendar))
    assert OFFICE_WEEK[0] == hours_of(date(2026, 12, 24), calendar)
    assert not is_open(berlin("2026-12-23T12:00"), calendar)
    assert is_open(berlin("2026-12-23T11:59"), calendar)


def test_a_night_shift_belongs_to_the_day_it_begins_on() -> None:
    thursday = Calendar(
        zone="Europe/Berlin", week=(NIGHT,) * 7, holidays=frozenset({date(2026, 11, 26)})
    )
    assert is_open(berlin("2026-11-26T05:59"), thursday)
    assert not is_open(berlin("2026-11-26T23:00"), thursday)
    assert not is_open(berlin("2026-11-27T03:00"), thursday)
    assert is_open(berlin("2026-11-27T22:00"), thursday)


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-28", 7), ("2026-10-24", 9), ("2026-11-20", 8)]
)
def test_a_night_shift_over_a_clock_change_has_the_hours_that_passed(day: str, hours: int) -> None:
    nights = Calendar(zone="Europe/Berlin", week=(NIGHT,) * 7)
    start = berlin(f"{day}T12:00")
    assert hours * _H == between(start, start + timedelta(hours=23), nights)


def test_hours_that_the_clock_jumps_over_fall_together() -> None:
    early = Calendar(zone="Europe/Berlin", week=(((130, 170),),) * 7)
    sunday = berlin("2026-03-29T00:00")
    assert timedelta(0) == between(sunday, berlin("2026-03-30T00:00"), early)
    into = Calendar(zone="Europe/Berlin", week=(((150, 240),),) * 7)
    assert ((berlin("2026-03-29T03:00"), berlin("2026-03-29T04:00")),) == spans(
        sunday, berlin("2026-03-30T00:00"), into
    )


def test_of_an_hour_that_comes_twice_the_first_one_counts() -> None:
    until = Calendar(zone="Europe/Berlin", week=(((60, 150),),) * 7)
    assert timedelta(minutes=90) == between(
        berlin("2026-10-25T00:00"), berlin("2026-10-26T00:00"), until
    )
    through = Calendar(zone="Europe/Berlin", week=(((60, 180),),) * 7)
    assert 3 * _H == between(berlin("2026-10-25T00:00"), berlin("2026-10-26T00:00"), through)


def test_a_day_that_a_zone_skips_has_no_hours() -> None:
    samoa = Calendar(zone="Pacific/Apia", week=(((540, 1080),),) * 7)
    apia = ZoneInfo("Pacific/Apia")
    begin = datetime(2011, 12, 29, tzinfo=apia)
    assert 18 * _H == between(begin, datetime(2012, 1, 1, tzinfo=apia), samoa)


def test_spans_that_touch_are_one() -> None:
    touching = Calendar(week=(((0, 600), (600, 1440)),) * 7)
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    assert ((begin, begin + timedelta(days=90)),) == spans(
        begin, begin + timedelta(days=90), touching
    )


def test_around_the_clock_is_plain_time() -> None:
    start = berlin("2026-03-28T12:00")
    assert ALWAYS.is_around_the_clock
    assert not OFFICE.is_around_the_clock
    assert start.astimezone(UTC) + 30 * _H == add(start, 30 * _H, ALWAYS)
    assert start.astimezone(UTC) - 30 * _H == subtract(start, 30 * _H, ALWAYS)
    assert 30 * _H == between(start, start.astimezone(UTC) + 30 * _H, ALWAYS)
    assert is_open(start, ALWAYS)
    assert 1 == len(spans(start, start + 30 * _H, ALWAYS))


def test_a_calendar_that_never_opens_says_so_at_once() -> None:
    start = berlin("2026-11-27T17:00")
    assert not is_open(start, NEVER)
    assert timedelta(0) == between(start, start + 30 * _H, NEVER)
    counts: tuple[Callable[[], datetime], ...] = (
        lambda: add(start, _H, NEVER),
        lambda: subtract(start, _H, NEVER),
        lambda: next_open(start, NEVER),
        lambda: add_days(start, 1, NEVER),
    )
    for count in counts:
        with pytest.raises(NeverOpensError, match="50 years"):
            count()


def test_counting_ends_after_fifty_years() -> None:
    start = berlin("2026-11-27T17:00")
    far = (berlin("2026-01-01T00:00"), berlin("2200-01-01T00:00"))
    gone = Calendar(zone="Europe/Berlin", absences=(far,))
    for count in (
        lambda: add(start, _H, gone),
        lambda: next_open(start, gone),
        lambda: add_days(start, 1, gone),
        lambda: add(start, timedelta(days=100_000), OFFICE),
        lambda: subtract(start, timedelta(days=100_000), OFFICE),
        lambda: add(start, timedelta(days=9_000_000), ALWAYS),
        lambda: add(datetime.max.replace(tzinfo=UTC), _H, OFFICE),
        lambda: subtract(datetime.min.replace(tzinfo=UTC), _H, OFFICE),
        lambda: add_days(datetime.max.replace(tzinfo=UTC) - timedelta(days=9), 50, OFFICE),
        lambda: between(start, start + timedelta(days=100_000), OFFICE),
        lambda: spans(start, start + timedelta(days=100_000), OFFICE),
    ):
        with pytest.raises(NeverOpensError):
            count()


def test_working_days_keep_the_time_of_day() -> None:
    for start in ("2026-11-27T17:00", "2026-11-28T17:00"):
        assert berlin("2026-11-30T17:00") == add_days(berlin(start), 1, OFFICE)
    assert berlin("2026-03-30T09:30") == add_days(berlin("2026-03-27T09:30"), 1, OFFICE)
    away = (berlin("2026-11-30T00:00"), berlin("2026-11-30T18:00"))
    absent = Calendar(zone="Europe/Berlin", absences=(away,))
    assert berlin("2026-12-01T17:00") == add_days(berlin("2026-11-27T17:00"), 1, absent)


@pytest.mark.parametrize(
    "parts",
    [
        {"zone": "Europe/Atlantis"},
        {"zone": ""},
        {"week": ((),) * 6},
        {"week": (((600, 540),),) + ((),) * 6},
        {"week": (((600, 700), (650, 800)),) + ((),) * 6},
        {"week": (((1440, 1500),),) + ((),) * 6},
        {"week": (((600, 2041),),) + ((),) * 6},
        {"days": ((date(2026, 1, 1), ((-1, 5),)),)},
        {"absences": ((berlin("2026-01-02T00:00"), berlin("2026-01-01T00:00")),)},
        {"absences": ((datetime(2026, 1, 1), datetime(2026, 1, 2)),)},  # noqa: DTZ001
    ],
)
def test_a_calendar_refuses_parts_that_do_not_fit(parts: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"zone|week|hours|absence"):
        Calendar(**parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("", ()),
        ("9:00-13:00, 14:00-18:00", ((540, 780), (840, 1080))),
        ("9-18", ((540, 1080),)),
        (" 9.30 – 12 ; 13-17:15 ", ((570, 720), (780, 1035))),
        ("0:00-24:00", ((0, 1440),)),
        ("22:00-6:00", ((1320, 1800),)),
        ("0-0", ((0, 1440),)),
    ],
)
def test_hours_are_read_as_people_type_them(text: str, hours: Hours) -> None:
    assert hours == parse_hours(text)
    assert hours == parse_hours(write_hours(hours))


@pytest.mark.parametrize(
    ("text", "reason", "part"),
    [
        ("from nine", "shape", "from nine"),
        ("9-", "shape", "9-"),
        ("9-25", "clock", "9-25"),
        ("24-8", "clock", "24-8"),
        ("9:60-10", "clock", "9:60-10"),
        ("9-13, 12-18", "overlap", "12-18"),
        ("22-6, 23-24", "overlap", "23-24"),
    ],
)
def test_other_hours_are_refused_with_what_was_typed(text: str, reason: str, part: str) -> None:
    with pytest.raises(HoursError, match=part) as refused:
        parse_hours(text)
    assert (reason, part) == (refused.value.reason, refused.value.part)


def test_a_year_is_counted_fast() -> None:
    start, end = berlin("2026-01-01T00:00"), berlin("2027-01-01T00:00")
    assert 261 * 9 * _H == between(start, end, OFFICE)
    begin = time.perf_counter()
    for _ in range(100):
        between(start, end, OFFICE)
    # A hundredth of a millisecond is usual; machines of others are slow at times.
    assert time.perf_counter() - begin < 0.1
