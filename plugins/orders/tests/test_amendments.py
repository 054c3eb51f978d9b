"""Changes of a confirmed order: marked, told with what differs, once, and reserved then."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from crmkit import ConflictError, Veto
from crmkit.records.actions import run_action
from crmkit.records.history import undo_operation

if TYPE_CHECKING:
    from conftest import Act, Decide, Draft

    from crmkit.model.context import Context

LINE, ORDER = "orders.order_line", "orders.order"


async def _lines(ctx: Context, order: int) -> list[int]:
    rows = await ctx.db.rows(
        'SELECT id FROM orders_order_line WHERE "order" = $1 ORDER BY position, id', order
    )
    return [row["id"] for row in rows]


async def _last(ctx: Context) -> int:
    return int(await ctx.db.value("SELECT max(operation) FROM core_journal"))


async def _mails(ctx: Context) -> list[Any]:
    return await ctx.db.rows("SELECT subject, body FROM core_message ORDER BY id")


async def _reserved(ctx: Context, product: int) -> Decimal:
    return Decimal(
        await ctx.db.value("SELECT reserved FROM orders_product WHERE id = $1", product) or 0
    )


@pytest.fixture
async def stocked(ctx: Context, shop: dict[str, int], act: Act) -> dict[str, int]:
    for name in ("pro", "kit"):
        await ctx.save("orders.product", shop[name], is_stocked=True)
        await act("orders.product/count", shop[name], on_hand="10")
    return shop


async def test_an_amendment_reserves_the_difference_and_is_told_once(
    ctx: Context, stocked: dict[str, int], act: Act, draft: Draft
) -> None:
    order = await draft()
    await act("orders.order/confirm", order)
    pro, kit = await _lines(ctx, order)
    await ctx.save(LINE, pro, quantity=Decimal(5))
    await ctx.trash(LINE, kit)
    await ctx.create(LINE, order=order, product=stocked["work"], quantity=Decimal(3), position=3)
    assert (await ctx.get(ORDER, order))["is_amended"]
    assert Decimal(2) == await _reserved(ctx, stocked["pro"])  # nothing before it is confirmed
    await act("orders.order/confirm-changes", order)
    stored = await ctx.get(ORDER, order)
    assert (1, False, Decimal("24390.00")) == (
        stored["amendment"], stored["is_amended"], stored["net"]
    )  # fmt: skip
    assert Decimal(5) == await _reserved(ctx, stocked["pro"])
    assert Decimal(0) == await _reserved(ctx, stocked["kit"])
    _first, second = await _mails(ctx)
    for said in ("GTX Pro: 2 → 5", "MG Special: 4 → 0", "Installation: 0 → 3"):
        assert said in second["body"]
    with pytest.raises(ConflictError):
        await act("orders.order/confirm-changes", order)
    assert 2 == len(await _mails(ctx))


async def test_a_price_or_an_address_that_changes_is_an_amendment_as_well(
    ctx: Context, act: Act, draft: Draft
) -> None:
    order = await draft(deliver_to="Old Street 1")
    await act("orders.order/confirm", order)
    _pro, kit = await _lines(ctx, order)
    await ctx.save(LINE, kit, discount=Decimal(10))
    await ctx.save(ORDER, order, deliver_to="New Street 2")
    await act("orders.order/confirm-changes", order)
    text = (await _mails(ctx))[-1]["body"]
    assert "MG Special: €220 → €198" in text
    assert "Old Street 1 → New Street 2" in text
    assert not (await ctx.get(ORDER, order))["is_amended"]


async def test_what_is_changed_back_is_no_amendment(ctx: Context, act: Act, draft: Draft) -> None:
    order = await draft()
    await act("orders.order/confirm", order)
    pro, _kit = await _lines(ctx, order)
    await ctx.save(LINE, pro, quantity=Decimal(5))
    await ctx.save(LINE, pro, quantity=Decimal(2))
    added = await ctx.create(LINE, order=order, text="Cable", quantity=Decimal(1), position=9)
    assert (await ctx.get(ORDER, order))["is_amended"]
    await ctx.trash(LINE, added)
    assert not (await ctx.get(ORDER, order))["is_amended"]


async def test_an_undone_removal_brings_totals_back(anna: Context, act: Act, draft: Draft) -> None:
    order = await draft()
    await act("orders.order/confirm", order)
    before = await anna.get(ORDER, order)
    pro, _kit = await _lines(anna, order)
    await anna.trash(LINE, pro)
    removed = await anna.get(ORDER, order)
    assert (Decimal("220.00"), True) == (removed["net"], removed["is_amended"])
    operation = await _last(anna)
    assert not (await undo_operation(anna, operation)).kept
    after = await anna.get(ORDER, order)
    assert before["net"] == after["net"]
    assert before["gross"] == after["gross"]
    assert not after["is_amended"]


async def test_lines_of_what_was_sent_do_not_come_out_of_the_trash(
    ctx: Context, shop: dict[str, int], act: Act
) -> None:
    quote = await ctx.create(
        "orders.quote", company=shop["company"], person=shop["person"], currency="EUR", owner=9001
    )
    made = [
        await ctx.create("orders.quote_line", quote=quote, product=shop[name], position=place)
        for place, name in enumerate(("pro", "kit"))
    ]
    await ctx.trash("orders.quote_line", made[0])
    operation = await _last(ctx)
    await act("orders.quote/send", quote)
    assert (await undo_operation(ctx, operation)).kept
    assert Decimal("55.00") == (await ctx.get("orders.quote", quote))["net"]
    with pytest.raises(Veto):
        await ctx.save("orders.quote", quote, note="Something else")


async def test_prices_stay_as_they_were_confirmed(
    ctx: Context, shop: dict[str, int], act: Act, draft: Draft
) -> None:
    order = await draft()
    await act("orders.order/confirm", order)
    await ctx.save("orders.product", shop["pro"], price=Decimal(9999))
    pro, _kit = await _lines(ctx, order)
    await ctx.save(LINE, pro, quantity=Decimal(3))
    assert Decimal(4821) == (await ctx.get(LINE, pro))["unit_price"]
    for wrong in ({"product": shop["kit"]}, {"unit": "DZN"}, {"tax_rate": Decimal(3)}):
        with pytest.raises(Veto):
            await ctx.save(LINE, pro, **wrong)
    with pytest.raises(Veto):
        await ctx.save(ORDER, order, currency="USD")
    # A draft takes the price of today when its quantity changes.
    other = await draft()
    pro, _kit = await _lines(ctx, other)
    assert Decimal(9999) == (await ctx.get(LINE, pro))["unit_price"]


async def test_no_undo_takes_a_confirmation_back(anna: Context, act: Act, draft: Draft) -> None:
    order = await draft()
    result = await run_action(anna, anna.site.entity(ORDER), "confirm", order)
    await undo_operation(anna, result.operation)
    stored = await anna.get(ORDER, order)
    assert ("confirmed", "Prepare", 9001) == (stored["state"], stored["step"], stored["holder"])
    result = await run_action(
        anna, anna.site.entity(ORDER), "cancel", order, {"reason": "Changed my mind"}
    )
    await undo_operation(anna, result.operation)
    stored = await anna.get(ORDER, order)
    assert ("cancelled", "") == (stored["state"], stored["step"])
    assert not await anna.db.value("SELECT count(*) FROM orders_step WHERE state = 'active'")


async def test_lowering_to_what_was_delivered_fulfils_the_order(
    ctx: Context, act: Act, draft: Draft
) -> None:
    order = await draft(kit=0)
    await act("orders.order/confirm", order)
    delivery = await act("orders.order/deliver", order)
    line = await ctx.db.value("SELECT id FROM orders_delivery_line WHERE delivery = $1", delivery)
    await ctx.save("orders.delivery_line", line, quantity=Decimal(1))
    await act("orders.delivery/ship", delivery)
    (pro,) = await _lines(ctx, order)
    with pytest.raises(Veto):
        await ctx.save(LINE, pro, quantity=Decimal("0.5"))
    await ctx.save(LINE, pro, quantity=Decimal(1))
    await act("orders.order/confirm-changes", order)
    assert "fulfilled" == (await ctx.get(ORDER, order))["state"]


async def test_a_confirmed_line_is_not_discounted_beyond_the_limit_by_one_person(
    ctx: Context, act: Act, draft: Draft, decide: Decide
) -> None:
    decide(discount_limit=10)
    order = await draft()
    await act("orders.order/confirm", order)
    pro, _kit = await _lines(ctx, order)
    await ctx.save(LINE, pro, discount=Decimal(10))
    with pytest.raises(Veto):
        await ctx.save(LINE, pro, discount=Decimal(11))
