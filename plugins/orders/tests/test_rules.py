"""Discounts, credit, cancelling, promises and steps."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from crmkit_orders.pasted import paste_order
from crmkit_orders.settings import discount_limit
from crmkit_orders.totals import quote_rows

from crmkit import ConflictError, InvalidError, Veto, say_kept
from crmkit.errors import SecondPersonError, StaleVersionError
from crmkit.records.actions import run_action
from crmkit.records.approvals import ask_approval, decide_approval
from crmkit.records.history import undo_operation
from crmkit.records.parts import SentPart, find_parts, save_parts

if TYPE_CHECKING:
    from conftest import Act, Decide, Draft

    from crmkit.model.context import Context

CREDIT = "custom.orders.credit_currency"
LINE, ORDER, QUOTE = "orders.order_line", "orders.order", "orders.quote"
FRIDAY = datetime(2026, 11, 27, 16, tzinfo=UTC)


async def _quote(ctx: Context, shop: dict[str, int], discount: int) -> int:
    quote = await ctx.create(
        QUOTE, company=shop["company"], person=shop["person"], currency="EUR", owner=9001
    )
    await ctx.create(
        "orders.quote_line", quote=quote, product=shop["pro"], discount=Decimal(discount)
    )
    return quote


async def _notices(ctx: Context, kind: str) -> int:
    return int(await ctx.db.value("SELECT count(*) FROM core_notification WHERE kind = $1", kind))


async def test_a_large_discount_of_a_quote_needs_a_second_person(
    anna: Context, boris: Context, shop: dict[str, int], decide: Decide
) -> None:
    decide(discount_limit=10)
    quote = await _quote(anna, shop, 25)
    plan = anna.site.entity(QUOTE)
    with pytest.raises(SecondPersonError):
        await run_action(anna, plan, "send", quote)
    with pytest.raises(ConflictError):  # nor does a word by telephone lead around it
        await run_action(anna, plan, "accept", quote, {"name": "Tom"})
    number = await ask_approval(anna, plan, quote, values={"state": "sent"})
    await decide_approval(boris, number, approve=True)
    assert "sent" == (await anna.get(QUOTE, quote))["state"]
    result = await run_action(anna, plan, "accept", quote, {"name": "Tom"})
    # What was approved with the quote is not asked for again; what is added is.
    order = int(result.url.rpartition("/")[2])
    orders = anna.site.entity(ORDER)
    line = await anna.db.value('SELECT id FROM orders_order_line WHERE "order" = $1', order)
    await anna.save(LINE, line, discount=Decimal(30))
    with pytest.raises(SecondPersonError):
        await run_action(anna, orders, "confirm", order)
    await anna.save(LINE, line, discount=Decimal(25))
    await run_action(anna, orders, "confirm", order)


async def test_a_large_discount_of_an_order_by_hand_needs_one_at_its_confirmation(
    anna: Context, boris: Context, draft: Draft, decide: Decide
) -> None:
    decide(discount_limit=10)
    made = await draft()
    line = await anna.db.value("SELECT min(id) FROM orders_order_line")
    await anna.save(LINE, line, discount=Decimal("10.5"))
    await anna.save(ORDER, made, note="By telephone")
    plan = anna.site.entity(ORDER)
    with pytest.raises(SecondPersonError):
        await run_action(anna, plan, "confirm", made)
    with pytest.raises(InvalidError):
        await anna.create(ORDER, state="confirmed")
    number = await ask_approval(anna, plan, made, values={"state": "confirmed"})
    await decide_approval(boris, number, approve=True)
    assert "confirmed" == (await anna.get(ORDER, made))["state"]
    small = await draft()
    await run_action(anna, plan, "confirm", small)


async def test_credit_warns_the_owner_or_blocks_until_there_is_a_reason(
    boris: Context, shop: dict[str, int], act: Act, draft: Draft, decide: Decide
) -> None:
    limit: dict[str, Any] = {"custom.orders.credit_limit": Decimal(15000), CREDIT: "EUR"}
    await boris.save("crm.company", shop["company"], **limit)
    first, second = await draft(), await draft()
    await act("orders.order/confirm", first)
    assert 0 == await _notices(boris, "orders.credit")
    await run_action(boris, boris.site.entity(ORDER), "confirm", second)
    assert 1 == await _notices(boris, "orders.credit")
    decide(credit="block")
    third = await draft()
    with pytest.raises(Veto) as refused:
        await act("orders.order/confirm", third)
    assert ["credit_override"] == list(refused.value.problems)
    await boris.save(ORDER, third, credit_override="Paid in advance, says the bank")
    await act("orders.order/confirm", third)
    who = await boris.db.value(
        "SELECT user_id FROM core_journal WHERE after ? 'credit_override' ORDER BY id DESC LIMIT 1"
    )
    assert 9002 == who


async def test_an_order_is_not_cancelled_while_the_client_has_something_of_it(
    ctx: Context, act: Act, draft: Draft
) -> None:
    order = await draft()
    await act("orders.order/confirm", order)
    delivery = await act("orders.order/deliver", order)
    line = await ctx.db.value("SELECT id FROM orders_delivery_line ORDER BY position LIMIT 1")
    await ctx.save("orders.delivery_line", line, quantity=Decimal(1))
    await act("orders.delivery/ship", delivery)
    with pytest.raises(Veto):
        await act("orders.order/cancel", order, reason="No")
    await act("orders.delivery/take-back", delivery, reason="Back")
    row = await ctx.db.value("SELECT min(id) FROM orders_order_line")
    await ctx.derive(LINE, row, invoiced=Decimal(1))
    with pytest.raises(Veto):
        await act("orders.order/cancel", order, reason="No")
    await ctx.derive(LINE, row, invoiced=Decimal(0))
    with pytest.raises(Veto):
        await ctx.trash(ORDER, order)
    await act("orders.order/cancel", order, reason="Not wanted")
    rows = await ctx.db.rows("SELECT quantity, cancelled, reserved FROM orders_order_line")
    assert all(row["cancelled"] == row["quantity"] and not row["reserved"] for row in rows)
    assert {"skipped", "done"} >= {
        row["state"] for row in await ctx.db.rows("SELECT state FROM orders_step")
    }


async def test_nothing_is_confirmed_without_what_it_needs(
    ctx: Context, shop: dict[str, int], act: Act, draft: Draft
) -> None:
    for more in ({"company": None}, {"owner": None}, {"promised_at": FRIDAY.replace(year=2020)}):
        with pytest.raises(InvalidError):
            await act("orders.order/confirm", await draft(**more))
    empty = await draft(pro=0, kit=0)
    with pytest.raises(Veto):
        await act("orders.order/confirm", empty)
    await ctx.create(LINE, order=empty, text="Something", is_unmatched=True)
    with pytest.raises(Veto):
        await act("orders.order/confirm", empty)
    for entity, values in (
        (ORDER, {"state": "fulfilled"}),
        (QUOTE, {"state": "accepted"}),
        ("orders.delivery", {"state": "returned"}),
        ("orders.receipt", {"state": "received"}),
    ):
        with pytest.raises(InvalidError):
            await ctx.create(entity, company=shop["company"], **values)
    assert 0 == await ctx.db.value("SELECT count(*) FROM core_message")
    assert 0 == await ctx.db.value("SELECT count(*) FROM orders_step")


async def test_the_promise_counts_business_hours_around_a_holiday(
    ctx: Context, act: Act, draft: Draft, decide: Decide
) -> None:
    decide(promise_hours=3)
    now = replace(ctx, clock=lambda: FRIDAY)
    calendar = await ctx.db.value("SELECT id FROM core_calendar WHERE is_default")
    holiday = await ctx.create(
        "core.holiday", calendar=calendar, name="Day off", day=date(2026, 11, 30)
    )
    order = await draft()
    await now.save(ORDER, order, state="confirmed")
    stored = await ctx.get(ORDER, order)
    # Friday 16:00 and three hours: the last two of Friday, then not Monday, but Tuesday.
    await ctx.trash("core.holiday", holiday)
    assert date(2026, 12, 1) == stored["promised_at"].date()
    assert stored["promised_at"] == stored["first_promise"]


async def test_a_moved_promise_is_told_once_of_each_moment_and_keeps_the_first(
    ctx: Context, act: Act, draft: Draft
) -> None:
    order = await draft()
    line = await ctx.db.value("SELECT min(id) FROM orders_order_line")
    own = ctx.now() + timedelta(days=50)
    await ctx.save(LINE, line, promised_at=own)
    await act("orders.order/confirm", order)
    first = (await ctx.get(ORDER, order))["promised_at"]
    later = (ctx.now() + timedelta(days=30)).date().isoformat()
    with pytest.raises(Veto):
        await ctx.save(ORDER, order, promised_at=ctx.now() + timedelta(days=9))
    for _ in range(2):
        await act("orders.order/move-promise", order, day=later, reason="The lorry broke down")
    moved = await ctx.get(ORDER, order)
    assert first == moved["first_promise"] != moved["promised_at"]
    bodies = [row["body"] for row in await ctx.db.rows("SELECT body FROM core_message")]
    assert 1 == sum("The lorry broke down" in body for body in bodies)
    assert own == (await ctx.get(LINE, line))["promised_at"]
    with pytest.raises(InvalidError):
        await act("orders.order/move-promise", order, day="2020-01-01", reason="Time machine")


async def test_one_step_is_active_and_hand_overs_are_kept(
    anna: Context, act: Act, draft: Draft
) -> None:
    order = await draft()
    plan = anna.site.entity(ORDER)
    await act("orders.order/confirm", order)
    with pytest.raises(InvalidError):
        await act("orders.order/finish-step", order, skip="true", reason=" ")
    await run_action(anna, plan, "hand-over", order, {"to": "boris@example.org", "reason": "Ill"})
    stored = await anna.get(ORDER, order)
    assert ("Prepare", 9002) == (stored["step"], stored["holder"])
    kept = await anna.db.row("SELECT giver, taker, reason FROM orders_handover")
    assert (9001, 9002, "Ill") == tuple(kept or ())
    result = await run_action(anna, plan, "finish-step", order, {"skip": "1", "reason": "Ready"})
    stored = await anna.get(ORDER, order)
    assert ("Deliver", 9002) == (stored["step"], stored["holder"])
    assert not (await undo_operation(anna, result.operation)).kept
    stored = await anna.get(ORDER, order)
    assert ("Prepare", 9002) == (stored["step"], stored["holder"])
    states = [
        row["state"] for row in await anna.db.rows("SELECT state FROM orders_step ORDER BY id")
    ]
    assert ["active", "waiting", "waiting"] == states
    step = await anna.db.value("SELECT max(id) FROM orders_step")
    with pytest.raises(InvalidError):  # two at once
        await anna.save("orders.step", step, state="active")
    with pytest.raises(Veto):
        await anna.trash("orders.step", step)


async def test_ordered_again_at_the_prices_of_today_with_what_is_different(
    anna: Context, shop: dict[str, int], act: Act, draft: Draft
) -> None:
    order = await draft()
    await anna.save("orders.product", shop["pro"], price=Decimal(5000))
    await anna.save("orders.product", shop["kit"], is_active=False)
    result = await run_action(anna, anna.site.entity(ORDER), "again", order)
    made = int(result.url.rpartition("/")[2])
    rows = await anna.db.rows(
        'SELECT unit_price, price_rule FROM orders_order_line WHERE "order" = $1 ORDER BY position',
        made,
    )
    assert [Decimal(5000), Decimal(55)] == [row["unit_price"] for row in rows]
    assert ["Was 4,821", "No longer sold"] == [say_kept(anna, row["price_rule"]) for row in rows]
    stored = await anna.get(ORDER, made)
    assert ("draft", 9001, Decimal("10220.00")) == (stored["state"], stored["owner"], stored["net"])


async def test_versions_of_a_quote_and_one_that_expired(
    ctx: Context, shop: dict[str, int], act: Act
) -> None:
    quote = await _quote(ctx, shop, 0)
    with pytest.raises(Veto):  # without "Accept" there would be no order
        await ctx.save(QUOTE, quote, state="accepted")
    await act("orders.quote/send", quote)
    second = await act("orders.quote/revise", quote)
    with pytest.raises(ConflictError):
        await act("orders.quote/accept", quote, name="Tom")
    await act("orders.quote/send", second)
    await ctx.db.execute("UPDATE orders_quote SET valid_until = '2020-01-01' WHERE id = $1", second)
    with pytest.raises(ConflictError, match="valid until"):
        await act("orders.quote/accept", second, name="Tom")
    third = await act("orders.quote/revise", second)
    result = await act("orders.quote/accept", third, name="Tom")
    with pytest.raises(Veto):
        await ctx.trash(QUOTE, third)
    numbers = [
        row["number"] for row in await ctx.db.rows("SELECT number FROM orders_quote ORDER BY id")
    ]
    assert [numbers[0], f"{numbers[0]}/2", f"{numbers[0]}/3"] == numbers
    assert Decimal("4821.00") == (await ctx.get(ORDER, result))["net"]


async def test_a_price_entered_by_hand_stays_whatever_language_is_spoken(
    anna: Context, shop: dict[str, int], draft: Draft
) -> None:
    order = await draft(kit=0)
    line = await anna.db.value('SELECT id FROM orders_order_line WHERE "order" = $1', order)
    russian = replace(anna, translate=lambda text: f"по-русски: {text}")
    await russian.save(LINE, line, unit_price=Decimal(4000))
    await anna.save(LINE, line, quantity=Decimal(7))
    stored = await anna.get(LINE, line)
    assert (Decimal(4000), True) == (stored["unit_price"], stored["is_by_hand"])
    await anna.save(LINE, line, unit_price=None)  # emptied, the price that holds comes back
    stored = await anna.get(LINE, line)
    assert (Decimal(4821), False) == (stored["unit_price"], stored["is_by_hand"])


async def test_a_page_that_shows_the_step_before_ends_none(
    anna: Context, draft: Draft, act: Act
) -> None:
    order = await draft()
    await act("orders.order/confirm", order)
    plan, shown = anna.site.entity(ORDER), (await anna.get(ORDER, order))["version"]
    await run_action(anna, plan, "finish-step", order, {}, shown)
    with pytest.raises(StaleVersionError):
        await run_action(anna, plan, "finish-step", order, {}, shown)
    assert "Deliver" == (await anna.get(ORDER, order))["step"]


async def test_a_count_of_stock_stands_in_the_history(anna: Context, shop: dict[str, int]) -> None:
    await anna.save("orders.product", shop["pro"], is_stocked=True)
    counted = {"on_hand": "7,5", "reason": "Year end"}
    await run_action(anna, anna.site.entity("orders.product"), "count", shop["pro"], counted)
    product = await anna.get("orders.product", shop["pro"])
    assert (Decimal("7.5"), Decimal("7.5")) == (product["on_hand"], product["counted"])
    after = await anna.db.value(
        "SELECT after FROM core_journal WHERE entity = 'orders.product' AND record = $1 "
        "ORDER BY id DESC LIMIT 1",
        shop["pro"],
    )
    assert "Year end" == after["count_reason"]


async def test_a_lowered_price_is_a_discount_and_each_role_has_its_own_limit(
    anna: Context, boris: Context, draft: Draft, decide: Decide
) -> None:
    decide(discount_limit=10, discount_limits={"administrator": 40})
    made = await draft()
    plan = anna.site.entity(ORDER)
    line = await anna.db.value("SELECT min(id) FROM orders_order_line")
    await anna.save(LINE, line, unit_price=Decimal(2500))
    stored = await anna.get(LINE, line)
    assert (Decimal(4821), True) == (stored["rule_price"], stored["is_by_hand"])
    assert Decimal("48.1435") == (await anna.get(ORDER, made))["most_discount"]
    with pytest.raises(SecondPersonError):
        await run_action(anna, plan, "confirm", made)
    decide(discount_limits={"administrator": 49})
    await run_action(anna, plan, "confirm", made)
    # In a confirmed order nobody goes further alone.
    tries: list[dict[str, Any]] = [{"unit_price": Decimal(2000)}, {"discount": Decimal(30)}]
    for wrong in tries:
        with pytest.raises(Veto) as refused:
            await anna.save(LINE, line, **wrong)
        assert list(wrong) == list(refused.value.problems)
    with pytest.raises(Veto):
        await anna.create(
            LINE, order=made, text="Rebate", quantity=Decimal(1), unit_price=Decimal(-500)
        )
    await anna.save(LINE, line, unit_price=Decimal(2600))
    seller = replace(boris, principal=replace(boris.principal, role=boris.site.roles["seller"]))
    assert 10 == discount_limit(seller)
    assert 10 == discount_limit(replace(anna, principal=replace(anna.principal, user_id=None)))


async def test_who_entered_the_discount_of_a_line_does_not_approve_it(
    anna: Context, boris: Context, draft: Draft, decide: Decide
) -> None:
    decide(discount_limit=10)
    made = await draft()
    plan = anna.site.entity(ORDER)
    line = await anna.db.value("SELECT min(id) FROM orders_order_line")
    # The order is nobody's work but the line is his.
    await boris.save(LINE, line, unit_price=Decimal(1))
    with pytest.raises(SecondPersonError):
        await run_action(boris, plan, "confirm", made)
    await run_action(anna, plan, "confirm", made)


async def test_no_door_leads_around_the_price_of_the_rules(
    anna: Context, shop: dict[str, int], draft: Draft, decide: Decide
) -> None:
    decide(discount_limit=10)
    plan = anna.site.entity(ORDER)
    order = await draft(pro=0, kit=0)
    await paste_order(anna, order, "GTX-P\t1\t2410.50")
    assert Decimal(50) == (await anna.get(ORDER, order))["most_discount"]
    result = await run_action(anna, plan, "again", order)
    again = int(result.url.rpartition("/")[2])
    assert Decimal(0) == (await anna.get(ORDER, again))["most_discount"]  # at today's prices
    # An accepted quote keeps what its prices were measured against.
    quote = await _quote(anna, shop, 9)
    result = await run_action(anna, anna.site.entity(QUOTE), "accept", quote, {"name": "Tom"})
    await anna.save("orders.product", shop["pro"], price=Decimal(9999))
    made = int(result.url.rpartition("/")[2])
    assert Decimal(4821) == await anna.db.value(
        'SELECT rule_price FROM orders_order_line WHERE "order" = $1', made
    )
    await run_action(anna, plan, "confirm", made)


async def test_a_limit_has_one_currency_and_others_need_a_reason(
    boris: Context, shop: dict[str, int], act: Act, draft: Draft, decide: Decide
) -> None:
    decide(credit="block")
    limit: dict[str, Any] = {"custom.orders.credit_limit": Decimal(15000), CREDIT: "eur"}
    unknown: dict[str, Any] = {CREDIT: "EURO"}
    with pytest.raises(Veto) as refused:
        await boris.save("crm.company", shop["company"], **unknown)
    assert [CREDIT] == list(refused.value.problems)
    await boris.save("crm.company", shop["company"], **limit)
    await act("orders.order/confirm", await draft())
    dollars = await draft(currency="USD", pro=0, kit=0)
    await boris.create(
        LINE, order=dollars, text="Help", quantity=Decimal(1), unit_price=Decimal(20)
    )
    with pytest.raises(Veto) as refused:
        await act("orders.order/confirm", dollars)
    assert ["credit_override"] == list(refused.value.problems)
    assert "$20" in refused.value.message
    assert "€10,872.86" in refused.value.message
    await boris.save(ORDER, dollars, credit_override="Small")
    await run_action(boris, boris.site.entity(ORDER), "confirm", dollars)
    assert 1 == await _notices(boris, "orders.credit")


async def test_a_price_in_dinars_that_may_mean_two_things_is_asked_back(
    ctx: Context, shop: dict[str, int]
) -> None:
    plan = ctx.site.entity("orders.quote")
    parts = find_parts(plan, "orders.quote_line")
    raw = {"product": str(shop["pro"]), "quantity": "1", "unit_price": "1,234"}
    for currency, kept in (("EUR", Decimal(1234)), ("KWD", None)):
        quote = await ctx.create("orders.quote", company=shop["company"], currency=currency)
        sent = [SentPart(id=None, version=None, raw=raw, place=1)]
        if kept is None:
            with pytest.raises(InvalidError) as refused:
                await save_parts(ctx, plan, parts, quote, sent)
            assert "1234 or as 1.234" in refused.value.problems["1.unit_price"]
            continue
        await save_parts(ctx, plan, parts, quote, sent)
        (line,) = await quote_rows(ctx, quote)
        assert kept == line["unit_price"]
