"""Moments by crontab: every field, every day, and both changes of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.model.crontab import Crontab

BERLIN, NEW_YORK, LORD_HOWE = (
    ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
)
ZONES = (BERLIN, NEW_YORK, LORD_HOWE, ZoneInfo("UTC"), ZoneInfo("Asia/Kathmandu"))
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def moments(text: str, zone: ZoneInfo, begin: datetime, count: int) -> list[str]:
    each, found = begin.replace(tzinfo=zone), []
    for _ in range(count):
        each = Crontab.parse(text).after(each, zone)
        found.append(f"{each.astimezone(zone):%d %H:%M%z}")
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*/20 * * * *", ["15 10:20", "15 10:40", "15 11:00"]),
        ("5 8-10,22 * * *", ["15 22:05", "16 08:05", "16 09:05"]),
        ("0 9 * * mon-fri", ["16 09:00", "17 09:00", "18 09:00"]),
        ("0 9 * * 7", ["22 09:00", "01 09:00", "08 09:00"]),
        ("0 0 1 * tue", ["17 00:00", "24 00:00", "01 00:00"]),
        ("0 0 29 feb *", ["29 00:00", "29 00:00", "29 00:00"]),
        ("@daily", ["16 00:00", "17 00:00", "18 00:00"]),
        ("30/15 12 * * *", ["15 12:30", "15 12:45", "16 12:30"]),
    ],
)
def test_moments_come_as_the_expression_says(text: str, expected: list[str]) -> None:
    found = moments(text, ZoneInfo("UTC"), datetime(2026, 2, 15, 10, 7), 3)  # noqa: DTZ001 - the zone is given
    assert expected == [each.removesuffix("+0000") for each in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # At two o'clock it is three.
        ("30 2 * * *", ["28 02:30+0100", "29 03:30+0200", "30 02:30+0200"]),
        ("0 * * * *", ["28 01:00+0100", "28 02:00+0100", "28 03:00+0100"]),
    ],
)
def test_what_falls_into_a_missing_hour_comes_later(text: str, expected: list[str]) -> None:
    assert expected == moments(text, BERLIN, datetime(2026, 3, 28), 3)  # noqa: DTZ001


def test_what_falls_into_an_hour_that_comes_twice_comes_once_unless_hourly() -> None:
    night = datetime(2026, 10, 25, 1)  # noqa: DTZ001
    assert ["25 02:30+0200", "26 02:30+0100"] == moments("30 2 * * *", BERLIN, night, 2)
    assert ["25 01:30+0200", "25 02:30+0200", "25 02:30+0100", "25 03:30+0100"] == moments(
        "30 * * * *", BERLIN, night, 4
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("* * * *", "has 4 fields"),
        ("60 * * * *", "`60` is no minute"),
        ("* 5-3 * * *", "`5-3` is no hour"),
        ("*/0 * * * *", "`\\*/0` is no minute"),
        ("*/ * * * *", "`\\*/` is no minute"),
        ("0 0 0 * *", "`0` is no day of the month"),
        ("0 0 * jam *", "`jam` is no month"),
        ("0 0 * * mon-", "no day of the week"),
        ("0 0 30 2 *", "never comes"),
        ("١ * * * *", "is no minute"),
        ("", "has 0 fields"),
    ],
)
def test_what_is_no_expression_is_named(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Crontab.parse(text)


@st.composite
def expressions(draw: st.DrawFn) -> str:
    fields = []
    for low, high in _RANGES:
        kind = draw(st.sampled_from(["*", "one", "list", "step"]))
        numbers = st.integers(low, high)
        if kind == "one":
            fields.append(str(draw(numbers)))
        elif kind == "list":
            fields.append(",".join(map(str, draw(st.lists(numbers, min_size=1, max_size=4)))))
        else:
            fields.append("*" if kind == "*" else f"*/{draw(st.integers(1, high))}")
    return " ".join(fields)


@pytest.mark.parametrize("text", ["0 0 1 1 */7", "0 0 29 2 */7"])
def test_a_day_that_comes_once_in_decades_is_found(text: str) -> None:
    crontab = Crontab.parse(text)
    following = crontab.after(datetime(2080, 3, 1, tzinfo=UTC), ZoneInfo("UTC"))
    assert 6 == following.weekday()
    assert following <= crontab.until(datetime(2140, 1, 1, tzinfo=UTC), ZoneInfo("UTC"))


@settings(max_examples=120, deadline=None)
@given(
    expressions(),
    st.integers(0, 2 * 365 * 24 * 60),
    st.sampled_from(ZONES),
)
def test_next_and_last_moment_agree(text: str, minutes: int, zone: ZoneInfo) -> None:
    try:
        crontab = Crontab.parse(text)
    except ValueError:
        assert text.split()[2] in {"30", "31"} or "," in text.split()[2]
        return
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes, seconds=minutes % 60)
    following = crontab.after(moment, zone)
    assert following > moment
    assert following == crontab.until(following, zone)
    last = crontab.until(moment, zone)
    assert last <= moment
    assert following == crontab.after(last, zone)


@settings(max_examples=15, deadline=None)
@given(expressions(), st.integers(0, 700), st.sampled_from(ZONES))
def test_no_minute_of_two_days_is_left_out_where_clocks_stay(
    text: str, day: int, zone: ZoneInfo
) -> None:
    """Compared with looking at each minute, which knows nothing of days."""
    try:
        crontab = Crontab.parse(text)
    except ValueError:
        return
    begin = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
    minutes = [begin + timedelta(minutes=n) for n in range(2 * 24 * 60)]
    if len({each.astimezone(zone).utcoffset() for each in (minutes[0], minutes[-1])}) > 1:
        return
    found, each = [], begin - timedelta(minutes=1)
    while (each := crontab.after(each, zone)) <= minutes[-1]:
        found.append(each)
    months, weekdays = crontab.months, crontab.weekdays
    expected = []
    for each in minutes:
        local = each.astimezone(zone)
        in_month, in_week = local.day in crontab.days, local.isoweekday() % 7 in weekdays
        is_day = in_month or in_week if crontab.either_day else in_month and in_week
        if is_day and local.month in months and local.hour in crontab.hours:
            expected += [each] if local.minute in crontab.minutes else []
    assert expected == found
