"""Orders of deadlines: which moments they come to, written for many records at once."""

from __future__ import annotations

import difflib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from crmkit.errors import InvalidError, NotFoundError
from crmkit.model.context import entity_name
from crmkit.work.calendars import calendar_of
from crmkit.work.deadline_plans import first_place, moments_of, next_moment, plan_steps, shift
from crmkit.work.deadline_rows import end_rows, note, read_rows, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from piccolo.table import Table

    from crmkit.model.calendar import Calendar
    from crmkit.model.context import Context
    from crmkit.model.deadline import DeadlineKind, DeadlineOrder
    from crmkit.model.site import SiteLike
    from crmkit.work.deadline_rows import Deadline

# The lock of a record is the lock of its deadlines.
_LOCK = """
SELECT t.id FROM "{table}" t WHERE t.id = ANY($1) AND t.trashed_at IS NULL ORDER BY t.id
FOR NO KEY UPDATE
"""
_WHO = """
SELECT o.record, clock_timestamp() AS now, coalesce(o.responsible, t.owner) AS responsible,
    coalesce(o.calendar, u.team) AS team
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) o (record, responsible, calendar)
JOIN "{table}" t ON t.id = o.record AND t.trashed_at IS NULL
LEFT JOIN core_user u ON u.id = coalesce(o.responsible, t.owner)
"""


def find_kind(site: SiteLike, name: str) -> tuple[str, DeadlineKind]:
    """Answer the plugin and the declaration of a kind of deadline, by its whole name.

    Raises:
        NotFoundError: No plugin that is on declares it; names one that is spelled alike.
    """
    kinds = {
        f"{plugin}.{each.name}": (plugin, each) for plugin, each in site.contributions["deadlines"]
    }
    try:
        return kinds[name]
    except KeyError:
        near = difflib.get_close_matches(name, list(kinds), 1)
        hint = f" Did you mean `{near[0]}`?" if near else " Its plugin declares it in `deadlines`."
        raise NotFoundError(f"There is no kind of deadline `{name}`.{hint}") from None


async def set_many(
    ctx: Context, entity: str | type[Table], kind: str, orders: Sequence[DeadlineOrder]
) -> frozenset[int]:
    """Give many records of an entity deadlines of a kind, in as many statements as for one.

    An order without a moment ends what the record has. A deadline that is so already stays as it
    is, with what was told of it.

    Returns:
        The records there are; those in the trash, and unknown ones, are passed over.

    Raises:
        NotFoundError: No plugin that is on declares the kind.
        InvalidError: A moment has no zone.
    """
    name = entity_name(entity)
    plugin, declared = find_kind(ctx.site, kind)
    if not orders:
        return frozenset()
    by_record = {each.record: each for each in orders}
    async with ctx.db.transaction():
        # Only then what is read is what holds.
        found = frozenset(await lock_records(ctx, name, sorted(by_record)))
        for is_met in (True, False):
            over = [n for n in found if by_record[n].due is None and by_record[n].is_met is is_met]
            if over:
                await end_rows(ctx, name, over, kind, "met" if is_met else "cleared", "hand")
        wanted = [by_record[n] for n in sorted(found) if by_record[n].due is not None]
        if wanted:
            await _write(ctx, name, kind, plugin, declared, wanted)
    return found


async def _write(
    ctx: Context,
    entity: str,
    kind: str,
    plugin: str,
    declared: DeadlineKind,
    orders: Sequence[DeadlineOrder],
) -> None:
    table = ctx.site.entity(entity).tablename
    who = {
        row["record"]: row
        for row in await ctx.db.rows(
            _WHO.format(table=table),
            [each.record for each in orders],
            [each.responsible for each in orders],
            [each.calendar for each in orders],
        )
    }
    stored = {each.record: each for each in await read_rows(ctx, entity, list(who), kind=kind)}
    with_absences = declared.counts_absences
    calendars = await calendars_of(
        ctx,
        {(row["team"], row["responsible"] if with_absences else None) for row in who.values()},
    )
    rows = []
    moved, past = [], list[int]()
    for order in orders:
        row, had = who[order.record], stored.get(order.record)
        calendar = calendars[row["team"], row["responsible"] if with_absences else None]
        now = row["now"]
        due = due_moment(order.due, now, calendar, declared)
        steps = plan_steps(declared, order)
        if had and (had.due_at, had.steps, had.responsible, had.team) == (
            due, steps, row["responsible"], row["team"],
        ):  # fmt: skip
            continue
        is_same = had is not None and had.due_at == due and had.state != "paused"
        if declared.skips_past and due <= now and not is_same:
            past += [order.record] if had is not None else []
            continue
        moments = moments_of(due, steps, calendar)
        is_missed = had is not None and is_same and had.state == "missed"
        if had is not None and is_same and _names(had.steps) == _names(steps):
            # Only who hears of it, or when, is another: what comes next stays next.
            place = had.place
        else:
            place = first_place(steps, moments, now, is_missed=is_missed)
        if had is not None:
            moved.append((had, due))
        rows.append({
            "record": order.record, "state": "missed" if is_missed else "open", "due_at": due,
            "responsible": row["responsible"], "team": row["team"],
            "is_business": declared.business_time, "counts_absences": with_absences,
            "steps": steps, "moments": moments, **begin_of(order.due, now),
            "place": place, "next_at": next_moment(moments, place),
        })  # fmt: skip
    if past:
        await end_rows(ctx, entity, past, kind, "cleared", "hand")
    if rows:
        await write_rows(ctx, entity, kind, plugin, rows)
    if moved:
        await note(
            ctx,
            [
                (had.id, had.revision + 1, "moved" if had.due_at != due else "changed",
                 had.due_at.isoformat())
                for had, due in moved
            ],
        )  # fmt: skip


def due_moment(
    due: datetime | timedelta | None, now: datetime, calendar: Calendar, declared: DeadlineKind
) -> datetime:
    """Answer the moment of a deadline.

    Raises:
        InvalidError: It has no zone.
    """
    if isinstance(due, timedelta):
        return shift(now, due.total_seconds(), calendar, business=declared.business_time)
    if due is None or due.tzinfo is None:
        raise InvalidError(
            f"The deadline {due} has no zone; use `ctx.now()` and add to it, or say a time from now"
            " on."
        )
    return due


def begin_of(due: datetime | timedelta | None, now: datetime) -> dict[str, Any]:
    """Answer from where and by how much a deadline is counted; nothing of a given moment."""
    is_counted = isinstance(due, timedelta)
    return {"begun_at": now if is_counted else None, "length": due if is_counted else None}


async def calendars_of(
    ctx: Context, pairs: Iterable[tuple[int | None, int | None]]
) -> dict[tuple[int | None, int | None], Calendar]:
    """Answer the calendars of (team, person whose absences count), each read once."""
    return {(team, user): await calendar_of(ctx, team, user) for team, user in pairs}


def calendar_key(row: Deadline) -> tuple[int | None, int | None]:
    """Answer the team whose calendar counts for a deadline, and the person whose absences do."""
    return row.team, row.responsible if row.counts_absences else None


async def lock_records(ctx: Context, entity: str, records: Sequence[int]) -> list[int]:
    """Lock records that are not in the trash until the transaction ends, and answer their ids."""
    table = ctx.site.entity(entity).tablename
    rows = await ctx.db.rows(_LOCK.format(table=table), list(records))
    return [row["id"] for row in rows]


def _names(steps: Sequence[dict[str, Any]]) -> list[str]:
    return [each["name"] for each in steps]
