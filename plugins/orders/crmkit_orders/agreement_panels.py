"""What stands on pages of blanket orders and of clients: orders called off, and what is left."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit import N_, Extension, Panel, _, format_date, format_moment, format_money, format_number
from crmkit_orders.agreed import called_of, lines_of, today_of
from crmkit_orders.asking import Question
from crmkit_orders.settings import Settings
from crmkit_orders.states import ORDER_STATES
from crmkit_orders.told import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context

_MOST = 50
#: Lines of an order that its note names.
_NAMED = 3
_ZERO = Decimal(0)
_STATES = {each.name: each for each in ORDER_STATES.states}


async def orders_panel(ctx: Context, agreement: int) -> object:
    """Answer the orders that take of an agreement, the newest first, and what is in drafts."""
    question = Question(ctx)
    number = question.add(agreement)
    rows = await question.rows(
        "SELECT t.id, t.number, t.state, t.currency, t.created_at, t.confirmed_at, "  # noqa: S608
        "sum(l.net) AS net, array_agg(coalesce(l.quantity, 0) ORDER BY l.position, l.id) AS many, "
        "array_agg(l.text ORDER BY l.position, l.id) AS texts FROM orders_order t "
        'JOIN orders_order_line l ON l."order" = t.id AND l.trashed_at IS NULL '
        "JOIN orders_agreement_line m ON m.id = l.agreement_line "
        f"WHERE m.agreement = {number}::bigint AND {question.may('orders.order')} "
        f"GROUP BY t.id ORDER BY t.id DESC LIMIT {_MOST}"
    )
    lines = await lines_of(ctx, agreement)
    called = await called_of(ctx, {line["id"]: line["unit"] for line in lines})
    drafted = [
        _("%(n)s × %(what)s") % {"n": format_number(ctx, plain(taken)), "what": line["text"]}
        for line in lines
        if (taken := called[line["id"]].drafted)
    ]
    if not rows and not drafted:
        return ""
    return ctx.render(
        "orders/called.html", orders=[_order(ctx, row) for row in rows], drafted=drafted
    )


def _order(ctx: Context, row: Mapping[str, Any]) -> dict[str, Any]:
    state = _STATES.get(row["state"])
    goods = [
        _("%(n)s × %(what)s") % {"n": format_number(ctx, plain(many)), "what": text}
        for many, text in zip(row["many"], row["texts"], strict=True)
    ]
    more = len(goods) - _NAMED
    if more > 0:
        goods = [*goods[:_NAMED], _("and %(n)s more") % {"n": more}]
    currency = row["currency"] or ctx.config.currency
    return {
        "url": f"/orders.order/{row['id']}",
        "label": row["number"],
        "note": ", ".join(goods),
        "state": _(state.label) if state else row["state"],
        "hue": state.hue if state else 8,
        "when": format_moment(ctx, row["confirmed_at"] or row["created_at"]),
        "net": format_money(ctx, row["net"], currency) if row["net"] is not None else "",
    }


async def company_panel(ctx: Context, company: int) -> object:
    """Answer the blanket orders of a company that run, or wait to."""
    return await _client_panel(ctx, "company", company)


async def person_panel(ctx: Context, person: int) -> object:
    """Answer those in which a person is named."""
    return await _client_panel(ctx, "person", person)


async def _client_panel(ctx: Context, column: str, client: int) -> object:
    question = Question(ctx)
    who = question.add(client)
    rows = await question.rows(
        "SELECT t.id, t.number, t.state, t.currency, t.valid_until, t.net, t.net_left "  # noqa: S608
        f"FROM orders_agreement t WHERE t.{column} = {who}::bigint "
        f"AND t.state IN ('draft', 'running') AND {question.may('orders.agreement')} "
        f"ORDER BY t.state DESC, t.valid_until, t.id LIMIT {_MOST}"
    )
    may_create = ctx.principal.role.scope("orders.agreement", "create") != "none"
    new_url = f"/orders.agreement/new?{column}={client}" if may_create else ""
    if not rows and not new_url:
        return ""
    return ctx.render(
        "orders/agreements.html", agreements=[_agreement(ctx, row) for row in rows],
        new_url=new_url,
    )  # fmt: skip


def _agreement(ctx: Context, row: Mapping[str, Any]) -> dict[str, Any]:
    currency, until = row["currency"] or ctx.config.currency, row["valid_until"]
    is_running = row["state"] == "running"
    money = format_money(ctx, row["net_left"] or _ZERO, currency) if row["net"] else ""
    days = ctx.settings(Settings).agreement_days
    is_soon = is_running and until is not None and (until - today_of(ctx)).days <= days
    return {
        "url": f"/orders.agreement/{row['id']}",
        "label": row["number"],
        "note": _("Until %(day)s") % {"day": format_date(ctx, until)} if until else "",
        "tone": "warn" if is_soon else "ink-3",
        "left": _("%(sum)s left") % {"sum": money} if is_running and money else "",
        "state": "" if is_running else _("Draft"),
        "share": _share(row) if is_running else None,
    }


def _share(row: Mapping[str, Any]) -> int | None:
    """Answer how many percent of the agreed value were called off."""
    agreed: Decimal | None = row["net"]
    if not agreed:
        return None
    return round(100 - (row["net_left"] or _ZERO) / agreed * 100)


AGREEMENT_PANELS = (
    Extension(
        "orders.agreement",
        panels=[
            Panel(
                "called", N_("Orders called off"), orders_panel, "detail.main",
                hide_if_empty=True,
            )
        ],
    ),
    *(
        Extension(
            f"crm.{kind}",
            panels=[
                Panel("agreements", N_("Blanket orders"), render, order=31, hide_if_empty=True)
            ],
        )
        for kind, render in (("company", company_panel), ("person", person_panel))
    ),
)  # fmt: skip
