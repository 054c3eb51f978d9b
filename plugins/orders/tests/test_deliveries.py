"""Goods leave in parts, come back in parts, and stock follows by the parts of bundles."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from crmkit import ConflictError, Veto

if TYPE_CHECKING:
    from conftest import Act, Decide, Draft

    from crmkit.model.context import Context

LINE, ORDER, DELIVERY = "orders.order_line", "orders.order", "orders.delivery"


async def _stock(ctx: Context, product: int) -> tuple[Decimal, Decimal]:
    row = await ctx.get("orders.product", product)
    return row["on_hand"] or Decimal(0), row["reserved"] or Decimal(0)


async def _set(ctx: Context, delivery: int, *quantities: int) -> None:
    rows = await ctx.db.rows(
        "SELECT id FROM orders_delivery_line WHERE delivery = $1 ORDER BY position", delivery
    )
    for row, quantity in zip(rows, quantities, strict=True):
        if quantity:
            await ctx.save("orders.delivery_line", row["id"], quantity=Decimal(quantity))
        else:
            await ctx.trash("orders.delivery_line", row["id"])


async def _counts(ctx: Context, order: int) -> list[tuple[int, int, int]]:
    rows = await ctx.db.rows(
        'SELECT * FROM orders_order_line WHERE "order" = $1 ORDER BY position', order
    )
    names = ("delivered", "returned", "reserved")
    return [tuple(int(row[name] or 0) for name in names) for row in rows]  # type: ignore[misc]


@pytest.fixture
async def stocked(ctx: Context, shop: dict[str, int], act: Act) -> dict[str, int]:
    for name in ("pro", "kit"):
        await ctx.save("orders.product", shop[name], is_stocked=True)
        await act("orders.product/count", shop[name], on_hand="10")
    return shop


async def test_parts_leave_the_rest_open_and_part_comes_back(
    ctx: Context, stocked: dict[str, int], act: Act, draft: Draft
) -> None:
    order = await draft()
    await act("orders.order/confirm", order)
    first = await act("orders.order/deliver", order)
    await _set(ctx, first, 1, 0)
    await act("orders.delivery/ship", first)
    stored = await ctx.get(ORDER, order)
    assert ("in_progress", "partial") == (stored["state"], stored["delivery_status"])
    assert (Decimal(9), Decimal(1)) == await _stock(ctx, stocked["pro"])
    rest = await act("orders.order/deliver", order)
    await act("orders.delivery/ship", rest)
    assert [(2, 0, 0), (4, 0, 0)] == await _counts(ctx, order)
    with pytest.raises(ConflictError):
        await act("orders.order/deliver", order)
    # One of four kits comes back broken, a controller as good as new.
    back = await act("orders.order/return", order)
    await _set(ctx, back, 0, 1)
    await act("orders.delivery/take-back", back, reason="Broken", restock="false")
    assert (Decimal(6), Decimal(1)) == await _stock(ctx, stocked["kit"])  # one to replace it
    back = await act("orders.order/return", order)
    await _set(ctx, back, 1, 0)
    await act("orders.delivery/take-back", back, reason="Not needed")
    assert (Decimal(9), Decimal(1)) == await _stock(ctx, stocked["pro"])
    assert [(2, 1, 1), (4, 1, 1)] == await _counts(ctx, order)
    stored = await ctx.get(DELIVERY, back)
    assert ("returned", "return", "Not needed") == (
        stored["state"], stored["direction"], stored["note"]
    )  # fmt: skip
    assert "in_progress" == (await ctx.get(ORDER, order))["state"]
    replacement = await act("orders.order/deliver", order)
    await act("orders.delivery/ship", replacement)
    assert "fulfilled" == (await ctx.get(ORDER, order))["state"]


async def test_a_whole_delivery_comes_back_by_one_move(
    ctx: Context, stocked: dict[str, int], act: Act, draft: Draft
) -> None:
    order = await draft()
    await act("orders.order/confirm", order)
    delivery = await act("orders.order/deliver", order)
    await act("orders.delivery/ship", delivery)
    await act("orders.delivery/delivered", delivery)
    # As a card is dragged on the board.
    await ctx.save(DELIVERY, delivery, state="returned")
    assert (Decimal(10), Decimal(2)) == await _stock(ctx, stocked["pro"])
    assert "confirmed" == (await ctx.get(ORDER, order))["state"]
    with pytest.raises(ConflictError):
        await act("orders.delivery/take-back", delivery, reason="Again")
    await act("orders.order/cancel", order, reason="Not wanted")
    assert (Decimal(10), Decimal(0)) == await _stock(ctx, stocked["pro"])


async def test_what_is_not_put_back_is_taken_back_even_when_nothing_replaces_it(
    ctx: Context, stocked: dict[str, int], act: Act, draft: Draft
) -> None:
    order = await draft(pro=10, kit=0)
    await act("orders.order/confirm", order)
    await act("orders.delivery/ship", await act("orders.order/deliver", order))
    back = await act("orders.order/return", order)
    await act("orders.delivery/take-back", back, reason="Burnt", restock="false")
    assert (Decimal(0), Decimal(0)) == await _stock(ctx, stocked["pro"])
    assert [(10, 10, 0)] == await _counts(ctx, order)


async def test_more_than_the_client_has_does_not_come_back(
    ctx: Context, stocked: dict[str, int], act: Act, draft: Draft
) -> None:
    order = await draft()
    await act("orders.order/confirm", order)
    delivery = await act("orders.order/deliver", order)
    await act("orders.delivery/ship", delivery)
    back = await act("orders.order/return", order)
    await _set(ctx, back, 1, 0)
    await act("orders.delivery/take-back", back, reason="One too many")
    with pytest.raises(Veto):
        await act("orders.delivery/take-back", delivery, reason="All of it")
    assert [(2, 1, 1), (4, 0, 0)] == await _counts(ctx, order)
    assert "shipped" == (await ctx.get(DELIVERY, delivery))["state"]
    with pytest.raises(Veto):  # a return is not sent off
        await ctx.save(DELIVERY, await act("orders.order/return", order), state="shipped")


async def test_a_line_that_stands_twice_in_a_delivery_counts_twice(
    ctx: Context, stocked: dict[str, int], act: Act, draft: Draft
) -> None:
    order = await draft(kit=0)
    await act("orders.order/confirm", order)
    delivery = await act("orders.order/deliver", order)
    await _set(ctx, delivery, 1)
    line = await ctx.db.value("SELECT line FROM orders_delivery_line")
    await ctx.create(
        "orders.delivery_line", delivery=delivery, line=line, quantity=Decimal(1), position=2
    )
    await act("orders.delivery/ship", delivery)
    assert [(2, 0, 0)] == await _counts(ctx, order)
    assert (Decimal(8), Decimal(0)) == await _stock(ctx, stocked["pro"])


async def test_what_nobody_confirmed_is_not_sent_off(
    ctx: Context, stocked: dict[str, int], act: Act, draft: Draft
) -> None:
    order = await draft(kit=0)
    await act("orders.order/confirm", order)
    line = await ctx.db.value("SELECT id FROM orders_order_line")
    await ctx.save(LINE, line, quantity=Decimal(6))
    added = await ctx.create(LINE, order=order, product=stocked["kit"], quantity=Decimal(1))
    delivery = await act("orders.order/deliver", order)
    rows = await ctx.db.rows("SELECT line, quantity FROM orders_delivery_line")
    assert [(line, Decimal(2))] == [tuple(row) for row in rows]
    extra = await ctx.create(
        "orders.delivery_line", delivery=delivery, line=added, quantity=Decimal(1)
    )
    with pytest.raises(Veto):
        await act("orders.delivery/ship", delivery)
    await ctx.trash("orders.delivery_line", extra)
    await act("orders.delivery/ship", delivery)
    assert (await ctx.get(ORDER, order))["is_amended"]  # sending off confirms nothing


async def test_a_line_that_was_removed_does_not_leave(ctx: Context, act: Act, draft: Draft) -> None:
    order = await draft()
    await act("orders.order/confirm", order)
    delivery = await act("orders.order/deliver", order)
    await ctx.trash(LINE, await ctx.db.value("SELECT max(id) FROM orders_order_line"))
    with pytest.raises(Veto, match="no longer in the order"):
        await act("orders.delivery/ship", delivery)


async def test_tolerance_allows_a_little_more(
    ctx: Context, act: Act, draft: Draft, decide: Decide
) -> None:
    decide(tolerance=10)
    order = await draft(pro=10, kit=0)
    await act("orders.order/confirm", order)
    delivery = await act("orders.order/deliver", order)
    await _set(ctx, delivery, 12)
    with pytest.raises(Veto):
        await act("orders.delivery/ship", delivery)
    await _set(ctx, delivery, 11)
    await act("orders.delivery/ship", delivery)
    assert "fulfilled" == (await ctx.get(ORDER, order))["state"]


async def test_a_bundle_is_sold_as_one_line_and_counted_by_its_parts(
    ctx: Context, stocked: dict[str, int], act: Act
) -> None:
    bundle = await ctx.create(
        "orders.product", name="Set", kind="bundle", price=Decimal(100), currency="EUR"
    )
    for name, count in (("pro", 1), ("kit", 2)):
        part = await ctx.create(
            "orders.bundle_part", bundle=bundle, product=stocked[name], quantity=Decimal(count)
        )
    order = await ctx.create(
        ORDER, company=stocked["company"], person=stocked["person"], currency="EUR", owner=9001
    )
    # A dozen of sets is more than there is; a pair is not.
    line = await ctx.create(
        LINE, order=order, product=bundle, quantity=Decimal(1), unit="DZN", unit_price=Decimal(1200)
    )
    with pytest.raises(Veto):
        await act("orders.order/confirm", order)
    await ctx.save(LINE, line, unit="PR", unit_price=Decimal(200))
    await act("orders.order/confirm", order)
    assert (Decimal(10), Decimal(4)) == await _stock(ctx, stocked["kit"])
    # Another composition is counted anew, not forgotten.
    await ctx.save("orders.bundle_part", part, quantity=Decimal(3))
    assert (Decimal(10), Decimal(6)) == await _stock(ctx, stocked["kit"])
    await act("orders.delivery/ship", await act("orders.order/deliver", order))
    assert (Decimal(4), Decimal(0)) == await _stock(ctx, stocked["kit"])
    assert (Decimal(8), Decimal(0)) == await _stock(ctx, stocked["pro"])
    with pytest.raises(Veto):  # a bundle is no part
        await ctx.create("orders.bundle_part", bundle=bundle, product=bundle, quantity=Decimal(1))


async def test_units_convert_and_what_is_rounded_is_given_back(
    ctx: Context, shop: dict[str, int], act: Act
) -> None:
    rope = await ctx.create(
        "orders.product", name="Rope", unit="MTR", price=Decimal(1), currency="EUR",
        is_stocked=True,
    )  # fmt: skip
    await act("orders.product/count", rope, on_hand="100")
    order = await ctx.create(
        ORDER, company=shop["company"], person=shop["person"], currency="EUR", owner=9001
    )
    await ctx.create(LINE, order=order, product=rope, quantity=Decimal("0.5001"), unit="YRD")
    await act("orders.order/confirm", order)
    delivery = await act("orders.order/deliver", order)
    row = await ctx.db.value("SELECT id FROM orders_delivery_line")
    for quantity in ("0.1667", "0.1667", "0.1667"):
        await ctx.save("orders.delivery_line", row, quantity=Decimal(quantity))
        await act("orders.delivery/ship", delivery)
        if quantity and (await ctx.get(ORDER, order))["state"] != "fulfilled":
            delivery = await act("orders.order/deliver", order)
            row = await ctx.db.value("SELECT max(id) FROM orders_delivery_line")
    assert (Decimal("99.5427"), Decimal(0)) == await _stock(ctx, rope)  # 0.5001 yards


async def test_what_is_reserved_leaves_also_when_too_little_was_counted(
    ctx: Context, stocked: dict[str, int], act: Act, draft: Draft
) -> None:
    first, second = await draft(pro=5, kit=0), await draft(pro=5, kit=0)
    for order in (first, second):
        await act("orders.order/confirm", order)
    await act("orders.product/count", stocked["pro"], on_hand="6")
    await act("orders.delivery/ship", await act("orders.order/deliver", first))
    assert (Decimal(1), Decimal(5)) == await _stock(ctx, stocked["pro"])
    delivery = await act("orders.order/deliver", second)
    with pytest.raises(Veto):  # but never more than is there
        await act("orders.delivery/ship", delivery)


async def test_what_is_counted_from_now_on_knows_what_orders_hold(
    ctx: Context, shop: dict[str, int], act: Act, draft: Draft
) -> None:
    order = await draft(pro=3, kit=0)
    await act("orders.order/confirm", order)
    await ctx.save("orders.product", shop["pro"], is_stocked=True)
    await act("orders.product/count", shop["pro"], on_hand="4")
    assert (Decimal(4), Decimal(3)) == await _stock(ctx, shop["pro"])
    other = await draft(pro=2, kit=0)
    with pytest.raises(Veto, match="only 1"):
        await act("orders.order/confirm", other)


async def test_receipts_come_in_parts(ctx: Context, stocked: dict[str, int], act: Act) -> None:
    receipt = await ctx.create("orders.receipt", supplier=stocked["company"])
    for name, count in (("pro", 5), ("kit", 7)):
        await ctx.create(
            "orders.receipt_line", receipt=receipt, product=stocked[name], expected=Decimal(count)
        )
    with pytest.raises(Veto):  # nothing came, so nothing is received
        await ctx.save("orders.receipt", receipt, state="received")
    await act("orders.receipt/receive", receipt, counts="2 0")
    assert "partly" == (await ctx.get("orders.receipt", receipt))["state"]
    with pytest.raises(Veto):
        await ctx.trash("orders.receipt", receipt)
    await act("orders.receipt/receive", receipt)
    assert "received" == (await ctx.get("orders.receipt", receipt))["state"]
    assert (Decimal(15), Decimal(0)) == await _stock(ctx, stocked["pro"])
    assert (Decimal(17), Decimal(0)) == await _stock(ctx, stocked["kit"])


async def test_only_what_may_go_negative_is_promised_without_stock(
    ctx: Context, stocked: dict[str, int], act: Act, draft: Draft
) -> None:
    order = await draft(pro=11, kit=0)
    with pytest.raises(Veto):
        await act("orders.order/confirm", order)
    assert "draft" == (await ctx.get(ORDER, order))["state"]
    assert not await ctx.db.value("SELECT count(*) FROM orders_step")
    await ctx.save("orders.product", stocked["pro"], may_go_negative=True)
    await act("orders.order/confirm", order)
    assert (Decimal(10), Decimal(11)) == await _stock(ctx, stocked["pro"])
