"""Deadlines follow the settings of their plugin: what runs is asked again when these change."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from crmkit.model.job import JobOrder
from crmkit.work.deadline_follow import follow_records
from crmkit.work.jobs import enqueue

if TYPE_CHECKING:
    from typing import Any

    from crmkit.model.context import Context
    from crmkit.model.job import JobEvent

FOLLOW = "core.follow_deadlines"
_BATCH = 500
#: A process has new settings a moment after they were saved.
_WAIT = timedelta(seconds=3)
_FIND = """
SELECT DISTINCT d.record FROM core_deadline d WHERE d.plugin = $1 AND d.entity = $2
AND d.state IN ('open', 'missed') AND d.next_at IS NOT NULL AND d.record > $3
ORDER BY d.record LIMIT $4
"""


async def queue_follow(ctx: Context, plugin: str) -> None:
    """Let deadlines that records have by themselves be asked for again after the commit."""
    entities = {
        each.entity
        for name, each in ctx.site.contributions["deadlines"]
        if name == plugin and each.follow is not None
    }
    for entity in sorted(entities):
        await _queue(ctx, {"plugin": plugin, "entity": entity, "after": 0})


async def _queue(ctx: Context, args: dict[str, Any]) -> None:
    key = f"{args['entity']}:{args['after']}"
    order = JobOrder(args=args, at=ctx.now() + _WAIT, key=key, lane="recount")
    await enqueue(ctx, FOLLOW, [order])


async def follow_again(event: JobEvent) -> None:
    """Ask for the deadlines of a batch of records, and queue the next batch.

    What was told stays told: a deadline that is as it was stays, and a warning that has passed
    already is not given a second time.
    """
    ctx, args = event.ctx, dict(event.args)
    stored = await ctx.db.value("SELECT settings FROM core_plugin WHERE id = $1", args["plugin"])
    known = ctx.site.choice.stored.get(args["plugin"])
    if known is None or dict(known.settings) != (stored or {}):
        await _queue(ctx, args)  # this process serves the settings from before
        return
    rows = await ctx.db.rows(_FIND, args["plugin"], args["entity"], args["after"], _BATCH)
    if not rows:
        return
    await follow_records(ctx, args["entity"], [row["record"] for row in rows])
    if len(rows) == _BATCH:
        await _queue(ctx, args | {"after": rows[-1]["record"]})
