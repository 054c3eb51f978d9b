"""Events: heard by who listens, once for what the database holds, in order, each listener alone."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from crmkit.errors import NotFoundError
from crmkit.model.event import Happened
from crmkit.records.bulk import Selection, bulk_edit
from crmkit.records.history import undo_operation
from crmkit.records.merge import merge_records
from crmkit.records.plugins.switch import disable_plugin, enable_plugin
from crmkit.work.events import event_names
from tests.work.working import work_while_killed

if TYPE_CHECKING:
    from crmkit.testing.sites import Place, Running

_MANIFEST = 'id = "{0}"\nname = "{0}"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
_EAR = """
heard = []
fails = set()


class Ear(Plugin):
    listens = {listens!r}

    def events(self):
        return [EventType("{plugin}.thing.done", "A thing was done")]

    async def on_event(self, event):
        if event.record_id in fails:
            await event.ctx.create("crm.company", name="half written")
            raise ValueError("no")
        heard.append((event.name, event.record_id, event.id, event.data, event.by))
        await event.ctx.create("crm.company", name=f"{plugin} heard {{event.record_id}}")
"""


def _ear(place: Place, plugin: str, *listens: str) -> None:
    code = _EAR.format(plugin=plugin, listens=listens).replace("Ear(", f"{plugin.capitalize()}(")
    place.write(plugin, code, _MANIFEST.format(plugin))


def _module(running: Running, plugin: str) -> Any:  # noqa: ANN401 - a module made here
    return sys.modules[type(running.site.hooks.plugins[plugin]).__module__]


async def test_hook_on_event(place: Place) -> None:
    _ear(place, "ear", "crm.person.*", "ear.thing.done")
    async with place.start() as running:
        ctx = running.ctx
        person = await ctx.create("crm.person", name="Anna")
        await ctx.save("crm.person", person, city="Kiel")
        await ctx.save("crm.person", person, city="Kiel")  # nothing changed: nothing happened
        await ctx.trash("crm.person", person)
        await ctx.create("crm.lead", name="Not heard")
        await ctx.publish("ear.thing.done", "crm.person", person, points=3)
        await running.work()
        found = [(name, data) for name, _id, _key, data, _by in _module(running, "ear").heard]
        assert [
            ("crm.person.created", {}),
            ("crm.person.updated", {"fields": ["city"]}),
            ("crm.person.trashed", {}),
            ("ear.thing.done", {"points": 3}),
        ] == found
        assert 4 == await ctx.count("crm.company")


async def test_nobody_pays_for_an_event_that_nobody_hears(place: Place) -> None:
    async with place.start() as running:
        await running.ctx.create("crm.person", name="Anna")
        assert 0 == await running.db.value("SELECT count(*) FROM core_job WHERE name LIKE '%event'")


async def test_what_is_rolled_back_did_not_happen(place: Place) -> None:
    _ear(place, "ear", "crm.person.created")
    async with place.start() as running:
        ctx = running.ctx
        with suppress(ZeroDivisionError):
            async with ctx.db.transaction():
                await ctx.create("crm.person", name="Anna")
                raise ZeroDivisionError
        await running.work()
        assert [] == _module(running, "ear").heard


async def test_one_failing_listener_holds_up_no_other(place: Place) -> None:
    _ear(place, "deaf", "crm.person.created")
    _ear(place, "ear", "crm.person.created")
    async with place.start() as running:
        ctx = running.ctx
        _module(running, "deaf").fails.add(1)
        person = await ctx.create("crm.person", name="Anna")
        _module(running, "deaf").fails.add(person)
        await running.work()
        assert [person] == [each[1] for each in _module(running, "ear").heard]
        assert ["ear heard 1"] == [
            row["name"] for row in await ctx.rows("crm.company")
        ]  # what the other one had begun is not there
        state = await running.db.row("SELECT state, error FROM core_job WHERE plugin = 'deaf'")
        assert state
        assert "later" == state["state"]
        assert "no" in state["error"]


async def test_many_records_are_told_of_by_few_jobs_and_heard_one_by_one(place: Place) -> None:
    _ear(place, "ear", "crm.person.updated")
    async with place.start() as running:
        ctx = running.ctx
        people = [await ctx.create("crm.person", name=f"P {n}") for n in range(150)]
        plan = ctx.site.entity("crm.person")
        await bulk_edit(ctx, plan, Selection(ids=tuple(people)), {"city": "Kiel"})
        assert 64 == await running.db.value("SELECT count(*) FROM core_job WHERE plugin = 'ear'")
        await running.work()
        heard = _module(running, "ear").heard
        assert sorted(people) == sorted(each[1] for each in heard)
        assert len(people) == len({each[2] for each in heard})


async def test_of_many_the_one_that_fails_is_tried_again_alone(place: Place) -> None:
    _ear(place, "ear", "crm.person.updated")
    async with place.start() as running:
        ctx = running.ctx
        people = [await ctx.create("crm.person", name=f"P {n}") for n in range(130)]
        plan = ctx.site.entity("crm.person")
        _module(running, "ear").fails.add(people[70])
        await bulk_edit(ctx, plan, Selection(ids=tuple(people)), {"city": "Kiel"})
        await running.work()
        rest = [each for each in people if each != people[70]]
        assert rest == sorted(each[1] for each in _module(running, "ear").heard)
        names = {row["name"] for row in await ctx.rows("crm.company", limit=1000)}
        assert {f"ear heard {each}" for each in rest} == names
        waiting = await running.db.rows("SELECT args FROM core_job WHERE state = 'later'")
        assert [[[people[70], {"fields": ["city"]}]]] == [row["args"]["said"] for row in waiting]


async def test_a_refused_record_of_a_bulk_edit_did_not_happen(place: Place) -> None:
    _ear(place, "ear", "crm.opportunity.updated")
    async with place.start() as running:
        ctx = running.ctx
        deals = [await ctx.create("crm.opportunity", name=f"D {n}") for n in range(3)]
        await ctx.trash("crm.opportunity", deals[1])
        plan = ctx.site.entity("crm.opportunity")
        await bulk_edit(ctx, plan, Selection(ids=tuple(deals)), {"name": "New"})
        await running.work()
        assert [deals[0], deals[2]] == sorted(each[1] for each in _module(running, "ear").heard)


async def test_merging_and_undoing_are_told(place: Place) -> None:
    _ear(place, "ear", "crm.company.merged", "crm.company.restored")
    async with place.start() as running:
        ctx = running.ctx
        kept = await ctx.create("crm.company", name="Kan-code")
        gone = await ctx.create("crm.company", name="Kan code")
        operation = await merge_records(ctx, ctx.site.entity("crm.company"), kept, gone)
        await undo_operation(ctx, operation)
        await running.work()
        found = [each[:2] for each in _module(running, "ear").heard]
        assert [("crm.company.merged", kept), ("crm.company.restored", gone)] == sorted(found)


async def test_a_plugin_that_is_off_hears_later(place: Place) -> None:
    _ear(place, "ear", "crm.person.created")
    async with place.start() as running:
        ctx = running.ctx
        person = await ctx.create("crm.person", name="Anna")
        await disable_plugin(ctx, "ear")
        await running.rebuild()
        await running.work()
        assert "parked" == await running.db.value("SELECT state FROM core_job")
        await enable_plugin(running.ctx, "ear", running.dsn)
        await running.rebuild()
        await running.work()
        assert [person] == [each[1] for each in _module(running, "ear").heard]


async def test_events_that_go_in_a_circle_end(place: Place) -> None:
    _ear(place, "ear", "crm.company.created")
    async with place.start() as running:
        await running.ctx.create("crm.company", name="Kan-code")
        await running.work()
        dead = await running.db.rows("SELECT error FROM core_job WHERE state IN ('dead', 'later')")
        assert 1 == len(dead)
        assert "circle" in dead[0]["error"]
        assert 21 > await running.ctx.count("crm.company")


async def test_hook_events(place: Place, events: list[Happened]) -> None:
    _ear(place, "ear", "crm.nobody.created")
    async with place.start() as running:
        ctx = running.ctx
        with pytest.raises(NotFoundError, match=r"Did you mean `crm\.person\.created`"):
            await ctx.publish("crm.person.create")
        await ctx.publish("ear.thing.done", "crm.person", 3, points=1)
        assert [Happened("ear.thing.done", "crm.person", 3, {"points": 1})] == events[1:]
        assert "A thing was done" == event_names(ctx.site)["ear.thing.done"]
        assert "Person: created" == event_names(ctx.site)["crm.person.created"]


_BOOK = """
class Book(Plugin):
    listens = ("book.page.turned",)

    def events(self):
        return [EventType("book.page.turned", "A page was turned")]

    async def on_event(self, event):
        await event.ctx.db.execute(
            "INSERT INTO book_heard (record, number) VALUES ($1, $2)",
            event.record_id, event.data["number"],
        )
"""
_TABLE = """
CREATE TABLE book_heard (id bigserial PRIMARY KEY, record bigint NOT NULL, number int NOT NULL);
-- backwards
DROP TABLE book_heard;
"""


@pytest.mark.long
async def test_ten_thousand_events_are_heard_once_in_order_while_workers_are_killed(
    place: Place,
) -> None:
    """TRUST X5."""
    place.write("book", _BOOK, _MANIFEST.format("book"), m0001_initial=_TABLE)
    async with place.start() as running:
        ctx = running.ctx
        for number in range(100):
            async with ctx.db.transaction():
                for record in range(1, 101):
                    await ctx.publish("book.page.turned", "crm.person", record, number=number)
        kills = await work_while_killed(running, 400)
        heard = await running.db.rows("SELECT record, number FROM book_heard ORDER BY id")
        assert 10_000 == len(heard)
        for record in range(1, 101):
            assert list(range(100)) == [row["number"] for row in heard if row["record"] == record]
        assert kills
