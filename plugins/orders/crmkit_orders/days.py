"""What orders put into the calendar, the agenda and the timeline of an order."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from crmkit import (
    AgendaItem,
    AgendaSection,
    CalendarItem,
    TimelineItem,
    _,
    format_moment,
    format_number,
)
from crmkit_orders.asking import Question
from crmkit_orders.panels import slack_of
from crmkit_orders.step_names import StepNames, staff_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context, PageEvent

_MOST = 500
_SHOWN = 20
_LINES = 100


async def items_between(event: PageEvent) -> list[CalendarItem]:
    """Answer own promises, planned deliveries and expected receipts of some days."""
    ctx = event.ctx
    if event.first is None or event.last is None:
        return []
    question = Question(ctx)
    zone = ctx.time_zone
    me = f"{question.add(ctx.user_id)}::bigint"
    begin = question.add(datetime.combine(event.first, time.min, zone))
    end = question.add(datetime.combine(event.last + timedelta(days=1), time.min, zone))
    first, last = question.add(event.first), question.add(event.last)
    within = f"BETWEEN {begin}::timestamptz AND {end}::timestamptz"
    rows = await question.rows(
        "SELECT * FROM (SELECT 'order' AS what, t.id, t.number, t.promised_at AS at, "  # noqa: S608
        "NULL::date AS day, t.updated_at, t.deliver_to AS text FROM orders_order t "
        f"WHERE t.promised_at {within} AND t.state IN ('confirmed', 'in_progress') "
        f"AND ({me} IN (t.owner, t.holder)) AND {question.may('orders.order')} "
        "UNION ALL SELECT 'delivery', d.id, d.number, d.planned_for, NULL, d.updated_at, "
        f"concat_ws(E'\\n', nullif(d.carrier, ''), d.deliver_to) FROM orders_delivery d "
        f"WHERE d.planned_for {within} AND d.state IN ('planned', 'packed') "
        f"AND d.owner = {me} AND {question.may('orders.delivery', 'd')} "
        "UNION ALL SELECT 'receipt', r.id, r.number, NULL, r.expected_on, r.updated_at, "
        "r.supplier_number FROM orders_receipt r "
        f"WHERE r.expected_on BETWEEN {first}::date AND {last}::date "
        f"AND r.state IN ('expected', 'partly') AND r.owner = {me} "
        f"AND {question.may('orders.receipt', 'r')}) x "
        f"ORDER BY coalesce(at, day::timestamptz), id LIMIT {_MOST}"
    )
    titles = {
        "order": _("%(number)s is promised"),
        "delivery": _("%(number)s is to be sent"),
        "receipt": _("%(number)s is expected"),
    }
    return [
        CalendarItem(
            id=f"{row['what']}-{row['id']}",
            title=titles[row["what"]] % {"number": row["number"]},
            begin=row["at"] or row["day"],
            text=row["text"] or "",
            url=f"/orders.{row['what']}/{row['id']}",
            changed=row["updated_at"],
            is_free=True,
        )
        for row in rows
    ]


async def agenda_of(event: PageEvent) -> dict[str, Any]:
    """Answer the active steps of the chosen scope, the first due first; one statement."""
    ctx = event.ctx
    question = Question(ctx)
    scope = "TRUE"
    if event.scope == "mine":
        scope = f"t.holder = {question.add(ctx.user_id)}::bigint"
    elif event.scope == "team":
        scope = f"o.team = ANY({question.add(list(ctx.principal.teams))}::bigint[])"
    rows = await question.rows(
        'SELECT t.id, t.name, t.plan, t.due_at, o.id AS "order", o.number, '  # noqa: S608 - predicates
        "coalesce(c.name, '') AS client, count(*) OVER () AS many "
        'FROM orders_step t JOIN orders_order o ON o.id = t."order" '
        f"LEFT JOIN crm_company c ON c.id = o.company AND {question.may('crm.company', 'c')} "
        f"WHERE t.state = 'active' AND {scope} AND {question.may('orders.step')} "
        f"ORDER BY t.due_at NULLS LAST, t.id LIMIT {_SHOWN}"
    )
    if not rows:
        return {}
    names = await staff_names(ctx)
    items = tuple(_item(ctx, row, names) for row in rows)
    is_late = any(item.tone == "bad" for item in items)
    label = _("Orders that are with me") if event.scope == "mine" else _("Steps of orders")
    return {
        "sections": (
            AgendaSection(
                name="orders",
                label=label,
                count=format_number(ctx, rows[0]["many"]),
                tone="bad" if is_late else "",
                items=items,
                more_url="/orders/board" if rows[0]["many"] > _SHOWN else None,
            ),
        )
    }


def _item(ctx: Context, row: Mapping[str, Any], names: StepNames) -> AgendaItem:
    due = row["due_at"]
    slack, tone = slack_of(ctx, due) if due else ("", "")
    return AgendaItem(
        id=f"orders-{row['id']}",
        title=": ".join((row["number"], names.of(ctx, row))),
        url=f"/orders.order/{row['order']}",
        icon="package",
        record=row["client"],
        due=slack,
        due_title=format_moment(ctx, due) if due else None,
        tone=tone if tone == "bad" else "",
    )


async def lines_of(event: PageEvent) -> list[tuple[datetime, TimelineItem]]:
    """Answer hand-overs and what left or came back of an order; one statement."""
    if event.entity is None or event.entity.name != "orders.order":
        return []
    ctx = event.ctx
    question = Question(ctx)
    order = f"{question.add(event.record_id)}::bigint"
    rows = await question.rows(
        "SELECT 'handover' AS what, t.id, t.created_at AS at, t.step AS name, t.reason AS text, "  # noqa: S608
        '(SELECT max(s.plan) FROM orders_step s WHERE s."order" = t."order" '
        "AND s.name = t.step) AS plan, coalesce(g.name, '') AS giver, "
        "coalesce(u.name, '') AS taker, '' AS state "
        "FROM orders_handover t LEFT JOIN core_user g ON g.id = t.giver "
        f'LEFT JOIN core_user u ON u.id = t.taker WHERE t."order" = {order} '
        f"AND {question.may('orders.handover')} "
        "UNION ALL SELECT 'shipped', d.id, d.shipped_at, d.number, "
        "concat_ws(' ', nullif(d.carrier, ''), nullif(d.tracking, '')), NULL, "
        "coalesce(o.name, ''), d.direction, d.state FROM orders_delivery d "
        "LEFT JOIN core_user o ON o.id = d.owner "
        f'WHERE d."order" = {order} AND d.shipped_at IS NOT NULL '
        f"AND {question.may('orders.delivery', 'd')} "
        "UNION ALL SELECT 'delivered', e.id, e.delivered_at, e.number, '', NULL, "
        "coalesce(o.name, ''), e.direction, e.state FROM orders_delivery e "
        "LEFT JOIN core_user o ON o.id = e.owner "
        f'WHERE e."order" = {order} AND e.delivered_at IS NOT NULL '
        f"AND {question.may('orders.delivery', 'e')} ORDER BY at DESC, id DESC LIMIT {_LINES}"
    )
    has_steps = any(row["what"] == "handover" for row in rows)
    names = await staff_names(ctx) if has_steps else StepNames({}, {})
    return [(row["at"], _entry(ctx, row, names)) for row in rows]


def _entry(ctx: Context, row: Mapping[str, Any], names: StepNames) -> TimelineItem:
    is_handover = row["what"] == "handover"
    if is_handover:
        what = _("handed %(step)s over to %(taker)s") % {
            "step": names.of(ctx, row), "taker": row["taker"],
        }  # fmt: skip
    elif row["what"] == "shipped":
        what = _("sent %(number)s off") % {"number": row["name"]}
    else:
        what = _("%(number)s has arrived") % {"number": row["name"]}
    return TimelineItem(
        icon="users" if is_handover else "truck",
        who=row["giver"] or "crmkit",
        what=what,
        time=format_moment(ctx, row["at"]),
        iso=row["at"].isoformat(),
        text=row["text"],
        url=None if is_handover else f"/orders.delivery/{row['id']}",
        id=f"o{row['what'][0]}{row['id']}",
    )
