"""What documents come to: computed from their lines after each change, by the rules of `domain`."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit import N_, Total, format_money, format_number
from crmkit_orders.bundles import spread_bundles
from crmkit_orders.discounts import largest
from crmkit_orders.domain.money import Line, Totals, line_net, totals_of
from crmkit_orders.domain.quantities import LineCounts, delivery_status, invoice_status
from crmkit_orders.reading import read_row, read_rows
from crmkit_orders.settings import MARGIN, Settings
from crmkit_orders.shares import has_single, parts_by_line, read_shares
from crmkit_orders.states import OPEN_ORDER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit import Context

_ZERO = Decimal(0)


def money_line(row: Mapping[str, Any]) -> Line:
    """Answer what a stored line says about money; what is not known yet counts as nothing.

    Raises:
        AmountError: A number does not fit.
    """
    return Line(
        quantity=row["quantity"] or _ZERO,
        unit_price=row["unit_price"] or _ZERO,
        discount=row["discount"] or _ZERO,
        tax_rate=row["tax_rate"] or _ZERO,
        cost=row["unit_cost"],
    )


def counts_of(row: Mapping[str, Any]) -> LineCounts:
    """Answer the counts of a stored line of an order."""
    return LineCounts(
        ordered=row["quantity"] or _ZERO,
        delivered=row["delivered"] or _ZERO,
        returned=row["returned"] or _ZERO,
        invoiced=row["invoiced"] or _ZERO,
        cancelled=row["cancelled"] or _ZERO,
    )


async def quote_rows(ctx: Context, quote: int) -> Sequence[Mapping[str, Any]]:
    """Answer the lines of a quote in their order, of a chosen option what was taken of it."""
    rows = await read_rows(
        ctx,
        "SELECT * FROM orders_quote_line WHERE quote = $1 AND trashed_at IS NULL "
        "ORDER BY position, id",
        quote,
    )
    return [{**row, "quantity": row["chosen_quantity"] or row["quantity"]} for row in rows]


async def order_rows(ctx: Context, order: int) -> Sequence[Mapping[str, Any]]:
    """Answer the lines of an order in their order."""
    return await read_rows(
        ctx,
        'SELECT * FROM orders_order_line WHERE "order" = $1 AND trashed_at IS NULL '
        "ORDER BY position, id",
        order,
    )


async def confirmed_rows(ctx: Context, orders: Sequence[int]) -> dict[int, list[Mapping[str, Any]]]:
    """Answer the confirmed lines of orders in their order, by order."""
    found: dict[int, list[Mapping[str, Any]]] = {}
    for row in await read_rows(
        ctx,
        'SELECT * FROM orders_order_line WHERE "order" = ANY($1) AND trashed_at IS NULL '
        "AND confirmed IS NOT NULL ORDER BY position, id",
        list(orders),
    ):
        found.setdefault(row["order"], []).append(row)
    return found


async def every_order_row(ctx: Context, order: int) -> Sequence[Mapping[str, Any]]:
    """Answer the lines of an order, with those that were removed since it was confirmed."""
    return await read_rows(
        ctx,
        'SELECT * FROM orders_order_line WHERE "order" = $1 AND (trashed_at IS NULL '
        "OR confirmed IS NOT NULL) ORDER BY position, id",
        order,
    )


def counted(rows: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Answer the lines of a quote that count: no options but the chosen ones."""
    return [money_line(row) for row in rows if not row["is_optional"] or row["is_chosen"]]


async def add_up_quote(ctx: Context, quote: int) -> Totals:
    """Bring the totals of a quote and the nets of its lines up to date."""
    record = await read_row(ctx, "SELECT currency FROM orders_quote WHERE id = $1", quote)
    currency = (record and record["currency"]) or ctx.config.currency
    rows = await quote_rows(ctx, quote)
    await _set_nets(ctx, "orders.quote_line", rows, currency)
    totals = totals_of(counted(rows), currency)
    most = largest(((row, money_line(row)) for row in rows), currency)
    await ctx.derive(
        "orders.quote", quote, net=totals.net, tax=totals.tax, gross=totals.gross,
        most_discount=most,
    )  # fmt: skip
    return totals


async def add_up_order(ctx: Context, order: int) -> Totals:
    """Bring totals and statuses of an order and the nets of its lines up to date."""
    record = await read_row(
        ctx,
        "SELECT o.currency, o.state, q.most_discount AS approved FROM orders_order o "
        "LEFT JOIN orders_quote q ON q.id = o.quote WHERE o.id = $1",
        order,
    )
    currency = (record and record["currency"]) or ctx.config.currency
    rows = await order_rows(ctx, order)
    await _set_nets(ctx, "orders.order_line", rows, currency)
    if record is not None and record["state"] in OPEN_ORDER:
        nets = {row["id"]: line_net(money_line(row), currency) for row in rows}
        await spread_bundles(ctx, order, rows, nets, currency)
    lines = [money_line(row) for row in rows]
    totals = totals_of(lines, currency)
    counts = [counts_of(row) for row in rows]
    parts = await parts_by_line(ctx, [order])
    shares = await read_shares(ctx, order, rows, currency, parts)
    most = largest(zip(rows, lines, strict=True), currency)
    is_approved = record is not None and (
        record["state"] != "draft" or most <= (record["approved"] or _ZERO)
    )
    await ctx.derive(
        "orders.order",
        order,
        net=totals.net,
        tax=totals.tax,
        gross=totals.gross,
        most_discount=_ZERO if is_approved else most,
        delivery_status=delivery_status(counts, has_parts=has_single(parts)),
        invoice_status=invoice_status(
            counts,
            ctx.settings(Settings).invoice_by,
            [tuple(shares.get(row["id"], {}).values()) for row in rows],
        ),
    )
    return totals


async def _set_nets(
    ctx: Context, entity: str, rows: Sequence[Mapping[str, Any]], currency: str
) -> None:
    for row in rows:
        net = line_net(money_line(row), currency)
        if row["net"] != net:
            await ctx.derive(entity, row["id"], net=net)


async def quote_totals(ctx: Context, quote: int) -> list[Total]:
    """Answer what stands below the lines of a quote."""
    record = await ctx.get("orders.quote", quote)
    return _shown(ctx, record, counted(await quote_rows(ctx, quote)))


async def order_totals(ctx: Context, order: int) -> list[Total]:
    """Answer what stands below the lines of an order."""
    record = await ctx.get("orders.order", order)
    return _shown(ctx, record, [money_line(row) for row in await order_rows(ctx, order)])


def _shown(ctx: Context, record: Mapping[str, Any], lines: Sequence[Line]) -> list[Total]:
    currency = record["currency"] or ctx.config.currency
    totals = totals_of(lines, currency)
    made = [Total(ctx.translate(N_("Subtotal")), format_money(ctx, totals.net, currency))]
    for group in totals.tax_groups:
        if not group.base and not group.tax:
            continue  # lines without a price yet
        label = ctx.translate(N_("Tax {rate} % of {base}")).format(
            rate=format_number(ctx, group.rate.normalize()),
            base=format_money(ctx, group.base, currency),
        )
        made.append(Total(label, format_money(ctx, group.tax, currency)))
    label = ctx.translate(N_("Total, {currency}")).format(currency=currency)
    made.append(Total(label, format_money(ctx, totals.gross, currency), is_sum=True))
    if totals.margin is not None and ctx.may(MARGIN) and lines:
        share = ""
        if totals.net:
            percent = (totals.margin / totals.net * 100).quantize(Decimal(1))
            share = f" ({format_number(ctx, percent)} %)"
        margin = format_money(ctx, totals.margin, currency)
        made.append(Total(ctx.translate(N_("Margin")), f"{margin}{share}"))
    return made
