"""Promises that wait for goods: how tests bring them about, and what came of them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

DAY = timedelta(days=1)


async def scarce(ctx: Context, shop: dict[str, int], on_hand: int = 1) -> None:
    """Count so many kits, of which more may be sold than are there."""
    await ctx.save("orders.product", shop["kit"], is_stocked=True, may_go_negative=True)
    await ctx.derive("orders.product", shop["kit"], on_hand=Decimal(on_hand))


async def expect(ctx: Context, product: int, days: int, count: int = 100) -> int:
    """Expect goods so many days from now; answer the receipt."""
    day = ctx.now().date() + days * DAY
    receipt = await ctx.create("orders.receipt", expected_on=day)
    await ctx.create(
        "orders.receipt_line", receipt=receipt, product=product, expected=Decimal(count)
    )
    return receipt


async def work(site: Running) -> None:
    """Run the jobs of orders, also those that are to wait."""
    await site.db.execute(
        "UPDATE core_job SET run_at = now() WHERE name LIKE 'orders.%' "
        "AND state IN ('later', 'ready')"
    )
    await site.work()


async def lines_of(ctx: Context, order: int) -> list[dict[str, Any]]:
    """Answer the lines of an order in their order."""
    rows = await ctx.db.rows(
        'SELECT * FROM orders_order_line WHERE "order" = $1 AND trashed_at IS NULL '
        "ORDER BY position, id",
        order,
    )
    return [dict(row) for row in rows]


async def dates_told(ctx: Context) -> list[str]:
    """Answer what clients were written of new dates, the first one first."""
    rows = await ctx.db.rows(
        "SELECT body FROM core_message WHERE subject LIKE 'New date%' ORDER BY id"
    )
    return [row["body"] for row in rows]
