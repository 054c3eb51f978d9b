from __future__ import annotations

from decimal import Decimal

import pytest
from crmkit_orders.domain.errors import UnitError, UnrelatedUnitsError
from crmkit_orders.domain.units import UNITS, convert, is_related
from hypothesis import given, settings
from hypothesis import strategies as st

_SETTINGS = settings(max_examples=80, deadline=None, print_blob=False, derandomize=True)
CODES = st.sampled_from(sorted(UNITS))
RELATED = st.sampled_from([(a, b) for a in UNITS for b in UNITS if is_related(a, b)])


@_SETTINGS
@given(st.integers(-(10**8), 10**8), RELATED)
def test_there_and_back_is_the_same(whole: int, pair: tuple[str, str]) -> None:
    quantity, (one, other) = Decimal(whole).scaleb(-4), pair

    there = convert(quantity, one, other)

    # Half of the last place, seen from the first unit, and of the way back.
    lost = Decimal("0.5E-12") * (UNITS[other].factor / UNITS[one].factor + 1)
    assert abs(convert(there, other, one) - quantity) <= lost


@_SETTINGS
@given(CODES, CODES)
def test_only_units_of_one_measure_convert(one: str, other: str) -> None:
    same = UNITS[one].measures == UNITS[other].measures != ""
    if one == other or same:
        assert 0 == convert(Decimal(0), one, other)
    else:
        with pytest.raises(UnrelatedUnitsError):
            convert(Decimal(1), one, other)


@pytest.mark.parametrize(
    ("quantity", "one", "other", "converted"),
    [
        ("90", "MIN", "HUR", "1.5"),
        ("2.5", "KGM", "GRM", "2500"),
        ("1", "TNE", "KGM", "1000"),  # codespell:ignore
        ("1", "INH", "CMT", "2.54"),  # codespell:ignore
        ("3", "DZN", "C62", "36"),
        ("1", "MTQ", "LTR", "1000"),
        ("2", "ANN", "MON", "24"),
        ("10", "MIN", "HUR", "0.166666666667"),
        ("-10", "MIN", "HUR", "-0.166666666667"),
        ("1", "H87", "EA", "1"),
    ],
)
def test_known_conversions(quantity: str, one: str, other: str, converted: str) -> None:
    assert converted == str(convert(Decimal(quantity), one, other))


@pytest.mark.parametrize("pair", [("DAY", "HUR"), ("MON", "DAY"), ("SET", "C62"), ("BX", "C62")])
def test_what_a_contract_or_a_product_says_is_not_guessed(pair: tuple[str, str]) -> None:
    with pytest.raises(UnrelatedUnitsError, match="does not convert"):
        convert(Decimal(1), *pair)


def test_an_unknown_code_is_refused() -> None:
    with pytest.raises(UnitError):
        convert(Decimal(1), "C62", "c62")


def test_a_package_has_an_x_in_an_invoice() -> None:
    assert ("XBX", "C62") == (UNITS["BX"].invoice_code, UNITS["C62"].invoice_code)
