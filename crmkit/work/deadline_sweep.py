"""Proves that no running deadline lost its timer, and puts those that did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from crmkit.work.deadline_rows import TIMER
from crmkit.work.timers import put_timers

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.model.job import JobEvent

_log = structlog.get_logger("crmkit.work")
_MOST = 1000
# A timer that is tried again after a failure may stand later than the step it is for.
_LOST = f"""
SELECT d.id, d.plugin, d.next_at FROM core_deadline d
WHERE d.next_at IS NOT NULL AND d.state IN ('open', 'missed')
    AND d.kind = ANY($1) AND d.entity = ANY($2)
    AND NOT EXISTS (SELECT FROM core_job j
        WHERE j.plugin = d.plugin AND j.name = '{TIMER}' AND j.key = d.id::text
            AND j.key IS NOT NULL AND j.state IN ('later', 'ready', 'parked')
            AND (j.run_at <= d.next_at OR j.attempts > 0 OR j.state = 'ready'))
    AND NOT EXISTS (SELECT FROM core_job r
        WHERE r.state = 'running' AND r.plugin = d.plugin AND r.name = '{TIMER}'
            AND r.key = d.id::text)
ORDER BY d.next_at, d.id LIMIT $3
"""  # noqa: S608 - of our own


async def find_lost(ctx: Context, most: int = _MOST) -> list[int]:
    """Answer running deadlines of plugins that are on whose next step has no timer, by moment."""
    rows = await ctx.db.rows(_LOST, *_known(ctx), most)
    return [row["id"] for row in rows]


async def sweep_deadlines(event: JobEvent) -> None:
    """Put timers that are missing or stand too late, and log what was found."""
    ctx = event.ctx
    while True:
        rows = await ctx.db.rows(f"{_LOST} FOR UPDATE OF d SKIP LOCKED", *_known(ctx), _MOST)
        if not rows:
            return
        _log.warning(
            "deadlines had lost their timers", count=len(rows), first=[r["id"] for r in rows[:20]]
        )
        await put_timers(
            ctx, TIMER, "deadline", [(row["plugin"], row["id"], row["next_at"]) for row in rows]
        )


def _known(ctx: Context) -> tuple[list[str], list[str]]:
    kinds = [f"{plugin}.{each.name}" for plugin, each in ctx.site.contributions["deadlines"]]
    return kinds, list(ctx.site.entities)
