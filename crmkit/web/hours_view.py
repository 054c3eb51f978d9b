"""Working calendars as the page of the settings shows them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from crmkit.errors import InvalidError
from crmkit.model.calendar import DAY, HoursError, parse_hours
from crmkit.model.public_holidays import country_name
from crmkit.model.values import N_
from crmkit.web.format import format_full_date, format_number, format_short_day, format_time
from crmkit.web.translate import _, ngettext
from crmkit.web.views import (
    CalendarCard,
    FieldInput,
    FormGroup,
    FormPage,
    HolidayLine,
    Tag,
    WeekDay,
)
from crmkit.work.calendars import build_calendar, holidays_of
from crmkit.work.clock import add, spans
from crmkit.work.durations import parse_duration

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.work.calendars import CalendarRow

URL = "/settings/hours"
_DAYS = (
    N_("Monday"), N_("Tuesday"), N_("Wednesday"), N_("Thursday"), N_("Friday"), N_("Saturday"),
    N_("Sunday"),
)  # fmt: skip
_STEPS = 8


class Question(msgspec.Struct, frozen=True):
    """What the calculator was asked, as typed; `length` "" is not asked yet."""

    start: str = ""
    length: str = ""


class Reckoning(msgspec.Struct, frozen=True):
    """The calculator's answer: the moment, the spans on the way, and what was wrong by field."""

    result: str | None = None
    steps: tuple[str, ...] = ()
    more_steps: str | None = None
    problems: dict[str, str] = {}


def card_of(ctx: Context, row: CalendarRow) -> CalendarCard:
    """Answer the picture of a calendar's week."""
    place = country_name(row.country, ctx.language) if row.country else _("No public holidays")
    place = f"{place}, {row.region}" if row.region else place
    return CalendarCard(
        id=str(row.id or 0),
        name=row.name or _("Office hours"),
        note=f"{row.time_zone} · {place}",
        url=f"/core.calendar/{row.id}" if row.id is not None else None,
        badge=Tag(label=_("Default"), tone="info") if row.is_default else None,
        days=_week(row),
    )


def _week(row: CalendarRow) -> tuple[WeekDay, ...]:
    bars: list[list[tuple[int, int]]] = [[] for _day in _DAYS]
    for number, text in enumerate(row.week):
        try:
            hours = parse_hours(text)
        except HoursError:  # not by any door: the text beside it shows what stands there
            continue
        for begin, end in hours:
            bars[number].append((begin, min(end, DAY) - begin))
            if end > DAY:  # a night shift is drawn where the clock shows it
                bars[(number + 1) % len(_DAYS)].insert(0, (0, end - DAY))
    return tuple(
        WeekDay(label=_(label), text=text or _("closed"), bars=tuple(own))
        for label, text, own in zip(_DAYS, row.week, bars, strict=True)
    )


async def holiday_lines(ctx: Context, row: CalendarRow) -> tuple[HolidayLine, ...]:
    """Answer the holidays from today to the end of next year."""
    today = ctx.now().astimezone(ctx.time_zone).date()
    found = await holidays_of(row, today.year, today.year + 1, ctx.language)
    own = {each.day for each in row.own}
    return tuple(
        HolidayLine(
            day=format_full_date(ctx, each.day),
            name=each.name,
            note=_own_note(each.hours) if each.day in own else "",
        )
        for each in found
        if each.day >= today
    )


def _own_note(hours: str) -> str:
    return _("open %(hours)s") % {"hours": hours} if hours else _("your own")


async def reckon(ctx: Context, row: CalendarRow, asked: Question) -> Reckoning:
    """Answer the calculator's question."""
    problems: dict[str, str] = {}
    start, length = ctx.now(), timedelta(0)
    try:
        start = _read_moment(ctx, asked.start) if asked.start else start
    except ValueError:
        problems["start"] = _("is not a date with a time, such as 2026-11-24T14:00")
    try:
        length = parse_duration(asked.length) if asked.length else length
    except ValueError:
        problems["length"] = _("is no length of work; write it as 4h, 1h 30m or 90m")
    if problems or not asked.length:
        return Reckoning(problems=problems)
    try:
        calendar = await build_calendar(row, ctx.now().year)
        end = add(start, length, calendar)
        counted = spans(start, end, calendar)
    except InvalidError as error:
        return Reckoning(problems={"": error.message})
    more = len(counted) - _STEPS
    return Reckoning(
        result=moment_text(ctx, end),
        steps=tuple(_step(ctx, *span) for span in counted[:_STEPS]),
        more_steps=ngettext("and %(n)s more span", "and %(n)s more spans", more)
        % {"n": format_number(ctx, more)}
        if more > 0
        else None,
    )


def _read_moment(ctx: Context, text: str) -> datetime:
    moment = datetime.fromisoformat(text.strip())
    if not 1900 <= moment.year <= 9000:  # noqa: PLR2004 - of the calendar in use
        raise ValueError(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=ctx.time_zone)


def moment_text(ctx: Context, moment: datetime) -> str:
    """Answer a moment with weekday and year, in the reader's zone."""
    return f"{format_full_date(ctx, _local(ctx, moment))}, {format_time(ctx, moment)}"


def _local(ctx: Context, moment: datetime) -> date:
    return moment.astimezone(ctx.time_zone).date()


def _step(ctx: Context, begin: datetime, end: datetime) -> str:
    day, last = _local(ctx, begin), _local(ctx, end)
    until = format_time(ctx, end)
    if day != last:
        until = f"{format_short_day(ctx, last)}, {until}"
    return f"{format_short_day(ctx, day)}, {format_time(ctx, begin)} – {until}"


def calculator(ctx: Context, row: CalendarRow, asked: Question, found: Reckoning) -> FormPage:
    """Answer the form that asks when so much work is done."""
    now = ctx.now().astimezone(ctx.time_zone).strftime("%Y-%m-%dT%H:%M")
    whole = found.problems.get("")
    fields = (
        FieldInput(
            name="start",
            label=_("From"),
            kind="datetime",
            value=asked.start or now,
            required=True,
            error=found.problems.get("start"),
        ),
        FieldInput(
            name="length",
            label=_("Working time"),
            value=asked.length,
            required=True,
            help=_("Such as 4h, 1h 30m or 90m."),
            error=found.problems.get("length"),
        ),
    )
    return FormPage(
        title=_("When is that?"),
        intro=_("Counts working time in the calendar that is chosen above."),
        groups=(FormGroup(fields=fields),),
        action_url=URL,
        cancel_url="/settings",
        submit=_("Count"),
        errors=(whole,) if whole else (),
        hidden=(("show", str(row.id or 0)),),
        is_get=True,
    )
