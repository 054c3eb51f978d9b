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
from crmkit_orders.asking import Question
from crmkit_orders.panels import PANELS
from crmkit_orders.selling import make_order, make_quote
from crmkit_orders.states import ORDER_STATES, QUOTE_STATES, RUNNING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crmkit import Context

_STATES = {
    "order": {each.name: each for each in ORDER_STATES.states},
    "quote": {each.name: each for each in QUOTE_STATES.states},
}
_SHOWN = 5


async def company_panel(ctx: Context, company: int) -> object:
    """Answer the last orders of a company, what is open, and what is late."""
    return await _client_panel(ctx, "company", company)


async def person_panel(ctx: Context, person: int) -> object:
    """Answer the same of a person."""
    return await _client_panel(ctx, "person", person)


async def _client_panel(ctx: Context, column: str, client: int) -> object:
    question = Question(ctx)
    who, now = question.add(client), question.add(ctx.now())
    running = question.add(sorted(RUNNING))
    # One statement: the last orders, each with the sums of all.
    rows = await question.rows(
        "SELECT * FROM (SELECT t.id, t.number, t.state, t.gross, t.currency, t.created_at, "  # noqa: S608
        "t.promised_at, count(*) OVER () AS many, "
        f"count(*) FILTER (WHERE t.state = ANY({running}::text[]) AND t.delivery_status <> 'full' "
        f"AND t.promised_at < {now}::timestamptz) OVER () AS late, "
        f"sum(t.gross) FILTER (WHERE t.state = ANY({running}::text[])) "
        "OVER (PARTITION BY t.currency) AS open, "
        "row_number() OVER (ORDER BY t.created_at DESC, t.id DESC) AS place "
        f"FROM orders_order t WHERE t.{column} = {who}::bigint "
        f"AND {question.may('orders.order')}) x ORDER BY place"
    )
    if not rows:
        return ""
    sums = {row["currency"] or ctx.config.currency: row["open"] for row in rows if row["open"]}
    late = rows[0]["late"]
    return ctx.render(
        "orders/client.html",
        open_value=" + ".join(format_money(ctx, total, name) for name, total in sums.items()),
        late=ngettext("%(n)s late", "%(n)s late", late) % {"n": format_number(ctx, late)}
        if late else "",
        lines=[_line(ctx, row, "order") for row in rows[:_SHOWN]],
        more=f"/orders.order?f={column}:is:{client}" if len(rows) > _SHOWN else "",
        many=format_number(ctx, rows[0]["many"]),
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
    return ctx.render("orders/client.html", open_value="", late="", lines=lines, more="", many="")


def _may_create(entity: str) -> Callable[[Context, Mapping[str, Any]], bool]:
    return lambda ctx, _record: ctx.principal.role.scope(entity, "create") != "none"


EXTENSIONS = (
    *PANELS,
    Extension(
        "crm.company",
        fields=[
            ExtField(
                "credit_limit", Decimal, N_("Credit limit"),
                help=N_("Value of open orders; empty takes that of the settings."),
            )
        ],
        panels=[Panel("orders", N_("Orders"), company_panel, order=30, hide_if_empty=True)],
    ),
    Extension(
        "crm.person",
        panels=[Panel("orders", N_("Orders"), person_panel, order=30, hide_if_empty=True)],
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
                visible=_may_create("orders.quote"),
            ),
            Action(
                "make-order", N_("Make an order"), make_order, "read", icon="package",
                states=("won",), visible=_may_create("orders.order"),
            ),
        ],
    ),
)  # fmt: skip
