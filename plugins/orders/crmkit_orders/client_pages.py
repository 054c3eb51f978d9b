"""What clients see of a quote and of an order: nothing of others, and no more than is allowed."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit import N_, format_full_date, format_money, format_number, format_zone
from crmkit_orders.choosing import NOTHING, is_open_option, read_choice, span_of_row
from crmkit_orders.domain.money import Line, line_net, round_money, share_of, totals_of
from crmkit_orders.reading import read_row, read_rows
from crmkit_orders.settings import Settings
from crmkit_orders.states import DELIVERY_STATES, ORDER_STATES, RUNNING
from crmkit_orders.step_names import client_names
from crmkit_orders.tables import UNIT_CHOICES
from crmkit_orders.told import full_moment, plain
from crmkit_orders.totals import counted, every_order_row, money_line, order_rows, quote_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit import Context
    from crmkit_orders.choosing import Choice
    from crmkit_orders.domain.money import Totals
    from crmkit_orders.reading import Row

_UNITS = {each.value: each.label for each in UNIT_CHOICES}
#: Units that are counted and need no name.
_PIECES = frozenset({"C62", "H87", "EA"})
_ENDED = {
    "refused": N_("This quote was refused. Write to us if you would like another one."),
    "expired": N_("This quote has expired. Write to us, and you get a new one."),
    "superseded": N_("There is a newer version of this quote. Look for our latest mail."),
}


def shown_line(ctx: Context, row: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """Answer a line as it stands in a document."""
    discount = row["discount"] or Decimal(0)
    return {
        "id": row["id"],
        "text": row["text"],
        "quantity": format_number(ctx, plain(row["quantity"] or Decimal(0))),
        "unit": unit_label(ctx, row["unit"]),
        "price": price_text(ctx, row["unit_price"] or Decimal(0), currency),
        "discount": f"{format_number(ctx, plain(discount))} %" if discount else "",
        "tax": f"{format_number(ctx, plain(row['tax_rate'] or Decimal(0)))} %",
        "net": format_money(ctx, row["net"] or Decimal(0), currency),
    }


def unit_label(ctx: Context, unit: str) -> str:
    """Answer a unit as it stands behind a number; pieces go without saying."""
    return "" if unit in _PIECES else ctx.translate(_UNITS.get(unit, ""))


def price_text(ctx: Context, price: Decimal, currency: str) -> str:
    """Answer a unit price, with more places than the currency where it has them."""
    if price == round_money(price, currency):
        return format_money(ctx, price, currency)
    return f"{format_number(ctx, plain(price))} {currency}"


def shown_totals(ctx: Context, totals: Totals, currency: str) -> list[dict[str, Any]]:
    """Answer the lines below a document, the sum last."""
    made = [
        {"label": ctx.translate(N_("Subtotal")), "value": format_money(ctx, totals.net, currency)}
    ]
    for group in totals.tax_groups:
        label = ctx.translate(N_("Tax {rate} % of {base}")).format(
            rate=format_number(ctx, plain(group.rate)),
            base=format_money(ctx, group.base, currency),
        )
        made.append({"label": label, "value": format_money(ctx, group.tax, currency)})
    label = ctx.translate(N_("Total, {currency}")).format(currency=currency)
    made.append({"label": label, "value": format_money(ctx, totals.gross, currency)})
    return made


async def client_line(ctx: Context, document: Mapping[str, Any]) -> str:
    """Answer whom a document is for: the company; the person where there is none."""
    row = await read_row(
        ctx,
        "SELECT coalesce((SELECT name FROM crm_company WHERE id = $1), "
        "(SELECT name FROM crm_person WHERE id = $2), '') AS name",
        document["company"],
        document["person"],
    )
    return str(row["name"]) if row is not None else ""


def prepayment_line(ctx: Context, document: Mapping[str, Any], totals: Totals) -> str:
    """Answer the share that is to be paid first; "" where none is."""
    if not document["prepayment"]:
        return ""
    currency = document["currency"] or ctx.config.currency
    amount = share_of(totals.gross, document["prepayment"], currency)
    return ctx.translate(N_("Prepayment of {percent} %: {amount}")).format(
        percent=format_number(ctx, plain(document["prepayment"])),
        amount=format_money(ctx, amount, currency),
    )


def shown_option(
    ctx: Context, row: Mapping[str, Any], currency: str, choice: Choice
) -> dict[str, Any]:
    """Answer an option as it stands on the page of a quote, with what is entered of it."""
    number, span = row["id"], span_of_row(row)
    quantity = choice.taken.get(number, row["quantity"] or Decimal(0))
    shown = shown_line(ctx, {**row, "quantity": quantity}, currency)
    return shown | {
        "net": format_money(ctx, line_net(money_line({**row, "quantity": quantity}), currency),
                            currency),
        "quantity": format_number(ctx, plain(row["quantity"] or Decimal(0))),
        "is_ticked": number in choice.taken,
        "is_fixed": span.least == span.most,
        "span": span_text(ctx, row),
        "typed": choice.typed.get(number, shown["quantity"]),
        "problem": choice.problems.get(number, ""),
    }  # fmt: skip


def span_text(ctx: Context, row: Mapping[str, Any]) -> str:
    """Answer how much of an option may be taken, such as "2–10"; "" of other lines."""
    if not is_open_option(row):
        return ""
    least, most = (format_number(ctx, plain(bound)) for bound in span_of_row(row))
    return least if least == most else f"{least}–{most}"


async def quote_page(ctx: Context, quote: Row, form: Mapping[str, Any]) -> dict[str, Any]:
    """Answer what a client sees of a quote.

    Args:
        form: What is chosen on it and was not sent yet, as `choosing.read_choice` takes it.
    """
    currency = quote["currency"] or ctx.config.currency
    until = quote["valid_until"]
    is_late = until is not None and until < ctx.now().astimezone(ctx.config.zone).date()
    is_open = quote["state"] == "sent" and not is_late
    rows = await quote_rows(ctx, quote["id"])
    fixed = [row for row in rows if not is_open_option(row)]
    options = [row for row in rows if is_open_option(row)]
    choice = read_choice(ctx, rows, form) if is_open else NOTHING
    taken = [
        money_line({**row, "quantity": choice.taken[row["id"]]})
        for row in options
        if row["id"] in choice.taken
    ]
    totals = totals_of([*counted(rows), *taken], currency)
    order = await ctx.db.value("SELECT number FROM orders_order WHERE quote = $1", quote["id"])
    ended = ctx.translate(_ENDED[quote["state"]]) if quote["state"] in _ENDED else ""
    if quote["state"] == "sent" and is_late:
        ended = ctx.translate(_ENDED["expired"])
    return {
        "number": quote["number"],
        "seller": ctx.config.name,
        "address": ctx.config.address,
        "client": await client_line(ctx, quote),
        "note": quote["note"],
        "until": format_full_date(ctx, until) if until else "",
        "lines": [shown_line(ctx, row, currency) for row in fixed],
        "options": [shown_option(ctx, row, currency, choice) for row in options],
        "is_flexible": any(span_of_row(row).least != span_of_row(row).most for row in options),
        "totals": shown_totals(ctx, totals, currency),
        "prepayment": prepayment_line(ctx, quote, totals),
        "is_open": is_open,
        "is_accepted": quote["state"] == "accepted",
        "order": order or "",
        "accepted_by": quote["accepted_by"],
        "accepted_at": full_moment(ctx, quote["accepted_at"]) if quote["accepted_at"] else "",
        "ended": ended,
    }


async def order_lines(ctx: Context, order: Mapping[str, Any]) -> list[Row]:
    """Answer the lines of an order as they were confirmed, whatever was changed since."""
    if order["state"] == "draft":
        return [dict(row) for row in await order_rows(ctx, order["id"])]
    return [
        dict(row) | {"quantity": row["confirmed"], "net": row["confirmed_net"]}
        for row in await every_order_row(ctx, order["id"])
        if row["confirmed"] is not None
    ]


def order_sums(ctx: Context, order: Mapping[str, Any], rows: Sequence[Row]) -> Totals:
    """Answer what the lines of `order_lines` come to."""
    # By the nets: what a changed line cost one by one when it was confirmed is not kept.
    lines = [
        Line(Decimal(1), row["net"] or Decimal(0), tax_rate=row["tax_rate"] or Decimal(0))
        for row in rows
    ]
    return totals_of(lines, order["currency"] or ctx.config.currency)


async def order_status(ctx: Context, order: Row) -> dict[str, Any]:
    """Answer what a client sees of an order: state, steps, promise, what is on its way."""
    settings = ctx.settings(Settings)
    currency = order["currency"] or ctx.config.currency
    rows = await order_lines(ctx, order)
    label = next(each.label for each in ORDER_STATES.states if each.name == order["state"])
    totals = order_sums(ctx, order, rows) if settings.clients_see_prices else None
    is_running = order["state"] in RUNNING
    return {
        "number": order["number"],
        "client_number": order["client_number"],
        "seller": ctx.config.name,
        "state": ctx.translate(label),
        "promise": full_moment(ctx, order["promised_at"]) if is_running else "",
        "reason": order["promise_reason"] if is_running else "",
        "zone": format_zone(ctx, ctx.config.zone),
        "steps": await _steps(ctx, order["id"], with_names=settings.clients_see_staff),
        "lines": [shown_line(ctx, row, currency) | _counts(ctx, row, order) for row in rows],
        "deliveries": await _deliveries(ctx, order["id"]),
        "totals": shown_totals(ctx, totals, currency) if totals is not None else [],
    }


def _counts(ctx: Context, row: Mapping[str, Any], order: Mapping[str, Any]) -> dict[str, str]:
    gone = (row["delivered"] or Decimal(0)) - (row["returned"] or Decimal(0))
    is_apart = row["due_at"] and row["due_at"] != order["promised_at"] and row["open_quantity"]
    return {
        "delivered": format_number(ctx, plain(gone)) if gone else "",
        "promise": full_moment(ctx, row["due_at"])
        if is_apart and order["state"] in RUNNING
        else "",
    }


async def _steps(ctx: Context, order: int, *, with_names: bool) -> list[dict[str, Any]]:
    rows = await read_rows(
        ctx,
        "SELECT s.*, u.name AS who FROM orders_step s LEFT JOIN core_user u ON u.id = s.holder "
        "WHERE s.\"order\" = $1 AND s.trashed_at IS NULL AND s.state <> 'skipped' "
        "ORDER BY s.position, s.id",
        order,
    )
    names = await client_names(ctx)
    return [
        {
            "label": names.of(ctx, row),
            "state": row["state"],
            "who": row["who"] if with_names and row["state"] == "active" else "",
            "at": full_moment(ctx, row["ended_at"]) if row["ended_at"] else "",
        }
        for row in rows
    ]


async def _deliveries(ctx: Context, order: int) -> Sequence[dict[str, Any]]:
    rows = await read_rows(
        ctx,
        'SELECT * FROM orders_delivery WHERE "order" = $1 AND trashed_at IS NULL '
        "AND direction = 'out' ORDER BY id",
        order,
    )
    labels = {each.name: each.label for each in DELIVERY_STATES.states}
    return [
        {
            "number": row["number"],
            "state": ctx.translate(labels[row["state"]]),
            "carrier": row["carrier"],
            "tracking": row["tracking"],
            "at": full_moment(ctx, row["shipped_at"]) if row["shipped_at"] else "",
        }
        for row in rows
    ]
