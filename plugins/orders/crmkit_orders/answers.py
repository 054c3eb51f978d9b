"""What other plugins are answered: output of people, what is due, and what time is booked on."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from crmkit_orders.api import DueItem, Output, Subject
from crmkit_orders.asking import Question
from crmkit_orders.step_names import staff_names

if TYPE_CHECKING:
    from crmkit_orders.api import AsksOutput, AsksPeriod, AsksSubjects

_MOST = 50
_LONGEST = 100
_DAY = timedelta(days=1)


async def output_of(event: AsksOutput) -> list[Output]:
    """Answer quantity and value that people sold: orders confirmed in the period, by their owner.

    Days are those of the site's zone. Cancelled orders are not sold. Only what the reader may see.
    """
    ctx = event.ctx
    question = Question(ctx)
    first = question.add(datetime.combine(event.first, time(), ctx.config.zone))
    last = question.add(datetime.combine(event.last + _DAY, time(), ctx.config.zone))
    currency = question.add(ctx.config.currency)
    sold = (
        f"t.confirmed_at >= {first}::timestamptz AND t.confirmed_at < {last}::timestamptz "
        f"AND t.state <> 'cancelled' AND t.owner IS NOT NULL AND {question.may('orders.order')}"
    )
    rows = await question.rows(
        "SELECT t.owner, 'orders.sold_value' AS metric, sum(t.net) AS value, "  # noqa: S608
        f"coalesce(nullif(t.currency, ''), {currency}::text) AS unit FROM orders_order t "
        f"WHERE {sold} GROUP BY 1, 4 UNION ALL "
        "SELECT t.owner, 'orders.sold_quantity', sum(l.quantity - coalesce(l.cancelled, 0)), "
        "l.unit "
        'FROM orders_order t JOIN orders_order_line l ON l."order" = t.id '
        f"AND l.trashed_at IS NULL WHERE {sold} GROUP BY 1, 4 ORDER BY 1, 2, 4"
    )
    return [
        Output(user=row["owner"], metric=row["metric"], value=row["value"], unit=row["unit"])
        for row in rows
        if row["value"]
    ]


async def due_for(event: AsksPeriod) -> list[DueItem]:
    """Answer the steps a person holds that are due in a period, or late; the first due first."""
    ctx = event.ctx
    question = Question(ctx)
    who = question.add(event.user_id)
    last = question.add(datetime.combine(event.last + _DAY, time(), ctx.config.zone))
    rows = await question.rows(
        "SELECT t.name, t.plan, t.due_at, o.id, o.number, coalesce(p.minutes, 0) AS minutes, "  # noqa: S608
        "coalesce(c.name, '') AS client FROM orders_step t "
        'JOIN orders_order o ON o.id = t."order" '
        "LEFT JOIN orders_step_plan p ON p.id = t.plan "
        f"LEFT JOIN crm_company c ON c.id = o.company AND {question.may('crm.company', 'c')} "
        f"WHERE t.state = 'active' AND t.holder = {who}::bigint AND t.due_at < {last}::timestamptz "
        f"AND {question.may('orders.step')} ORDER BY t.due_at, t.id LIMIT {_MOST}"
    )
    names = await staff_names(ctx)
    return [
        DueItem(
            entity="orders.order", record=row["id"], due=row["due_at"],
            title=f"{row['number']}: {names.of(ctx, row)}",
            minutes=row["minutes"] or None, reason=row["client"],
        )
        for row in rows
    ]  # fmt: skip


async def subjects_of(event: AsksSubjects) -> list[Subject]:
    """Answer running orders whose number or client holds a text, the latest first."""
    ctx = event.ctx
    question = Question(ctx)
    folded = event.text.strip()[:_LONGEST].replace("\\", "\\\\")
    part = question.add(f"%{folded.replace('%', chr(92) + '%').replace('_', chr(92) + '_')}%")
    rows = await question.rows(
        "SELECT t.id, t.number, t.company, coalesce(c.name, '') AS client FROM orders_order t "  # noqa: S608
        f"LEFT JOIN crm_company c ON c.id = t.company AND {question.may('crm.company', 'c')} "
        "WHERE t.state IN ('confirmed', 'in_progress', 'fulfilled') "
        f"AND (t.number_key LIKE lower(crm_unaccent({part}::text)) "
        f"OR c.name_key LIKE lower(crm_unaccent({part}::text))) "
        f"AND {question.may('orders.order')} ORDER BY t.confirmed_at DESC, t.id DESC LIMIT {_MOST}"
    )
    return [
        Subject(
            entity="orders.order", record=row["id"], company=row["company"],
            title=" · ".join(part for part in (row["number"], row["client"]) if part),
        )
        for row in rows
    ]  # fmt: skip
