from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from crmkit.errors import ForbiddenError, InvalidError, NotFoundError, Veto
from crmkit.model.calendar import OFFICE_WEEK
from crmkit.records.values import parse_values
from crmkit.work.calendars import build_calendar, calendar_of, holidays_of, list_calendars
from crmkit.work.clock import add, between, hours_of, is_open

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.model.context import Context

    Make = Callable[..., Awaitable[int]]
    Login = Callable[..., Awaitable[Context]]

BERLIN = ZoneInfo("Europe/Berlin")
_WEEK = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), "9:00-17:00")


@pytest.fixture
def ctx(admin: Context) -> Context:
    return replace(admin, clock=lambda: datetime(2026, 11, 26, 12, tzinfo=UTC))


async def _default(ctx: Context) -> int:
    found: int = await ctx.db.value("SELECT id FROM core_calendar WHERE is_default")
    return found


async def test_a_site_has_office_hours_from_its_first_start(ctx: Context) -> None:
    calendar = await ctx.calendar()
    assert ("UTC", OFFICE_WEEK) == (calendar.zone, calendar.week)
    assert ["Office hours"] == [each.name for each in await list_calendars(ctx)]
    found = await ctx.db.value("SELECT title FROM core_search WHERE entity = 'core.calendar'")
    assert "Office hours" == found


async def test_the_zone_of_the_site_is_that_of_calendars_without_one(ctx: Context) -> None:
    east = replace(ctx, config=type(ctx.config)(time_zone="Asia/Tokyo"))
    assert "Asia/Tokyo" == (await east.calendar()).zone


async def test_without_a_calendar_office_hours_hold(ctx: Context) -> None:
    await ctx.trash("core.calendar", await _default(ctx))
    assert OFFICE_WEEK == (await ctx.calendar()).week
    assert () == await list_calendars(ctx)


async def test_a_team_has_its_own_calendar_or_that_of_the_team_above(
    ctx: Context, make: Make
) -> None:
    west = await make("core.calendar", name="West", time_zone="America/New_York", **_WEEK)
    above = await make("core.team", name="Sales", calendar=west)
    below = await make("core.team", name="Inside sales", parent=above)
    other = await make("core.team", name="Support")
    anna = await make("core.user", name="Anna", team=below)
    for wanted in ({"team": above}, {"team": below}, {"user": anna}):
        assert "America/New_York" == (await ctx.calendar(**wanted)).zone
    assert "UTC" == (await ctx.calendar(team=other)).zone
    assert "UTC" == (await ctx.calendar(team=other, user=anna)).zone
    await ctx.trash("core.calendar", west)
    assert "UTC" == (await ctx.calendar(user=anna)).zone


async def test_teams_in_a_ring_end_the_search(ctx: Context, make: Make) -> None:
    one = await make("core.team", name="One")
    two = await make("core.team", name="Two", parent=one)
    await ctx.save("core.team", one, parent=two)
    assert "UTC" == (await ctx.calendar(team=one)).zone


async def test_public_and_own_holidays_close_and_own_hours_open(ctx: Context, make: Make) -> None:
    await ctx.save("core.calendar", await _default(ctx), country="DE", region="BY")
    other = await make("core.calendar", name="Other", **_WEEK)
    await make("core.holiday", name="Works outing", day=date(2026, 12, 10))
    await make("core.holiday", name="Elsewhere", day=date(2026, 12, 11), calendar=other)
    await make("core.holiday", name="Open Epiphany", day=date(2027, 1, 6), hours="10-12")
    calendar = await ctx.calendar()
    assert [(), (), OFFICE_WEEK[0], ((600, 720),)] == [
        hours_of(day, calendar)
        for day in (
            date(2026, 12, 25), date(2026, 12, 10), date(2026, 12, 11), date(2027, 1, 6),
        )
    ]  # fmt: skip
    row = (await list_calendars(ctx))[0]
    names = {each.day: each.name for each in await holidays_of(row, 2026, 2027, "en")}
    assert "Christmas Day" == names[date(2026, 12, 25)]
    assert "Open Epiphany" == names[date(2027, 1, 6)]
    own = {each.name for each in await holidays_of(row, 2026, 2026, "ru")}
    assert "Erster Weihnachtstag" in own


async def test_an_absence_closes_the_calendar_of_its_person_alone(ctx: Context, make: Make) -> None:
    await ctx.save("core.calendar", await _default(ctx), time_zone="Europe/Berlin")
    anna, bob = await make("core.user", name="Anna"), await make("core.user", name="Bob")
    await make("core.absence", absentee=anna, first_day=date(2026, 12, 1),
               last_day=date(2026, 12, 2))  # fmt: skip
    await make("core.absence", absentee=anna, first_day=date(2026, 12, 4), hours="9:00-12:00")
    hers, his = await ctx.calendar(user=anna), await ctx.calendar(user=bob)
    start = datetime(2026, 12, 1, 9, tzinfo=BERLIN)
    assert timedelta(hours=2 * 9 + 3) == (
        between(start, start + timedelta(days=5), his)
        - between(start, start + timedelta(days=5), hers)
    )
    assert datetime(2026, 12, 3, 10, tzinfo=BERLIN) == add(start, timedelta(hours=1), hers)
    assert not is_open(datetime(2026, 12, 4, 11, tzinfo=BERLIN), hers)
    assert is_open(datetime(2026, 12, 4, 12, tzinfo=BERLIN), hers)
    assert (await ctx.calendar()) == his


async def test_an_absence_without_an_end_in_sight_is_kept_in_bounds(
    ctx: Context, make: Make
) -> None:
    anna = await make("core.user", name="Anna")
    far = {"first_day": date(1, 1, 1), "last_day": date(9999, 12, 31)}
    await make("core.absence", absentee=anna, hours="9-10", **far)
    assert 6000 > len((await ctx.calendar(user=anna)).absences)
    await make("core.absence", absentee=anna, **far)
    assert not is_open(ctx.now(), await ctx.calendar(user=anna))


async def test_what_reads_alike_is_one_value_read_by_one_statement(
    ctx: Context, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await make("core.user", name="Anna", team=await make("core.team", name="Sales"))
    first = await ctx.calendar(user=anna)
    asked: list[str] = []
    real = ctx.db._call

    async def count(method: str, sql: str, *rest: object, **more: object) -> object:
        asked.append(sql)
        return await real(method, sql, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(ctx.db, "_call", count)
    assert first is await ctx.calendar(user=anna)
    assert 1 == len(asked)


async def test_a_calendar_that_can_no_longer_be_read_is_named(ctx: Context) -> None:
    await ctx.db.execute("UPDATE core_calendar SET monday = 'nine'")
    with pytest.raises(InvalidError, match=r"Office hours.*/core\.calendar/"):
        await ctx.calendar()


async def test_the_last_of_two_defaults_is_the_one(ctx: Context, make: Make) -> None:
    old = await _default(ctx)
    new = await make("core.calendar", name="New", is_default=True, **_WEEK)
    assert new == await _default(ctx)
    await ctx.save("core.calendar", old, is_default=True)
    assert old == await _default(ctx)


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({"monday": "nine to five"}, "monday", "9:00-13:00"),
        ({"sunday": "9-25"}, "sunday", "0:00 to 24:00"),
        ({"friday": "9-13, 12-18"}, "friday", "begins before"),
        ({"time_zone": "Europe/Berln"}, "time_zone", "Europe/Berlin"),
        ({"time_zone": "berlin"}, "time_zone", "Europe/Berlin"),
        ({"time_zone": "%%%"}, "time_zone", "such as"),
        ({"country": "Germani"}, "country", r"DE \(Germany\)"),
        ({"country": "%%%"}, "country", "a code such as"),
        ({"region": "BY"}, "region", "needs its country"),
        ({"country": "DE", "region": "Bayer"}, "region", "BY"),
        ({"country": "DE", "region": "%%%"}, "region", "BB, BE"),
        ({"country": "RU", "region": "MOW"}, "region", "leave it empty"),
    ],
)
async def test_what_a_calendar_cannot_mean_is_refused_beside_the_field(
    make: Make, values: dict[str, str], field: str, said: str
) -> None:
    with pytest.raises(InvalidError) as refused:
        await make("core.calendar", name="Wrong", **values)
    assert {field} == set(refused.value.problems)
    with pytest.raises(ValueError, match=said):
        raise ValueError(refused.value.problems[field])


async def test_names_and_hours_are_written_one_way(ctx: Context, make: Make) -> None:
    made = await make("core.calendar", name="Munich", country="Германия", region="bayern",
                      time_zone="europe/berlin", monday="9 – 13; 14.00-18")  # fmt: skip
    row = await ctx.get("core.calendar", made)
    assert ("DE", "BY", "Europe/Berlin", "9:00-13:00, 14:00-18:00") == (
        row["country"], row["region"], row["time_zone"], row["monday"],
    )  # fmt: skip


async def test_an_absence_says_what_it_lacks(ctx: Context, make: Make) -> None:
    anna = await make("core.user", name="Anna")
    for values, field in (
        ({"first_day": date(2026, 12, 2), "last_day": date(2026, 12, 1)}, "last_day"),
        ({}, "first_day"),
        ({"first_day": date(2026, 12, 2), "hours": "noon"}, "hours"),
    ):
        with pytest.raises(InvalidError) as refused:
            await make("core.absence", absentee=anna, **values)
        assert {field} == set(refused.value.problems)
    with pytest.raises(InvalidError) as refused:
        await make("core.absence", first_day=date(2026, 12, 1))
    assert {"absentee"} == set(refused.value.problems)


async def test_everybody_enters_their_own_absence_and_nobody_elses(
    ctx: Context, make: Make, act_as: Login
) -> None:
    for role in ("seller", "read-only"):
        anna = await act_as(role)
        mine = await anna.create("core.absence", first_day=date(2026, 12, 1), kind="sick")
        row = await anna.get("core.absence", mine)
        assert (anna.user_id, anna.user_id, "Sick leave") == (
            row["absentee"], row["owner"], row["note"],
        )  # fmt: skip
        bob = await make("core.user", name="Bob")
        with pytest.raises(Veto) as refused:
            await anna.create("core.absence", first_day=date(2026, 12, 1), absentee=bob)
        assert {"absentee"} == set(refused.value.problems)
        with pytest.raises(Veto):
            await anna.save("core.absence", mine, absentee=bob)
        his = await make("core.absence", first_day=date(2026, 12, 1), absentee=bob)
        with pytest.raises(NotFoundError):
            await anna.get("core.absence", his)
        with pytest.raises(ForbiddenError):
            await anna.create("core.calendar", name="Mine")
        with pytest.raises(ForbiddenError):
            await anna.create("core.holiday", name="Mine", day=date(2026, 12, 1))


async def test_a_manager_enters_those_of_the_team(ctx: Context, make: Make, act_as: Login) -> None:
    team = await make("core.team", name="Sales")
    boss = await act_as("manager", team=team)
    mate = await make("core.user", name="Tom Mate", team=team)
    stranger = await make("core.user", name="Sue Stranger")
    made = await boss.create("core.absence", first_day=date(2026, 12, 1), absentee=mate)
    assert mate == (await boss.get("core.absence", made))["owner"]
    with pytest.raises(Veto):
        await boss.create("core.absence", first_day=date(2026, 12, 1), absentee=stranger)


async def test_a_form_takes_an_absence_with_its_day_alone(ctx: Context, act_as: Login) -> None:
    anna = await act_as("seller")
    plan = anna.site.entity("core.absence")
    raw = {"note": "", "kind": "vacation", "first_day": "2026-12-01", "last_day": "", "hours": ""}
    made = await anna.create("core.absence", **parse_values(anna, plan, raw))
    assert "Vacation" == (await anna.get("core.absence", made))["note"]


async def test_a_calendar_is_the_same_for_every_reader(
    ctx: Context, make: Make, act_as: Login
) -> None:
    anna = await make("core.user", name="Anna")
    await make("core.absence", absentee=anna, first_day=date(2026, 12, 1))
    seller = replace(await act_as("seller"), clock=ctx.clock)
    assert await ctx.calendar(user=anna) == await seller.calendar(user=anna)
    assert await calendar_of(ctx, user=anna) == await ctx.calendar(user=anna)
    row = (await list_calendars(ctx))[0]
    assert await ctx.calendar() == await build_calendar(row, 2026)
