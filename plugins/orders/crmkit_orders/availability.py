"""When the goods of an order are there: stock here and elsewhere, receipts, and who was first."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from crmkit_orders.api import Stock, StockEvent
from crmkit_orders.domain.money import QUANTITY_PLACES as PLACES
from crmkit_orders.domain.quantities import open_quantity
from crmkit_orders.domain.readiness import Arrival, Cover, cover_of
from crmkit_orders.reading import read_rows
from crmkit_orders.stock import needs_each
from crmkit_orders.totals import confirmed_rows, counts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from crmkit import Context
    from crmkit_orders.stock import Needs

_ZERO = Decimal(0)
_AHEAD = """
SELECT l.id, l.product, l.unit, l.reserved, o.id AS "order", o.confirmed_at FROM orders_order_line l
JOIN orders_order o ON o.id = l."order"
WHERE l.reserved > 0 AND o.confirmed_at IS NOT NULL
AND ($2::timestamptz IS NULL OR o.confirmed_at <= $2)
AND (l.product = ANY($1) OR l.product IN (SELECT bundle FROM orders_bundle_part
    WHERE product = ANY($1) AND trashed_at IS NULL))
ORDER BY o.confirmed_at, o.id
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

    @property
    def lacks(self) -> Decimal:
        """How much of it is not there, with the places that are kept of it."""
        return round(self.needed - self.cover.there, PLACES)


class _Asked(NamedTuple):
    """An order whose lines are looked at, with what each takes of which product."""

    id: int | None
    confirmed: datetime | None
    rows: Sequence[Mapping[str, Any]]
    needs: Sequence[Needs]

    @property
    def turn(self) -> tuple[bool, datetime | None, int | None]:
        """What orders are served by: who is not confirmed yet comes last."""
        return self.confirmed is None, self.confirmed, self.id


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
    return await _readiness(ctx, [(order, rows)])


async def moved_goods(ctx: Context, orders: Sequence[Mapping[str, Any]]) -> list[int]:
    """Answer the ids of those of confirmed orders whose goods are there otherwise than promised.

    As many statements for many orders as for one, so that who waits on costs nothing more.

    Args:
        orders: With `id` and `confirmed_at`, by id.
    """
    if not orders:
        return []
    lines = await confirmed_rows(ctx, [order["id"] for order in orders])
    asked = [(order, lines.get(order["id"], ())) for order in orders]
    found = await _readiness(ctx, asked)
    return [
        order["id"]
        for order, rows in asked
        if any(_is_other(row, found.get(row["id"])) for row in rows)
    ]


def _is_other(row: Mapping[str, Any], own: Readiness | None) -> bool:
    """Say whether the goods of a line are there otherwise than it was promised for."""
    if open_quantity(counts_of(row)) <= 0:
        return False
    day, lacks = (own.cover.day, own.lacks) if own is not None else (None, _ZERO)
    return (day, lacks) != (row["goods_on"], row["lacks"] or _ZERO)


async def _readiness(
    ctx: Context, orders: Sequence[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]]
) -> dict[int, Readiness]:
    """Answer how the open lines of orders are covered, by line, in a fixed number of statements."""
    rows = [row for _order, own in orders for row in own]
    needs = iter(
        await needs_each(
            ctx, [(row, open_quantity(counts_of(row))) for row in rows], less_sent=True
        )
    )
    asked = [
        _Asked(order["id"], order.get("confirmed_at"), own, [next(needs) for _row in own])
        for order, own in orders
    ]
    ids = sorted({number for order in asked for each in order.needs for number in each})
    if not ids:
        return {}
    # Not locked: what is promised is no reservation, and whoever confirms would wait here already.
    stored = await read_rows(
        ctx, "SELECT id, name, is_stocked, on_hand FROM orders_product WHERE id = ANY($1)", ids
    )
    elsewhere = await stock_elsewhere(ctx, ids)
    counted = {row["id"]: row for row in stored if row["is_stocked"] or row["id"] in elsewhere}
    if not counted:
        return {}
    free = {
        number: sum((one.free for one in elsewhere.get(number, ())), _ZERO)
        + ((row["on_hand"] or _ZERO) if row["is_stocked"] else _ZERO)
        for number, row in counted.items()
    }
    arrivals = await _arrivals(ctx, sorted(counted), elsewhere)
    found: dict[int, Readiness] = {}
    for order, ahead in await _in_turn(ctx, asked, sorted(counted)):
        for row, each in zip(order.rows, order.needs, strict=True):
            for number, needed in each.items():
                if number not in counted or not needed:
                    continue
                before = ahead.get(number, _ZERO)
                cover = cover_of(needed, free[number], before, arrivals.get(number, ()))
                ahead[number] = before + needed
                if row["id"] not in found or _is_later(cover, found[row["id"]].cover):
                    found[row["id"]] = Readiness(counted[number]["name"], needed, cover)
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


async def _in_turn(
    ctx: Context, asked: Iterable[_Asked], ids: Sequence[int]
) -> list[tuple[_Asked, Needs]]:
    """Answer orders as they are served, each with what those before it hold of which product."""
    in_turn = sorted(asked, key=lambda order: order.turn)
    rows = await read_rows(ctx, _AHEAD, list(ids), in_turn[-1].confirmed)
    each = await needs_each(ctx, [(row, row["reserved"]) for row in rows], less_sent=True)
    held = deque(zip(rows, each, strict=True))
    ahead: Needs = {}
    made = []
    for order in in_turn:
        while held and (False, held[0][0]["confirmed_at"], held[0][0]["order"]) < order.turn:
            _row, needs = held.popleft()
            for number, amount in needs.items():
                ahead[number] = ahead.get(number, _ZERO) + amount
        made.append((order, dict(ahead)))
    return made


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
