from __future__ import annotations

from decimal import Decimal
from itertools import permutations

import pytest
from crmkit_orders.domain import money
from crmkit_orders.domain.errors import AmountError, CurrencyError
from crmkit_orders.domain.money import (
    Line,
    line_net,
    places_of,
    round_money,
    share_of,
    totals_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st

_SETTINGS = settings(max_examples=60, deadline=None, print_blob=False, derandomize=True)
CURRENCIES = st.sampled_from(("EUR", "JPY", "KWD"))
PERCENT = st.integers(0, 10_000).map(lambda number: Decimal(number).scaleb(-2))
PRICES = st.integers(-(10**9), 10**13).map(lambda number: Decimal(number).scaleb(-6))
LINES = st.builds(
    Line,
    quantity=st.integers(0, 10**9).map(lambda number: Decimal(number).scaleb(-4)),
    unit_price=PRICES,
    discount=PERCENT,
    tax_rate=st.sampled_from([Decimal(rate) for rate in ("0", "7", "19", "19.00", "5.5", "20")]),
    cost=st.none() | PRICES,
)


def half_up(top: int, bottom: int) -> int:
    """Divide and round half away from zero, in integers."""
    size = (2 * abs(top) + bottom) // (2 * bottom)
    return -size if top < 0 else size


def cents(amount: Decimal, places: int) -> int:
    return int(amount.scaleb(places))


def expected(lines: list[Line], places: int) -> tuple[int, int, int]:
    """Net, tax and cost in the smallest unit, without a Decimal in between."""
    net = tax = cost = 0
    bases: dict[int, int] = {}
    for line in lines:
        quantity, price = cents(line.quantity, 4), cents(line.unit_price, 6)
        rest, rate = cents(100 - line.discount, 4), cents(line.tax_rate, 4)
        own = half_up(quantity * price * rest * 10**places, 10 ** (4 + 6 + 4 + 2))
        net += own
        bases[rate] = bases.get(rate, 0) + own
        cost += half_up(quantity * cents(line.cost or Decimal(0), 6) * 10**places, 10**10)
    for rate, base in bases.items():
        tax += half_up(base * rate, 10**6)
    return net, tax, cost


@_SETTINGS
@given(st.lists(LINES, max_size=12), CURRENCIES)
def test_totals_are_those_of_integers(lines: list[Line], currency: str) -> None:
    places = places_of(currency)

    totals = totals_of(lines, currency)

    net, tax, cost = expected(lines, places)
    assert (net, tax, net + tax) == tuple(
        cents(each, places) for each in (totals.net, totals.tax, totals.gross)
    )
    assert {-places} == {
        each.as_tuple().exponent for each in (totals.net, totals.tax, totals.gross)
    }
    if all(line.cost is not None for line in lines):
        assert totals.cost is not None
        assert totals.margin == totals.net - totals.cost
        assert cost == cents(totals.cost, places)
    else:
        assert (None, None) == (totals.cost, totals.margin)


@_SETTINGS
@given(st.lists(LINES, max_size=8), CURRENCIES, st.randoms(use_true_random=False))
def test_totals_are_equal_whatever_the_order_of_lines(
    lines: list[Line], currency: str, chance: object
) -> None:
    mixed = list(lines)
    chance.shuffle(mixed)  # type: ignore[attr-defined]

    assert repr(totals_of(lines, currency)) == repr(totals_of(mixed, currency))


def test_tax_is_rounded_once_for_a_rate_not_for_each_line() -> None:
    lines = [Line(Decimal(1), Decimal("0.03"), tax_rate=Decimal(19))] * 3

    totals = totals_of(lines, "EUR")

    # For each line it would be 3 times 0.01.
    assert (Decimal("0.09"), Decimal("0.02")) == (totals.net, totals.tax)
    assert Decimal("0.03") == sum(totals_of([line], "EUR").tax for line in lines)


def test_a_line_is_rounded_once_and_before_it_is_added() -> None:
    lines = [Line(Decimal("0.5"), Decimal("0.01"))] * 2

    # Exact products would add up to 0.01, a unit price that was rounded after its discount to 0.00.
    assert Decimal("0.02") == totals_of(lines, "EUR").net
    assert Decimal("0.45") == line_net(Line(Decimal(100), Decimal("0.009"), Decimal(50)), "EUR")


def test_the_oracle_sees_another_order_of_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [Line(Decimal("0.5"), Decimal("0.01"), tax_rate=Decimal(50))] * 4
    assert expected(lines, 2)[0] == cents(totals_of(lines, "EUR").net, 2)

    monkeypatch.setattr(money, "line_net", lambda line, _currency: line.quantity * line.unit_price)

    assert expected(lines, 2)[0] != cents(totals_of(lines, "EUR").net, 2)


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("0.125", "EUR", "0.13"),
        ("-0.125", "EUR", "-0.13"),
        ("0.1249999999", "EUR", "0.12"),
        ("2.5", "JPY", "3"),
        ("0.0005", "KWD", "0.001"),
        ("-0.001", "EUR", "0.00"),
    ],
)
def test_half_is_rounded_away_from_zero(amount: str, currency: str, rounded: str) -> None:
    assert rounded == str(round_money(Decimal(amount), currency))


def test_places_are_those_of_iso_4217_where_daily_life_has_none() -> None:
    places = {
        code: places_of(code) for code in ("EUR", "JPY", "KWD", "IQD", "RSD", "HUF", "ISK", "CLF")
    }
    assert places == {
        "EUR": 2,
        "JPY": 0,
        "KWD": 3,
        "IQD": 3,
        "RSD": 2,
        "HUF": 2,
        "ISK": 0,
        "CLF": 4,
    }


@pytest.mark.parametrize("code", ["", "eur", "EURO", "XXX", "X" * 10_000])
def test_what_is_no_currency_is_refused(code: str) -> None:
    with pytest.raises(CurrencyError):
        places_of(code)


def test_long_numbers_are_not_rounded_on_the_way() -> None:
    line = Line(Decimal("99999999.9999"), Decimal("999999.999999"), Decimal("0.01"))
    exact = 999999999999 * 999999999999 * 9999

    assert half_up(exact, 10**12) == cents(line_net(line, "EUR"), 2)


@pytest.mark.parametrize(
    "numbers",
    [
        {"quantity": "-1"},
        {"quantity": "0.00001"},
        {"quantity": "NaN"},
        {"quantity": "1E+400000"},
        {"unit_price": "0.0000001"},
        {"unit_price": "1E-400000"},
        {"unit_price": "Infinity"},
        {"discount": "100.1"},
        {"tax_rate": "-1"},
        {"cost": "sNaN"},
    ],
)
def test_numbers_that_do_not_fit_are_refused(numbers: dict[str, str]) -> None:
    fields = {"quantity": "1", "unit_price": "1"} | numbers
    with pytest.raises(AmountError):
        Line(**{name: Decimal(number) for name, number in fields.items()})


def test_a_float_is_refused() -> None:
    with pytest.raises(AmountError):
        Line(0.1, Decimal(1))  # type: ignore[arg-type]


def test_groups_are_by_rate_however_it_is_written() -> None:
    lines = [
        Line(Decimal(1), Decimal(10), tax_rate=Decimal(rate))
        for rate in ("20.00", "20", "2E+1", "7")
    ]
    for order in permutations(lines):
        groups = totals_of(order, "EUR").tax_groups
        assert [("7", "10.00", "0.70"), ("20", "30.00", "6.00")] == [
            (str(group.rate), str(group.base), str(group.tax)) for group in groups
        ]


def test_a_share_and_the_rest_are_the_whole() -> None:
    gross = Decimal("99.99")

    share = share_of(gross, Decimal("33.3333"), "EUR")

    assert (Decimal("33.33"), Decimal("66.66")) == (share, gross - share)
    assert gross == share_of(gross, Decimal(100), "EUR")
