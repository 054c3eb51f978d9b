"""Working calendars as pictures, holidays, and the calculator."""

from crmkit.web.views.form import FormPage
from crmkit.web.views.pieces import Link, Tag, View


class WeekDay(View, frozen=True, kw_only=True):
    """One day of the picture; `bars` are (from, length) in minutes of the day."""

    label: str
    text: str
    bars: tuple[tuple[int, int], ...] = ()


class CalendarCard(View, frozen=True, kw_only=True):
    """A working calendar: where it holds and its week, Monday first."""

    id: str
    name: str
    note: str
    days: tuple[WeekDay, ...]
    url: str | None = None
    badge: Tag | None = None


class HolidayLine(View, frozen=True, kw_only=True):
    """A day that differs from the week."""

    day: str
    name: str
    note: str = ""


class HoursPage(View, frozen=True, kw_only=True):
    """Working hours: calendars, then holidays and the calculator of the chosen one.

    `result` is the moment counted to, `steps` the open spans that were counted.
    """

    title: str
    intro: str
    tabs: tuple[Link, ...]
    cards: tuple[CalendarCard, ...]
    actions: tuple[Link, ...]
    choices: tuple[Link, ...]
    holidays: tuple[HolidayLine, ...]
    calculator: FormPage
    result: str | None = None
    steps: tuple[str, ...] = ()
    more_steps: str | None = None
