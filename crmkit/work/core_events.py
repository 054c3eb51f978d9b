"""What a change of the core's own records means: hours, absences, who joined and who left.

Said in the transaction that makes the change, whichever door it came through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.model.job import JobOrder
from crmkit.model.working_time import ABSENCE, CALENDAR, HOLIDAY, WEEKDAYS
from crmkit.work.deadline_recount import Change, queue_recount
from crmkit.work.events import publish
from crmkit.work.jobs import enqueue
from crmkit.work.notice_plans import plan_anew
from crmkit.work.standing_in import plan_stand_in

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from crmkit.model.context import Context

_USER, _TEAM = "core.user", "core.team"
_OF_CALENDAR = ("time_zone", "country", "region", *WEEKDAYS, "is_default", "trashed_at")
_OF_HOLIDAY = ("day", "calendar", "hours", "trashed_at")
_OF_ABSENCE = ("absentee", "first_day", "last_day", "hours", "deputy", "trashed_at")


async def tell_of_core(
    ctx: Context,
    entity: str,
    record_id: int,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    """Say what a change of a record of the core means; of other records nothing.

    Args:
        before: The record as it was, nothing of a new one.
        after: The record as it is.
    """
    if entity == CALENDAR and _differs(before, after, _OF_CALENDAR):
        await _calendar(ctx, record_id, before, after)
    elif entity == HOLIDAY and _differs(before, after, _OF_HOLIDAY):
        await _holiday(ctx, record_id, before, after)
    elif entity == ABSENCE and _differs(before, after, _OF_ABSENCE):
        await _absence(ctx, record_id, before, after)
        await plan_stand_in(ctx, record_id, after)
    elif entity == _TEAM and before and _differs(before, after, ("calendar", "parent")):
        data = {"teams": [record_id], "calendar": after.get("calendar")}
        await _changed(ctx, _TEAM, record_id, data, Change(why=f"team:{after.get('name') or ''}"))
    elif entity == _USER:
        was, now = _may_sign_in(before), _may_sign_in(after)
        if was is not now:
            name = "core.user.joined" if now else "core.user.deactivated"
            await publish(
                ctx, name, entity=_USER, record_id=record_id, data={"team": after.get("team")}
            )
        if was and not now:
            args = {"user": record_id, "at": ctx.now().isoformat()}
            await enqueue(ctx, "core.tell_of_held", [JobOrder(args=args)])
        if before and _differs(before, after, ("time_zone",)):
            await plan_anew(ctx, record_id)


async def _calendar(
    ctx: Context, record_id: int, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    # Another one becomes the default, or somebody's: whose it is now is asked of all.
    is_for_all = _is_there(before) is not _is_there(after) or _differs(
        before, after, ("is_default",)
    )
    change = Change(
        why=f"calendar:{after.get('name') or ''}", calendar=None if is_for_all else record_id
    )
    await _changed(ctx, CALENDAR, record_id, await _place(ctx, record_id), change)


async def _holiday(
    ctx: Context, record_id: int, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    sides = [each for each in (before, after) if _is_there(each) and each.get("day")]
    for calendar in dict.fromkeys(each.get("calendar") for each in sides):
        days = [each["day"] for each in sides if each.get("calendar") == calendar]
        change = Change(
            why=f"holiday:{after.get('name') or ''}",
            calendar=calendar, first=min(days), last=max(days),
        )  # fmt: skip
        await _changed(ctx, HOLIDAY, record_id, await _place(ctx, calendar), change)


async def _absence(
    ctx: Context, record_id: int, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    sides = [
        each
        for each in (before, after)
        if _is_there(each) and each.get("absentee") and each.get("first_day")
    ]
    for person in dict.fromkeys(each["absentee"] for each in sides):
        own = [each for each in sides if each["absentee"] == person]
        first = min(each["first_day"] for each in own)
        last = max(each.get("last_day") or each["first_day"] for each in own)
        team = await ctx.db.value("SELECT team FROM core_user WHERE id = $1", person)
        data = {"person": person, "team": team, **_days(first, last)}
        await publish(ctx, "core.absence.changed", entity=ABSENCE, record_id=record_id, data=data)
        # Without the note of the absence, which is nobody's business on the page of a record.
        await queue_recount(ctx, Change(why="absence:", person=person, first=first, last=last))


async def _changed(
    ctx: Context, entity: str, record_id: int, data: Mapping[str, Any], change: Change
) -> None:
    whole = {
        "calendar": None, "teams": [], "country": "", "region": "", **data,
        **_days(change.first, change.last),
    }  # fmt: skip
    await publish(ctx, "core.calendar.changed", entity=entity, record_id=record_id, data=whole)
    await queue_recount(ctx, change)


async def _place(ctx: Context, calendar: int | None) -> dict[str, Any]:
    row = await ctx.db.row(
        "SELECT id AS calendar, country, region, ARRAY(SELECT t.id FROM core_team t "
        "WHERE t.calendar = c.id AND t.trashed_at IS NULL ORDER BY t.id) AS teams "
        "FROM core_calendar c WHERE id = $1",
        calendar,
    )
    return dict(row) if row is not None else {}


def _days(first: date | None, last: date | None) -> dict[str, str | None]:
    return {
        "first_day": first.isoformat() if first else None,
        "last_day": last.isoformat() if last else None,
    }


def _is_there(record: Mapping[str, Any]) -> bool:
    return bool(record) and record.get("trashed_at") is None


def _may_sign_in(user: Mapping[str, Any]) -> bool:
    return _is_there(user) and bool(user.get("active", True))


def _differs(before: Mapping[str, Any], after: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    return not before or any((before.get(n) or None) != (after.get(n) or None) for n in names)
