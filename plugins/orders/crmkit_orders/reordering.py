"""Orders that clients make anew on their page: a draft for the staff, one at a time."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit import N_, format_number
from crmkit_orders.client_pages import unit_label
from crmkit_orders.domain.errors import RuleError
from crmkit_orders.ordering import repeat_order
from crmkit_orders.pricing import price_of
from crmkit_orders.reading import read_row, read_rows
from crmkit_orders.settings import Settings
from crmkit_orders.told import plain
from crmkit_orders.totals import order_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context
    from crmkit_orders.portal import Client
    from crmkit_orders.reading import Row

_LONGEST = 2000


async def find_source(ctx: Context, client: Client, number: int) -> Row | None:
    """Answer an order of this client that can be ordered again."""
    return await read_row(
        ctx,
        f"SELECT * FROM orders_order WHERE id = $1 AND {client.kind} = $2 "  # noqa: S608 - of our own
        "AND trashed_at IS NULL AND confirmed_at IS NOT NULL "
        "AND state NOT IN ('draft', 'cancelled')",
        number, client.id,
    )  # fmt: skip


async def waiting_draft(ctx: Context, source: int) -> str:
    """Answer the number of the draft that was made of an order and is not confirmed yet; or ""."""
    row = await read_row(
        ctx,
        'SELECT o.number FROM orders_reorder r JOIN orders_order o ON o.id = r."order" '
        "WHERE r.source = $1 AND o.state = 'draft' AND o.trashed_at IS NULL ORDER BY o.id LIMIT 1",
        source,
    )
    return str(row["number"]) if row is not None else ""


async def preview(ctx: Context, source: Row) -> list[dict[str, str]]:
    """Answer the lines of an order with the price of then and of today, where clients see them."""
    sees_prices = ctx.settings(Settings).clients_see_prices
    rows = await order_rows(ctx, source["id"])
    products = await _products(ctx, rows)
    return [
        {
            "text": row["text"],
            "quantity": format_number(ctx, plain(row["quantity"] or Decimal(0))),
            "unit": unit_label(ctx, row["unit"]),
            **(
                await _prices(ctx, source, row, products.get(row["product"])) if sees_prices else {}
            ),
            "note": _note(ctx, products.get(row["product"])),
        }
        for row in rows
    ]


async def _products(ctx: Context, rows: Any) -> dict[int, Row]:  # noqa: ANN401 - rows of lines
    ids = [row["product"] for row in rows if row["product"]]
    found = await read_rows(ctx, "SELECT * FROM orders_product WHERE id = ANY($1::bigint[])", ids)
    return {row["id"]: row for row in found}


async def _prices(
    ctx: Context, source: Row, row: Mapping[str, Any], product: Row | None
) -> dict[str, str]:
    old = row["unit_price"] or Decimal(0)
    new = old
    if product is not None:
        try:
            found = await price_of(ctx, product, source, row["quantity"] or Decimal(1), row["unit"])
        except RuleError:
            found = None
        new = found.unit_price if found is not None else old
    return {
        "then": format_number(ctx, plain(old)),
        "now": format_number(ctx, plain(new)),
        "differs": "1" if new != old else "",
    }


def _note(ctx: Context, product: Row | None) -> str:
    if product is not None and (product["trashed_at"] or not product["is_active"]):
        return ctx.translate(N_("No longer sold"))
    return ""


async def reorder(ctx: Context, client: Client, source: int, note: str) -> str:
    """Make the draft of an order that a client wants again, and answer its number.

    The order is locked meanwhile, and one draft of it waits at a time: a second click, a reload or
    a retry finds the first one.

    Args:
        note: What the client wrote.
    """
    async with ctx.db.transaction():
        order = await ctx.get("orders.order", source, lock=True)
        waiting = await waiting_draft(ctx, source)
        if waiting:
            return waiting
        made = await repeat_order(ctx, source, order["owner"])
        draft = await ctx.get("orders.order", made)
        await ctx.create(
            "orders.reorder", order=made, source=source, title=client.name[:200],
            note=note[:_LONGEST],
        )  # fmt: skip
        if order["owner"]:
            await ctx.notify(
                [order["owner"]], "orders.client",
                N_("{client} orders {number} again: the draft {draft} waits for you."),
                values={"client": client.name, "number": str(order["number"]),
                        "draft": str(draft["number"])},
                entity="orders.order", record_id=made, key=f"reorder:{made}",
            )  # fmt: skip
    return str(draft["number"])
