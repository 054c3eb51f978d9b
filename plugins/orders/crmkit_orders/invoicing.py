"""What may be invoiced of orders, and what invoices took: for whichever plugin writes invoices.

A line is invoiced by quantity, never beyond what the settings allow; a bundle of which parts were
delivered or came back by themselves, by the shares of its parts. A prepayment is invoiced at
acceptance, a claim for each tax rate, and deducted once, on the invoice that ends the order.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit import N_, ConflictError, Veto
from crmkit_orders.api import SOURCE, BillableLine
from crmkit_orders.asking import Question
from crmkit_orders.bundles import PART
from crmkit_orders.claiming import claim_line, claim_part, claim_share, read_order, settle_order
from crmkit_orders.domain.money import PRICE_PLACES, line_net, share_of, totals_of
from crmkit_orders.domain.quantities import invoiceable, open_quantity
from crmkit_orders.domain.shares import due_of, net_of
from crmkit_orders.domain.spreading import spread
from crmkit_orders.reading import read_row, read_rows
from crmkit_orders.settings import Settings
from crmkit_orders.shares import parts_by_line, shares_of
from crmkit_orders.totals import counts_of, money_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit import Context
    from crmkit_orders.api import AsksLines, Claims, Releases
    from crmkit_orders.reading import Row
    from crmkit_orders.shares import Shares

_ZERO, _ONE = Decimal(0), Decimal(1)
_ORDERS_AT_ONCE = 500
#: Kinds of claims that take goods.
_GOODS = frozenset({"line", "part"})


#: Of an order `t` a part of a bundle is invoiced that the client has no more.
_OWED = """EXISTS (SELECT FROM orders_line_part p JOIN orders_order_line l ON l.id = p.line
WHERE p."order" = t.id AND p.trashed_at IS NULL AND l.trashed_at IS NULL AND p.returned > 0
AND coalesce(p.invoiced, 0) - coalesce(p.delivered, 0) + p.returned
    > (coalesce(l.delivered, 0) - coalesce(l.returned, 0) - coalesce(l.invoiced, 0))
    * p.quantity / nullif(l.quantity, 0))"""


async def billable_lines(event: AsksLines) -> list[BillableLine]:
    """Answer what may be invoiced now, as far as the reader sees orders; six statements.

    Of orders that are confirmed, and of those made from an accepted quote, which are invoiced their
    prepayment. Oldest orders first.
    """
    ctx = event.ctx
    question = Question(ctx)
    of = f"AND t.company = {question.add(event.company)}::bigint " if event.company else ""
    orders = await question.rows(
        "SELECT t.* FROM orders_order t WHERE (t.state IN ('confirmed', 'in_progress', "  # noqa: S608
        "'fulfilled') OR (t.state = 'draft' AND t.quote IS NOT NULL AND t.prepayment > 0)) "
        f"AND t.invoice_status <> 'full' {of}AND {question.may('orders.order')} "
        f"ORDER BY t.confirmed_at NULLS LAST, t.id LIMIT {_ORDERS_AT_ONCE}"
    )
    ids = [order["id"] for order in orders]
    # What is full may still owe its client a deduction, or a part that came back.
    orders += await _still_owing(ctx, event.company, ids)
    ids = [order["id"] for order in orders]
    rows = _by_order(await read_rows(
        ctx,
        'SELECT * FROM orders_order_line WHERE "order" = ANY($1) AND trashed_at IS NULL '
        "ORDER BY position, id",
        ids,
    ))  # fmt: skip
    claims = _by_order(await read_rows(
        ctx, 'SELECT * FROM orders_claim WHERE "order" = ANY($1) AND released_at IS NULL '
        "ORDER BY id", ids,
    ))  # fmt: skip
    parts = await parts_by_line(ctx, ids)
    made: list[BillableLine] = []
    for order in orders:
        own = rows.get(order["id"], ())
        made += lines_of(ctx, order, own, claims.get(order["id"], ()), parts)
    return made


async def _still_owing(
    ctx: Context, company: int | None, but: Sequence[int]
) -> list[dict[str, Any]]:
    question = Question(ctx)
    of = f"AND t.company = {question.add(company)}::bigint " if company else ""
    left_out = question.add(list(but))
    return await question.rows(
        "SELECT t.* FROM orders_order t WHERE t.invoice_status = 'full' AND t.state <> 'cancelled' "  # noqa: S608
        f"AND t.id <> ALL({left_out}::bigint[]) {of}AND {question.may('orders.order')} AND (EXISTS "
        "(SELECT FROM orders_claim c WHERE c.\"order\" = t.id AND c.kind = 'prepayment' "
        "AND c.released_at IS NULL AND NOT EXISTS (SELECT FROM orders_claim d "
        f"WHERE d.deducts = c.id AND d.released_at IS NULL)) OR {_OWED}) "
        f"ORDER BY t.id LIMIT {_ORDERS_AT_ONCE}"
    )


def _by_order(rows: Sequence[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    found: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["order"], []).append(row)
    return found


def lines_of(
    ctx: Context, order: Mapping[str, Any], rows: Sequence[Mapping[str, Any]],
    claims: Sequence[Mapping[str, Any]], parts: Mapping[int, Sequence[Row]],
) -> list[BillableLine]:  # fmt: skip
    """Answer what may be invoiced of one order: its prepayment, its lines, what is deducted.

    Args:
        rows: Its lines.
        claims: What invoices took and did not give back.
        parts: Of bundles, by their line.
    """
    prepaid = [each for each in claims if each["kind"] == "prepayment"]
    made: list[BillableLine] = []
    if order["prepayment"] and not prepaid and not any(c["kind"] in _GOODS for c in claims):
        made += _prepayment(ctx, order, rows)
    if order["state"] == "draft":
        return made
    policy = ctx.settings(Settings).invoice_by
    is_last = True
    for row in rows:
        left = invoiceable(counts_of(row), policy)
        is_last = is_last and not (policy == "delivered" and open_quantity(counts_of(row)) > 0)
        own = parts.get(row["id"], ())
        shares = shares_of(ctx, row, own, claims, order["currency"] or ctx.config.currency)
        if shares:
            made += _parts(ctx, order, row, own, shares)
        elif left > 0:
            made.append(_line(ctx, order, row, left, claims))
    if is_last:
        made += _deductions(ctx, order, prepaid, claims)
    return made


def _shape(ctx: Context, order: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "order": order["id"],
        "currency": order["currency"] or ctx.config.currency,
        "company": order["company"],
        "person": order["person"],
    }


def _line(
    ctx: Context, order: Mapping[str, Any], row: Mapping[str, Any], left: Decimal,
    claims: Sequence[Mapping[str, Any]],
) -> BillableLine:  # fmt: skip
    shape = _shape(ctx, order)
    own = [each for each in claims if each["line"] == row["id"] and each["kind"] == "line"]
    taken = sum((each["quantity"] or _ZERO for each in own), _ZERO)
    part = money_line({**row, "quantity": left})
    net = line_net(part, shape["currency"])
    if taken + left == (row["quantity"] or _ZERO):
        # The last part is what is left of the whole, so that no cent is lost by rounding.
        net = (row["net"] or _ZERO) - sum((each["net"] or _ZERO for each in own), _ZERO)
    return BillableLine(
        kind="line", part=row["id"], text=row["text"], quantity=left, unit=row["unit"],
        unit_price=row["unit_price"] or _ZERO, discount=row["discount"] or _ZERO,
        tax_rate=row["tax_rate"] or _ZERO, net=net, **shape,
    )  # fmt: skip


def _parts(
    ctx: Context, order: Mapping[str, Any], row: Mapping[str, Any], parts: Sequence[Row],
    shares: Shares,
) -> list[BillableLine]:  # fmt: skip
    shape, made = _shape(ctx, order), []
    for part in parts:
        counts = shares[part["id"]]
        due = due_of(counts)
        if not due:
            continue
        net = net_of(counts, due, shape["currency"])
        made.append(
            BillableLine(
                kind="part", part=part["id"], text=f"{row['text']}: {part['text']}", quantity=due,
                unit=part["unit"] or row["unit"], unit_price=round(net / due, PRICE_PLACES),
                discount=_ZERO, tax_rate=row["tax_rate"] or _ZERO, net=net, **shape,
            )
        )  # fmt: skip
    return made


def _prepayment(
    ctx: Context, order: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> list[BillableLine]:
    shape = _shape(ctx, order)
    totals = totals_of([money_line(row) for row in rows], shape["currency"])
    groups = [each for each in totals.tax_groups if each.base > 0]
    if not groups:
        return []
    whole = share_of(totals.net, order["prepayment"], shape["currency"])
    nets = spread(whole, [each.base for each in groups], shape["currency"])
    text = ctx.translate(N_("Prepayment of order {number}")).format(number=order["number"])
    return [
        BillableLine(
            kind="prepayment", part=None, text=text, quantity=_ONE, unit="C62", unit_price=net,
            discount=_ZERO, tax_rate=group.rate, net=net, **shape,
        )
        for group, net in zip(groups, nets, strict=True)
        if net
    ]  # fmt: skip


def _deductions(
    ctx: Context, order: Mapping[str, Any], prepaid: Sequence[Mapping[str, Any]],
    claims: Sequence[Mapping[str, Any]],
) -> list[BillableLine]:  # fmt: skip
    done = {each["deducts"] for each in claims}
    text = ctx.translate(N_("Less the prepayment, {document}"))
    return [
        BillableLine(
            kind="deduction", part=each["id"], text=text.format(document=each["document"]),
            quantity=_ONE, unit="C62", unit_price=-each["net"], discount=_ZERO,
            tax_rate=each["tax_rate"], net=-each["net"], **_shape(ctx, order),
        )
        for each in prepaid
        if each["id"] not in done
    ]  # fmt: skip


async def claim_lines(event: Claims) -> None:
    """Note what lines of an invoice take, in the transaction that writes them.

    A key that has claimed already claims nothing more. Orders are locked in the order of their
    ids, so that two invoices of one order take turns.

    Raises:
        Veto: More would be invoiced than may be, or a deduction comes too early or twice.
        NotFoundError: The reader does not see the order.
    """
    ctx = event.ctx
    own = [each for each in event.claims if each.source == SOURCE]
    for number in sorted({each.order for each in own}):
        order = await read_order(ctx, number)
        for each in (one for one in own if one.order == number):
            known = await read_row(
                ctx, 'SELECT "order" FROM orders_claim WHERE key = $1 AND released_at IS NULL',
                each.key,
            )  # fmt: skip
            if known is not None:
                if known["order"] != number:
                    raise Veto(ctx.translate(N_("This line of the invoice took another order.")))
                continue
            if each.kind == "line":
                await claim_line(ctx, order, each)
            elif each.kind == "part":
                await claim_part(ctx, order, each)
            else:
                await claim_share(ctx, order, each)
        await settle_order(ctx, order)
        await _check_deductions(ctx, order)


async def _check_deductions(ctx: Context, order: Mapping[str, Any]) -> None:
    """Refuse a deduction before everything is invoiced.

    Raises:
        Veto: It is so.
    """
    is_early = await ctx.db.value(
        'SELECT EXISTS (SELECT FROM orders_claim c JOIN orders_order o ON o.id = c."order" '
        "WHERE o.id = $1 AND c.kind = 'deduction' AND c.released_at IS NULL "
        "AND o.invoice_status <> 'full')",
        order["id"],
    )  # fmt: skip
    if is_early:
        text = N_("{order}: the prepayment is deducted on the invoice that ends the order.")
        raise Veto(ctx.translate(text).format(order=order["number"]))


async def release_lines(event: Releases) -> None:
    """Give back what lines of invoices took; released already, nothing more happens.

    Raises:
        ConflictError: A prepayment was deducted by an invoice that still stands.
    """
    ctx = event.ctx
    found = await read_rows(
        ctx,
        'SELECT id, "order" FROM orders_claim WHERE key = ANY($1) AND released_at IS NULL '
        'ORDER BY "order", id',
        list(event.keys),
    )
    for number in dict.fromkeys(row["order"] for row in found):
        order = await read_order(ctx, number, may_be_ended=True)
        ids = [row["id"] for row in found if row["order"] == number]
        held = await ctx.db.value(
            "SELECT EXISTS (SELECT FROM orders_claim WHERE deducts = ANY($1) "
            "AND released_at IS NULL AND id <> ALL($1))",
            ids,
        )
        if held:
            text = N_("{order}: the prepayment was deducted. Take that invoice back first.")
            raise ConflictError(ctx.translate(text).format(order=order["number"]))
        for each in ids:
            row = await read_row(
                ctx, "SELECT * FROM orders_claim WHERE id = $1 AND released_at IS NULL", each
            )
            if row is None:
                continue
            await ctx.save("orders.claim", each, released_at=ctx.now())
            if row["kind"] == "line" and row["line"] is not None:
                invoiced = await ctx.db.value(
                    "SELECT invoiced FROM orders_order_line WHERE id = $1", row["line"]
                )
                left = max(_ZERO, (invoiced or _ZERO) - (row["quantity"] or _ZERO))
                await ctx.derive("orders.order_line", row["line"], invoiced=left)
            elif row["part"] is not None:
                counted = await ctx.db.value(
                    "SELECT invoiced FROM orders_line_part WHERE id = $1", row["part"]
                )
                await ctx.derive(
                    PART, row["part"], invoiced=(counted or _ZERO) - (row["quantity"] or _ZERO)
                )
        await settle_order(ctx, order)
