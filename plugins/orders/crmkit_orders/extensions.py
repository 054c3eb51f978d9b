"""What orders add to clients and opportunities."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit import (
    N_,
    Action,
    Extension,
    ExtField,
    Panel,
    _,
    format_date,
    format_moment,
    format_money,
    format_number,
    ngettext,
)
from crmkit_orders.agreement_panels import AGREEMENT_PANELS
from crmkit_orders.asking import Question
from crmkit_orders.explaining import PANELS as PRICE_PANELS
from crmkit_orders.panels import PANELS
from crmkit_orders.promise_panels import PROMISE_PANELS
from crmkit_orders.selling import make_order, make_quote
from crmkit_orders.states import ORDER_STATES, QUOTE_STATES, RUNNING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crmkit import Context

_STATES = {
    "order": {each.name: each for each in ORDER_STATES.states},
    "quote": {each.name: each for each in QUOTE_STATES.states},
}


async def company_panel(ctx: Context, company: int) -> object:
    """Answer the last order of a company, what is open, and what is late."""
    return await _client_panel(ctx, "company", company)


async def person_panel(ctx: Context, person: int) -> object:
    """Answer the same of a person."""
    return await _client_panel(ctx, "person", person)


async def _client_panel(ctx: Context, column: str, client: int) -> object:
    question = Question(ctx)
    who, now = question.add(client), question.add(ctx.now())
    running = question.add(sorted(RUNNING))
    rows = await question.rows(
        "SELECT t.currency, count(*) AS many, "  # noqa: S608 - a predicate
        f"sum(t.gross) FILTER (WHERE t.state = ANY({running}::text[])) AS open, "
        f"count(*) FILTER (WHERE t.state = ANY({running}::text[]) AND t.delivery_status <> 'full' "
        f"AND t.promised_at < {now}::timestamptz) AS late, "
        "max(t.created_at) AS at, "
        "(array_agg(t.id ORDER BY t.created_at DESC, t.id DESC))[1] AS id, "
        "(array_agg(t.number ORDER BY t.created_at DESC, t.id DESC))[1] AS number "
        f"FROM orders_order t WHERE t.{column} = {who}::bigint AND t.state <> 'cancelled' "
        f"AND {question.may('orders.order')} GROUP BY t.currency ORDER BY t.currency"
    )
    if not rows:
        return ""
    last = max(rows, key=lambda row: (row["at"], row["id"]))
    late = sum(row["late"] for row in rows)
    worth = [
        format_money(ctx, row["open"], row["currency"] or ctx.config.currency)
        for row in rows
        if row["open"]
    ]
    moment = format_moment(ctx, last["at"])
    facts = [(_("Last order"), f"{last['number']}, {moment}", f"/orders.order/{last['id']}")]
    if worth:
        facts.append((_("Open value"), " + ".join(worth), ""))
    text = ngettext("%(n)s order is late", "%(n)s orders are late", late)
    return ctx.render(
        "orders/facts.html", facts=facts, tone="bad",
        slack=text % {"n": format_number(ctx, late)} if late else "",
    )  # fmt: skip


def _line(ctx: Context, row: Mapping[str, Any], kind: str) -> dict[str, Any]:
    state = _STATES[kind].get(row["state"])
    currency = row["currency"] or ctx.config.currency
    return {
        "icon": "package" if kind == "order" else "file-text",
        "url": f"/orders.{kind}/{row['id']}",
        "label": row["number"] or f"#{row['id']}",
        "state": _(state.label) if state else row["state"],
        "hue": state.hue if state else 8,
        "when": format_money(ctx, row["gross"], currency) if row["gross"] is not None else "",
        "note": format_moment(ctx, row["created_at"]) if kind == "order" else _valid(ctx, row),
    }


def _valid(ctx: Context, row: Mapping[str, Any]) -> str:
    day = row["valid_until"]
    return _("Valid until %(day)s") % {"day": format_date(ctx, day)} if day else ""


async def opportunity_panel(ctx: Context, opportunity: int) -> object:
    """Answer the quotes and orders of an opportunity, with their states."""
    question = Question(ctx)
    deal = question.add(opportunity)
    rows = await question.rows(
        "SELECT 'order' AS kind, t.id, t.number, t.state, t.gross, t.currency, t.created_at, "  # noqa: S608
        f"NULL::date AS valid_until FROM orders_order t WHERE t.opportunity = {deal}::bigint "
        f"AND {question.may('orders.order')} UNION ALL "
        "SELECT 'quote', q.id, q.number, q.state, q.gross, q.currency, q.created_at, "
        f"q.valid_until FROM orders_quote q WHERE q.opportunity = {deal}::bigint "
        f"AND {question.may('orders.quote', 'q')} ORDER BY kind, id DESC LIMIT 20"
    )
    if not rows:
        return ""
    lines = [_line(ctx, row, row["kind"]) for row in rows]
    return ctx.render("orders/shipments.html", lines=lines, new_url="", new_label="")


def _may_create(entity: str) -> Callable[[Context, Mapping[str, Any]], bool]:
    return lambda ctx, _record: ctx.principal.role.scope(entity, "create") != "none"


EXTENSIONS = (
    *PANELS,
    *PROMISE_PANELS,
    *PRICE_PANELS,
    *AGREEMENT_PANELS,
    Extension(
        "crm.company",
        fields=[
            ExtField(
                "credit_limit", Decimal, N_("Credit limit"),
                help=N_("Value of open orders; empty takes that of the settings."),
            ),
            ExtField(
                "credit_currency", str, N_("Currency of the credit limit"),
                help=N_("ISO 4217 code; empty is the site's."),
            ),
        ],
        panels=[
            Panel("orders", N_("Orders at a glance"), company_panel, order=30, hide_if_empty=True)
        ],
    ),
    Extension(
        "crm.person",
        panels=[
            Panel("orders", N_("Orders at a glance"), person_panel, order=30, hide_if_empty=True)
        ],
    ),
    Extension(
        "crm.opportunity",
        panels=[
            Panel("sales", N_("Quotes and orders"), opportunity_panel, order=20, hide_if_empty=True)
        ],
        actions=[
            Action(
                "make-quote", N_("Make a quote"), make_quote, "read", icon="file-text", quiet=True,
                states=("prospecting", "engaging", "proposal", "negotiation", "won"), bulk=False,
                visible=_may_create("orders.quote"), done=N_("Quote made"),
            ),
            Action(
                "make-order", N_("Make an order"), make_order, "read", icon="package",
                states=("won",), visible=_may_create("orders.order"), done=N_("Order made"),
            ),
        ],
    ),
)  # fmt: skip
