"""A calendar as a file of iCalendar (RFC 5545)."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterable

    import icalendar

    from crmkit.model.calendar_item import CalendarItem

_WITHOUT_END = timedelta(minutes=30)
_LONGEST_TEXT = 2000
_REFRESH = timedelta(minutes=30)


def write_ics(
    items: Iterable[CalendarItem], name: str, zone: str, base: str, first: date, last: date
) -> bytes:
    """Answer the file; the same items give the same bytes. Takes long for many, so not on the loop.

    Args:
        name: Of the calendar, as programs show it.
        zone: In which moments are written; its rules are in the file.
        base: What local addresses begin with.
        first: Day from which on the rules of the zone are needed, to `last`.
    """
    import icalendar  # noqa: PLC0415 - a tenth of a second that only feeds need

    calendar = icalendar.Calendar.new(
        name=_clean(name),
        prodid="-//crmkit//calendar//EN",
        refresh_interval=_REFRESH,
        # Left out it is another one each time, and nothing could be kept.
        uid=f"crmkit-{hashlib.sha256(name.encode()).hexdigest()[:16]}",
    )
    for item in items:
        calendar.add_component(_event(icalendar.Event, item, ZoneInfo(zone), base))
    calendar.add_missing_timezones(first, last + timedelta(days=366))
    made: bytes = calendar.to_ical()
    return made


def _event(
    kind: type[icalendar.Event], item: CalendarItem, zone: ZoneInfo, base: str
) -> icalendar.Event:
    begin, end = item.begin, item.end
    if isinstance(begin, datetime):
        start: date = _local(begin, zone)
        stop: date = _local(end, zone) if isinstance(end, datetime) else start + _WITHOUT_END
    else:
        start, stop = begin, (end or begin) + timedelta(days=1)  # what ends is not included
    changed = item.changed or datetime.combine(
        begin.date() if isinstance(begin, datetime) else begin, datetime.min.time(), UTC
    )
    event = kind.new(
        uid=f"crmkit-{_clean(item.id)}",
        summary=_clean(item.title),
        start=start,
        end=stop,
        stamp=changed.astimezone(UTC).replace(microsecond=0),
        description=_clean(item.text, keep="\n")[:_LONGEST_TEXT] or None,
    )
    if item.url.startswith("/") and base:
        event.add("url", f"{base}{item.url}")
    if item.is_free:
        event.add("transp", "TRANSPARENT")
    return event


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    # UTC needs no rules, and programs know its Z everywhere.
    return moment.astimezone(UTC if zone.key == "UTC" else zone)


def _clean(text: str, keep: str = "") -> str:
    """Answer a text without what no line of the file may hold."""
    return "".join(letter for letter in text if letter in keep or ord(letter) >= ord(" ")).strip()
