"""Counts running deadlines anew when working hours have changed, in batches.

What was told stays told: a plan keeps its revision, so no step of it can be made a second time.
Paused deadlines are left alone; they are counted when they go on.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import msgspec
import structlog

from crmkit.errors import UnavailableError
from crmkit.model.job import JobOrder
from crmkit.work.calendars import row_of
from crmkit.work.deadline_orders import calendar_key, calendars_of, lock_records
from crmkit.work.deadline_plans import counted_anew, next_moment
from crmkit.work.deadline_rows import TIMER, note, select
from crmkit.work.jobs import enqueue
from crmkit.work.timers import put_timers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.context import Context
    from crmkit.model.job import JobEvent
    from crmkit.work.deadline_rows import Deadline

_log = structlog.get_logger("crmkit.work")
RECOUNT = "core.recount_deadlines"
_BATCH = 1000
#: Zones are up to a day apart from UTC, and a night shift ends a day later.
_MARGIN = timedelta(days=2)
_OPEN = "d.state IN ('open', 'missed') AND d.next_at IS NOT NULL"
_COUNTED = "(d.is_business OR d.steps @> '[{\"business\": true}]')"
# Whatever is counted lies between where it began and the last step: other days do not matter.
_FIND = f"""
SELECT d.id, d.entity, d.record FROM core_deadline d
WHERE {_OPEN} AND {_COUNTED} AND (d.entity, d.id) > ($1, $2::bigint) AND d.entity = ANY($3)
    AND ($4::bigint[] IS NULL OR coalesce(d.team, 0) = ANY($4))
    AND ($5::bigint IS NULL OR d.counts_absences AND d.responsible = $5)
    AND ($6::timestamptz IS NULL OR d.moments[cardinality(d.moments)] >= $6)
    AND ($7::timestamptz IS NULL OR least(d.begun_at, d.moments[1]) <= $7)
ORDER BY d.entity, d.id LIMIT $8
"""  # noqa: S608 - of our own
_WRITE = """
UPDATE core_deadline d SET due_at = o.due_at, next_at = o.next_at, moments =
    ARRAY(SELECT m.text::timestamptz FROM jsonb_array_elements_text(o.plan -> 'moments')
        WITH ORDINALITY m (text, n) ORDER BY m.n)
FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::jsonb[])
    o (id, due_at, next_at, plan)
WHERE d.id = o.id
"""


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What of working hours changed, as the job is told.

    Attributes:
        why: For the history: holiday, calendar, absence, team or plugin, and a name behind ":".
        calendar: Its id; None is any.
        person: Whose absence it is.
        first: First day concerned; None without a bound.
        last: Last day.
        prefix: Begin of the names of the entities; "" is all.
        teams: Those with that calendar, 0 for none; found by the first batch.
        after: Where a batch ended: entity and number.
    """

    why: str
    calendar: int | None = None
    person: int | None = None
    first: date | None = None
    last: date | None = None
    prefix: str = ""
    teams: list[int] | None = None
    after: tuple[str, int] = ("", 0)


async def queue_recount(ctx: Context, change: Change) -> None:
    """Let deadlines be counted anew after the commit; one job of a change waits at a time."""
    is_there = "SELECT EXISTS (SELECT FROM core_deadline WHERE starts_with(entity, $1))"
    if change.prefix and not await ctx.db.value(is_there, change.prefix):
        return
    args = msgspec.to_builtins(change)
    key = msgspec.json.encode({**args, "teams": None}).decode()
    # One after another: two batches never wait for each other's records.
    await enqueue(ctx, RECOUNT, [JobOrder(args=args, key=key[:200], lane="recount")])


async def recount_deadlines(event: JobEvent) -> None:
    """Count one batch of one entity anew, and queue the next one."""
    ctx, change = event.ctx, msgspec.convert(event.args, Change)
    if change.calendar is not None and change.teams is None:
        teams = await _teams_with(ctx, change.calendar)
        change = msgspec.structs.replace(change, teams=teams)
    entities = [name for name in ctx.site.entities if name.startswith(change.prefix)]
    found = await ctx.db.rows(
        _FIND, *change.after, entities, change.teams, change.person,
        _bound(change.first, -_MARGIN), _bound(change.last, _MARGIN), _BATCH,
    )  # fmt: skip
    if not found:
        return
    entity = found[0]["entity"]
    batch = [row for row in found if row["entity"] == entity]
    records = sorted({row["record"] for row in batch})
    numbers = [row["id"] for row in batch]
    moved = await _recount(ctx, entity, records, numbers, change.why)
    if moved:
        _log.info("deadlines were counted anew", count=moved, entity=entity, why=change.why)
    if len(batch) < len(found) or len(found) == _BATCH:
        await queue_recount(ctx, msgspec.structs.replace(change, after=(entity, numbers[-1])))


async def recount_back(ctx: Context, numbers: Sequence[int]) -> None:
    """Count deadlines anew that were brought back: hours may have changed while they were away.

    Their records are locked already.
    """
    if numbers:
        await _write(ctx, await _read(ctx, numbers), "")


async def _recount(
    ctx: Context, entity: str, records: Sequence[int], numbers: Sequence[int], why: str
) -> int:
    locked = set(await lock_records(ctx, entity, records))
    # Only then what is read is what holds.
    rows = await _read(ctx, numbers)
    if any(row.record not in locked for row in rows):
        raise UnavailableError("A record was merged into another at this moment.")
    return await _write(ctx, rows, why)


async def _read(ctx: Context, numbers: Sequence[int]) -> list[Deadline]:
    return await select(
        ctx, f"d.id = ANY($1) AND {_OPEN} AND {_COUNTED} ORDER BY d.id FOR UPDATE", list(numbers)
    )


async def _write(ctx: Context, rows: Sequence[Deadline], why: str) -> int:
    calendars = await calendars_of(ctx, {calendar_key(row) for row in rows})
    moved = []
    for row in rows:
        due, moments = counted_anew(row, calendars[calendar_key(row)])
        if (due, moments) != (row.due_at, list(row.moments)):
            moved.append((row, due, moments, next_moment(moments, row.place)))
    if not moved:
        return 0
    await ctx.db.execute(
        _WRITE, [row.id for row, *_ in moved], [due for _, due, _, _ in moved],
        [at for *_, at in moved],
        [{"moments": [each.isoformat() for each in moments]} for _, _, moments, _ in moved],
    )  # fmt: skip
    lines = [
        (row.id, row.revision, "recounted", row.due_at.isoformat() if due != row.due_at else "")
        for row, due, _, _ in moved
    ]
    await note(ctx, lines, why=why)
    timers = [(row.plugin, row.id, at) for row, _, _, at in moved if at is not None]
    await put_timers(ctx, TIMER, "deadline", timers)
    return len(moved)


async def _teams_with(ctx: Context, calendar: int) -> list[int]:
    """Answer the teams with deadlines for which a calendar holds; 0 for no team."""
    rows = await ctx.db.rows(
        f"SELECT DISTINCT d.team FROM core_deadline d WHERE {_OPEN}"  # noqa: S608 - of our own
    )
    return [
        row["team"] or 0 for row in rows if (await row_of(ctx, row["team"])).id in {calendar, None}
    ]


def _bound(day: date | None, margin: timedelta) -> datetime | None:
    """Answer the moment of a day with a margin; None where there is no such moment."""
    if day is None:
        return None
    try:
        return datetime.combine(day, time(), UTC) + margin
    except OverflowError:
        return None
