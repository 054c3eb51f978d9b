"""The business clock: counts open time. Pure functions, no present moment, no I/O.

Moments come in aware, in any zone, and go out in UTC. Open time is half open: the minute a day
closes is closed. An edge of the hours is the first moment at which the wall clock of the calendar
shows that time or a later one: what the clock jumps over in spring falls together in the jump, and
of an hour that comes twice in autumn the first one counts. The first and the last weeks that a
datetime can hold belong to no calendar: there NeverOpensError is raised.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from crmkit.errors import NeverOpensError
from crmkit.model.calendar import DAY, Calendar

if TYPE_CHECKING:
    from crmkit.model.calendar import Hours

__all__ = [
    "Calendar",
    "add",
    "add_days",
    "between",
    "hours_of",
    "is_open",
    "next_open",
    "spans",
    "subtract",
    "wall_moment",
]

#: Years a count may reach before it is given up.
HORIZON = 50

# Moments are whole microseconds since this one: integers are compared and added fast.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall clock
_TICK = timedelta(microseconds=1)
_MINUTE = 60_000_000
# Time is cut into blocks of four weeks, each counted once and kept.
_BLOCK = 28 * DAY * _MINUTE
_MOST_BLOCKS = HORIZON * 366 * DAY * _MINUTE // _BLOCK
_KEPT_BLOCKS = 2 * _MOST_BLOCKS
_MARGIN = 3  # days: zones are up to a day apart from UTC, spans up to a day longer than theirs
_CALENDARS = 1024


def add(start: datetime, duration: timedelta, calendar: Calendar) -> datetime:
    """Answer the earliest moment by which so much open time has passed, in UTC.

    An hour from Friday 17:00 with hours from 9 to 18 is Friday 18:00, two are Monday 10:00. No
    time at all is the start itself, be it closed.

    Args:
        start: Aware.
        duration: Open time, not negative.

    Raises:
        ValueError: The start has no zone, or the duration is negative.
        NeverOpensError: The calendar is not open for so long within 50 years.
    """
    begin, rest = _ticks(start), _length(duration)
    if rest == 0 or calendar.is_around_the_clock:
        return _moment(begin + rest, calendar)
    line = _opening_line(calendar)
    first = number = begin // _BLOCK
    block = line.block(number)
    rest += block.open_until(begin)
    while block.total < rest:
        rest -= block.total
        number += 1
        if number - first > _MOST_BLOCKS:
            raise _never(calendar)
        block = line.block(number)
    index = bisect_left(block.sums, rest)
    return _moment(block.ends[index] - (block.sums[index] - rest), calendar)


def subtract(end: datetime, duration: timedelta, calendar: Calendar) -> datetime:
    """Answer the latest moment from which so much open time passes until the end, in UTC.

    Args:
        end: Aware.
        duration: Open time, not negative.

    Raises:
        ValueError: The end has no zone, or the duration is negative.
        NeverOpensError: The calendar was not open for so long within 50 years.
    """
    until, rest = _ticks(end), _length(duration)
    if rest == 0 or calendar.is_around_the_clock:
        return _moment(until - rest, calendar)
    line = _opening_line(calendar)
    first = number = until // _BLOCK
    block = line.block(number)
    place = block.open_until(until) - rest
    while place < 0:
        number -= 1
        if first - number > _MOST_BLOCKS:
            raise _never(calendar)
        block = line.block(number)
        place += block.total
    index = bisect_right(block.sums, place)
    return _moment(block.ends[index] - (block.sums[index] - place), calendar)


def between(start: datetime, end: datetime, calendar: Calendar) -> timedelta:
    """Answer the open time from a moment to a later one.

    Raises:
        ValueError: A moment has no zone, or the end lies before the start.
        NeverOpensError: The moments lie more than 50 years apart.
    """
    begin, until = _ticks(start), _ticks(end)
    if until < begin:
        raise ValueError(f"{end} lies before {start}; give the earlier moment first.")
    if calendar.is_around_the_clock:
        return timedelta(microseconds=until - begin)
    line = _line(calendar)
    first, last = begin // _BLOCK, until // _BLOCK
    if last - first > _MOST_BLOCKS:
        raise _never(calendar)
    passed = sum(line.block(number).total for number in range(first, last))
    passed += line.block(last).open_until(until) - line.block(first).open_until(begin)
    return timedelta(microseconds=passed)


def is_open(moment: datetime, calendar: Calendar) -> bool:
    """Say whether work is done at a moment; at the minute of closing it is not.

    Raises:
        ValueError: The moment has no zone.
    """
    at = _ticks(moment)
    if calendar.is_around_the_clock:
        return True
    block = _line(calendar).block(at // _BLOCK)
    index = bisect_right(block.ends, at)
    return index < len(block.ends) and block.starts[index] <= at


def next_open(moment: datetime, calendar: Calendar) -> datetime:
    """Answer the moment itself when open, else the next opening, in UTC.

    Raises:
        ValueError: The moment has no zone.
        NeverOpensError: The calendar does not open within 50 years.
    """
    at = _ticks(moment)
    if calendar.is_around_the_clock:
        return _moment(at, calendar)
    line = _opening_line(calendar)
    first = at // _BLOCK
    for number in range(first, first + _MOST_BLOCKS + 1):
        block = line.block(number)
        index = bisect_right(block.ends, at)
        if index < len(block.ends):
            return _moment(max(at, block.starts[index]), calendar)
    raise _never(calendar)


def spans(
    start: datetime, end: datetime, calendar: Calendar
) -> tuple[tuple[datetime, datetime], ...]:
    """Answer the open spans between two moments, in order, cut at both, in UTC.

    Spans never touch. A booking page cuts slots of them.

    Raises:
        ValueError: A moment has no zone, or the end lies before the start.
        NeverOpensError: The moments lie more than 50 years apart.
    """
    begin, until = _ticks(start), _ticks(end)
    if until < begin:
        raise ValueError(f"{end} lies before {start}; give the earlier moment first.")
    first, last = begin // _BLOCK, until // _BLOCK
    if last - first > _MOST_BLOCKS:
        raise _never(calendar)
    line = _line(calendar)
    found: list[tuple[int, int]] = []
    for number in range(first, last + 1):
        block = line.block(number)
        for opens, closes in zip(block.starts, block.ends, strict=True):
            cut = (max(opens, begin), min(closes, until))
            if cut[0] < cut[1]:
                found.append(cut)
    return tuple(
        (_moment(opens, calendar), _moment(closes, calendar)) for opens, closes in _union(found)
    )


def hours_of(day: date, calendar: Calendar) -> Hours:
    """Answer the hours of a day by the calendar, absences left aside; `()` is closed."""
    return _line(calendar).hours_of(day)


def wall_moment(day: date, minutes: int, calendar: Calendar) -> datetime:
    """Answer the first moment at which the calendar's wall clock shows a time or a later one.

    Args:
        day: Of the wall clock.
        minutes: Since its midnight; 1440 and more are on the next day.
    """
    wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
    return _moment(_line(calendar).at(wall), calendar)


def add_days(start: datetime, days: int, calendar: Calendar) -> datetime:
    """Answer the same time of day so many working days later, in UTC.

    A working day has hours, and an absence leaves at least a moment of them. One working day from
    Friday or Saturday 17:00 is Monday 17:00. No day at all is the start itself.

    Args:
        start: Aware; its day and time are those of the calendar's wall clock.
        days: Working days, not negative.

    Raises:
        ValueError: The start has no zone, or the days are negative.
        NeverOpensError: There are not so many working days within 50 years.
    """
    begin = _ticks(start)
    if days < 0:
        raise ValueError(f"{days} working days cannot be added; give 0 or more.")
    if days == 0:
        return _moment(begin, calendar)
    line = _opening_line(calendar)
    local = _moment(begin, calendar).astimezone(line.zone)
    day, rest = local.date(), days
    last = day.toordinal() + HORIZON * 366
    while rest:
        if day.toordinal() >= min(last, date.max.toordinal() - _MARGIN):
            raise _never(calendar)
        day += timedelta(days=1)
        rest -= line.is_working(day)
    wall = datetime.combine(day, local.time())
    return _moment(line.at(wall), calendar)


def _ticks(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone; give it one, such as UTC.")
    return (moment - _EPOCH) // _TICK


def _moment(ticks: int, calendar: Calendar) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=ticks)
    except OverflowError:
        raise _never(calendar) from None


def _length(duration: timedelta) -> int:
    if duration < timedelta(0):
        raise ValueError(f"{duration} is negative; `subtract` counts backwards.")
    return duration // _TICK


def _never(calendar: Calendar) -> NeverOpensError:
    return NeverOpensError(
        f"The working calendar ({calendar.zone}) is not open for so long within {HORIZON} years. "
        "Give it hours, or look for an absence without an end."
    )


class _Block:
    """The open spans of four weeks.

    Attributes:
        starts: Where they open, in order.
        ends: Where they close.
        sums: Open time from the begin of the block to each end.
        total: Of the whole block.
    """

    __slots__ = ("ends", "starts", "sums", "total")

    def __init__(self, found: list[tuple[int, int]]) -> None:
        self.starts = [opens for opens, _closes in found]
        self.ends = [closes for _opens, closes in found]
        self.sums: list[int] = []
        self.total = 0
        for opens, closes in found:
            self.total += closes - opens
            self.sums.append(self.total)

    def open_until(self, at: int) -> int:
        """Answer the open time from the begin of the block to a moment in it."""
        index = bisect_right(self.ends, at)
        if index == len(self.ends):
            return self.total
        before = self.sums[index] - (self.ends[index] - self.starts[index])
        return before + max(0, at - self.starts[index])


class _Line:
    """A calendar on the line of time; counts blocks when they are asked for."""

    def __init__(self, calendar: Calendar) -> None:
        self.zone = ZoneInfo(calendar.zone)
        self._calendar = calendar
        self._days = dict(calendar.days)
        self._absences = _union(sorted((_ticks(a), _ticks(b)) for a, b in calendar.absences))
        self._blocks: dict[int, _Block] = {}

    def block(self, number: int) -> _Block:
        """Answer the block that begins so many times four weeks after 1970."""
        found = self._blocks.get(number)
        if found is None:
            if len(self._blocks) >= _KEPT_BLOCKS:
                self._blocks.clear()
            found = self._blocks[number] = self._count(number)
        return found

    def hours_of(self, day: date) -> Hours:
        """Answer the hours of a day."""
        own = self._days.get(day)
        if own is not None:
            return own
        return () if day in self._calendar.holidays else self._calendar.week[day.weekday()]

    def is_working(self, day: date) -> bool:
        """Say whether an absence leaves something of the hours of a day."""
        return bool(_without(self._spans_of(day), self._absences))

    def at(self, wall: datetime) -> int:
        """Answer the first moment at which the wall clock shows a time or a later one."""
        local = wall.replace(tzinfo=self.zone)
        first, second = local.utcoffset(), local.replace(fold=1).utcoffset()
        if first is None or second is None:
            raise ValueError(f"The zone {self.zone} has no offset at {wall}.")
        ticks = (wall - _NAIVE_EPOCH) // _TICK
        if first < second:  # the clock jumps over it
            return self._jump(ticks - second // _TICK, ticks - first // _TICK, second)
        return ticks - first // _TICK

    def _jump(self, low: int, high: int, after: timedelta) -> int:
        """Answer when the clock jumps: after `low`, and not after `high`, to the offset `after`."""
        while high - low > 1:
            middle = (low + high) // 2
            moment = (_EPOCH + timedelta(microseconds=middle)).astimezone(self.zone)
            if moment.utcoffset() == after:
                high = middle
            else:
                low = middle
        return high

    def _spans_of(self, day: date) -> list[tuple[int, int]]:
        midnight = datetime.combine(day, time())
        found = []
        for begin, end in self.hours_of(day):
            opens = self.at(midnight + timedelta(minutes=begin))
            closes = self.at(midnight + timedelta(minutes=end))
            if opens < closes:
                found.append((opens, closes))
        return found

    def _count(self, number: int) -> _Block:
        if self._calendar.never_opens:
            return _Block([])
        begin = number * _BLOCK
        until = begin + _BLOCK
        try:
            first = (_EPOCH + timedelta(microseconds=begin)).toordinal() - _MARGIN
            last = (_EPOCH + timedelta(microseconds=until)).toordinal() + _MARGIN
            days = [self._spans_of(date.fromordinal(each)) for each in range(first, last)]
        except (OverflowError, ValueError):  # before the year 1, or after 9999
            raise _never(self._calendar) from None
        found = _union(sorted(span for day in days for span in day))
        cut = [(max(opens, begin), min(closes, until)) for opens, closes in found]
        inside = [(opens, closes) for opens, closes in cut if opens < closes]
        return _Block(_without(inside, self._absences))


@lru_cache(maxsize=_CALENDARS)
def _line(calendar: Calendar) -> _Line:
    return _Line(calendar)


def _opening_line(calendar: Calendar) -> _Line:
    if calendar.never_opens:
        raise _never(calendar)
    return _line(calendar)


def _union(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join spans that touch; they are in order of their begins."""
    joined: list[tuple[int, int]] = []
    for opens, closes in found:
        if joined and opens <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(closes, joined[-1][1]))
        else:
            joined.append((opens, closes))
    return joined


def _without(found: list[tuple[int, int]], gaps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Take gaps out of spans; both are in order and apart."""
    if not gaps or not found:
        return found
    left: list[tuple[int, int]] = []
    index = bisect_right(gaps, (found[0][0], found[0][0])) - 1
    near = gaps[max(index, 0) :]
    for opens, closes in found:
        at = opens
        for begin, end in near:
            if end <= at:
                continue
            if begin >= closes:
                break
            if begin > at:
                left.append((at, begin))
            at = max(at, end)
        if at < closes:
            left.append((at, closes))
    return left
