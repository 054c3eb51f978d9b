"""How much of a person's days the steps of orders take."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from crmkit_orders.reading import read_rows

if TYPE_CHECKING:
    from datetime import date

    from crmkit import Context

_DAY = timedelta(days=1)
_DUE = """
SELECT greatest((coalesce(s.due_at, o.promised_at) AT TIME ZONE $4)::date, $2) AS day,
    sum(p.minutes)::bigint AS minutes
FROM orders_step s JOIN orders_step_plan p ON p.id = s.plan
JOIN orders_order o ON o.id = s."order"
WHERE s.holder = $1 AND s.state IN ('active', 'waiting') AND s.trashed_at IS NULL AND p.minutes > 0
AND (coalesce(s.due_at, o.promised_at) AT TIME ZONE $4)::date <= $3
AND ($5::bigint IS NULL OR o.id = $5) GROUP BY 1
"""


async def minutes_of(
    ctx: Context, user: int, first: date, last: date, order: int | None = None
) -> dict[date, int]:
    """Answer the minutes of a person's open steps by the day they are due.

    What is late already is for the first day. Days are those of the site's zone.

    Args:
        order: Only steps of this order.
    """
    rows = await read_rows(ctx, _DUE, user, first, last, str(ctx.config.time_zone), order)
    return {row["day"]: row["minutes"] for row in rows}
