"""Documents to print and to send: quotation, confirmation, blanket order, packing slip."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit import (
    N_,
    DocumentTemplate,
    NotFoundError,
    _,
    format_full_date,
    format_money,
    format_number,
)
from crmkit_orders.agreed import lines_of
from crmkit_orders.bundles import part_of, parts_of
from crmkit_orders.client_pages import (
    order_lines,
    order_sums,
    prepayment_line,
    price_text,
    shown_line,
    shown_totals,
    span_text,
    unit_label,
)
from crmkit_orders.domain.money import totals_of
from crmkit_orders.mailing import client_of
from crmkit_orders.reading import read_row, read_rows
from crmkit_orders.told import full_moment, plain
from crmkit_orders.totals import counted, quote_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from crmkit import Context

_TABLES = {
    "orders.quote": "orders_quote", "orders.order": "orders_order",
    "orders.agreement": "orders_agreement", "orders.delivery": "orders_delivery",
}  # fmt: skip


async def _recipient(ctx: Context, document: Mapping[str, Any]) -> str:
    company = await _read(ctx, "crm.company", document["company"])
    person = await _read(ctx, "crm.person", document["person"])
    place = [company.get(name, "") for name in ("name", "address", "city", "country")]
    return "\n".join(str(part) for part in (place[0], person.get("name"), *place[1:]) if part)


async def _read(ctx: Context, entity: str, record_id: int | None) -> Mapping[str, Any]:
    """Answer a record, or nothing where there is none that the reader may see."""
    if not record_id:
        return {}
    try:
        return await ctx.get(entity, record_id)
    except NotFoundError:
        return {}


def _language(entity: str) -> Any:  # noqa: ANN401 - as DocumentTemplate wants it
    async def language(ctx: Context, record: int) -> str:
        row = await read_row(
            ctx,
            f"SELECT * FROM {_TABLES[entity]} WHERE id = $1",  # noqa: S608 - of our own
            record,
        )
        if row is not None and entity == "orders.delivery":
            row = await read_row(ctx, "SELECT * FROM orders_order WHERE id = $1", row["order"])
        return (await client_of(ctx, row))[2] if row is not None else ""

    return language


def _table(ctx: Context, rows: Sequence[Mapping[str, Any]], currency: str) -> dict[str, Any]:
    shown = [shown_line(ctx, row, currency) for row in rows]
    spans = [span_text(ctx, row) if "is_optional" in row else "" for row in rows]
    names = ("quantity", "price", "discount", "tax", "net")
    return {
        "columns": [
            _("Description"),
            _("Quantity"),
            _("Price"),
            _("Discount"),
            _("Tax"),
            _("Amount"),
        ],
        "rows": [
            [
                line["text"],
                f"{span or line['quantity']} {line['unit']}".strip(),
                *(line[n] for n in names[1:]),
            ]
            for line, span in zip(shown, spans, strict=True)
        ],
    }


async def quote_values(ctx: Context, quote_id: int) -> Mapping[str, Any]:
    """Answer what the quotation prints."""
    quote = await ctx.get("orders.quote", quote_id)
    currency = quote["currency"] or ctx.config.currency
    rows = await quote_rows(ctx, quote_id)
    fixed = [row for row in rows if not row["is_optional"] or row["is_chosen"]]
    options = [row for row in rows if row["is_optional"] and not row["is_chosen"]]
    totals = totals_of(counted(rows), currency)
    notes = [quote["note"]] if quote["note"] else []
    if quote["prepayment"]:
        notes.append(prepayment_line(ctx, quote, totals))
    if quote["valid_until"]:
        until = _("Valid until {day}.").format(day=format_full_date(ctx, quote["valid_until"]))
        notes.append(until)
    return {
        "recipient": await _recipient(ctx, quote),
        "heading": _("Quote %(number)s") % {"number": quote["number"]},
        **_table(ctx, fixed, currency),
        "options_label": _("Options") if options else "",
        "options": _table(ctx, options, currency)["rows"],
        "totals": [[each["label"], each["value"]] for each in shown_totals(ctx, totals, currency)],
        "notes": "\n".join(notes),
        "signature": str(quote["owner__title"] or ctx.config.name),
    }


async def order_values(ctx: Context, order_id: int) -> Mapping[str, Any]:
    """Answer what the confirmation prints."""
    order = await ctx.get("orders.order", order_id)
    currency = order["currency"] or ctx.config.currency
    rows = await order_lines(ctx, order)
    table = _table(ctx, rows, currency)
    table["rows"] = await _with_parts(ctx, order_id, rows, table["rows"])
    totals = order_sums(ctx, order, rows)
    notes = [order["note"]] if order["note"] else []
    if order["promised_at"]:
        moment = full_moment(ctx, order["promised_at"])
        notes.append(_("You will get it by {moment}.").format(moment=moment))
    return {
        "recipient": await _recipient(ctx, order),
        "heading": _("Order %(number)s") % {"number": order["number"]},
        **table,
        "options_label": "",
        "options": [],
        "totals": [[each["label"], each["value"]] for each in shown_totals(ctx, totals, currency)],
        "notes": "\n".join(notes),
        "signature": str(order["owner__title"] or ctx.config.name),
    }


async def _with_parts(
    ctx: Context, order: int, rows: Sequence[Mapping[str, Any]], printed: Sequence[list[str]]
) -> list[list[str]]:
    """Put what a bundle consists of below its line, without prices: it is sold as one."""
    parts = await parts_of(ctx, order)
    made: list[list[str]] = []
    for row, cells in zip(rows, printed, strict=True):
        made.append(cells)
        for part in (each for each in parts if each["line"] == row["id"]):
            number = format_number(ctx, part_of(part, row["quantity"]))
            made.append([f"– {number} × {part['text']}", *("" for _each in cells[1:])])
    return made


async def agreement_values(ctx: Context, agreement_id: int) -> Mapping[str, Any]:
    """Answer what a blanket order prints: what was agreed, not what was called off of it."""
    agreement = await ctx.get("orders.agreement", agreement_id)
    currency = agreement["currency"] or ctx.config.currency
    first, last = agreement["valid_from"], agreement["valid_until"]
    notes = [*_days(ctx, first, last), _client_number(agreement), agreement["note"]]
    total = format_money(ctx, agreement["net"], currency) if agreement["net"] else ""
    return {
        "recipient": await _recipient(ctx, agreement),
        "heading": _("Blanket order %(number)s") % {"number": agreement["number"]},
        "columns": [_("Description"), _("Agreed"), _("Price"), _("Amount")],
        "rows": [_agreed(ctx, row, currency) for row in await lines_of(ctx, agreement_id)],
        "options_label": "",
        "options": [],
        "totals": [[_("Agreed value without tax"), total]] if total else [],
        "notes": "\n".join(note for note in notes if note),
        "signature": str(agreement["owner__title"] or ctx.config.name),
    }


def _agreed(ctx: Context, row: Mapping[str, Any], currency: str) -> list[str]:
    """Answer a line that was agreed on; one without a quantity comes to nothing yet."""
    price = row["unit_price"]
    return [
        row["text"],
        _("as much as you want") if row["quantity"] is None else _counted(ctx, row),
        "" if price is None else _unit_price(ctx, price, row["unit"], currency),
        "" if row["net"] is None else format_money(ctx, row["net"], currency),
    ]


def _unit_price(ctx: Context, price: Decimal, unit: str, currency: str) -> str:
    label = unit_label(ctx, unit)
    shown = price_text(ctx, price, currency)
    return f"{shown} / {label}" if label else shown


def _days(ctx: Context, first: date | None, last: date | None) -> list[str]:
    made = []
    if first is not None:
        made.append(_("Valid from {day}.").format(day=format_full_date(ctx, first)))
    if last is not None:
        made.append(_("Valid until {day}.").format(day=format_full_date(ctx, last)))
    return made


def _client_number(document: Mapping[str, Any]) -> str:
    number = document["client_number"]
    return _("Your number: %(number)s") % {"number": number} if number else ""


def _counted(ctx: Context, row: Mapping[str, Any]) -> str:
    number = format_number(ctx, plain(row["quantity"] or Decimal(0)))
    return f"{number} {unit_label(ctx, row['unit'])}".strip()


async def slip_values(ctx: Context, delivery_id: int) -> Mapping[str, Any]:
    """Answer what the packing slip prints: no prices."""
    delivery = await ctx.get("orders.delivery", delivery_id)
    order = await read_row(ctx, "SELECT * FROM orders_order WHERE id = $1", delivery["order"])
    rows = await read_rows(
        ctx,
        "SELECT d.text, d.quantity, d.part, d.line, "
        "coalesce(b.unit, l.unit) AS unit FROM orders_delivery_line d "
        "JOIN orders_order_line l ON l.id = d.line "
        "LEFT JOIN orders_line_part p ON p.id = d.part "
        "LEFT JOIN orders_product b ON b.id = p.product WHERE d.delivery = $1 "
        "AND d.trashed_at IS NULL ORDER BY d.position, d.id",
        delivery_id,
    )
    carrier = " ".join(part for part in (delivery["carrier"], delivery["tracking"]) if part)
    return {
        "recipient": delivery["deliver_to"] or (await _recipient(ctx, order) if order else ""),
        "heading": _("Delivery %(number)s") % {"number": delivery["number"]},
        "columns": [_("Description"), _("Quantity")],
        "rows": await _packed(ctx, delivery["order"], rows),
        "options_label": "",
        "options": [],
        "totals": [],
        "notes": "\n".join(part for part in (carrier, delivery["note"]) if part),
        "signature": "",
    }


async def _packed(ctx: Context, order: int, rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Answer what is in a delivery, a bundle with so many of its parts as are packed."""
    parts = await parts_of(ctx, order)
    made: list[list[str]] = []
    for row in rows:
        made.append([row["text"], _counted(ctx, row)])
        if row["part"]:
            continue
        for part in (each for each in parts if each["line"] == row["line"]):
            packed = format_number(ctx, part_of(part, row["quantity"]))
            made.append([f"– {part['text']}", packed])
    return made


PAPERS = (
    DocumentTemplate(
        "quotation", "orders.quote", N_("Quotation"), quote_values, "paper.typ",
        _language("orders.quote"),
    ),
    DocumentTemplate(
        "confirmation", "orders.order", N_("Order confirmation"), order_values, "paper.typ",
        _language("orders.order"),
    ),
    DocumentTemplate(
        "blanket_order", "orders.agreement", N_("Blanket order"), agreement_values, "paper.typ",
        _language("orders.agreement"),
    ),
    DocumentTemplate(
        "packing_slip", "orders.delivery", N_("Packing slip"), slip_values, "paper.typ",
        _language("orders.delivery"),
    ),
)  # fmt: skip
