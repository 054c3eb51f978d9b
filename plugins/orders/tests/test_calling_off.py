"""What is called off of blanket orders: at agreed prices, never beyond what was agreed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from crmkit_orders.repeating import repeat_due
from orders_agreements import (
    AGREED,
    AGREEMENT,
    agreed_lines,
    at_noon,
    call_off,
    counts_of,
    owners_told,
    today_of,
)
from orders_promises import lines_of

from crmkit import InvalidError, Veto, say_kept
from crmkit.errors import StaleVersionError
from crmkit.records.actions import run_action

if TYPE_CHECKING:
    from conftest import Act, Agree, Decide, Draft

    from crmkit.model.context import Context

ORDER, LINE = "orders.order", "orders.order_line"


async def test_calling_off_makes_a_draft_at_the_agreed_price_and_confirming_takes_of_it(
    ctx: Context, agree: Agree, act: Act
) -> None:
    agreement = await agree()
    stored = await ctx.get(AGREEMENT, agreement)
    assert ("running", Decimal(5000), Decimal(5000)) == (
        stored["state"], stored["net"], stored["net_left"],
    )  # fmt: skip
    order = await call_off(ctx, agreement, "40", "8,5")
    made = await ctx.get(ORDER, order)
    assert ("draft", agreement, 9001) == (made["state"], made["agreement"], made["owner"])
    kit, work = await lines_of(ctx, order)
    assert (Decimal(50), Decimal(40), False) == (
        kit["unit_price"], kit["quantity"], kit["is_by_hand"],
    )  # fmt: skip
    assert (Decimal(90), Decimal("8.5"), "HUR") == (
        work["unit_price"], work["quantity"], work["unit"],
    )  # fmt: skip
    assert stored["number"] in kit["price_rule"]
    assert (Decimal(0), Decimal(100)) == await counts_of(ctx, agreement)  # drafts take nothing
    await act("orders.order/confirm", order)
    assert (Decimal(40), Decimal(60)) == await counts_of(ctx, agreement)
    assert Decimal(3000) == (await ctx.get(AGREEMENT, agreement))["net_left"]
    _kit, hours = await agreed_lines(ctx, agreement)
    assert (Decimal("8.5"), None) == (hours["called"], hours["remaining"])


async def test_without_quantities_all_that_is_left_is_called_off(
    ctx: Context, agree: Agree, act: Act
) -> None:
    agreement = await agree()
    await act("orders.order/confirm", await call_off(ctx, agreement, "30"))
    order = await act("orders.agreement/call-off", agreement)
    (line,) = await lines_of(ctx, order)
    assert Decimal(70) == line["quantity"]
    await act("orders.order/confirm", order)
    with pytest.raises(InvalidError, match="one line at least"):
        await act("orders.agreement/call-off", agreement)


async def test_an_empty_form_calls_nothing_off(ctx: Context, agree: Agree) -> None:
    agreement = await agree()
    with pytest.raises(InvalidError, match="one line at least"):
        await call_off(ctx, agreement, "", " ")
    assert 0 == await ctx.db.value("SELECT count(*) FROM orders_order")


@pytest.mark.parametrize("quantity", ["-1", "x", "NaN", "1.23456", "1e30"])
async def test_what_is_no_quantity_is_refused_at_its_line(
    ctx: Context, agree: Agree, quantity: str
) -> None:
    agreement = await agree()
    kit, _work = await agreed_lines(ctx, agreement)
    with pytest.raises(InvalidError) as refused:
        await call_off(ctx, agreement, quantity)
    assert {f"quantities.{kit['id']}"} == set(refused.value.problems)


async def test_a_line_of_another_blanket_order_is_not_called_off_here(
    ctx: Context, agree: Agree
) -> None:
    agreement, other = await agree(), await agree()
    strange = (await agreed_lines(ctx, other))[0]["id"]
    plan = ctx.site.entity(AGREEMENT)
    with pytest.raises(InvalidError) as refused:
        await run_action(ctx, plan, "call-off", agreement, {"quantities": {str(strange): "1"}})
    assert {f"quantities.{strange}"} == set(refused.value.problems)


async def test_a_double_click_gives_one_order(ctx: Context, agree: Agree) -> None:
    agreement = await agree()
    shown = (await ctx.get(AGREEMENT, agreement))["version"]
    first = await call_off(ctx, agreement, "10", version=shown)
    assert first == await call_off(ctx, agreement, "10", version=shown)
    # Who saw the page after it calls off once more; who saw an older one that made nothing is told.
    again = (await ctx.get(AGREEMENT, agreement))["version"]
    assert first != await call_off(ctx, agreement, "10", version=again)
    await ctx.save(AGREEMENT, agreement, client_number="PO-9")
    with pytest.raises(StaleVersionError):
        await call_off(ctx, agreement, "10", version=shown + 2)
    assert 2 == await ctx.db.value("SELECT count(*) FROM orders_order")


async def test_more_than_is_left_is_refused_with_line_rest_and_remedy(
    ctx: Context, agree: Agree, act: Act
) -> None:
    agreement = await agree()
    with pytest.raises(InvalidError) as refused:
        await call_off(ctx, agreement, "101")
    assert "100" in next(iter(refused.value.problems.values()))
    first, second = await call_off(ctx, agreement, "60"), await call_off(ctx, agreement, "60")
    await act("orders.order/confirm", first)
    with pytest.raises(Veto) as told:
        await act("orders.order/confirm", second)
    number = (await ctx.get(AGREEMENT, agreement))["number"]
    for part in ("MG Special", "60", "40", str(number), "Lower the quantity"):
        assert part in told.value.message
    assert "draft" == (await ctx.get(ORDER, second))["state"]
    assert (Decimal(60), Decimal(40)) == await counts_of(ctx, agreement)
    await ctx.save(LINE, (await lines_of(ctx, second))[0]["id"], quantity=Decimal(40))
    await act("orders.order/confirm", second)
    assert (Decimal(100), Decimal(0)) == await counts_of(ctx, agreement)


async def test_more_than_is_left_is_told_where_the_settings_say_so(
    ctx: Context, agree: Agree, act: Act, decide: Decide
) -> None:
    decide(over_call="warn")
    agreement = await agree()
    order = await call_off(ctx, agreement, "120")
    await act("orders.order/confirm", order)
    assert (Decimal(120), Decimal(-20)) == await counts_of(ctx, agreement)
    assert 1 == len(await owners_told(ctx))
    assert Decimal(0) == (await ctx.get(AGREEMENT, agreement))["net_left"]


async def test_cancelling_gives_back_and_amendments_change_what_was_called_off(
    ctx: Context, agree: Agree, act: Act
) -> None:
    agreement = await agree()
    order = await call_off(ctx, agreement, "40")
    await act("orders.order/confirm", order)
    line = (await lines_of(ctx, order))[0]["id"]
    await ctx.save(LINE, line, quantity=Decimal(55))
    assert (Decimal(40), Decimal(60)) == await counts_of(ctx, agreement)  # nobody confirmed it
    await act("orders.order/confirm-changes", order)
    assert (Decimal(55), Decimal(45)) == await counts_of(ctx, agreement)
    await ctx.save(LINE, line, quantity=Decimal(101))
    with pytest.raises(Veto, match="only 100 are left"):
        await act("orders.order/confirm-changes", order)
    await ctx.save(LINE, line, quantity=Decimal(20))
    await act("orders.order/confirm-changes", order)
    assert (Decimal(20), Decimal(80)) == await counts_of(ctx, agreement)
    await act("orders.order/cancel", order, reason="Not wanted")
    assert (Decimal(0), Decimal(100)) == await counts_of(ctx, agreement)


async def test_a_line_typed_by_hand_gets_the_agreed_price_as_far_as_something_is_left(
    ctx: Context, agree: Agree, act: Act, shop: dict[str, int]
) -> None:
    prices = await ctx.create(
        "orders.price_list", name="Kan-code's own", currency="EUR", company=shop["company"]
    )
    await ctx.create("orders.price", price_list=prices, product=shop["kit"], price=Decimal(1))
    agreement = await agree()
    number = (await ctx.get(AGREEMENT, agreement))["number"]
    kit_line = (await agreed_lines(ctx, agreement))[0]["id"]
    order = await ctx.create(ORDER, company=shop["company"], currency="EUR", owner=9001)
    near = await ctx.create(LINE, order=order, product=shop["kit"], quantity=Decimal(100))
    over = await ctx.create(LINE, order=order, product=shop["kit"], quantity=Decimal(101))
    hand = await ctx.create(
        LINE, order=order, product=shop["kit"], quantity=Decimal(1), unit_price=Decimal(49)
    )
    near_row, over_row, hand_row = [await ctx.get(LINE, each) for each in (near, over, hand)]
    assert (Decimal(50), kit_line) == (near_row["unit_price"], near_row["agreement_line"])
    assert f"Blanket order {number}: taken, 50; 100 are left" == say_kept(
        ctx, near_row["price_rule"]
    )
    assert (Decimal(1), None) == (over_row["unit_price"], over_row["agreement_line"])
    over_rule = say_kept(ctx, over_row["price_rule"])
    assert f"Blanket order {number}: only 100 are left, asked were 101" in over_rule
    assert (Decimal(49), None, Decimal(50)) == (
        hand_row["unit_price"], hand_row["agreement_line"], hand_row["rule_price"],
    )  # fmt: skip
    other = await ctx.create("crm.company", name="Isdom")
    strange = await ctx.create(ORDER, company=other, currency="EUR")
    line = await ctx.create(LINE, order=strange, product=shop["kit"], quantity=Decimal(1))
    assert Decimal(55) == (await ctx.get(LINE, line))["unit_price"]


async def test_a_quote_at_the_agreed_price_is_called_off_when_it_is_accepted(
    ctx: Context, agree: Agree, act: Act, shop: dict[str, int]
) -> None:
    agreement = await agree()
    quote = await ctx.create(
        "orders.quote", company=shop["company"], person=shop["person"], currency="EUR", owner=9001
    )
    for price in (None, Decimal(49)):
        values = {} if price is None else {"unit_price": price}
        await ctx.create(
            "orders.quote_line", quote=quote, product=shop["kit"], quantity=Decimal(10), **values
        )
    order = await act("orders.quote/accept", quote, name="Tom")
    agreed, lower = await lines_of(ctx, order)
    assert (Decimal(50), Decimal(49)) == (agreed["unit_price"], lower["unit_price"])
    assert (await agreed_lines(ctx, agreement))[0]["id"] == agreed["agreement_line"]
    assert lower["agreement_line"] is None


async def test_a_line_keeps_its_blanket_order_until_it_is_taken_off(
    ctx: Context, agree: Agree, shop: dict[str, int]
) -> None:
    agreement = await agree()
    kit_line, work_line = [line["id"] for line in await agreed_lines(ctx, agreement)]
    order = await call_off(ctx, agreement, "10")
    line = (await lines_of(ctx, order))[0]["id"]
    await ctx.save(LINE, line, quantity=Decimal(500))  # refused when it is confirmed
    stored = await ctx.get(LINE, line)
    assert (kit_line, Decimal(50)) == (stored["agreement_line"], stored["unit_price"])
    await ctx.save(LINE, line, agreement_line=None)
    stored = await ctx.get(LINE, line)
    assert (None, Decimal(55)) == (stored["agreement_line"], stored["unit_price"])
    await ctx.save(LINE, line, quantity=Decimal(5))
    assert (await ctx.get(LINE, line))["agreement_line"] is None
    await ctx.save(LINE, line, agreement_line=kit_line)
    assert Decimal(50) == (await ctx.get(LINE, line))["unit_price"]
    with pytest.raises(Veto) as refused:
        await ctx.save(LINE, line, agreement_line=work_line)
    assert {"agreement_line"} == set(refused.value.problems)
    await ctx.save(LINE, line, product=shop["work"])
    assert work_line == (await ctx.get(LINE, line))["agreement_line"]
    other = await ctx.create("crm.company", name="Isdom")
    with pytest.raises(Veto) as refused:
        await ctx.save(ORDER, order, company=other)
    assert {"company"} == set(refused.value.problems)


async def test_units_convert_into_the_agreed_one(
    ctx: Context, shop: dict[str, int], act: Act
) -> None:
    oil = await ctx.create(
        "orders.product", name="Oil", unit="GRM", price=Decimal(9), currency="EUR"
    )
    agreement = await ctx.create(
        AGREEMENT, company=shop["company"], currency="EUR", owner=9001,
        valid_until=today_of(ctx) + timedelta(days=9),
    )  # fmt: skip
    agreed = await ctx.create(
        AGREED, agreement=agreement, product=oil, unit="KGM", quantity=Decimal(2),
        unit_price=Decimal("7000.01"),
    )  # fmt: skip
    await act("orders.agreement/begin", agreement)
    order = await ctx.create(
        ORDER, company=shop["company"], person=shop["person"], currency="EUR", owner=9001
    )
    line = await ctx.create(LINE, order=order, product=oil, quantity=Decimal(500), unit="GRM")
    stored = await ctx.get(LINE, line)
    assert (agreed, Decimal("7.00001")) == (stored["agreement_line"], stored["unit_price"])
    await act("orders.order/confirm", order)
    assert (Decimal("0.5"), Decimal("1.5")) == await counts_of(ctx, agreement)


async def test_a_recurring_order_calls_off_each_period_while_something_is_left(
    ctx: Context, agree: Agree, act: Act
) -> None:
    agreement = await agree(kits=30)
    source = await call_off(ctx, agreement, "10")
    await act("orders.order/confirm", source)
    plan = await ctx.create(
        "orders.plan", name="Monthly", order=source, every="month", next_on=today_of(ctx),
        is_active=True, owner=9001,
    )  # fmt: skip
    assert 1 == await repeat_due(ctx)
    made = await ctx.db.value("SELECT max(id) FROM orders_order")
    (line,) = await lines_of(ctx, made)
    assert (Decimal(50), Decimal(10)) == (line["unit_price"], line["quantity"])
    assert line["agreement_line"] is not None
    await act("orders.agreement/close", agreement)
    later = at_noon(ctx, (await ctx.get("orders.plan", plan))["next_on"])
    assert 0 == await repeat_due(later)  # not at the price of the list
    told = await ctx.db.value(
        "SELECT values->>'reason' FROM core_notification WHERE kind = 'orders.plan' "
        "ORDER BY id DESC LIMIT 1"
    )
    assert "has ended" in told


async def test_a_draft_of_the_client_without_a_blanket_order_is_as_ever(
    ctx: Context, draft: Draft, act: Act
) -> None:
    order = await draft()
    await act("orders.order/confirm", order)
    assert [None, None] == [line["agreement_line"] for line in await lines_of(ctx, order)]
