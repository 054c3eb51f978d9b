"""What holds for the business clock in every zone, whatever the hours, over every clock change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from crmkit.model.calendar import parse_hours, write_hours
from crmkit.work.clock import (
    Calendar,
    add,
    add_days,
    between,
    hours_of,
    is_open,
    next_open,
    spans,
    subtract,
)

if TYPE_CHECKING:
    from crmkit.model.calendar import Hours

ZONES = tuple(sorted(available_timezones() - {"localtime"}))
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_SETTINGS: dict[str, Any] = {
    "deadline": None,
    "print_blob": False,
    "suppress_health_check": list(HealthCheck),
}
#: Few with each commit, many in the long run.
_RUNS = [pytest.param(1, id="short"), pytest.param(40, id="long", marks=pytest.mark.long)]


@cache
def changes(zone: str, year: int) -> tuple[datetime, ...]:
    """The moments of a year at which a zone changes its offset, to the minute."""
    info, at = ZoneInfo(zone), datetime(year, 1, 1, tzinfo=UTC)
    found = []
    for number in range(122):
        low, high = at + number * 3 * _DAY, at + (number + 1) * 3 * _DAY
        if low.astimezone(info).utcoffset() == high.astimezone(info).utcoffset():
            continue
        while high - low > _MINUTE:
            middle = low + ((high - low) // 2) // _MINUTE * _MINUTE
            same = middle.astimezone(info).utcoffset() == low.astimezone(info).utcoffset()
            low, high = (middle, high) if same else (low, middle)
        found.append(high)
    return tuple(found)


@st.composite
def day_hours(draw: st.DrawFn) -> Hours:
    """Hours of a day, a third of them closed, some over midnight."""
    edges = sorted(draw(st.lists(st.integers(0, 1439), max_size=6, unique=True)))
    pairs = list(zip(edges[::2], edges[1::2], strict=False))
    if len(edges) % 2:
        pairs.append((edges[-1], draw(st.integers(edges[-1] + 1, edges[-1] + 1440))))
    return tuple(pairs)


@st.composite
def moments(draw: st.DrawFn, zone: str) -> datetime:
    """A moment near a clock change of the zone, where it has one."""
    year = draw(st.sampled_from((1996, 2011, 2016, 2026, 2027)))
    near = changes(zone, year) or (datetime(year, 5, 4, tzinfo=UTC),)
    return draw(st.sampled_from(near)) + timedelta(
        minutes=draw(st.integers(-2 * 1440, 2 * 1440)),
        microseconds=draw(st.integers(0, 59_999_999)),
    )


@st.composite
def calendars(draw: st.DrawFn, near: datetime, zone: str) -> Calendar:
    week = tuple(draw(st.lists(day_hours(), min_size=7, max_size=7)))
    around = st.integers(-4, 4).map(lambda days: (near + days * _DAY).date())
    absences = []
    for begin, length in draw(
        st.lists(st.tuples(st.integers(-6000, 6000), st.integers(0, 3000)), max_size=3)
    ):
        absences.append((near + begin * _MINUTE, near + (begin + length) * _MINUTE))
    return Calendar(
        zone=zone,
        week=week,
        holidays=frozenset(draw(st.lists(around, max_size=2))),
        days=tuple(
            {each: draw(day_hours()) for each in draw(st.lists(around, max_size=2))}.items()
        ),
        absences=tuple(absences),
    )


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Calendar, datetime]:
    zone = draw(st.sampled_from(ZONES))
    start = draw(moments(zone))
    calendar = draw(calendars(start, zone))
    assume(any(calendar.week))
    return calendar, start


LENGTHS = st.integers(0, 30 * 1440 * 60).map(lambda seconds: timedelta(seconds=seconds))


@pytest.mark.parametrize("times", _RUNS)
def test_parts_add_up_and_what_is_added_lies_between(times: int) -> None:
    @settings(max_examples=60 * times, **_SETTINGS)
    @given(scenes(), LENGTHS, LENGTHS)
    def check(scene: tuple[Calendar, datetime], first: timedelta, second: timedelta) -> None:
        calendar, start = scene
        middle = add(start, first, calendar)
        end = add(middle, second, calendar)
        assert end == add(start, first + second, calendar)
        assert start <= middle <= end
        assert first + second == between(start, end, calendar)
        assert first == between(start, middle, calendar)
        if first:  # it lands in an open minute, or where one ends
            assert is_open(middle - timedelta(microseconds=1), calendar)

    check()


@pytest.mark.parametrize("times", _RUNS)
def test_subtracting_is_the_inverse(times: int) -> None:
    @settings(max_examples=60 * times, **_SETTINGS)
    @given(scenes(), LENGTHS.filter(bool))
    def check(scene: tuple[Calendar, datetime], length: timedelta) -> None:
        calendar, moment = scene
        back = subtract(moment, length, calendar)
        assert length == between(back, moment, calendar)
        assert is_open(back, calendar)
        opening = next_open(moment, calendar)
        assert moment <= opening
        assert timedelta(0) == between(moment, opening, calendar)
        assert is_open(opening, calendar)
        there = add(opening, length, calendar)
        assert opening == subtract(there, length, calendar)
        assert there == add(subtract(there, length, calendar), length, calendar)

    check()


@pytest.mark.parametrize("times", _RUNS)
def test_later_is_never_earlier(times: int) -> None:
    @settings(max_examples=40 * times, **_SETTINGS)
    @given(scenes(), LENGTHS, LENGTHS, st.integers(0, 30))
    def check(
        scene: tuple[Calendar, datetime], later: timedelta, length: timedelta, days: int
    ) -> None:
        calendar, start = scene
        assert add(start, length, calendar) <= add(start + later, length, calendar)
        assert add(start, length, calendar) <= add(start, length + later, calendar)
        assert add_days(start, days, calendar) <= add_days(start, days + 1, calendar)
        open_time = between(start, start + later, calendar)
        assert timedelta(0) <= open_time <= later
        pieces = spans(start, start + later, calendar)
        assert open_time == sum((end - begin for begin, end in pieces), timedelta(0))
        assert all(one[1] < two[0] for one, two in pairwise(pieces))

    check()


def open_minutes(calendar: Calendar, start: datetime, minutes: int) -> list[bool]:
    """Whether each minute is open, found by walking minute by minute and reading the wall clock."""
    zone, lead = ZoneInfo(calendar.zone), 3 * 1440
    begin = start - lead * _MINUTE
    walls = [
        (begin + number * _MINUTE).astimezone(zone).replace(tzinfo=None)
        for number in range(lead + minutes + 3 * 1440)
    ]
    opened = [False] * len(walls)

    def first_showing(wall: datetime) -> int:
        return next((n for n, each in enumerate(walls) if each >= wall), len(walls))

    day = walls[0].date() + _DAY
    while day < walls[-1].date():
        midnight = datetime.combine(day, time())
        for hour in hours_of(day, calendar):
            opens, closes = (first_showing(midnight + edge * _MINUTE) for edge in hour)
            opened[opens:closes] = [True] * (closes - opens)
        day += _DAY
    for since, until in calendar.absences:
        for number in range(len(opened)):
            if since <= begin + number * _MINUTE < until:
                opened[number] = False
    return opened[lead : lead + minutes]


@pytest.mark.parametrize("times", _RUNS)
def test_a_model_that_walks_minute_by_minute_agrees(times: int) -> None:
    @settings(max_examples=12 * times, **_SETTINGS)
    @given(scenes(), st.integers(0, 3000))
    def check(scene: tuple[Calendar, datetime], length: int) -> None:
        calendar, moment = scene
        start = moment.replace(second=0, microsecond=0)
        whole = Calendar(
            zone=calendar.zone,
            week=calendar.week,
            holidays=calendar.holidays,
            days=calendar.days,
            absences=tuple(
                (a.replace(second=0, microsecond=0), b.replace(second=0, microsecond=0))
                for a, b in calendar.absences
            ),
        )
        model = open_minutes(whole, start, length + 1)
        assert sum(model[:length]) * _MINUTE == between(start, start + length * _MINUTE, whole)
        assert model[::17] == [is_open(start + n * _MINUTE, whole) for n in range(length + 1)][::17]

    check()


@pytest.mark.parametrize("year", [2026, pytest.param(2011, marks=pytest.mark.long)])
def test_both_clock_changes_of_every_zone(year: int) -> None:
    shifts = parse_hours("1:30-2:30, 9-18, 22-6")
    for zone in ZONES:
        for change in changes(zone, year):
            calendar = Calendar(zone=zone, week=(shifts,) * 7)
            start = change - 20 * timedelta(hours=1)
            whole = between(start, change + _DAY, calendar)
            assert add(start, whole, calendar) <= change + _DAY
            for hours in (1, 5, 11, 17, 30):
                length = timedelta(hours=hours)
                end = add(start, length, calendar)
                assert length == between(start, end, calendar), (zone, change)
                assert end == add(add(start, length / 2, calendar), length / 2, calendar)
                assert end == add(subtract(end, length, calendar), length, calendar)


@settings(max_examples=100, **_SETTINGS)
@given(day_hours())
def test_hours_survive_writing_and_reading(hours: Hours) -> None:
    assert hours == parse_hours(write_hours(hours))


def test_the_two_changes_of_a_year_are_found() -> None:
    assert [date(2026, 3, 29), date(2026, 10, 25)] == [
        each.date() for each in changes("Europe/Berlin", 2026)
    ]
