"""Lines pasted from a mail or a table: matched with the catalogue, and kept when they are not."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

from crmkit import N_, InvalidError, predicate
from crmkit_orders.domain.pasting import KnownProduct, match_lines, parse_lines
from crmkit_orders.reading import read_rows

if TYPE_CHECKING:
    from crmkit import Context

_MOST_PRODUCTS = 20_000
_LONGEST = 300


async def paste_quote(ctx: Context, quote: int, text: str) -> str:
    """Make lines of a quote."""
    return await _paste(ctx, "orders.quote_line", "quote", quote, text)


async def paste_order(ctx: Context, order: int, text: str) -> str:
    """Make lines of an order."""
    return await _paste(ctx, "orders.order_line", "order", order, text)


async def _paste(ctx: Context, entity: str, column: str, document: int, text: str) -> str:
    """Make lines and answer how many products were found.

    What was found by its code or its name is a line of that product; what is only similar, or not
    found, stays as a line to be matched, which blocks the confirmation.

    Raises:
        InvalidError: There is nothing in the text.
    """
    lines = parse_lines(text)
    if not lines:
        raise InvalidError(ctx.translate(N_("There is nothing to paste.")))
    allowed = predicate(ctx, ctx.site.entity("orders.product"), "read", "t", 1)
    rows = await read_rows(
        ctx,
        "SELECT t.id, t.code, t.name FROM orders_product t WHERE t.trashed_at IS NULL "  # noqa: S608 - a predicate
        f"AND t.is_active AND ({allowed.text}) ORDER BY t.id LIMIT {_MOST_PRODUCTS}",
        *allowed.args,
    )
    known = [KnownProduct(row["id"], row["code"], row["name"]) for row in rows]
    matched = await asyncio.to_thread(match_lines, lines, known)
    table = entity.replace(".", "_", 1)
    place = await ctx.db.value(
        f'SELECT coalesce(max(position), 0) FROM {table} WHERE "{column}" = $1',  # noqa: S608
        document,
    )
    found = 0
    for number, each in enumerate(matched, place + 1):
        is_sure = each.product_id is not None and each.how in {"code", "name"}
        found += is_sure
        values: dict[str, object] = {
            "product": each.product_id if is_sure else None,
            "quantity": each.line.quantity or Decimal(1),
            "is_unmatched": not is_sure,
        }
        if not is_sure:
            values["text"] = each.line.text[:_LONGEST]
        if each.line.unit_price is not None:
            values["unit_price"] = each.line.unit_price
        await ctx.create(entity, **values, **{column: document}, position=number)
    if found == len(matched):
        return ctx.translate(N_("Lines added: {n}.")).format(n=found)
    told = N_("Lines added: {n}. {rest} of them still need a product.")
    return ctx.translate(told).format(n=len(matched), rest=len(matched) - found)
