"""What the core tells of itself: hours, absences, people and plugins; each once to who listens."""

from __future__ import annotations

import sys
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from crmkit.access.setup import accept_link, make_link
from crmkit.errors import InvalidError, Veto
from crmkit.records.history import undo_operation
from crmkit.records.plugins.purge import purge_plugin
from crmkit.records.plugins.switch import disable_plugin, enable_plugin
from crmkit.records.save import restore_record
from crmkit.testing.sites import new_place
from crmkit.work.events import CORE_EVENTS
from tests.work.promising import person

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from crmkit.testing.sites import Running

_EAR = """
heard = []


class Ear(Plugin):
    listens = ("core.*.changed", "core.user.joined", "core.user.deactivated", "core.plugin.*")

    async def on_event(self, event):
        heard.append((event.name, event.entity, event.record_id, event.data))
"""
_QUIET = """
class Quiet(Plugin):
    listens = ("core.plugin.*",)

    async def on_event(self, event):
        await event.ctx.create("crm.company", name=f"{event.name} {event.data['plugin']}")
"""
_MANIFEST = 'id = "{0}"\nname = "{0}"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
DAY, LAST = date(2027, 3, 1), date(2027, 3, 5)


@pytest.fixture(scope="session")
async def ears(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A site with a plugin that listens to the core; one for all tests of a process."""
    async with new_place(tmp_path_factory.mktemp("ears")) as place:
        place.write("ear", _EAR, _MANIFEST.format("ear"))
        place.write("quiet", _QUIET)
        async with place.start() as running:
            yield running


@pytest.fixture
async def ear(ears: Running) -> Running:
    """The site with an ear that has heard nothing yet."""
    await ears.db.execute("TRUNCATE core_job, core_absence, core_holiday, crm_company CASCADE")
    await ears.db.execute("UPDATE core_schedule SET last = '2999-01-01' WHERE name LIKE 'core.%'")
    _heard(ears).clear()
    return ears


def _heard(running: Running) -> list[Any]:
    found: list[Any] = sys.modules[type(running.site.hooks.plugins["ear"]).__module__].heard
    return found


async def told(running: Running) -> list[Any]:
    """Answer what is heard when all jobs are done."""
    await running.work()
    found = list(_heard(running))
    _heard(running).clear()
    return found


async def test_an_absence_tells_whose_it_is_and_its_days(ear: Running) -> None:
    ctx = ear.ctx
    team = await ear.db.value("INSERT INTO core_team (name) VALUES ('East') RETURNING id")
    who, other = await person(ctx, "Olga", team), await person(ctx, "Oleg")
    absence = await ctx.create("core.absence", absentee=who, first_day=DAY, last_day=LAST)

    def data(of: int, first: str, last: str) -> Any:  # noqa: ANN401
        return ("core.absence.changed", "core.absence", absence,
                {"person": of, "team": team if of == who else None, "first_day": first,
                 "last_day": last})  # fmt: skip

    assert [data(who, "2027-03-01", "2027-03-05")] == await told(ear)
    await ctx.save("core.absence", absence, note="by train")
    assert [] == await told(ear)
    # Days that are days of work again are concerned as well.
    await ctx.save("core.absence", absence, last_day=date(2027, 3, 2))
    assert [data(who, "2027-03-01", "2027-03-05")] == await told(ear)
    await ctx.save("core.absence", absence, absentee=other)
    days = ("2027-03-01", "2027-03-02")
    assert [data(who, *days), data(other, *days)] == await told(ear)
    await ctx.trash("core.absence", absence)
    assert [data(other, *days)] == await told(ear)


async def test_hours_and_holidays_tell_which_calendar_and_which_days(ear: Running) -> None:
    ctx, plan = ear.ctx, ear.site.entity("core.holiday")
    place = await ctx.create("core.calendar", name="Munich", country="DE", region="BY")
    team = await ctx.create("core.team", name="South", calendar=place)
    await told(ear)
    whole = {"country": "DE", "region": "BY", "calendar": place, "teams": [team],
             "first_day": None, "last_day": None}  # fmt: skip
    await ctx.save("core.calendar", place, friday="9:00-12:00")
    assert [("core.calendar.changed", "core.calendar", place, whole)] == await told(ear)
    await ctx.save("core.calendar", place, name="Munich and Augsburg")
    assert [] == await told(ear)
    day = await ctx.create("core.holiday", name="Own day", day=DAY, calendar=place)
    days = {"first_day": "2027-03-01", "last_day": "2027-03-01"}
    said = ("core.calendar.changed", "core.holiday", day, {**whole, **days})
    assert [said] == await told(ear)
    await ctx.trash("core.holiday", day)
    await restore_record(ctx, plan, day)
    assert [said, said] == await told(ear)
    await ctx.save("core.team", team, calendar=None)
    ((name, entity, number, data),) = await told(ear)
    assert ("core.calendar.changed", "core.team", team, [team]) == (
        name, entity, number, data["teams"],
    )  # fmt: skip


async def test_who_joins_and_who_leaves_is_told_once(ear: Running) -> None:
    ctx, plan = ear.ctx, ear.site.entity("core.user")
    who = await ctx.create("core.user", name="Olga", email="o@example.com", role="seller")
    assert [("core.user.joined", "core.user", who, {"team": None})] == await told(ear)
    await ctx.save("core.user", who, name="Olga B")
    assert [] == await told(ear)
    await ctx.save("core.user", who, active=False)
    gone = ("core.user.deactivated", "core.user", who, {"team": None})
    assert [gone] == await told(ear)
    await ctx.trash("core.user", who)
    assert [] == await told(ear)
    await restore_record(ctx, plan, who)
    operation = await ear.db.value(
        "SELECT operation FROM core_journal WHERE record = $1 AND entity = 'core.user' "
        "AND after ->> 'active' = 'false'",
        who,
    )
    await undo_operation(ctx, operation)
    assert ["core.user.joined"] == [each[0] for each in await told(ear)]


async def test_the_first_administrator_joins_as_everybody_and_can_be_found(ear: Running) -> None:
    token = await make_link(ear.db, "setup")
    await ear.db.execute("DELETE FROM core_user")
    words = "four sturdy oak planks"
    session = await accept_link(ear.ctx, token, "Ada", words, "127.0.0.1", "test", email="a@b.de")
    who = session.user_id
    assert [("core.user.joined", "core.user", who, {"team": None})] == await told(ear)
    found = await ear.db.value(
        "SELECT count(*) FROM core_search WHERE entity = 'core.user' AND record = $1", who
    )
    assert 1 == found


async def test_a_zone_that_is_none_is_refused_for_people_as_for_calendars(ear: Running) -> None:
    with pytest.raises(InvalidError) as refused:
        await ear.ctx.create("core.user", name="Olga", role="seller", time_zone="Europe/Berln")
    assert "Europe/Berlin" in refused.value.problems["time_zone"]
    who = await ear.ctx.create("core.user", name="Olga", role="seller", time_zone="europe/berlin")
    assert "Europe/Berlin" == (await ear.ctx.get("core.user", who))["time_zone"]


async def test_what_a_rule_refuses_is_not_told(ear: Running) -> None:
    with pytest.raises(Veto):
        await ear.ctx.create("core.user", name="Olga", role="nonsense", active=True)
    assert [] == await told(ear)


async def test_a_switched_plugin_is_told_of_to_the_others_once(ear: Running) -> None:
    await enable_plugin(ear.ctx, "quiet", ear.dsn)
    await ear.rebuild()
    on, off = ("core.plugin.enabled", "core.plugin.disabled")
    assert [(on, "", None, {"plugin": "quiet"})] == await told(ear)
    await disable_plugin(ear.ctx, "quiet")
    await ear.rebuild()
    assert [(off, "", None, {"plugin": "quiet"})] == await told(ear)
    await disable_plugin(ear.ctx, "quiet")  # it was off already
    assert [] == await told(ear)
    await enable_plugin(ear.ctx, "quiet", ear.dsn)
    await ear.rebuild()
    await told(ear)
    # It heard of itself being switched on, and not of its end when that was long past.
    names = [row["name"] for row in await ear.ctx.rows("crm.company")]
    assert [f"{on} quiet"] * 2 == names
    await purge_plugin(ear.ctx, "quiet", ear.dsn)
    await ear.rebuild()
    assert [(off, "", None, {"plugin": "quiet"})] == await told(ear)


def test_the_core_declares_what_it_tells() -> None:
    assert {
        "core.absence.changed", "core.calendar.changed", "core.plugin.disabled",
        "core.plugin.enabled", "core.user.deactivated", "core.user.joined",
    } <= set(CORE_EVENTS)  # fmt: skip
