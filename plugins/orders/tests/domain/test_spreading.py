from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from crmkit_orders.domain.errors import AmountError
from crmkit_orders.domain.money import places_of
from crmkit_orders.domain.spreading import spread
from hypothesis import given, settings
from hypothesis import strategies as st

_SETTINGS = settings(max_examples=60, deadline=None, print_blob=False, derandomize=True)
WEIGHTS = st.lists(
    st.integers(0, 10**8).map(lambda number: Decimal(number).scaleb(-4)), min_size=1, max_size=12
)


@_SETTINGS
@given(st.integers(-(10**9), 10**9), WEIGHTS, st.sampled_from(("EUR", "JPY", "KWD")))
def test_parts_add_up_and_none_is_a_unit_away(
    units: int, weights: list[Decimal], currency: str
) -> None:
    unit = Decimal(1).scaleb(-places_of(currency))
    amount = units * unit

    parts = spread(amount, weights, currency)

    total = sum(weights)
    assert amount == sum(parts)
    assert {unit.as_tuple().exponent} == {part.as_tuple().exponent for part in parts}
    for part, weight in zip(parts, weights, strict=True):
        share = Fraction(weight) / Fraction(total) if total else Fraction(1, len(weights))
        assert abs(Fraction(part) - Fraction(amount) * share) < Fraction(unit)
        assert weight or not total or part == 0


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        ("1.00", "1 1 1", "0.34 0.33 0.33"),
        ("-1.00", "1 1 1", "-0.34 -0.33 -0.33"),
        ("0.05", "0 0", "0.03 0.02"),
        ("0.02", "0 1 0 1 1", "0.00 0.01 0.00 0.01 0.00"),
        ("0.01", "1 2", "0.00 0.01"),
    ],
)
def test_what_is_left_goes_to_who_lost_most_and_then_to_the_first(
    amount: str, weights: str, parts: str
) -> None:
    found = spread(Decimal(amount), [Decimal(weight) for weight in weights.split()], "EUR")
    assert parts.split() == [str(part) for part in found]


def test_rounding_each_part_alone_would_lose_a_cent() -> None:
    weights = [Decimal(1)] * 3
    alone = sum(round(Decimal(1) * weight / 3, 2) for weight in weights)
    assert (Decimal("0.99"), Decimal("1.00")) == (alone, sum(spread(Decimal(1), weights, "EUR")))


@pytest.mark.parametrize(("amount", "weights"), [("0.001", "1"), ("1", "-1 2"), ("1", "")])
def test_what_cannot_be_spread_is_refused(amount: str, weights: str) -> None:
    with pytest.raises(AmountError):
        spread(Decimal(amount), [Decimal(weight) for weight in weights.split()], "EUR")
