"""When work is done, as one value: hours of the week, days that differ, absences.

`crmkit.work.clock` counts with it. Hours are minutes of the wall clock since midnight of the day a
span begins on; a span may end on the next day, so "22:00-6:00" is 1320 to 1800.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from types import MappingProxyType
from typing import TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from crmkit.model.values import N_

#: Spans of one day, each from (inclusive) and to (exclusive), in order and apart.
Hours: TypeAlias = tuple[tuple[int, int], ...]

DAY = 24 * 60  # minutes
_WEEK = 7
_OFFICE: Hours = ((9 * 60, 18 * 60),)
OFFICE_WEEK: tuple[Hours, ...] = (_OFFICE,) * 5 + ((),) * 2

_SPAN = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?\s*[-–—]\s*(\d{1,2})(?:[:.](\d{2}))?")


class HoursError(ValueError):
    """A text names no working hours; `reason` is one of the keys of `HOURS_PROBLEMS`."""

    def __init__(self, reason: str, part: str) -> None:
        super().__init__(HOURS_PROBLEMS[reason].format(part=part))
        self.reason = reason
        self.part = part


#: Reason to English sentence; `{part}` is what was typed.
HOURS_PROBLEMS = MappingProxyType(
    {
        "shape": N_("has `{part}`, which are no hours; write them as 9:00-13:00, 14:00-18:00"),
        "clock": N_("has `{part}`, which no clock shows; a day goes from 0:00 to 24:00"),
        "overlap": N_("has `{part}`, which begins before the hours in front of it end"),
    }
)


class Calendar(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """When work is done.

    A day is decided by the first of these that knows it: `days`, `holidays`, `week`. A span
    belongs to the day it begins on: a night shift that begins before a holiday is worked to its
    end, one that begins on the holiday is not. `absences` close whatever they touch.

    Raises:
        ValueError: A part does not fit; the message names it.
    """

    #: Name of the tz database, such as "Europe/Berlin".
    zone: str = "UTC"
    #: Hours of Monday to Sunday; default 9:00 to 18:00 from Monday to Friday.
    week: tuple[Hours, ...] = OFFICE_WEEK
    #: Days without work.
    holidays: frozenset[date] = frozenset()
    #: Days with hours of their own, `()` for none; they go before holidays.
    days: tuple[tuple[date, Hours], ...] = ()
    #: Aware spans of absence, from (inclusive) to (exclusive), in any order.
    absences: tuple[tuple[datetime, datetime], ...] = ()

    def __post_init__(self) -> None:
        """Check the parts."""
        try:
            ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"There is no time zone `{self.zone}`.") from error
        if len(self.week) != _WEEK:
            raise ValueError("`week` needs the hours of seven days, Monday first.")
        for hours in (*self.week, *(hours for _day, hours in self.days)):
            _check(hours)
        for begin, end in self.absences:
            if begin.tzinfo is None or end.tzinfo is None or end < begin:
                raise ValueError(f"The absence {begin} to {end} needs zones, and its end last.")

    @property
    def is_around_the_clock(self) -> bool:
        """Whether it never closes."""
        whole = all(hours == ((0, DAY),) for hours in self.week)
        return whole and not (self.holidays or self.days or self.absences)

    @property
    def never_opens(self) -> bool:
        """Whether it has no hours at all, absences left aside."""
        return not any(self.week) and not any(hours for _day, hours in self.days)


def _check(hours: Hours) -> None:
    last = 0
    for begin, end in hours:
        if not (0 <= begin < DAY and begin < end <= begin + DAY and last <= begin):
            raise ValueError(
                f"The hours {hours} do not fit: minutes since midnight, in order, each span "
                "beginning on its day and at most 24 hours long."
            )
        last = end


def parse_hours(text: str) -> Hours:
    """Read hours of a day as people type them.

    Args:
        text: Spans such as "9:00-13:00, 14-18" or "22:00-6:00", which ends on the next day; ""
            is closed.

    Raises:
        HoursError: It cannot be read; its text says how to write it.
    """
    hours: list[tuple[int, int]] = []
    for part in (piece.strip() for piece in re.split(r"[,;]", text) if piece.strip()):
        found = _SPAN.fullmatch(part)
        if found is None:
            raise HoursError("shape", part)
        from_hour, from_minute, to_hour, to_minute = (int(each or 0) for each in found.groups())
        begin, end = from_hour * 60 + from_minute, to_hour * 60 + to_minute
        if from_minute > 59 or to_minute > 59 or begin >= DAY or end > DAY:  # noqa: PLR2004
            raise HoursError("clock", part)
        if end <= begin:
            end += DAY
        if hours and begin < hours[-1][1]:
            raise HoursError("overlap", part)
        hours.append((begin, end))
    return tuple(hours)


def write_hours(hours: Hours) -> str:
    """Write hours the way `parse_hours` reads them; "" is closed."""
    return ", ".join(f"{_clock(begin)}-{_clock(end)}" for begin, end in hours)


def _clock(minutes: int) -> str:
    shown = minutes if minutes <= DAY else minutes - DAY
    return f"{shown // 60}:{shown % 60:02}"
