"""Who holds what: the active steps of all orders by holder, late ones first."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from crmkit import (
    ConflictError,
    Flash,
    InvalidError,
    Link,
    Request,
    Response,
    _,
    answer,
    avatar_of,
    context_of,
    format_moment,
    format_number,
    get,
    go,
    post,
)
from crmkit_orders.asking import Question
from crmkit_orders.panels import slack_of, span_text
from crmkit_orders.step_names import staff_names
from crmkit_orders.steps import HandOver, hand_over

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from crmkit import Context
    from crmkit_orders.step_names import StepNames

BOARD = "/orders/board"
#: So many people, those who have left and those with most late steps first, each with so many of
#: his most urgent steps.
_HOLDERS, _STEPS = 24, 5
#: What the page of one person shows.
_ALL = 100
_DIGITS = 18


@get(BOARD, policy="orders.order.read")
async def board_show(request: Request[Any, Any, Any]) -> Response[str]:
    """Show the active steps by holder; `?holder=7` all of one person."""
    ctx = context_of(request)
    holder = request.query_params.get("holder", "")
    one = int(holder) if holder.isdecimal() and len(holder) <= _DIGITS else None
    rows = await _rows(ctx, one)
    holders = _holders(ctx, rows, await staff_names(ctx))
    return answer(
        request, "orders/board.html", title=_("Who holds what"), holders=holders,
        people=await _people(ctx) if rows else [], cut=len(holders) == _HOLDERS, board_url=BOARD,
        none_yet=_none_yet(), one=one,
    )  # fmt: skip


def _none_yet() -> dict[str, Any]:
    return {
        "icon": "users",
        "title": _("Nobody holds a step"),
        "text": _("Confirm an order, and its first step appears here."),
        "actions": (Link(label=_("Orders"), url="/orders.order", icon="package"),),
    }


async def _rows(ctx: Context, one: int | None) -> list[dict[str, Any]]:
    """Answer the most urgent steps of each holder, with how many he has and how many are late.

    First those that nobody holds who may sign in.
    """
    question = Question(ctx)
    now = question.add(ctx.now())
    own = "" if one is None else f"AND coalesce(t.holder, 0) = {question.add(one)}::bigint "
    return await question.rows(
        "SELECT h.holder, h.who, h.is_here, h.many, h.late, s.* FROM ("  # noqa: S608 - predicates
        "SELECT coalesce(t.holder, 0) AS holder, coalesce(u.name, '') AS who, "
        "coalesce(u.active AND u.trashed_at IS NULL, false) AS is_here, count(*) AS many, "
        f"count(*) FILTER (WHERE t.due_at < {now}::timestamptz) AS late "
        "FROM orders_step t LEFT JOIN core_user u ON u.id = t.holder "
        f"WHERE t.state = 'active' {own}AND {question.may('orders.step')} "
        f"GROUP BY 1, 2, 3 ORDER BY 3, late DESC, who, 1 LIMIT {_HOLDERS}) h CROSS JOIN LATERAL ("
        "SELECT t.id, t.name, t.plan, t.due_at, t.began_at, "
        "o.id AS \"order\", o.number, coalesce(c.name, p.name, '') AS client, "
        f"coalesce(t.due_at < {now}::timestamptz, false) AS is_late, "
        f"{question.may('orders.order', 'o', 'edit')} AS may_edit "
        'FROM orders_step t JOIN orders_order o ON o.id = t."order" '
        f"AND {question.may('orders.order', 'o')} "
        f"LEFT JOIN crm_company c ON c.id = o.company AND {question.may('crm.company', 'c')} "
        f"LEFT JOIN crm_person p ON p.id = o.person AND {question.may('crm.person', 'p')} "
        "WHERE t.state = 'active' AND coalesce(t.holder, 0) = h.holder "
        f"AND {question.may('orders.step')} "
        f"ORDER BY t.due_at, t.id LIMIT {_STEPS if one is None else _ALL}) s "
        "ORDER BY h.is_here, h.late DESC, h.who, h.holder, s.due_at, s.id"
    )


async def _people(ctx: Context) -> list[tuple[str, str]]:
    """Answer address and name of who can take a step."""
    question = Question(ctx)
    rows = await question.rows(
        "SELECT t.name, t.email FROM core_user t "  # noqa: S608 - a predicate
        f"WHERE t.active AND {question.may('core.user')} ORDER BY t.name, t.id LIMIT 300"
    )
    return [(row["email"] or row["name"], row["name"]) for row in rows]


def _holders(ctx: Context, rows: list[dict[str, Any]], names: StepNames) -> list[dict[str, Any]]:
    """Answer the holders with their steps, in the order of the rows."""
    made = []
    for holder, group in itertools.groupby(rows, lambda row: row["holder"]):
        own = list(group)
        name, many, late = own[0]["who"], own[0]["many"], own[0]["late"]
        made.append(
            {
                "id": holder,
                "name": name or _("Nobody"),
                "avatar": avatar_of(name) if name else None,
                "has_left": bool(name) and not own[0]["is_here"],
                "count": format_number(ctx, many),
                "late": late,
                "late_text": _("%(n)s late") % {"n": format_number(ctx, late)},
                "steps": [_step(ctx, row, names) for row in own],
                "more_url": f"{BOARD}?holder={holder}" if many > len(own) else "",
                "more": _("All %(n)s") % {"n": format_number(ctx, many)},
            }
        )
    return made


def _step(ctx: Context, row: Mapping[str, Any], names: StepNames) -> dict[str, Any]:
    slack, tone = slack_of(ctx, row["due_at"]) if row["due_at"] else ("", "")
    return {
        "order": row["order"],
        "url": f"/orders.order/{row['order']}",
        "number": row["number"],
        "client": row["client"],
        "step": names.of(ctx, row),
        "since": _since(ctx, row["began_at"]) if row["began_at"] else "",
        "due": format_moment(ctx, row["due_at"]) if row["due_at"] else _("No due time"),
        "slack": slack,
        "tone": tone,
        "late": row["is_late"],
        "may_edit": row["may_edit"],
    }  # fmt: skip


def _since(ctx: Context, began: datetime) -> str:
    """Answer for how long a step has been active."""
    return _("for %(span)s") % {"span": span_text(int((ctx.now() - began).total_seconds()))}


@post(BOARD, policy="orders.order.edit")
async def board_give(request: Request[Any, Any, Any]) -> Response[Any]:
    """Hand the active step of an order over, and come back to the board."""
    ctx = context_of(request)
    form = await request.form()
    to = str(form.get("to") or "").strip()[:200]
    reason = str(form.get("reason") or "").strip()[:300]
    number = str(form.get("order") or "")
    if not to or not number.isdecimal() or len(number) > _DIGITS:
        return go(request, BOARD, Flash(text=_("Choose who takes the step."), kind="bad"))
    try:
        async with ctx.db.transaction():
            await hand_over(ctx, int(number), HandOver(to=to, reason=reason))
    except (InvalidError, ConflictError) as error:
        said = " ".join([error.message, *getattr(error, "problems", {}).values()])
        return go(request, BOARD, Flash(text=said, kind="bad"))
    return go(request, BOARD, Flash(text=_("Handed over.")))


ROUTES = (board_show, board_give)
