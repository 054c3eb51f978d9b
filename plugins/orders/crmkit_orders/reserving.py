"""What orders hold of the stock, and the state of an order that its lines say."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit import Veto
from crmkit_orders.domain.quantities import open_quantity
from crmkit_orders.line_promises import open_of, settle_lines
from crmkit_orders.states import FOLLOWING, RUNNING
from crmkit_orders.steps import finish_after
from crmkit_orders.stock import change_counts, change_of_needs, goods_changed
from crmkit_orders.totals import add_up_order, counts_of, every_order_row, order_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit import Context

_ZERO = Decimal(0)


async def reserve(
    ctx: Context, rows: Sequence[Mapping[str, Any]], *, confirming: bool = False
) -> None:
    """Reserve what lines still need and give back what they no longer need.

    Args:
        rows: Also those that are in the trash.
        confirming: What lines say now is confirmed by it. Else what was confirmed counts: changes
            of an order that nobody confirmed hold nothing.

    Raises:
        Veto: Not enough is left of a product.
    """
    changes = []
    for row in rows:
        agreed = row["quantity"] if confirming else row["confirmed"]
        wanted = _ZERO if row["trashed_at"] and confirming else open_of(row, agreed or _ZERO)
        changes.append((row, row["reserved"] or _ZERO, wanted))
    needs = await change_of_needs(ctx, changes, less_sent=True)
    await change_counts(ctx, reserved=needs)
    if any(row["confirmed"] is not None for row in rows):
        # Who was confirmed before is served before: what it takes more, those behind it lack.
        await goods_changed(ctx, (each for each, more in needs.items() if more > 0), is_less=True)
    for row, old, wanted in changes:
        is_gone = row["trashed_at"] is not None
        values: dict[str, Any] = {"reserved": wanted}
        if confirming:
            values["confirmed"] = None if is_gone else row["quantity"]
            values["confirmed_net"] = None if is_gone else row["net"]
        if wanted != old or confirming:
            await ctx.derive("orders.order_line", row["id"], **values)


async def release(ctx: Context, rows: Sequence[Mapping[str, Any]]) -> None:
    """Give back what lines have reserved, and cancel what is open of them."""
    changes = [(row, row["reserved"] or _ZERO, _ZERO) for row in rows]
    await change_counts(ctx, reserved=await change_of_needs(ctx, changes, less_sent=True))
    for row in rows:
        cancelled = (row["cancelled"] or _ZERO) + open_quantity(counts_of(row))
        await ctx.derive("orders.order_line", row["id"], reserved=_ZERO, cancelled=cancelled)


async def follow_order(ctx: Context, order_id: int) -> None:
    """Move an order as its lines say: in progress, or fulfilled when nothing is open."""
    await add_up_order(ctx, order_id)
    order = await ctx.get("orders.order", order_id)
    if order["state"] not in FOLLOWING:
        return
    rows = await order_rows(ctx, order_id)
    is_open = any(open_quantity(counts_of(row)) > 0 for row in rows)
    any_gone = order["delivery_status"] != "none"
    wanted = "fulfilled" if not is_open else "in_progress" if any_gone else "confirmed"
    if wanted != order["state"]:
        if order["state"] == "fulfilled" and wanted == "confirmed":
            await ctx.save("orders.order", order_id, state="in_progress")
        await ctx.save("orders.order", order_id, state=wanted)
    if wanted in RUNNING:
        await _reserve_again(ctx, order_id)
    if not is_open:
        await finish_after(ctx, order, ("shipped", "delivered"))
    elif any_gone:
        await finish_after(ctx, order, ("shipped",))
    await settle_lines(ctx, order_id)


async def _reserve_again(ctx: Context, order_id: int) -> None:
    """Reserve for what came back what replaces it, line by line, where there is something."""
    for row in await every_order_row(ctx, order_id):
        try:
            async with ctx.db.transaction():
                await reserve(ctx, [row])
        except Veto:
            continue  # it stays open, and is reserved or refused when it is sent off
