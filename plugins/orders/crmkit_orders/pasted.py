"""Lines pasted from a mail or sent as a file: matched with the catalogue, or kept unmatched."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from crmkit import N_, InvalidError, predicate
from crmkit_orders.at_once import added_up_once
from crmkit_orders.domain.pasting import NO_QUANTITY, KnownProduct, match_lines, parse_lines
from crmkit_orders.line_files import left_out, lines_of_file
from crmkit_orders.reading import read_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit import Context, TableFile
    from crmkit_orders.domain.pasting import MatchedLine, PastedLine

_MOST_PRODUCTS = 20_000
_LONGEST = 300
#: Which columns a file of lines may have.
FILE_HELP = N_("Columns: Code or Name, Quantity, Price.")


class _Lines(NamedTuple):
    """Where lines go.

    Attributes:
        column: Of the document.
        is_marked: A line without a product is marked as one to be matched; else it is one
            without a product, which the document refuses when it begins.
        quantity: Of a line that says none.
    """

    document: str
    entity: str
    column: str
    is_marked: bool = True
    quantity: Decimal | None = Decimal(1)


_QUOTE = _Lines("orders.quote", "orders.quote_line", "quote")
_ORDER = _Lines("orders.order", "orders.order_line", "order")
_AGREEMENT = _Lines(
    "orders.agreement", "orders.agreement_line", "agreement", is_marked=False, quantity=None
)


async def paste_quote(ctx: Context, quote: int, text: str) -> str:
    """Make lines of a quote."""
    return await _paste(ctx, _QUOTE, quote, text)


async def paste_order(ctx: Context, order: int, text: str) -> str:
    """Make lines of an order."""
    return await _paste(ctx, _ORDER, order, text)


async def paste_agreement(ctx: Context, agreement: int, text: str) -> str:
    """Make lines of a blanket order; without a quantity it is as much as is wanted."""
    return await _paste(ctx, _AGREEMENT, agreement, text)


async def quote_table(ctx: Context, quote: int, table: TableFile) -> str:
    """Make lines of a quote from a file."""
    return await _take(ctx, _QUOTE, quote, table)


async def order_table(ctx: Context, order: int, table: TableFile) -> str:
    """Make lines of an order from a file."""
    return await _take(ctx, _ORDER, order, table)


async def agreement_table(ctx: Context, agreement: int, table: TableFile) -> str:
    """Make lines of a blanket order from a file."""
    return await _take(ctx, _AGREEMENT, agreement, table)


async def _paste(ctx: Context, kind: _Lines, document: int, text: str) -> str:
    """Make lines of a text and answer how many products were found.

    Raises:
        InvalidError: There is nothing in the text.
    """
    lines = parse_lines(text)
    if not lines:
        raise InvalidError(ctx.translate(N_("There is nothing to paste.")))
    return await _add(ctx, kind, document, lines)


async def _take(ctx: Context, kind: _Lines, document: int, table: TableFile) -> str:
    """Make lines of a file and answer how many products were found, and what was left out.

    Raises:
        InvalidError: A line cannot be used; names each.
    """
    currency = (await ctx.get(kind.document, document))["currency"] or ctx.config.currency
    said = await _add(ctx, kind, document, lines_of_file(ctx, table, currency))
    rest = left_out(table)
    if not rest:
        return said
    text = ctx.translate(N_("Columns that were left out: {names}."))
    return f"{said} {text.format(names=', '.join(rest))}"


async def _add(ctx: Context, kind: _Lines, document: int, lines: Sequence[PastedLine]) -> str:
    """Make lines.

    What was found by its code or its name is a line of that product; what is only similar, not
    found, or has a number that cannot be read, stays as a line to be matched, which blocks the
    confirmation.
    """
    allowed = predicate(ctx, ctx.site.entity("orders.product"), "read", "t", 1)
    rows = await read_rows(
        ctx,
        "SELECT t.id, t.code, t.name FROM orders_product t WHERE t.trashed_at IS NULL "  # noqa: S608 - a predicate
        f"AND t.is_active AND ({allowed.text}) ORDER BY t.id LIMIT {_MOST_PRODUCTS}",
        *allowed.args,
    )
    known = [KnownProduct(row["id"], row["code"], row["name"]) for row in rows]
    matched = await asyncio.to_thread(match_lines, lines, known)
    table = kind.entity.replace(".", "_", 1)
    place = await ctx.db.value(
        f'SELECT coalesce(max(position), 0) FROM {table} WHERE "{kind.column}" = $1',  # noqa: S608
        document,
    )
    async with added_up_once(ctx):
        await _create(ctx, kind, document, matched, place + 1)
    found = sum(map(_is_sure, matched))
    if found == len(matched):
        return ctx.translate(N_("Lines added: {n}.")).format(n=found)
    told = N_("Lines added: {n}. {rest} of them still need a product.")
    return ctx.translate(told).format(n=len(matched), rest=len(matched) - found)


async def _create(
    ctx: Context, kind: _Lines, document: int, matched: Sequence[MatchedLine], first: int
) -> None:
    for number, each in enumerate(matched, first):
        is_sure = _is_sure(each)
        values: dict[str, object] = {
            "product": each.product_id if is_sure else None,
            "quantity": each.line.quantity or kind.quantity,
        }
        if kind.is_marked:
            values["is_unmatched"] = not is_sure
        if not is_sure:
            values["text"] = each.line.text[:_LONGEST]
        if each.line.unit_price is not None:
            values["unit_price"] = each.line.unit_price
        await ctx.create(kind.entity, **values, **{kind.column: document}, position=number)


def _is_sure(each: MatchedLine) -> bool:
    """Say whether a line names one product, and no number of it had to be guessed."""
    is_read = each.line.problem in {"", NO_QUANTITY}
    return is_read and each.product_id is not None and each.how in {"code", "name"}
