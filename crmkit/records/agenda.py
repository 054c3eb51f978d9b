"""What stands in a person's calendar: own steps, absences, holidays, and what plugins add."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from crmkit.access.predicate import may_use, predicate
from crmkit.model.calendar import parse_hours
from crmkit.model.calendar_item import CalendarItem
from crmkit.model.values import N_
from crmkit.model.working_time import ABSENCE, ABSENCES
from crmkit.plugin.events import PageEvent
from crmkit.records.statement import Statement
from crmkit.work.calendars import build_calendar, holidays_of, row_of_person
from crmkit.work.clock import wall_moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crmkit.model.calendar import Calendar
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

#: Of steps and absences each; a calendar with more helps nobody.
_MOST = 2000
_KINDS = {choice.value: choice.label for choice in ABSENCES}


async def list_agenda(
    ctx: Context, first: date, last: date, *, with_holidays: bool = True
) -> list[CalendarItem]:
    """Answer what stands in the reader's calendar, both days included.

    Only what the reader may see at this moment. What a plugin fails to answer is left out.
    """
    found: list[CalendarItem] = []
    for plan in ctx.site.entities.values():
        if plan.steps is not None and await may_use(ctx, plan, "read"):
            found += await _steps(ctx, plan, first, last)
    found += await _absences(ctx, first, last)
    if with_holidays:
        found += await _holidays(ctx, first, last)
    event = PageEvent(ctx, page="calendar", first=first, last=last)
    for plugin, items in await ctx.site.hooks.collect("calendar_items", event, check_items):
        found += [_of_plugin(plugin, each) for each in items[:_MOST]]
    return found


def check_items(answer: Any) -> list[CalendarItem]:  # noqa: ANN401 - a stranger's answer
    """Answer items of a calendar.

    Raises:
        TypeError: One is something else.
    """
    for each in answer:
        if not isinstance(each, CalendarItem):
            raise TypeError(f"{each!r} is no CalendarItem")
    return list(answer)


def _of_plugin(plugin: str, item: CalendarItem) -> CalendarItem:
    return CalendarItem(
        id=f"{plugin}-{item.id}", title=item.title, begin=item.begin, end=item.end, text=item.text,
        url=item.url, changed=item.changed, is_free=item.is_free,
    )  # fmt: skip


async def _steps(ctx: Context, plan: EntityPlan, first: date, last: date) -> list[CalendarItem]:
    """Answer own steps that are due, and calls that were made, as long as they took."""
    steps = plan.steps
    if steps is None:
        return []
    is_day = plan.fields[steps.due].kind == "date"
    moment = f't."{steps.due}"'
    if steps.call is not None and not is_day:
        began = (
            f'CASE WHEN t."{steps.kind}" = \'{steps.call.kind}\' THEN t."{steps.call.began}" END'
        )
        moment = f"coalesce({moment}, {began})"
    minutes = f't."{steps.minutes}"' if steps.minutes else "NULL::integer"
    begin: date | datetime = first if is_day else _midnight(ctx, first)
    end: date | datetime = last if is_day else _midnight(ctx, last + timedelta(days=1))
    statement = Statement(ctx.user_id, begin, end, _MOST)
    rule = predicate(ctx, plan, "read", "t", statement.next)
    statement.args.extend(rule.args)
    rows = await ctx.db.rows(
        f'SELECT t.id, t."{plan.title}" AS title, t."{steps.text}" AS text, t.updated_at, '  # noqa: S608 - checked names
        f'{moment} AS begin, t."{steps.done}" AS done, {minutes} AS minutes '
        f'FROM "{plan.tablename}" t WHERE t.owner = $1 AND t.trashed_at IS NULL '
        f"AND {moment} >= $2 AND {moment} {'<=' if is_day else '<'} $3 AND ({rule.text}) "
        f"ORDER BY begin, t.id LIMIT $4",
        *statement.args,
    )
    return [
        CalendarItem(
            id=f"{plan.name}-{row['id']}",
            title=("✓ " if row["done"] is not None else "") + str(row["title"]),
            begin=row["begin"],
            end=row["begin"] + timedelta(minutes=min(row["minutes"], 24 * 60))
            if not is_day and row["minutes"] and row["minutes"] > 0
            else None,
            text=str(row["text"] or ""),
            url=f"/{plan.name}/{row['id']}",
            changed=row["updated_at"],
        )
        for row in rows
    ]


def _midnight(ctx: Context, day: date) -> datetime:
    return datetime.combine(day, time(), ctx.time_zone)


async def _absences(ctx: Context, first: date, last: date) -> list[CalendarItem]:
    plan = ctx.site.entities.get(ABSENCE)
    if plan is None or not await may_use(ctx, plan, "read"):
        return []
    statement = Statement(ctx.user_id, first, last, _MOST)
    rule = predicate(ctx, plan, "read", "t", statement.next)
    statement.args.extend(rule.args)
    rows = await ctx.db.rows(
        "SELECT t.* FROM core_absence t WHERE t.absentee = $1 AND t.trashed_at IS NULL "  # noqa: S608
        "AND t.first_day <= $3 AND coalesce(t.last_day, t.first_day) >= $2 "
        f"AND ({rule.text}) ORDER BY t.first_day, t.id LIMIT $4",
        *statement.args,
    )
    if not rows:
        return []
    calendar = await build_calendar(await row_of_person(ctx, ctx.user_id), ctx.now().year)
    found: list[CalendarItem] = []
    for row in rows:
        found += _absence(ctx, row, max(row["first_day"], first), last, calendar)
    return found


def _absence(
    ctx: Context, row: Any, begin: date, last: date, calendar: Calendar  # noqa: ANN401 - a row of the driver
) -> Iterator[CalendarItem]:  # fmt: skip
    """Answer whole days as one item, hours of days each by itself."""
    end = min(row["last_day"] or row["first_day"], last)
    known = {
        "title": str(row["note"] or ctx.translate(_KINDS.get(row["kind"], N_("Absence")))),
        "url": f"/core.absence/{row['id']}",
        "changed": row["updated_at"],
    }
    name = f"core.absence-{row['id']}"
    if not row["hours"]:
        yield CalendarItem(id=name, begin=begin, end=end, **known)
        return
    for number in range((end - begin).days + 1):
        day = begin + timedelta(days=number)
        for place, (since, until) in enumerate(parse_hours(row["hours"])):
            yield CalendarItem(
                id=f"{name}-{day}-{place}",
                begin=wall_moment(day, since, calendar),
                end=wall_moment(day, until, calendar),
                **known,
            )


async def _holidays(ctx: Context, first: date, last: date) -> list[CalendarItem]:
    row = await row_of_person(ctx, ctx.user_id)
    days = await holidays_of(row, first.year, last.year, ctx.language)
    return [
        CalendarItem(
            id=f"holiday-{each.day}",
            title=f"{each.name} ({each.hours})" if each.hours else each.name,
            begin=each.day,
            is_free=True,
        )
        for each in days
        if first <= each.day <= last
    ]
