"""Moments by a crontab expression, in a time zone whose clocks may be changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from zoneinfo import ZoneInfo

_SHORT = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: Of each field: what it is called, its first and last number, its words and the word's number.
_FIELDS: tuple[tuple[str, int, int, Sequence[str]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
_HOURS = 24
_SEARCHED_DAYS = 366 * 41  # 29 February comes on a given day of the week within forty years
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Crontab:
    """Five fields: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday).

    Each is `*`, a number, a range `1-5`, a list `1,15`, a step `*/10` or `8-18/2`; months and days
    may be words of three letters. With both days given, either is enough. `@hourly`, `@daily`,
    `@weekly`, `@monthly` and `@yearly` stand for what they say.

    When clocks go forward, what falls into the hour that is missing comes as much later. When they
    go back, what falls into the hour that comes twice comes once, the first time; with `*` for the
    hour it comes in both.

    Source:
        crontab(5) of Vixie cron.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    @classmethod
    def parse(cls, text: str) -> Crontab:
        """Read an expression.

        Raises:
            ValueError: It is none, or never comes; says which field is wrong.
        """
        fields = _SHORT.get(text.strip().lower(), text).split()
        if len(fields) != len(_FIELDS):
            raise ValueError(
                f"`{text}` has {len(fields)} fields; a crontab expression has five: minute, hour, "
                "day of the month, month, day of the week, such as `30 2 * * *`."
            )
        minutes, hours, days, months, weekdays = (
            _numbers(text, field, *rule) for field, rule in zip(fields, _FIELDS, strict=True)
        )
        made = cls(
            tuple(sorted(minutes)),
            tuple(sorted(hours)),
            frozenset(days),
            frozenset(months),
            frozenset(number % 7 for number in weekdays),
            not (fields[2].startswith("*") or fields[4].startswith("*")),
        )
        # Between 2096 and 2104 there is no 29 February.
        if not any(made._has(date(2096, 3, 1) + _DAY * n) for n in range(_SEARCHED_DAYS)):
            raise ValueError(f"`{text}` never comes: no month of it has such a day.")
        return made

    def after(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """Answer the first moment after an aware one, in UTC."""
        return min(each for each in self._near(moment, zone, 1) if each > moment)

    def until(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """Answer the last moment up to an aware one and including it, in UTC."""
        return max(each for each in self._near(moment, zone, -1) if each <= moment)

    def _near(self, moment: datetime, zone: ZoneInfo, step: int) -> list[datetime]:
        """Answer the moments of the days around one, and on to a day that surely decides."""
        today = moment.astimezone(zone).date()
        found: list[datetime] = []
        for number in range(-1, _SEARCHED_DAYS):
            day = today + _DAY * number * step
            found += self._of_day(day, zone)
            # A moment that was moved out of a missing hour may belong to the day before.
            if number > 0 and any(each > moment if step > 0 else each <= moment for each in found):
                break
        return found

    def _has(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return in_month or in_week if self.either_day else in_month and in_week

    def _of_day(self, day: date, zone: ZoneInfo) -> tuple[datetime, ...]:
        return _moments(self, day, zone) if self._has(day) else ()

    def _times(self, day: date, zone: ZoneInfo) -> Iterator[datetime]:
        both = len(self.hours) == _HOURS
        for hour in self.hours:
            for minute in self.minutes:
                local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
                yield local.astimezone(UTC)
                # Only an hour that comes twice has a second, later moment.
                second = local.replace(fold=1).astimezone(UTC)
                if both and second > local.astimezone(UTC):
                    yield second


@lru_cache(maxsize=512)
def _moments(crontab: Crontab, day: date, zone: ZoneInfo) -> tuple[datetime, ...]:
    return tuple(sorted(set(crontab._times(day, zone))))  # noqa: SLF001 - cached beside the class


def _numbers(
    text: str, field: str, name: str, first: int, last: int, words: Sequence[str]
) -> set[int]:
    found: set[int] = set()
    for part in field.lower().split(","):
        span, _, step = part.partition("/")
        begin, dash, end = span.partition("-")
        try:
            if span == "*":
                low, high = first, last
            else:
                low = _number(begin, words)
                high = _number(end, words) if dash else last if step else low
            width = int(step) if step or "/" in part else 1
        except ValueError:
            low, high, width = last + 1, first, 0
        if not (first <= low <= high <= last and width > 0):
            raise ValueError(
                f"`{text}`: `{part}` is no {name}; that is a number from {first} to {last}, "
                "`*`, a range, a list or a step."
            )
        found |= set(range(low, high + 1, width))
    return found


def _number(word: str, words: Sequence[str]) -> int:
    if word in words:
        return words.index(word) + (1 if words is _MONTHS else 0)
    if not (word.isascii() and word.isdigit()):
        raise ValueError(word)
    return int(word)
