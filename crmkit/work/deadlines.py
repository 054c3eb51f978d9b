"""Deadlines of records: set, moved, held, met, cleared; each next step has a timer of its own.

A deadline is one row, and of its record: whoever changes it, or makes a step of it, locks the
record first. Moments are compared with the clock of the database.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from crmkit.errors import ConflictError, NotFoundError
from crmkit.model.context import entity_name
from crmkit.model.deadline import DeadlineKind, DeadlineOrder, Step
from crmkit.model.values import N_
from crmkit.work.calendars import calendar_of
from crmkit.work.deadline_orders import (
    calendar_key,
    due_moment,
    find_kind,
    lock_records,
    set_many,
)
from crmkit.work.deadline_plans import first_place, left, moments_of, next_moment, shift
from crmkit.work.deadline_rows import TIMER, end_rows, get_running, note, read_rows
from crmkit.work.timers import put_timers, remove_timers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from piccolo.table import Table

    from crmkit.model.calendar import Calendar
    from crmkit.model.context import Context
    from crmkit.work.deadline_rows import Deadline

__all__ = [
    "Step",
    "clear",
    "find_kind",
    "list_deadlines",
    "met",
    "move",
    "pause",
    "resume",
    "set",
    "set_many",
]


async def set(  # noqa: A001, PLR0913 - read with its module: `deadlines.set`
    ctx: Context,
    entity: str | type[Table],
    record_id: int,
    kind: str,
    due: datetime | timedelta,
    *,
    warn_before: Sequence[timedelta] | None = None,
    ladder: Sequence[Step] | None = None,
    responsible: int | None = None,
    calendar: int | None = None,
) -> None:
    """Give a record a deadline; the one of this kind that it has already becomes this one.

    `await deadlines.set(ctx, "helpdesk.ticket", 7, "helpdesk.answer", timedelta(hours=4))`

    Args:
        kind: `<plugin>.<name>` as declared in `deadlines`.
        due: Aware moment, or so much business time from now.
        warn_before: Times before it; None is what the kind says.
        ladder: Steps after it; None is what the kind says.
        responsible: Id of a person; None is the owner of the record.
        calendar: Id of the team whose calendar counts; None is that of the responsible.

    Raises:
        NotFoundError: No plugin that is on declares the kind, or there is no such record outside
            of the trash.
        InvalidError: The moment has no zone.
    """
    order = DeadlineOrder(
        record=record_id, due=due, warn_before=warn_before, ladder=ladder,
        responsible=responsible, calendar=calendar,
    )  # fmt: skip
    if record_id not in await set_many(ctx, entity, kind, [order]):
        raise NotFoundError(ctx.translate(N_("There is no such record.")))


async def move(
    ctx: Context, entity: str | type[Table], record_id: int, kind: str, due: datetime | timedelta
) -> None:
    """Give a deadline another moment; warnings and the ladder move with it.

    Raises:
        NotFoundError: The record has no running deadline of this kind.
        InvalidError: The moment has no zone.
    """
    async with ctx.db.transaction():
        row, declared, calendar, now = await _running(ctx, entity, record_id, kind)
        moment = due_moment(due, now, calendar, declared)
        length = due if isinstance(due, timedelta) else None
        await _replan(ctx, row, moment, length, calendar, now, "moved")


async def pause(ctx: Context, entity: str | type[Table], record_id: int, kind: str) -> None:
    """Hold a deadline: nothing is told, and the time that is left stays as it is.

    Raises:
        NotFoundError: The record has no running deadline of this kind.
        ConflictError: It was missed already.
    """
    async with ctx.db.transaction():
        row, _declared, calendar, now = await _running(ctx, entity, record_id, kind)
        if row.state == "paused":
            return
        if row.state == "missed" or row.due_at <= now:
            text = N_("This deadline has passed already; what has passed cannot be paused.")
            raise ConflictError(ctx.translate(text))
        remaining = left(now, row.due_at, calendar, business=row.is_business)
        await ctx.db.execute(
            "UPDATE core_deadline SET state = 'paused', remaining = $2, next_at = NULL, "
            "since = clock_timestamp() WHERE id = $1",
            row.id,
            remaining,
        )
        await remove_timers(ctx, TIMER, [(row.plugin, row.id)])
        await note(ctx, [(row.id, row.revision, "paused", "")])


async def resume(ctx: Context, entity: str | type[Table], record_id: int, kind: str) -> None:
    """Let a deadline go on with the time that was left when it was paused.

    Raises:
        NotFoundError: The record has no running deadline of this kind.
    """
    async with ctx.db.transaction():
        row, _declared, calendar, now = await _running(ctx, entity, record_id, kind)
        if row.state != "paused" or row.remaining is None:
            return
        seconds = row.remaining.total_seconds()
        due = shift(now, seconds, calendar, business=row.is_business)
        await _replan(ctx, row, due, row.remaining, calendar, now, "resumed")


async def met(ctx: Context, entity: str | type[Table], record_id: int, kind: str) -> bool:
    """Say that what was due has happened, in time or late; False when nothing was running."""
    return await _end(ctx, entity, record_id, kind, "met")


async def clear(
    ctx: Context, entity: str | type[Table], record_id: int, kind: str | None = None
) -> bool:
    """Take a deadline off a record, with None as the kind all of them; False without any."""
    return await _end(ctx, entity, record_id, kind, "cleared")


async def _end(
    ctx: Context, entity: str | type[Table], record_id: int, kind: str | None, state: str
) -> bool:
    name = entity_name(entity)
    async with ctx.db.transaction():
        await lock_records(ctx, name, [record_id])
        return await end_rows(ctx, name, [record_id], kind, state, "hand") > 0


async def list_deadlines(ctx: Context, entity: str | type[Table], record_id: int) -> list[Deadline]:
    """Answer all deadlines a record has or had: those that run by their moment, then the ended.

    Whoever may read the record may see them; that is for the caller to ask.
    """
    rows = await read_rows(ctx, entity_name(entity), [record_id], all_of_them=True)
    return sorted(rows, key=lambda row: (not row.is_running, row.due_at, row.id))


async def _running(
    ctx: Context, entity: str | type[Table], record_id: int, kind: str
) -> tuple[Deadline, DeadlineKind, Calendar, datetime]:
    name = entity_name(entity)
    _plugin, declared = find_kind(ctx.site, kind)
    await lock_records(ctx, name, [record_id])
    row = await get_running(ctx, name, record_id, kind)
    now: datetime = await ctx.db.value("SELECT clock_timestamp()")
    return row, declared, await calendar_of(ctx, *calendar_key(row)), now


async def _replan(
    ctx: Context,
    row: Deadline,
    due: datetime,
    length: timedelta | None,
    calendar: Calendar,
    now: datetime,
    what: str,
) -> None:
    moments = moments_of(due, row.steps, calendar)
    is_missed = row.state == "missed" and row.due_at == due
    place = first_place(row.steps, moments, now, is_missed=is_missed)
    next_at = next_moment(moments, place)
    await ctx.db.execute(
        "UPDATE core_deadline SET state = $2, due_at = $3, moments = $4, place = $5, next_at = $6, "
        "begun_at = $7, length = $8, remaining = NULL, revision = revision + 1, "
        "since = clock_timestamp() WHERE id = $1",
        row.id, "missed" if is_missed else "open", due, moments, place, next_at,
        None if length is None else now, length,
    )  # fmt: skip
    if next_at is not None:
        await put_timers(ctx, TIMER, "deadline", [(row.plugin, row.id, next_at)])
    else:
        await remove_timers(ctx, TIMER, [(row.plugin, row.id)])
    await note(ctx, [(row.id, row.revision + 1, what, row.due_at.isoformat())])
