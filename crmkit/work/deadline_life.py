"""Deadlines follow their record: to the trash and back, into final states, into another record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.work.deadline_follow import follow_records
from crmkit.work.deadline_orders import lock_records
from crmkit.work.deadline_recount import recount_back
from crmkit.work.deadline_rows import bring_back, end_rows, read_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.db.engine import Database
    from crmkit.model.context import Context

# A merge takes the timers along: their key is the deadline, which stays.
_MOVE = """
UPDATE core_deadline d SET record = $3 WHERE d.id = ANY($1) AND d.record = $2
    AND NOT EXISTS (SELECT FROM core_deadline o WHERE o.entity = d.entity AND o.record = $3
        AND o.kind = d.kind AND o.state IN ('open', 'paused', 'missed'))
RETURNING d.id
"""


async def follow_trash(ctx: Context, plan: Any, record_id: int, *, trashed: bool) -> None:  # noqa: ANN401 - a plan
    """Clear what a record in the trash had running, or bring it back with the record."""
    if trashed:
        await end_rows(ctx, plan.name, [record_id], None, "cleared", "trash")
        return
    await recount_back(ctx, await bring_back(ctx, plan.name, [record_id], "trash"))
    await follow_records(ctx, plan.name, [record_id])


async def follow_state(ctx: Context, plan: Any, record_id: int, old: str, new: str) -> None:  # noqa: ANN401 - a plan
    """Clear what a record in a final state had running, or bring it back when it is open again."""
    lifecycle = plan.lifecycle
    was_open, is_open = (
        (state := lifecycle.state(name)) is None or state.kind == "open" for name in (old, new)
    )
    if was_open and not is_open:
        await end_rows(ctx, plan.name, [record_id], None, "cleared", "final")
    elif is_open and not was_open:
        await recount_back(ctx, await bring_back(ctx, plan.name, [record_id], "final"))


async def move_deadlines(ctx: Context, entity: str, gone: int, kept: int) -> dict[str, list[int]]:
    """Move what runs to the record that another is merged into; of two of a kind the earlier stays.

    Returns:
        For the journal: "moved" from the one, and "cleared" of the other, by their numbers.
    """
    await lock_records(ctx, entity, sorted((gone, kept)))
    rows = await read_rows(ctx, entity, [gone, kept])
    theirs = {row.kind: row for row in rows if row.record == gone}
    ours = {row.kind: row for row in rows if row.record == kept}
    moving = [
        row for kind, row in theirs.items() if kind not in ours or row.due_at < ours[kind].due_at
    ]
    cleared = [ours[row.kind] for row in moving if row.kind in ours]
    for row in cleared:
        await end_rows(ctx, entity, [kept], row.kind, "cleared", "merge")
    moved = await _move(ctx, [row.id for row in moving], gone, kept)
    return {"moved": moved, "cleared": [row.id for row in cleared]}


async def turn_deadlines(
    ctx: Context,
    entity: str,
    moved: Mapping[str, list[int]],
    kept: int,
    gone: int,
    *,
    parting: bool,
) -> None:
    """Take back what `move_deadlines` did, or do it again where that was taken back."""
    if not parting:
        for row in await read_rows(ctx, entity, [kept]):
            if row.id in moved.get("cleared", ()):
                await end_rows(ctx, entity, [kept], row.kind, "cleared", "merge")
        again = await _move(ctx, moved.get("moved", []), gone, kept)
        # The trash that the other is in again took them just now.
        await recount_back(ctx, await bring_back(ctx, entity, [kept], "trash", again))
        return
    await _move(ctx, moved.get("moved", []), kept, gone)
    if moved.get("cleared"):
        back = await bring_back(ctx, entity, [kept], "merge", moved["cleared"])
        await recount_back(ctx, back)


async def _move(ctx: Context, numbers: list[int], begin: int, end: int) -> list[int]:
    if not numbers:
        return []
    return [row["id"] for row in await ctx.db.rows(_MOVE, numbers, begin, end)]


async def remove_deadlines(db: Database, plugin: str) -> None:
    """Remove the deadlines of a plugin that is purged, and those of its records."""
    await db.execute(
        "DELETE FROM core_job WHERE name = 'core.step_deadline' AND key IN (SELECT id::text "
        "FROM core_deadline WHERE plugin = $1 OR starts_with(entity, $1 || '.'))",
        plugin,
    )
    await db.execute(
        "DELETE FROM core_deadline WHERE plugin = $1 OR starts_with(entity, $1 || '.')", plugin
    )
