"""Makes the steps of deadlines when their moment has come: each once, and in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from crmkit.errors import CrmkitError, NotFoundError, UnavailableError
from crmkit.model.notification import Telling
from crmkit.model.values import N_
from crmkit.work.deadline_follow import follow_records
from crmkit.work.deadline_orders import find_kind, lock_records
from crmkit.work.deadline_people import people_for
from crmkit.work.deadline_plans import DUE, next_moment
from crmkit.work.deadline_rows import TIMER, Deadline, find_row
from crmkit.work.notifications import notify
from crmkit.work.timers import put_timers

if TYPE_CHECKING:
    from datetime import datetime

    from crmkit.model.context import Context
    from crmkit.model.job import JobEvent

_log = structlog.get_logger("crmkit.work")
MISSED = "core.deadline.missed"
_ONCE = """
INSERT INTO core_deadline_step (deadline, revision, step, what, people)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (deadline, revision, step) WHERE step <> '' DO NOTHING RETURNING id
"""


async def step_deadline(event: JobEvent) -> None:
    """Make what is due of a deadline, and put the timer of what comes next."""
    ctx, number = event.ctx, event.args["deadline"]
    # Sixteen statements, each for one row found by its number: to plan them takes longest.
    async with ctx.db.cached_plans():
        given = await _step(ctx, number)
    # Last: what plugins do when the owner changes may change the deadline as well.
    for row, line, owner in given:
        await _give(ctx, row, line, owner)


async def _step(ctx: Context, number: int) -> list[tuple[Deadline, int, int]]:
    """Answer the deadline, a line of its history and its record's new owner, for each step."""
    given: list[tuple[Deadline, int, int]] = []
    row = await find_row(ctx, number)
    if row is None or row.entity not in ctx.site.entities or not _is_declared(ctx, row.kind):
        # What has lost its plugin waits: the sweep finds it when that is back.
        return given
    if not await lock_records(ctx, row.entity, [row.record]):
        return given
    # Whatever changed the record since, also past all doors: it is looked at before anybody hears.
    await follow_records(ctx, row.entity, [row.record])
    record, row = row.record, await find_row(ctx, number, lock=True)
    if row is None or row.state not in {"open", "missed"}:
        return given
    if row.record != record:
        raise UnavailableError("Its record was merged into another at this moment.")
    now: datetime = await ctx.db.value("SELECT clock_timestamp()")
    place, state = row.place, row.state
    while place < len(row.moments) and row.moments[place] <= now:
        step = row.steps[place]
        if step["name"] == DUE:
            state = "missed"
        target = await _make(ctx, row, step, now)
        if target is not None:
            given.append((row, *target))
        place += 1
    next_at = next_moment(row.moments, place)
    await ctx.db.execute(
        "UPDATE core_deadline SET state = $2, place = $3, next_at = $4, "
        "since = CASE WHEN state = $2 THEN since ELSE clock_timestamp() END WHERE id = $1",
        number, state, place, next_at,
    )  # fmt: skip
    if next_at is not None:
        await put_timers(ctx, TIMER, "deadline", [(row.plugin, number, next_at)])
    return given


def _is_declared(ctx: Context, kind: str) -> bool:
    try:
        find_kind(ctx.site, kind)
    except NotFoundError:
        return False
    return True


async def _make(
    ctx: Context, row: Deadline, step: dict[str, Any], now: datetime
) -> tuple[int, int] | None:
    """Make one step; answer its line of the history and who is to get the record, if somebody is.

    A warning after the deadline warns of nothing: it is passed over.
    """
    is_warning = step["shift"] < 0
    is_late = is_warning and row.due_at <= now
    is_quiet = is_late or step["to"] == ""
    people = () if is_quiet else await people_for(ctx, step["to"], row.responsible, now)
    line = await ctx.db.value(
        _ONCE, row.id, row.revision, step["name"], "late" if is_late else "made", list(people)
    )
    if line is not None and step["name"] == DUE:
        await ctx.publish(
            MISSED, row.entity, row.record, kind=row.kind, due=row.due_at.isoformat(),
            responsible=row.responsible,
        )  # fmt: skip
    if line is None or not people:
        return None
    await _tell(ctx, row, step, people)
    _log.info("a deadline came to a step", deadline=row.id, step=step["name"], people=people)
    return (int(line), people[0]) if step["reassign"] and len(people) == 1 else None


async def _tell(ctx: Context, row: Deadline, step: dict[str, Any], people: tuple[int, ...]) -> None:
    """Tell the people of a step in their inbox, each once."""
    plan = ctx.site.entity(row.entity)
    record = await ctx.get(row.entity, row.record)
    text = N_("{title} is overdue.")
    if step["shift"] < 0:
        text = N_("{title} is due soon.")
    elif step["name"] == DUE:
        text = N_("{title} is due now.")
    telling = Telling(
        kind="core.deadline",
        text=text,
        values={"title": str(record[plan.title] or "")},
        entity=row.entity,
        record_id=row.record,
        key=f"deadline:{row.id}:{row.revision}:{step['name']}",
    )
    await notify(ctx, people, telling)


async def _give(ctx: Context, row: Deadline, line: int, owner: int) -> None:
    """Give the record to who was told; a rule that refuses it is noted and holds up nothing."""
    note = ""
    try:
        async with ctx.db.transaction():
            await ctx.save(row.entity, row.record, owner=owner)
    except CrmkitError as error:
        note = error.message
        _log.warning("a deadline could not give its record", deadline=row.id, reason=note)
    await ctx.db.execute(
        "UPDATE core_deadline_step SET owner = $2, note = $3 WHERE id = $1",
        line, None if note else owner, note,
    )  # fmt: skip
