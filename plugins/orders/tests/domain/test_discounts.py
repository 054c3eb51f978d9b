from __future__ import annotations

from decimal import Decimal

import pytest
from crmkit_orders.domain.discounts import Discounted, line_discount, most_discount
from crmkit_orders.domain.errors import AmountError
from hypothesis import given, settings
from hypothesis import strategies as st

_SETTINGS = settings(max_examples=100, deadline=None, print_blob=False, derandomize=True)
PRICES = st.integers(1, 10**12).map(lambda number: Decimal(number).scaleb(-6))
PERCENTS = st.integers(0, 10**6).map(lambda number: Decimal(number).scaleb(-4))


def _line(price: str, discount: str = "0", rule: str | None = None, net: str = "0") -> Discounted:
    known = None if rule is None else Decimal(rule)
    return Discounted(Decimal(price), Decimal(discount), known, Decimal(net))


@pytest.mark.parametrize(
    ("price", "discount", "rule", "expected"),
    [
        ("50", "0", "100", "50.0000"),
        ("50", "10", "100", "55.0000"),
        ("100", "7.5", "100", "7.5000"),
        ("120", "10", "100", "0"),
        ("110", "10", "100", "1.0000"),
        ("2", "0", "3", "33.3333"),
        ("0", "0", "100", "100"),
        ("-5", "0", "100", "100"),
        ("50", "10", None, "10"),
        ("-100", "0", "-100", "0"),
    ],
)
def test_a_lowered_price_is_a_discount(
    price: str, discount: str, rule: str | None, expected: str
) -> None:
    assert Decimal(expected) == line_discount(_line(price, discount, rule))


@_SETTINGS
@given(PRICES, PERCENTS)
def test_at_the_price_of_the_rules_the_discount_is_the_percent(
    price: Decimal, percent: Decimal
) -> None:
    assert percent == line_discount(Discounted(price, percent, price, Decimal(0)))


@_SETTINGS
@given(PRICES, PRICES, PERCENTS)
def test_a_lower_price_is_never_a_smaller_discount(
    one: Decimal, other: Decimal, percent: Decimal
) -> None:
    low, high = sorted((one, other))
    rule = max(one, other)
    found = [line_discount(Discounted(p, percent, rule, Decimal(0))) for p in (low, high)]
    assert found[0] >= found[1]
    assert all(0 <= each <= 100 for each in found)


def test_rebates_count_together_as_their_share_of_the_rest() -> None:
    lines = [_line("1000", net="1000"), _line("-300", net="-300"), _line("-200", net="-200")]
    assert Decimal(50) == most_discount(lines)
    assert Decimal(60) == most_discount([*lines, _line("40", "0", "100", net="0")])
    assert Decimal(100) == most_discount([_line("-1", net="-1")])
    # What the catalogue itself gives below nothing is no rebate of a person.
    assert Decimal(0) == most_discount([_line("9", net="9"), _line("-1", "0", "-1", net="-1")])
    assert Decimal(0) == most_discount([])


def test_numbers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(AmountError):
        _line("1", "101")
    with pytest.raises(AmountError):
        _line("1", rule="0.0000001")
