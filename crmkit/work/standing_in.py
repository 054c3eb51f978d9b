"""When an absence with a deputy begins, what is due meanwhile passes to the deputy."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, time
from typing import TYPE_CHECKING

from crmkit.model.job import JobOrder
from crmkit.model.values import N_
from crmkit.model.working_time import ABSENCE
from crmkit.plugin.events import PeriodEvent
from crmkit.work.jobs import enqueue

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from crmkit.model.context import Context
    from crmkit.model.job import JobEvent

STAND_IN = "core.stand_in"
_READ = """
SELECT a.absentee, a.deputy, a.first_day, a.last_day, u.name FROM core_absence a
JOIN core_user u ON u.id = a.absentee
JOIN core_user d ON d.id = a.deputy AND d.active AND d.trashed_at IS NULL
WHERE a.id = $1 AND a.trashed_at IS NULL AND a.hours = '' AND a.first_day <= $2
    AND coalesce(a.last_day, a.first_day) >= $2
"""


async def plan_stand_in(ctx: Context, record_id: int, absence: Mapping[str, Any]) -> None:
    """Let the deputy of a whole-day absence stand in from its first day on.

    Nothing is planned where no plugin has anything to pass.
    """
    first = absence.get("first_day")
    if first is None or not absence.get("deputy") or absence.get("trashed_at") is not None:
        return
    if absence.get("hours") or not ctx.site.hooks.implementations("handover"):
        return
    today = ctx.now().astimezone(ctx.config.zone).date()
    if (absence.get("last_day") or first) < today:
        return
    begin = datetime.combine(max(first, today), time(), ctx.config.zone)
    order = JobOrder(args={"absence": record_id}, at=begin, key=f"{record_id}:{first}")
    await enqueue(ctx, STAND_IN, [order])


async def stand_in(event: JobEvent) -> None:
    """Ask plugins to pass what is due during an absence that has begun and still is one."""
    ctx = event.ctx
    today = ctx.now().astimezone(ctx.config.zone).date()
    row = await ctx.db.row(_READ, event.args["absence"], today)
    if row is None:
        return
    last = row["last_day"] or row["first_day"]
    # Infinite in the database is the last day there is.
    asked = PeriodEvent(ctx, row["absentee"], today, min(last, date.max), row["deputy"])
    counts: Counter[str] = Counter()
    for _plugin, answer in await ctx.site.hooks.answers("handover", asked):
        counts.update(answer)
    found = {name: count for name, count in counts.items() if count}
    if not found:
        return
    what = ", ".join(f"{ctx.translate(name)} {count}" for name, count in sorted(found.items()))
    await ctx.notify(
        [row["deputy"]], "core.handover", N_("{person} is away; you stand in: {what}."),
        values={"person": row["name"], "what": what}, entity=ABSENCE,
        record_id=event.args["absence"], key=f"stand-in:{event.args['absence']}:{today}",
    )  # fmt: skip
