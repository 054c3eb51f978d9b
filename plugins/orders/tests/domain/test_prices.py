from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from crmkit_orders.domain.errors import PriceError
from crmkit_orders.domain.prices import (
    FoundPrice,
    PriceRequest,
    PriceRule,
    agreed_step,
    find_price,
)
from hypothesis import given, settings
from hypothesis import strategies as st

_SETTINGS = settings(max_examples=80, deadline=None, print_blob=False, derandomize=True)
DAY = date(2026, 11, 24)
REQUEST = PriceRequest(
    product=1, company=7, group="gold", quantity=Decimal(10), on=DAY, currency="EUR"
)
LIST = Decimal(100)


def rule(number: int = 1, **values: Any) -> PriceRule:  # noqa: ANN401 - of any field
    given = {"list_name": f"List {number}", "currency": "EUR"} | values
    if "discount" not in given:
        given.setdefault("price", Decimal(90 - number))
    return PriceRule(id=number, **given)


@st.composite
def rules(draw: st.DrawFn) -> list[PriceRule]:
    found = []
    for number in range(draw(st.integers(0, 7))):
        begin = draw(st.none() | st.integers(-3, 1))
        length = draw(st.none() | st.integers(0, 4))
        end = None if length is None else (begin or 0) + length
        found.append(
            rule(
                number,
                company=draw(st.sampled_from((None, None, 7, 8))),
                group=draw(st.sampled_from((None, "gold", "silver"))),
                min_quantity=Decimal(draw(st.sampled_from((0, 5, 10, 11)))),
                valid_from=None if begin is None else DAY + timedelta(days=begin),
                valid_until=None if end is None else DAY + timedelta(days=end),
                currency=draw(st.sampled_from(("EUR", "EUR", "USD"))),
            )
        )
    return draw(st.permutations(found))


def _questions(each: PriceRule) -> tuple[Any, ...]:
    begin, end = each.valid_from, each.valid_until
    return (
        each.company is None,
        each.company is None and each.group is None,
        -each.min_quantity,
        [begin, end].count(None),
        (end - begin).days if begin and end else 0,
        -(begin or date.min).toordinal(),
        (end or date.min).toordinal(),
        each.id,
    )


def beats(one: PriceRule, other: PriceRule) -> bool:
    """The rule in words, one after another, as a plain comparison of two."""
    for first, second in zip(_questions(one), _questions(other), strict=True):
        if first != second:
            return bool(first < second)
    return False


def holds(each: PriceRule) -> bool:
    return (
        each.currency == "EUR"
        and each.company in {None, 7}
        and each.group in {None, "gold"}
        and each.min_quantity <= 10
        and (each.valid_from or DAY) <= DAY <= (each.valid_until or DAY)
    )


@_SETTINGS
@given(rules())
def test_the_price_is_that_of_the_rule_no_other_beats(found: list[PriceRule]) -> None:
    matching = [each for each in found if holds(each)]
    best = [each for each in matching if not any(beats(other, each) for other in matching)]

    price = find_price(LIST, found, REQUEST)

    assert price.rule_id == (best[0].id if best else None)
    assert price.unit_price == (best[0].price if best else LIST)
    assert {each.id for each in found} | {None} == {step.rule_id for step in price.steps}
    assert [price.rule_id] == [step.rule_id for step in price.steps if step.is_taken]
    for step in price.steps:
        assert "{" not in step.text.format(**step.values)
    assert price == find_price(LIST, reversed(found), REQUEST)


def ids(price: FoundPrice) -> list[int | None]:
    return [step.rule_id for step in price.steps]


def test_the_client_goes_before_the_group_before_everybody() -> None:
    everybody = rule(1, min_quantity=Decimal(10), valid_from=DAY, valid_until=DAY)
    group, client = rule(2, group="gold"), rule(3, company=7)

    assert 3 == find_price(LIST, [everybody, group, client], REQUEST).rule_id
    assert 2 == find_price(LIST, [everybody, group], REQUEST).rule_id
    assert 1 == find_price(LIST, [everybody], REQUEST).rule_id


def test_a_quantity_break_is_reached_by_its_quantity() -> None:
    reached, missed = rule(1, min_quantity=Decimal(10)), rule(2, min_quantity=Decimal("10.0001"))

    price = find_price(LIST, [reached, missed], REQUEST)

    assert 1 == price.rule_id
    assert "List 2: begins at a quantity of 10.0001, asked were 10" == price.steps[0].text.format(
        **price.steps[0].values
    )


def told(price: FoundPrice) -> list[str]:
    return [step.text.format(**step.values) for step in price.steps]


@pytest.mark.parametrize(("left", "number"), [(None, 4), (10, 4), (9, 3), (0, 3)])
def test_what_was_agreed_goes_first_as_far_as_something_is_left(
    left: int | None, number: int
) -> None:
    rest = None if left is None else Decimal(left)
    agreed = rule(4, company=7, is_agreed=True, left=rest, list_name="B-1001")
    client = rule(3, company=7, min_quantity=Decimal(10), valid_from=DAY, valid_until=DAY)

    price = find_price(LIST, [client, agreed], REQUEST)

    assert (number, 4 if number == 4 else None) == (price.rule_id, price.agreement_line)
    if number == 3:
        assert f"Blanket order B-1001: only {left} are left, asked were 10" in told(price)
    else:
        assert "List 3: the blanket order B-1001 goes first" in told(price)
        assert "Blanket order B-1001: taken, 86" in told(price)[0]


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (Decimal(5), "Blanket order B-1001: taken, 3; 5 are left"),
        (Decimal(-5), "Blanket order B-1001: taken, 3; 0 are left"),
        (None, "Blanket order B-1001: taken, 3 for as much as is wanted"),
    ],
)
def test_who_takes_of_a_blanket_order_reads_what_is_left(left: Decimal | None, text: str) -> None:
    price = agreed_step(9, "B-1001", Decimal(3), left)

    assert (Decimal(3), 9, [text]) == (price.unit_price, price.agreement_line, told(price))


@pytest.mark.parametrize(
    ("begin", "until", "holds"), [(0, 0, True), (1, None, False), (None, -1, False)]
)
def test_both_ends_of_a_validity_belong_to_it(
    begin: int | None, until: int | None, *, holds: bool
) -> None:
    each = rule(
        valid_from=None if begin is None else DAY + timedelta(days=begin),
        valid_until=None if until is None else DAY + timedelta(days=until),
    )
    assert (1 if holds else None) == find_price(LIST, [each], REQUEST).rule_id


def test_a_discount_is_taken_off_the_list_price_to_six_places() -> None:
    price = find_price(Decimal("0.333333"), [rule(discount=Decimal("12.5"))], REQUEST)
    assert Decimal("0.291666") == price.unit_price  # 0.291666375


def test_without_any_price_the_currency_is_named() -> None:
    with pytest.raises(PriceError, match="EUR"):
        find_price(None, [rule(currency="USD"), rule(2, discount=Decimal(5))], REQUEST)


@pytest.mark.parametrize(
    "values",
    [
        {"price": None},
        {"price": Decimal(1), "discount": Decimal(1)},
        {"valid_from": DAY, "valid_until": DAY - timedelta(days=1)},
    ],
)
def test_a_rule_that_says_nothing_or_two_things_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(PriceError):
        rule(**values)
