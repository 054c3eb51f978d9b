"""How much a person can do: working hours, less absences, less what is planned already."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.plugin.events import PeriodEvent
from crmkit.work.calendars import calendar_of
from crmkit.work.clock import between, wall_moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.calendar import Calendar
    from crmkit.model.context import Context

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_WHOLE_DAY = 24 * 60


class Capacity(msgspec.Struct, frozen=True):
    """A day of a person, in whole minutes."""

    #: Open time of the calendar on that day, absences taken off.
    working: int
    #: What plugins say is planned, at most the working time.
    planned: int

    @property
    def free(self) -> int:
        """What is left."""
        return self.working - self.planned


async def capacity_of(
    ctx: Context, user: int, first: date, last: date, calendar: Calendar | None = None
) -> dict[date, Capacity]:
    """Answer how much a person can do on each day of a span.

    Args:
        user: Id of the person.
        first: First day, in the zone of the calendar.
        last: Last day, included.
        calendar: Whose days and open time count; None takes the person's, with absences.

    Returns:
        Day to capacity, every day of the span in its order. A plugin that fails, or answers
        something else than minutes by day, is left out and recorded.

    Source:
        Platform rule "the core computes capacity = working hours - absences - load".
    """
    hours = calendar or await calendar_of(ctx, user=user)
    event = PeriodEvent(ctx, user, first, last)
    planned: dict[date, int] = {}
    for _plugin, answer in await ctx.site.hooks.collect("load", event, _minutes):
        for day, minutes in answer.items():
            planned[day] = planned.get(day, 0) + minutes
    found = {}
    for number in range((last - first).days + 1):
        day = first + number * _DAY
        begin, end = wall_moment(day, 0, hours), wall_moment(day, _WHOLE_DAY, hours)
        working = between(begin, end, hours) // _MINUTE
        found[day] = Capacity(working, min(working, planned.get(day, 0)))
    return found


def _minutes(answer: Any) -> Mapping[date, int]:  # noqa: ANN401 - a stranger's answer
    """Answer minutes by day.

    Raises:
        msgspec.ValidationError: It is something else.
    """
    return msgspec.convert(answer, dict[date, int])
