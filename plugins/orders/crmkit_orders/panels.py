"""What stands on the pages of orders: steps, delivery, what is on its way, why a price holds."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from crmkit import (
    N_,
    Extension,
    Panel,
    _,
    avatar_of,
    format_date,
    format_moment,
    format_money,
    format_number,
    ngettext,
    say_kept,
)
from crmkit_orders.asking import Question
from crmkit_orders.bundles import parts_of
from crmkit_orders.domain.errors import RuleError
from crmkit_orders.pricing import explain, price_of
from crmkit_orders.reading import read_row
from crmkit_orders.settings import Settings
from crmkit_orders.states import DELIVERY_STATES, RECEIPT_STATES, RUNNING
from crmkit_orders.step_names import staff_names
from crmkit_orders.told import plain
from crmkit_orders.totals import order_rows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from crmkit import Avatar, Context
    from crmkit_orders.step_names import StepNames

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_SOON = 2 * _DAY
_STATES = {
    "delivery": {each.name: each for each in DELIVERY_STATES.states},
    "receipt": {each.name: each for each in RECEIPT_STATES.states},
}


class StepCard(NamedTuple):
    """A step as the page shows it; `slack` is "" where nothing is due."""

    label: str
    state: str
    holder: str
    avatar: Avatar | None
    note: str
    slack: str = ""
    tone: str = ""


async def steps_panel(ctx: Context, order_id: int) -> object:
    """Answer the steps of an order, each with its holder, and how much time is left."""
    question = Question(ctx)
    order = question.add(order_id)
    rows = await question.rows(
        "SELECT t.*, coalesce(u.name, '') AS who FROM orders_step t "  # noqa: S608 - a predicate
        f'LEFT JOIN core_user u ON u.id = t.holder WHERE t."order" = {order}::bigint '
        f"AND {question.may('orders.step')} ORDER BY t.position, t.id"
    )
    if not rows:
        return ""
    names = await staff_names(ctx)
    return ctx.render("orders/steps.html", steps=[step_card(ctx, row, names) for row in rows])


def step_card(ctx: Context, row: Mapping[str, Any], names: StepNames) -> StepCard:
    """Answer a step as the page shows it."""
    state, due = row["state"], row["due_at"]
    slack, tone = slack_of(ctx, due) if state == "active" and due else ("", "")
    return StepCard(
        label=names.of(ctx, row),
        state=state,
        holder=row["who"] or (_("Nobody yet") if state in {"waiting", "active"} else ""),
        avatar=avatar_of(row["who"]) if row["who"] else None,
        note=_note(ctx, row),
        slack=slack,
        tone=tone,
    )


def _note(ctx: Context, row: Mapping[str, Any]) -> str:
    state, ended, due = row["state"], row["ended_at"], row["due_at"]
    if state == "done" and ended:
        return _("Done %(moment)s") % {"moment": format_moment(ctx, ended)}
    if state == "skipped":
        text = _("Skipped %(moment)s") % {"moment": format_moment(ctx, ended)} if ended else ""
        return " · ".join(part for part in (text or _("Skipped"), row["reason"]) if part)
    if due:
        return _("Due %(moment)s") % {"moment": format_moment(ctx, due)}
    return _("No due time") if state == "active" else _("Waits for the step before")


def slack_of(ctx: Context, due: datetime) -> tuple[str, str]:
    """Answer how much time is left until a moment, or by how much it has passed, and the tone."""
    left = int((due - ctx.now()).total_seconds())
    span = span_text(abs(left))
    if left < 0:
        return _("%(span)s late") % {"span": span}, "bad"
    return _("%(span)s of slack") % {"span": span}, "warn" if left < _SOON else ""


def span_text(seconds: int) -> str:
    """Answer a length of time in its largest unit."""
    days, hours = seconds // _DAY, seconds // _HOUR
    if days:
        return ngettext("%(n)s day", "%(n)s days", days) % {"n": days}
    if hours:
        return ngettext("%(n)s hour", "%(n)s hours", hours) % {"n": hours}
    minutes = max(seconds // _MINUTE, 1)
    return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}


async def delivery_panel(ctx: Context, order_id: int) -> object:
    """Answer where the goods go, who is there, by when, and when somebody is warned."""
    order = await ctx.get("orders.order", order_id)
    facts = [
        (N_("To"), order["deliver_to"] or "", None),
        (N_("Contact"), order["person__title"] or "",
         f"/crm.person/{order['person']}" if order["person"] else None),
    ]  # fmt: skip
    slack, tone = "", ""
    if order["promised_at"]:
        facts.append((N_("Promise"), format_moment(ctx, order["promised_at"]), None))
        if order["state"] in RUNNING and order["delivery_status"] != "full":
            slack, tone = slack_of(ctx, order["promised_at"])
        first = order["first_promise"]
        if first and first != order["promised_at"]:
            facts.append((N_("At first"), format_moment(ctx, first), None))
        hours = ctx.settings(Settings).warn_hours
        if hours:
            text = ngettext("%(n)s business hour before", "%(n)s business hours before", hours) % {
                "n": format_number(ctx, hours)
            }
            facts.append((N_("Warning"), text, None))
    facts = [(_(label), value, url) for label, value, url in facts if value]
    return ctx.render("orders/facts.html", facts=facts, slack=slack, tone=tone) if facts else ""


async def shipments_panel(ctx: Context, order_id: int) -> object:
    """Answer the deliveries and receipts of an order, the next ones first."""
    question = Question(ctx)
    order = question.add(order_id)
    rows = await question.rows(
        "SELECT 'delivery' AS what, t.id, t.number, t.state, t.direction, "  # noqa: S608
        "coalesce(t.delivered_at, t.shipped_at, t.planned_for) AS at, NULL::date AS day, "
        "concat_ws(' ', nullif(t.carrier, ''), nullif(t.tracking, '')) AS note "
        f'FROM orders_delivery t WHERE t."order" = {order}::bigint '
        f"AND {question.may('orders.delivery')} "
        "UNION ALL SELECT 'receipt', r.id, r.number, r.state, '', NULL, r.expected_on, "
        f'r.supplier_number FROM orders_receipt r WHERE r."order" = {order}::bigint '
        f"AND {question.may('orders.receipt', 'r')} ORDER BY what, id DESC LIMIT 50"
    )
    may_expect = ctx.principal.role.scope("orders.receipt", "create") != "none"
    return ctx.render(
        "orders/shipments.html",
        lines=[_shipment(ctx, row) for row in rows],
        new_url=f"/orders.receipt/new?order={order_id}" if may_expect else "",
        new_label=_("Expect goods for it"),
    )


def _shipment(ctx: Context, row: Mapping[str, Any]) -> dict[str, Any]:
    state = _STATES[row["what"]].get(row["state"])
    when = format_moment(ctx, row["at"]) if row["at"] else ""
    is_back = row["direction"] == "return"
    return {
        "icon": "package" if row["what"] == "receipt" or is_back else "truck",
        "url": f"/orders.{row['what']}/{row['id']}",
        "label": row["number"] or f"#{row['id']}",
        "state": _(state.label) if state else row["state"],
        "hue": state.hue if state else 8,
        "when": when or (format_date(ctx, row["day"]) if row["day"] else ""),
        "note": row["note"],
    }


async def bundles_panel(ctx: Context, order_id: int) -> object:
    """Answer what the bundles of an order consist of, each part with its share of the net."""
    sold = await parts_of(ctx, order_id)
    if not sold:
        return ""
    order = await ctx.get("orders.order", order_id)
    currency = order["currency"] or ctx.config.currency
    texts = {row["id"]: row["text"] for row in await order_rows(ctx, order_id)}
    bundles: dict[int, list[dict[str, str]]] = {}
    for part in sold:
        said = {"delivered": _("%(n)s sent ahead"), "returned": _("%(n)s came back"),
                "invoiced": _("%(n)s invoiced alone")}  # fmt: skip
        notes = [
            text % {"n": format_number(ctx, plain(part[name]))}
            for name, text in said.items()
            if part[name]
        ]
        shown = {
            "text": part["text"], "note": " · ".join(notes),
            "quantity": format_number(ctx, plain(part["quantity"] or Decimal(0))),
            "share": format_money(ctx, part["net"] or Decimal(0), currency),
        }  # fmt: skip
        bundles.setdefault(part["line"], []).append(shown)
    made = [{"text": texts.get(line, ""), "parts": parts} for line, parts in bundles.items()]
    return ctx.render("orders/bundles.html", bundles=made)


async def order_price_panel(ctx: Context, line_id: int) -> object:
    """Answer why a line of an order has its price."""
    return await _price_panel(ctx, "orders.order_line", "order", line_id)


async def quote_price_panel(ctx: Context, line_id: int) -> object:
    """Answer why a line of a quote has its price."""
    return await _price_panel(ctx, "orders.quote_line", "quote", line_id)


async def _price_panel(ctx: Context, entity: str, column: str, line_id: int) -> object:
    line = await ctx.get(entity, line_id)
    document = await ctx.get(f"orders.{column}", line[column])
    currency = document["currency"] or ctx.config.currency
    steps: list[str] = []
    today = ""
    product = line["product"] and await read_row(
        ctx, "SELECT * FROM orders_product WHERE id = $1", line["product"]
    )
    if product:
        quantity = line["quantity"] or Decimal(1)
        try:
            found = await price_of(ctx, product, document, quantity, line["unit"], line)
        except RuleError:
            found = None
        if found is not None:
            steps = explain(ctx, found)
            today = f"{format_number(ctx, plain(found.unit_price))} {currency}"
    price = line["unit_price"]
    return ctx.render(
        "orders/price.html",
        price=f"{format_number(ctx, plain(price))} {currency}" if price is not None else "",
        rule=say_kept(ctx, line["price_rule"]) if line["price_rule"] else "",
        net=format_money(ctx, line["net"], currency) if line["net"] is not None else "",
        today=today if today and found is not None and found.unit_price != price else "",
        steps=steps,
    )


PANELS = (
    Extension(
        "orders.order",
        panels=[
            Panel("steps", N_("Steps"), steps_panel, "detail.header"),
            Panel("delivery", N_("Delivery"), delivery_panel, order=10, hide_if_empty=True),
            Panel(
                "bundles", N_("What bundles consist of"), bundles_panel, order=15,
                hide_if_empty=True,
            ),
            Panel(
                "shipments", N_("Deliveries and receipts"), shipments_panel, order=20,
                hide_if_empty=True,
            ),
        ],
    ),
    Extension(
        "orders.order_line",
        panels=[Panel("price", N_("Why this price"), order_price_panel, order=10)],
    ),
    Extension(
        "orders.quote_line",
        panels=[Panel("price", N_("Why this price"), quote_price_panel, order=10)],
    ),
)  # fmt: skip
