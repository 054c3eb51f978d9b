"""When the goods of an order are there: stock here and elsewhere, receipts, and who was first."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit_orders.api import Stock, StockEvent
from crmkit_orders.domain.quantities import open_quantity
from crmkit_orders.domain.readiness import Arrival, Cover, cover_of
from crmkit_orders.reading import read_rows
from crmkit_orders.stock import needs_each, needs_of
from crmkit_orders.totals import counts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from crmkit import Context

_ZERO = Decimal(0)
_AHEAD = """
SELECT l.id, l.product, l.unit, l.reserved FROM orders_order_line l
JOIN orders_order o ON o.id = l."order"
WHERE l.reserved > 0 AND o.id <> $2 AND o.confirmed_at IS NOT NULL
AND ($3::timestamptz IS NULL OR (o.confirmed_at, o.id) < ($3, $2))
AND (l.product = ANY($1) OR l.product IN (SELECT bundle FROM orders_bundle_part
    WHERE product = ANY($1) AND trashed_at IS NULL))
"""
_EXPECTED = """
SELECT l.product, coalesce(l.expected_on, r.expected_on) AS day,
    l.expected - coalesce(l.received, 0) AS quantity
FROM orders_receipt_line l JOIN orders_receipt r ON r.id = l.receipt AND r.trashed_at IS NULL
WHERE l.product = ANY($1) AND l.trashed_at IS NULL AND r.state IN ('expected', 'partly')
AND l.expected > coalesce(l.received, 0) AND coalesce(l.expected_on, r.expected_on) IS NOT NULL
"""


class Readiness(msgspec.Struct, frozen=True):
    """How the goods of a line are there."""

    product: str
    needed: Decimal
    cover: Cover


async def readiness_of(
    ctx: Context, order: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> dict[int, Readiness]:
    """Answer how the open lines of an order are covered: of each its scarcest product.

    Who was confirmed before is served before, and within an order the lines by their position.
    What nobody counts is always there.

    Args:
        order: With `id`, and `confirmed_at` where it is confirmed.
        rows: Its lines, by position.
    """
    open_lines = [(row, open_quantity(counts_of(row))) for row in rows]
    needs = await needs_each(ctx, open_lines, less_sent=True)
    ids = sorted({number for each in needs for number in each})
    if not ids:
        return {}
    # Not locked: what is promised is no reservation, and whoever confirms would wait here already.
    stored = await read_rows(
        ctx, "SELECT id, name, is_stocked, on_hand FROM orders_product WHERE id = ANY($1)", ids
    )
    products = {row["id"]: row for row in stored}
    elsewhere = await stock_elsewhere(ctx, ids)
    counted = [n for n, row in products.items() if row["is_stocked"] or n in elsewhere]
    if not counted:
        return {}
    ahead = await _ahead(ctx, order["id"], order.get("confirmed_at"), counted)
    arrivals = await _arrivals(ctx, counted, elsewhere)
    found: dict[int, Readiness] = {}
    for row, each in zip(rows, needs, strict=True):
        for number, needed in each.items():
            if number not in counted or not needed:
                continue
            free = sum((one.free for one in elsewhere.get(number, ())), _ZERO)
            if products[number]["is_stocked"]:
                free += products[number]["on_hand"] or _ZERO
            cover = cover_of(needed, free, ahead.get(number, _ZERO), arrivals.get(number, ()))
            ahead[number] = ahead.get(number, _ZERO) + needed
            own = Readiness(products[number]["name"], needed, cover)
            if row["id"] not in found or _is_later(cover, found[row["id"]].cover):
                found[row["id"]] = own
    return found


def _is_later(one: Cover, other: Cover) -> bool:
    if one.is_open or other.is_open:
        return one.is_open and not other.is_open
    return one.day is not None and (other.day is None or one.day > other.day)


async def stock_elsewhere(ctx: Context, ids: Sequence[int]) -> dict[int, list[Stock]]:
    """Answer what other plugins say of products, by product; one that fails is left out."""
    found: dict[int, list[Stock]] = {}
    event = StockEvent(ctx, list(ids))
    for _plugin, answer in await ctx.site.hooks.collect("orders_stock", event, _stocks):
        for each in answer:
            found.setdefault(each.product, []).append(each)
    return found


def _stocks(answer: Iterable[Stock]) -> list[Stock]:
    """Answer what a plugin says, if it is that.

    Raises:
        TypeError: It is something else.
    """
    made = list(answer)
    for each in made:
        if not isinstance(each, Stock):
            raise TypeError(f"orders_stock answers crmkit_orders.api.Stock, not {each!r}.")
    return made


async def _ahead(
    ctx: Context, order: int, confirmed: datetime | None, ids: Sequence[int]
) -> dict[int, Decimal]:
    rows = await read_rows(ctx, _AHEAD, list(ids), order, confirmed)
    held = [(row, row["reserved"]) for row in rows]
    return await needs_of(ctx, held, less_sent=True) if rows else {}


async def _arrivals(
    ctx: Context, ids: Sequence[int], elsewhere: Mapping[int, Sequence[Stock]]
) -> dict[int, list[Arrival]]:
    found: dict[int, list[Arrival]] = {}
    for row in await read_rows(ctx, _EXPECTED, list(ids)):
        found.setdefault(row["product"], []).append(Arrival(row["day"], row["quantity"]))
    for number, stocks in elsewhere.items():
        for each in stocks:
            found.setdefault(number, []).extend(Arrival(*one) for one in each.arrivals)
    return found
