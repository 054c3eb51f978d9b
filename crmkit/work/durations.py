"""Lengths of work as people type them."""

from __future__ import annotations

import re
from datetime import timedelta

_CLOCK = re.compile(r"(\d{1,6}):([0-5]\d)")
_HOURS = re.compile(r"(\d{1,6}(?:[.,]\d{1,4})?)\s*(?:h|ч)?")
_PARTS = re.compile(r"(?:(\d{1,6})\s*(?:h|ч))?\s*(?:(\d{1,6})\s*(?:m|min|м|мин)\.?)?")


def parse_duration(text: str) -> timedelta:
    """Read a length: "4", "4.5", "4h", "1h 30m", "90m" or "1:30"; a number alone is hours.

    Raises:
        ValueError: It is none; the message says how to write one.
    """
    plain = text.strip().casefold()
    if found := _CLOCK.fullmatch(plain):
        return timedelta(hours=int(found[1]), minutes=int(found[2]))
    if found := _HOURS.fullmatch(plain):
        return timedelta(hours=float(found[1].replace(",", ".")))
    found = _PARTS.fullmatch(plain)
    if found is None or not any(found.groups()):
        raise ValueError(f"`{text}` is no length of work. Write it as 4h, 1h 30m or 90m.")
    return timedelta(hours=int(found[1] or 0), minutes=int(found[2] or 0))
