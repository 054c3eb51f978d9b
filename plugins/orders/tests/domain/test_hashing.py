from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from hashlib import sha256

import pytest
from crmkit_orders.domain.errors import RuleError
from crmkit_orders.domain.hashing import shown_hash

SHOWN = {
    "number": "Q-7",
    "at": datetime(2026, 11, 24, 9, 0, tzinfo=UTC),
    "lines": [{"name": "GTX Pro 🙂 שלום", "price": Decimal("1.50")}],
}


def test_the_hash_stays_the_same_over_versions() -> None:
    # Stored with acceptances: whoever changes the form has to keep the old one as well.
    written = '{"a":[1,"é",null,true],"b":"20","c":"0"}'.encode()
    document = {"c": Decimal("-0.0"), "b": Decimal("2E+1"), "a": [1, "é", None, True]}
    assert sha256(written).hexdigest() == shown_hash(document)


def test_long_numbers_count_to_the_last_digit() -> None:
    one, other = (Decimal(f"123456789012345.{'0' * 20}{end}") for end in "12")
    assert shown_hash({"a": one}) != shown_hash({"a": other})


def test_order_of_keys_zone_and_zeros_do_not_matter() -> None:
    moment = datetime(2026, 11, 24, 11, 0, tzinfo=timezone(timedelta(hours=2)))
    lines = ({"price": Decimal("1.5"), "name": "GTX Pro 🙂 שלום"},)
    assert shown_hash(SHOWN) == shown_hash({"lines": lines, "at": moment, "number": "Q-7"})


@pytest.mark.parametrize(
    "change",
    [
        {"number": "q-7"},
        {"lines": []},
        {"more": None},
        {"at": date(2026, 11, 24)},
        {"lines": [{"name": "GTX Pro 🙂 שלום", "price": Decimal("1.51")}]},
    ],
)
def test_whatever_was_shown_differently_changes_it(change: dict[str, object]) -> None:
    assert shown_hash(SHOWN) != shown_hash({**SHOWN, **change})


@pytest.mark.parametrize(
    "value",
    [1.5, datetime(2026, 11, 24), {1: "a"}, Decimal("NaN"), b"x", "\ud800"],  # noqa: DTZ001
)
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(RuleError):
        shown_hash({"value": value})
