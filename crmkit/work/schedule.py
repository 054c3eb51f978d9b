"""Queues periodic jobs: once for each moment, whatever number of workers look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.model.crontab import Crontab
from crmkit.model.job import JobOrder
from crmkit.work.catalog import catalog_of
from crmkit.work.jobs import enqueue

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from crmkit.model.context import Context


async def queue_periodic(ctx: Context) -> float | None:
    """Queue what is due by the database's clock; answer the seconds until the next moment.

    Of moments that passed while nobody worked, the last is made up for. A job that was never seen
    before waits for its next one.

    Returns:
        None when nothing is periodic.
    """
    expressions = {
        name: Crontab.parse(job.every)
        for name, job in catalog_of(ctx.site).jobs.items()
        if job.every
    }
    if not expressions:
        return None
    now: datetime = await ctx.db.value("SELECT clock_timestamp()")
    known = await _known(ctx, expressions)
    zone = ctx.config.zone
    for name, each in expressions.items():
        moment = each.until(now, zone)
        if known[name] < moment:
            await _queue(ctx, name, moment)
    return min((each.after(now, zone) - now).total_seconds() for each in expressions.values())


async def _known(ctx: Context, names: Mapping[str, Crontab]) -> dict[str, datetime]:
    """Answer the last moment of each job; for one never seen that is the present."""
    rows = await ctx.db.rows(
        "SELECT name, last FROM core_schedule WHERE name = ANY($1)", list(names)
    )
    known = {row["name"]: row["last"] for row in rows}
    for name in names:
        if name not in known:
            # Of several workers that see it first, one writes; all read the same.
            known[name] = await ctx.db.value(
                "WITH made AS (INSERT INTO core_schedule (name, last) VALUES ($1, now()) "
                "ON CONFLICT (name) DO NOTHING RETURNING last) "
                "SELECT coalesce((SELECT last FROM made), now())",
                name,
            )
    return known


async def _queue(ctx: Context, name: str, moment: datetime) -> None:
    async with ctx.db.transaction():
        # The second of two workers waits here for the first, and then moves nothing on.
        is_mine = await ctx.db.value(
            "UPDATE core_schedule SET last = $2 WHERE name = $1 AND last < $2 RETURNING true",
            name, moment,
        )  # fmt: skip
        if is_mine:
            text = moment.isoformat()
            await enqueue(ctx, name, [JobOrder(args={"moment": text}, at=moment, key=text)])
