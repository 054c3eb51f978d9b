"""Promised dates: when an order will be fulfilled, when to warn, what is late.

A promise is an instant in UTC; the zone it was promised in is that of the calendar.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from crmkit import N_, add_business_time, next_business_time, subtract_business_time
from crmkit_orders.domain.errors import AmountError
from crmkit_orders.domain.money import check_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime

    from crmkit import BusinessCalendar

_MICROSECONDS = 3_600_000_000  # of an hour
_MOST_HOURS = 50 * 366 * 24  # as many as the business clock counts


def promise(
    start: datetime,
    hours: Decimal,
    calendar: BusinessCalendar,
    not_before: datetime | None = None,
) -> datetime:
    """Answer by when it will be done, in UTC: the start and so many hours of open time.

    Two hours from Friday 17:00, with hours from 9 to 18, are Monday 10:00. No hours at all are the
    next open moment.

    Args:
        start: Aware; the moment of the order.
        hours: Of open time, not negative, counted to the microsecond.
        calendar: Of the site or of the team that does it.
        not_before: Aware; when goods are here and somebody is free. The hours count from the
            later of both, because packing begins only then.

    Raises:
        AmountError: The hours are negative or no number.
        ValueError: A moment has no zone.
        crmkit.errors.NeverOpensError: The calendar is not open for so long within 50 years.

    Source:
        Order rule "promise date = order time + rule, in business hours of the site calendar".
    """
    begin = start if not_before is None else max(start, not_before)
    duration = _duration(hours)
    if not duration:
        return next_business_time(begin, calendar)
    return add_business_time(begin, duration, calendar)


def promise_beside(
    start: datetime, hours: Decimal, calendar: BusinessCalendar, planned: Mapping[date, int]
) -> datetime:
    """Answer by when it will be done by somebody who has other things to do as well, in UTC.

    What is planned on the days until then takes its time first: with 8 hours to do, and 4 of 9
    planned on each day, it is done on the second day.

    Args:
        start: Aware.
        hours: Of open time, not negative.
        planned: Day, in the calendar's zone, to minutes of open time that are taken.

    Raises:
        AmountError: The hours are negative or no number.
        crmkit.errors.NeverOpensError: The calendar is not open for so long within 50 years.

    Source:
        Order rule "the promised date is computed from stock, calendar and capacity".
    """
    zone = ZoneInfo(calendar.zone)
    first = start.astimezone(zone).date()
    end = promise(start, hours, calendar)
    while True:
        last = end.astimezone(zone).date()
        taken = sum(minutes for day, minutes in planned.items() if first <= day <= last)
        later = promise(start, hours + Decimal(taken) / 60, calendar)
        if later <= end:
            return end
        end = later


def is_late(now: datetime, promise: datetime, open_quantity: Decimal) -> bool:
    """Say whether something is still open after its promise; at the promised moment it is not.

    Args:
        now: Aware.
        promise: Aware; the current one.
        open_quantity: Of the line or the order.

    Source:
        Order rule "late is computed: now > promise and quantity open".
    """
    return now > promise and open_quantity > 0


def next_warnings(
    promise: datetime, warn_before: Iterable[Decimal], calendar: BusinessCalendar
) -> tuple[datetime, ...]:
    """Answer when to warn of a promise, in UTC, the earliest first, each moment once.

    Promise and moment together are the key by which a warning goes out once: another promise has
    warnings of its own. Moments that are over by then are in the answer too.

    Args:
        promise: Aware; the current one.
        warn_before: Hours of open time before the promise, not negative.

    Raises:
        AmountError: Hours are negative or no number.
        ValueError: The promise has no zone.
        crmkit.errors.NeverOpensError: The calendar was not open for so long within 50 years.

    Source:
        Order rules "warning X hours before" and "each warning goes out once per promise date".
    """
    durations = {_duration(hours) for hours in warn_before}
    moments = {subtract_business_time(promise, each, calendar) for each in durations}
    return tuple(sorted(moments))


def is_on_time(original: datetime, fulfilled_at: datetime) -> bool:
    """Say whether the first promise was kept, to the moment; later promises do not count.

    Source:
        Order rule "on-time rate measures against the original".
    """
    return fulfilled_at <= original


def _duration(hours: Decimal) -> timedelta:
    check_number(hours)
    if hours < 0:
        raise AmountError(N_("{number} is negative; enter 0 or more."), number=hours)
    if hours > _MOST_HOURS:
        raise AmountError(N_("{number} is too large."), number=hours)
    ticks = (hours * _MICROSECONDS).to_integral_value(rounding=ROUND_HALF_UP)
    return timedelta(microseconds=int(ticks))
