"""When mail may come to a person: pure functions, no present moment, no I/O.

A time of day is the first moment at which the person's wall clock shows it or a later one, as the
business clock counts: what spring jumps over falls together in the jump, and of an hour that comes
twice in autumn the first one counts.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from crmkit.model.calendar import DAY, Calendar
from crmkit.work.clock import wall_moment

if TYPE_CHECKING:
    from collections.abc import Iterator

_SATURDAY = 5
# Days around a moment on which what lasts at that moment may have begun: a weekend takes two.
_AROUND = range(-3, 2)


class MailTimes(msgspec.Struct, frozen=True, kw_only=True):
    """When mail may come, by the person's wall clock, to the minute.

    Attributes:
        quiet_from: From then on (inclusive) none comes; None is at no time of day.
        quiet_to: Until then (exclusive), on the next day when it is earlier than `quiet_from`.
        quiet_weekends: None comes on Saturday and Sunday.
        digest_at: When the digest comes.
    """

    quiet_from: time | None = time(20)
    quiet_to: time | None = time(7)
    quiet_weekends: bool = True
    digest_at: time = time(8)


def next_loud(moment: datetime, times: MailTimes, zone: str) -> datetime:
    """Answer the first moment, not before one (aware), at which mail may come, in UTC."""
    local = ZoneInfo(zone)
    while True:
        day = moment.astimezone(local).date()
        ends = [end for begin, end in _quiet(day, times, zone) if begin <= moment < end]
        if not ends:
            return moment.astimezone(UTC)
        moment = max(ends)


def next_digest(moment: datetime, times: MailTimes, zone: str) -> datetime:
    """Answer when the first digest not before a moment (aware) comes, in UTC.

    One that falls into quiet hours comes when they end; of a quiet weekend there is none.
    """
    calendar = Calendar(zone=zone)
    # One of Friday may come on Monday night, when hardly an hour of the week is loud.
    day = moment.astimezone(ZoneInfo(zone)).date() - timedelta(days=4)
    while True:
        found = next_loud(wall_moment(day, _minutes(times.digest_at), calendar), times, zone)
        if found >= moment and not (times.quiet_weekends and day.weekday() >= _SATURDAY):
            return found
        day += timedelta(days=1)


@lru_cache(maxsize=1024)
def _quiet(day: date, times: MailTimes, zone: str) -> tuple[tuple[datetime, datetime], ...]:
    return tuple(_spans(day, times, Calendar(zone=zone)))


def _spans(day: date, times: MailTimes, calendar: Calendar) -> Iterator[tuple[datetime, datetime]]:
    for number in _AROUND:
        begin = day + timedelta(days=number)
        if times.quiet_weekends and begin.weekday() == _SATURDAY:
            yield wall_moment(begin, 0, calendar), wall_moment(begin, 2 * DAY, calendar)
        if times.quiet_from is not None and times.quiet_to is not None:
            first, last = _minutes(times.quiet_from), _minutes(times.quiet_to)
            until = last if last > first else last + DAY
            if first != last:  # a whole day, each day, would never end
                yield wall_moment(begin, first, calendar), wall_moment(begin, until, calendar)


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute
