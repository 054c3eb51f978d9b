"""One claim of an invoice on an order: a quantity of a line, a prepayment, or its deduction."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit import N_, ConflictError, NotFoundError, Veto
from crmkit_orders.domain.errors import CountsError
from crmkit_orders.domain.quantities import LineCounts, check_counts
from crmkit_orders.reading import read_row
from crmkit_orders.settings import Settings
from crmkit_orders.shares import count_part, parts_by_line, read_shares
from crmkit_orders.states import FOLLOWING
from crmkit_orders.steps import finish_after
from crmkit_orders.told import told
from crmkit_orders.totals import add_up_order, counts_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context
    from crmkit_orders.api import BillingClaim

_ZERO, _HUNDRED = Decimal(0), Decimal(100)


async def read_order(ctx: Context, number: int, *, may_be_ended: bool = False) -> dict[str, Any]:
    """Lock an order that the reader may see and answer it.

    Args:
        may_be_ended: Also one that was cancelled meanwhile.

    Raises:
        NotFoundError: There is none for the reader.
        ConflictError: It was cancelled.
    """
    order = await ctx.get("orders.order", number, lock=True)
    if order["trashed_at"] is not None:
        raise NotFoundError(ctx.translate(N_("There is no such record.")))
    if order["state"] == "cancelled" and not may_be_ended:
        text = N_("{order} was cancelled; nothing of it is invoiced.")
        raise ConflictError(ctx.translate(text).format(order=order["number"]))
    return order


async def claim_line(ctx: Context, order: Mapping[str, Any], claim: BillingClaim) -> None:
    """Count a quantity of a line as invoiced.

    Raises:
        Veto: It is more than may be invoiced, or no line of the order.
    """
    row = await read_row(
        ctx,
        'SELECT * FROM orders_order_line WHERE id = $1 AND "order" = $2 AND trashed_at IS NULL',
        claim.part, order["id"],
    )  # fmt: skip
    currency = order["currency"] or ctx.config.currency
    parts = await parts_by_line(ctx, [order["id"]])
    if row is not None and await read_shares(ctx, order["id"], [row], currency, parts):
        text = N_("{order}: {line} is invoiced by its parts now.")
        raise Veto(ctx.translate(text).format(order=order["number"], line=row["text"]))
    if row is None or order["state"] == "draft" or claim.quantity <= 0:
        text = N_("{order} has no such line to be invoiced.")
        raise Veto(ctx.translate(text).format(order=order["number"]))
    settings, old = ctx.settings(Settings), counts_of(row)
    new = LineCounts(
        ordered=old.ordered, delivered=old.delivered, returned=old.returned,
        invoiced=old.invoiced + claim.quantity, cancelled=old.cancelled,
    )  # fmt: skip
    try:
        check_counts(new, old.ordered * settings.tolerance / _HUNDRED, settings.invoice_by, old)
    except CountsError as error:
        raise Veto(f"{order['number']}, {row['text']}: {told(ctx, error)}") from error
    await ctx.derive("orders.order_line", row["id"], invoiced=new.invoiced)
    await _write(ctx, order, claim, line=row["id"], tax_rate=row["tax_rate"])


async def claim_part(ctx: Context, order: Mapping[str, Any], claim: BillingClaim) -> None:
    """Count a quantity of a part of a bundle as invoiced, a negative one as credited.

    Raises:
        Veto: It is more than may be, or no part of the order.
    """
    row = await count_part(ctx, order, claim)
    await _write(ctx, order, claim, line=row["id"], part=claim.part, tax_rate=row["tax_rate"])


async def claim_share(ctx: Context, order: Mapping[str, Any], claim: BillingClaim) -> None:
    """Note a prepayment, or that one is deducted.

    Raises:
        Veto: It was noted before, is none, or is another amount than the prepayment's.
    """
    refused = ctx.translate(N_("{order}: the prepayment was invoiced, or deducted, before."))
    text = refused.format(order=order["number"])
    if claim.kind == "prepayment":
        is_there = await ctx.db.value(
            "SELECT EXISTS (SELECT FROM orders_claim WHERE \"order\" = $1 AND kind = 'prepayment' "
            "AND tax_rate = $2 AND released_at IS NULL)",
            order["id"], claim.tax_rate,
        )  # fmt: skip
        if is_there or not order["prepayment"] or claim.net <= 0:
            raise Veto(text)
        await _write(ctx, order, claim, tax_rate=claim.tax_rate)
        return
    row = await read_row(
        ctx,
        'SELECT * FROM orders_claim c WHERE c.id = $1 AND c."order" = $2 '
        "AND c.kind = 'prepayment' AND c.released_at IS NULL AND NOT EXISTS (SELECT FROM "
        "orders_claim d WHERE d.deducts = c.id AND d.released_at IS NULL)",
        claim.part, order["id"],
    )  # fmt: skip
    if row is None or claim.net != -row["net"]:
        raise Veto(text)
    await _write(ctx, order, claim, tax_rate=row["tax_rate"], deducts=row["id"])


async def _write(
    ctx: Context, order: Mapping[str, Any], claim: BillingClaim, **values: object
) -> None:
    await ctx.create(
        "orders.claim", order=order["id"], kind=claim.kind, key=claim.key, net=claim.net,
        document=claim.document or claim.key, quantity=claim.quantity, owner=order["owner"],
        team=order["team_id"], **values,
    )  # fmt: skip


async def settle_order(ctx: Context, order: Mapping[str, Any]) -> None:
    """Bring the invoice status of an order up to date, and end the step that waits for it."""
    await add_up_order(ctx, order["id"])
    whole = await read_row(ctx, "SELECT * FROM orders_order WHERE id = $1", order["id"])
    if whole is not None and whole["invoice_status"] == "full" and whole["state"] in FOLLOWING:
        await finish_after(ctx, whole, ("invoiced",))
