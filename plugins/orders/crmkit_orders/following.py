"""Open promises follow what they were counted from: working hours, absences, goods, settings."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from crmkit import ConflictError, InvalidError, NotFoundError, Veto
from crmkit_orders.availability import moved_goods
from crmkit_orders.promising import recount_promise
from crmkit_orders.reading import read_rows
from crmkit_orders.states import RUNNING
from crmkit_orders.stock import goods_changed

if TYPE_CHECKING:
    from crmkit import Context, Event, JobEvent, SaveEvent
    from crmkit_orders.promising import Why

HEARD = ("core.calendar.changed", "core.absence.changed")
_BATCH = 100
#: What is entered line by line, or day by day, is followed once.
_WAIT = timedelta(minutes=1)
#: Zones are up to a day apart from UTC.
_MARGIN = timedelta(days=2)
_REFUSALS = (ConflictError, InvalidError, NotFoundError, Veto)
_OPEN = """
SELECT o.id FROM orders_order o WHERE o.state = ANY($1) AND NOT o.is_promised_by_hand
AND o.trashed_at IS NULL AND o.id > $2 AND ($3::bigint IS NULL OR o.owner = $3)
AND ($4::date IS NULL OR o.promised_at >= $4) ORDER BY o.id LIMIT $5
"""
_OF_GOODS = """
SELECT DISTINCT o.id, o.confirmed_at FROM orders_order o
JOIN orders_order_line l ON l."order" = o.id AND l.trashed_at IS NULL AND l.open_quantity > 0
WHERE o.state = ANY($1) AND NOT o.is_promised_by_hand AND o.trashed_at IS NULL AND o.id > $2
AND (l.product = ANY($3) OR l.product IN (SELECT bundle FROM orders_bundle_part
    WHERE product = ANY($3)))
AND (l.lacks > 0 OR ($5 AND EXISTS (SELECT FROM orders_product p WHERE p.id = ANY($3)
    AND p.is_stocked AND p.reserved > coalesce(p.on_hand, 0))))
ORDER BY o.id LIMIT $4
"""
_OF_RECEIPT = ("state", "expected_on", "trashed_at")
_OF_LINE = ("product", "expected", "expected_on", "trashed_at")
#: Each count has a moment of its own, also one that finds what the last one found.
_OF_STOCK = ("counted_at", "is_stocked")


async def hear(event: Event) -> None:
    """Count promises anew when hours or absences change, in a job for many orders."""
    if event.name not in HEARD:
        return
    is_absence = event.name == "core.absence.changed"
    first = event.data.get("first_day")
    args = {
        "why": "absence" if is_absence else "calendar",
        "owner": event.data.get("person") if is_absence else None,
        "first": str(first) if first else None,
        "after": 0,
    }
    key = f"{args['why']}:{args['owner']}:{args['first']}:0"
    await event.ctx.enqueue("orders.recount_promises", args, at=event.ctx.now() + _WAIT, key=key)


async def recount_promises(event: JobEvent) -> None:
    """Count a batch of promises anew, and queue the next one."""
    ctx, args = event.ctx, dict(event.args)
    first = date.fromisoformat(args["first"]) - _MARGIN if args["first"] else None
    rows = await read_rows(ctx, _OPEN, sorted(RUNNING), args["after"], args["owner"], first, _BATCH)
    await _recount(ctx, [row["id"] for row in rows], args["why"])
    if len(rows) == _BATCH:
        args["after"] = rows[-1]["id"]
        key = f"{args['why']}:{args['owner']}:{args['first']}:{args['after']}"
        await ctx.enqueue("orders.recount_promises", args, key=key)


async def follow_goods(event: JobEvent) -> None:
    """Count the promises anew whose goods are there otherwise than when they were given."""
    ctx, products, after = event.ctx, event.args["products"], event.args["after"]
    is_less = event.args.get("is_less", True)
    rows = await read_rows(ctx, _OF_GOODS, sorted(RUNNING), after, products, _BATCH, is_less)
    await _recount(ctx, await moved_goods(ctx, rows), "goods")
    if len(rows) == _BATCH:
        args = {"products": products, "after": rows[-1]["id"], "is_less": is_less}
        await ctx.enqueue("orders.follow_goods", args)


async def _recount(ctx: Context, orders: list[int], why: Why) -> None:
    for number in orders:
        try:
            async with ctx.db.transaction():
                await recount_promise(ctx, number, why)
        except _REFUSALS:
            continue  # its own page says why it cannot be changed; the others follow


async def receipt_saved(event: SaveEvent) -> None:
    """Follow what is expected: another day, more, less, or no more."""
    ctx, name, record = event.ctx, event.entity.name, event.record_id
    if name == "orders.receipt_line":
        if not event.before or any(each in event.values for each in _OF_LINE):
            both = {event.before.get("product"), event.values.get("product")}
            await goods_changed(ctx, (each for each in both if isinstance(each, int)))
    elif name == "orders.receipt" and record and set(_OF_RECEIPT) & set(event.values):
        await goods_changed(ctx, await _products_of(ctx, record))


async def stock_saved(event: SaveEvent) -> None:
    """Follow what was counted: more may be there than was thought, or less."""
    is_stock = event.entity.name == "orders.product" and set(_OF_STOCK) & set(event.values)
    if is_stock and event.before and event.record_id:
        await goods_changed(event.ctx, [event.record_id], is_less=True)


async def receipt_gone(event: SaveEvent) -> None:
    """Follow a receipt, or a line of one, into the trash."""
    name = event.entity.name
    if name == "orders.receipt_line" and event.before.get("product"):
        await goods_changed(event.ctx, [event.before["product"]])
    elif name == "orders.receipt" and event.record_id:
        await goods_changed(event.ctx, await _products_of(event.ctx, event.record_id))


async def _products_of(ctx: Context, receipt: int) -> list[Any]:
    rows = await read_rows(
        ctx,
        "SELECT DISTINCT product FROM orders_receipt_line WHERE receipt = $1 "
        "AND product IS NOT NULL AND trashed_at IS NULL",
        receipt,
    )
    return [row["product"] for row in rows]
