"""Working calendars of the site as the pure clock takes them: rows in, a `Calendar` out."""

from __future__ import annotations

import asyncio
import sys
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from crmkit.errors import InvalidError
from crmkit.model.calendar import DAY, OFFICE_WEEK, Calendar, parse_hours, write_hours
from crmkit.model.public_holidays import public_holidays
from crmkit.model.working_time import WEEKDAYS
from crmkit.work.clock import wall_moment

if TYPE_CHECKING:
    from asyncpg import Record

    from crmkit.model.context import Context

#: Public holidays are known so many years before and after the present one.
YEARS_BACK, YEARS_AHEAD = 5, 10
_ABSENCES_BACK = timedelta(days=5 * 366)
_EARLIEST, _LATEST = date(1900, 1, 1), date(9998, 12, 31)
_OFFICE = tuple(write_hours(hours) for hours in OFFICE_WEEK)
_KEPT = 1024


class OwnHoliday(msgspec.Struct, frozen=True):
    """A day of one's own: closed, or with hours."""

    day: date
    name: str
    #: As typed; "" is closed.
    hours: str = ""


class OwnAbsence(msgspec.Struct, frozen=True):
    """Days of absence, both included; `hours` of each, "" whole days."""

    first: date
    last: date
    hours: str = ""


class CalendarRow(msgspec.Struct, frozen=True, kw_only=True):
    """A working calendar as it is stored, with all that belongs to it.

    Attributes:
        id: None of the one that holds where none is stored.
        time_zone: Never "": the site's where the calendar names none.
        week: Texts of the hours, Monday first.
        own: Own holidays, by day.
        absences: Of the person it was read for.
    """

    id: int | None = None
    name: str = ""
    time_zone: str
    country: str = ""
    region: str = ""
    week: tuple[str, ...]
    is_default: bool = True
    own: tuple[OwnHoliday, ...] = ()
    absences: tuple[OwnAbsence, ...] = ()


# The first calendar from the team upwards decides, else the default one. One row in any case, so
# that own holidays and absences also count where no calendar is stored.
_OF = """
WITH RECURSIVE chain (id, parent, calendar, depth) AS (
    SELECT t.id, t.parent, t.calendar, 0 FROM core_team t
    WHERE t.id = coalesce($1::bigint, (SELECT team FROM core_user WHERE id = $2::bigint))
    UNION ALL
    SELECT t.id, t.parent, t.calendar, chain.depth + 1 FROM core_team t
    JOIN chain ON t.id = chain.parent WHERE chain.depth < 20
), chosen AS (
    SELECT c.* FROM core_calendar c LEFT JOIN chain ON chain.calendar = c.id
    WHERE c.trashed_at IS NULL
    ORDER BY chain.depth NULLS LAST, c.is_default DESC, c.updated_at DESC, c.id LIMIT 1
)
SELECT c.*,
    (SELECT coalesce(jsonb_agg(jsonb_build_array(
         a.first_day, coalesce(a.last_day, a.first_day), a.hours) ORDER BY a.first_day, a.id), '[]')
     FROM core_absence a WHERE a.absentee = $2 AND a.trashed_at IS NULL
     AND coalesce(a.last_day, a.first_day) >= $3) AS absences,
    {own}
FROM (SELECT) one LEFT JOIN chosen c ON true
"""
_OWN = """
    (SELECT coalesce(jsonb_agg(jsonb_build_array(h.day, h.name, h.hours)
                               ORDER BY h.calendar NULLS FIRST, h.day, h.id), '[]')
     FROM core_holiday h WHERE h.trashed_at IS NULL AND h.day IS NOT NULL
     AND (h.calendar IS NULL OR h.calendar = c.id)) AS own
"""
_ALL = """
SELECT c.*, '[]'::jsonb AS absences, {own}
FROM core_calendar c WHERE c.trashed_at IS NULL ORDER BY c.is_default DESC, c.name_key, c.id
"""


async def calendar_of(ctx: Context, team: int | None = None, user: int | None = None) -> Calendar:
    """Answer when a team or a person works.

    The calendar is the team's, else that of the nearest team above, else the site's default, else
    9:00 to 18:00 from Monday to Friday. It is read whatever the reader may see: an absence closes
    it, and says neither whose nor why.

    Args:
        team: Id of a team; None takes the person's. One that does not exist has the default.
        user: Id of a person, whose absences close the calendar.

    Returns:
        Public holidays from five years back to ten ahead are in it; own holidays and days with
        hours of their own are. While nothing changes, the same value comes back, counted already.

    Raises:
        InvalidError: A stored text can no longer be read; names the calendar.
    """
    return await build_calendar(await _read_row(ctx, team, user), ctx.now().year)


async def _read_row(ctx: Context, team: int | None, user: int | None) -> CalendarRow:
    since = ctx.now().date() - _ABSENCES_BACK
    row = await ctx.db.row(_OF.format(own=_OWN), team, user, since)
    if row is None:
        raise RuntimeError("The statement answers one row in any case.")
    return _row(ctx, row)


async def row_of(ctx: Context, team: int | None) -> CalendarRow:
    """Answer the calendar of a team, as it is stored."""
    return await _read_row(ctx, team, None)


async def row_of_person(ctx: Context, user: int | None) -> CalendarRow:
    """Answer the calendar that holds for a person, as it is stored; None has the default one."""
    return await _read_row(ctx, None, user)


async def default_row(ctx: Context) -> CalendarRow:
    """Answer the calendar that holds for teams without one of their own, as it is stored."""
    return await _read_row(ctx, None, None)


async def list_calendars(ctx: Context) -> tuple[CalendarRow, ...]:
    """Answer all working calendars of the site, the default one first, then by name."""
    rows = await ctx.db.rows(_ALL.format(own=_OWN))
    return tuple(_row(ctx, row) for row in rows)


async def build_calendar(row: CalendarRow, year: int) -> Calendar:
    """Answer a stored calendar as the clock takes it.

    Args:
        year: The present one, around which public holidays are known.

    Raises:
        InvalidError: A stored text can no longer be read; names the calendar.
    """
    if row.country and "holidays" not in sys.modules:  # its import takes too long for the loop
        return await asyncio.to_thread(_build, row, year)
    return _build(row, year)


async def holidays_of(
    row: CalendarRow, first: int, last: int, language: str
) -> tuple[OwnHoliday, ...]:
    """Answer public and own holidays of some years, by day; an own one goes before a public one.

    Args:
        first: Year to begin with.
        last: Year to end with, included.
        language: Of the names of public ones, where they are known in it.
    """
    public = await asyncio.to_thread(
        public_holidays, row.country, row.region, first, last, language
    )
    days = {day: OwnHoliday(day, name) for day, name in public.items()}
    days |= {each.day: each for each in row.own if first <= each.day.year <= last}
    return tuple(days[day] for day in sorted(days))


def _row(ctx: Context, row: Record) -> CalendarRow:
    stored = row["id"] is not None
    return CalendarRow(
        id=row["id"],
        name=row["name"] or "",
        time_zone=row["time_zone"] or ctx.config.time_zone,
        country=row["country"] or "",
        region=row["region"] or "",
        week=tuple(row[day] for day in WEEKDAYS) if stored else _OFFICE,
        is_default=bool(row["is_default"]) or not stored,
        own=tuple(OwnHoliday(_day(day), name, hours) for day, name, hours in row["own"]),
        absences=tuple(
            OwnAbsence(_day(first), _day(last), hours)
            for first, last, hours in row["absences"]
            if first is not None
        ),
    )


def _day(text: str) -> date:
    # The database stores the first and the last day there is as infinities.
    if text.endswith("infinity"):
        return date.min if text.startswith("-") else date.max
    return date.fromisoformat(text)


@lru_cache(maxsize=_KEPT)
def _build(row: CalendarRow, year: int) -> Calendar:
    """Rows that read alike are one value: its blocks of open time are counted once."""
    try:
        public = public_holidays(row.country, row.region, year - YEARS_BACK, year + YEARS_AHEAD)
        base = Calendar(
            zone=row.time_zone,
            week=tuple(parse_hours(text) for text in row.week),
            holidays=frozenset(public),
            days=tuple({each.day: parse_hours(each.hours) for each in row.own}.items()),
        )
        spans = [span for each in row.absences for span in _spans(each, year, base)]
    except ValueError as error:
        raise InvalidError(
            f"The working calendar `{row.name}` cannot be read: {error}. "
            f"Correct it on /core.calendar/{row.id}."
        ) from error
    return msgspec.structs.replace(base, absences=tuple(spans)) if spans else base


def _spans(absence: OwnAbsence, year: int, base: Calendar) -> list[tuple[datetime, datetime]]:
    """Answer the spans of an absence, by the wall clock of the calendar."""
    first = max(absence.first, _EARLIEST)
    if not absence.hours:
        last = min(absence.last, _LATEST)
        return (
            [(wall_moment(first, 0, base), wall_moment(last, DAY, base))] if first <= last else []
        )
    # Hours of each day: without an end in sight there would be no end of spans.
    last = min(absence.last, date(year + YEARS_AHEAD, 12, 31))
    first = max(first, date(year - YEARS_BACK, 1, 1))
    hours = parse_hours(absence.hours)
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [
        (wall_moment(day, begin, base), wall_moment(day, end, base))
        for day in days
        for begin, end in hours
    ]
