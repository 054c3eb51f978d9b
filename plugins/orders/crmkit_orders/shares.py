"""Bundles that are invoiced by their parts: some of them were delivered or came back alone."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit import N_, Veto, format_number
from crmkit_orders.bundles import PART
from crmkit_orders.domain.money import QUANTITY_PLACES as PLACES
from crmkit_orders.domain.shares import PartCounts, due_of, taken_by_whole
from crmkit_orders.reading import read_row, read_rows
from crmkit_orders.settings import Settings
from crmkit_orders.told import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit import Context
    from crmkit_orders.api import BillingClaim
    from crmkit_orders.reading import Row

_ZERO = Decimal(0)
_ALONE = ("delivered", "returned", "invoiced")
Shares = dict[int, PartCounts]


async def parts_by_line(ctx: Context, orders: Sequence[int]) -> dict[int, list[Row]]:
    """Answer the parts of the bundles in orders, by their line; one statement."""
    found: dict[int, list[Row]] = {}
    for row in await read_rows(
        ctx,
        "SELECT p.*, coalesce(b.unit, '') AS unit FROM orders_line_part p "
        "LEFT JOIN orders_product b ON b.id = p.product "
        'WHERE p."order" = ANY($1) AND p.trashed_at IS NULL ORDER BY p.line, p.position, p.id',
        list(orders),
    ):
        found.setdefault(row["line"], []).append(row)
    return found


async def has_parts(ctx: Context, delivery: int) -> bool:
    """Say whether the order of a delivery has bundles, of which one part may travel by itself."""
    found: bool = await ctx.db.value(
        "SELECT EXISTS (SELECT FROM orders_delivery d JOIN orders_line_part p "
        'ON p."order" = d."order" AND p.trashed_at IS NULL WHERE d.id = $1)',
        delivery,
    )
    return found


def has_single(parts: Mapping[int, Sequence[Row]]) -> bool:
    """Say whether the client keeps a part of a bundle that was sent by itself."""
    return any(
        (part["delivered"] or _ZERO) > (part["returned"] or _ZERO)
        for own in parts.values()
        for part in own
    )


def shares_of(
    ctx: Context, row: Mapping[str, Any], parts: Sequence[Row],
    claims: Sequence[Mapping[str, Any]], currency: str,
) -> Shares:  # fmt: skip
    """Answer the parts of a line that is invoiced by them, by their ids; else nothing.

    It is where what was delivered is invoiced, and a part was delivered, came back or was invoiced
    by itself.

    Args:
        parts: Of the line.
        claims: What invoices took of its order and did not give back.
    """
    is_alone = any(part[name] for part in parts for name in _ALONE)
    if ctx.settings(Settings).invoice_by != "delivered" or not is_alone or not row["quantity"]:
        return {}
    own = [each for each in claims if each["line"] == row["id"]]
    nets = [part["net"] or _ZERO for part in parts]
    whole = sum((each["net"] or _ZERO for each in own if each["kind"] == "line"), _ZERO)
    kept = (row["delivered"] or _ZERO) - (row["returned"] or _ZERO)
    found = {}
    for part, net, taken in zip(parts, nets, taken_by_whole(whole, nets, currency), strict=True):
        alone = sum((each["net"] or _ZERO for each in own if each["part"] == part["id"]), _ZERO)
        found[part["id"]] = PartCounts(
            quantity=part["quantity"] or _ZERO,
            net=net,
            kept=of_bundles(row, part, kept)
            + (part["delivered"] or _ZERO) - (part["returned"] or _ZERO),
            invoiced=of_bundles(row, part, row["invoiced"] or _ZERO)
            + (part["invoiced"] or _ZERO),
            taken=taken + alone,
        )  # fmt: skip
    return found


def of_bundles(row: Mapping[str, Any], part: Row, bundles: Decimal) -> Decimal:
    """Answer how many of a part so many bundles of a line have."""
    found: Decimal = round((part["quantity"] or _ZERO) * bundles / row["quantity"], PLACES)
    return found


async def read_shares(
    ctx: Context, order: int, rows: Sequence[Mapping[str, Any]], currency: str,
    parts: Mapping[int, Sequence[Row]],
) -> dict[int, Shares]:  # fmt: skip
    """Answer the lines of an order that are invoiced by their parts, by their ids.

    Args:
        parts: Of its bundles, by their line.
    """
    if not parts:
        return {}
    claims = await read_rows(
        ctx, 'SELECT * FROM orders_claim WHERE "order" = $1 AND released_at IS NULL', order
    )
    found = {
        row["id"]: shares_of(ctx, row, parts.get(row["id"], ()), claims, currency) for row in rows
    }
    return {number: shares for number, shares in found.items() if shares}


async def count_part(
    ctx: Context, order: Mapping[str, Any], claim: BillingClaim
) -> Mapping[str, Any]:
    """Count a quantity of a part as invoiced, or as credited, and answer its line.

    Raises:
        Veto: More would be invoiced than was delivered, or credited than came back.
    """
    row = await read_row(
        ctx,
        "SELECT l.*, p.id AS part_id, p.text AS part_text, p.invoiced AS part_invoiced "
        "FROM orders_line_part p "
        "JOIN orders_order_line l ON l.id = p.line AND l.trashed_at IS NULL "
        'WHERE p.id = $1 AND p."order" = $2 AND p.trashed_at IS NULL',
        claim.part, order["id"],
    )  # fmt: skip
    counts = None
    if row is not None:
        currency = order["currency"] or ctx.config.currency
        parts = await parts_by_line(ctx, [order["id"]])
        found = await read_shares(ctx, order["id"], [row], currency, parts)
        counts = found.get(row["id"], {}).get(claim.part or 0)
    if row is None or counts is None or not claim.quantity:
        text = N_("{order} has no such part of a bundle to be invoiced.")
        raise Veto(ctx.translate(text).format(order=order["number"]))
    due = due_of(counts)
    least, most = min(due, _ZERO), max(due, _ZERO)
    if not least <= claim.quantity <= most:
        text = ctx.translate(N_("{order}, {part}: {number} cannot be invoiced; {most} can."))
        shown = {"number": claim.quantity, "most": due}
        raise Veto(text.format(
            order=order["number"], part=row["part_text"],
            **{name: format_number(ctx, plain(each)) for name, each in shown.items()},
        ))  # fmt: skip
    invoiced = (row["part_invoiced"] or _ZERO) + claim.quantity
    await ctx.derive(PART, row["part_id"], invoiced=invoiced)
    return row
