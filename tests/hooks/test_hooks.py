"""One test for each hook that is called today: when, with what, and what its failure means."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from crmkit.errors import (
    ForbiddenError,
    HookFailedError,
    InvalidError,
    NotFoundError,
    UnavailableError,
    Veto,
)
from crmkit.plugin.dispatch import MOST_FAILURES, Dispatcher
from crmkit.plugin.events import AccessEvent, PageEvent, QueryEvent, SaveEvent, TransitionEvent
from crmkit.plugin.hookspecs import Plugin, hookimpl
from crmkit.plugin.sql import Sql
from crmkit.records.query import ListQuery, count_records, list_records
from crmkit.records.read import get_record, lookup
from crmkit.records.search import search_records

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.model.context import Context
    from crmkit.plugin.site import Site

    Make = Callable[..., Awaitable[int]]
    Login = Callable[..., Awaitable[Context]]
    With = Callable[..., Context]


class _Secret(Plugin):
    """Hides companies whose city is Area 51."""

    def filter_query(self, event: QueryEvent) -> Sql | None:
        if event.entity.name != "crm.company":
            return None
        return Sql(f"{event.alias}.city <> ${event.first}::text", ("Area 51",))


class _Late(Plugin):
    """Hides companies founded after a year; a second condition behind the first."""

    def filter_query(self, event: QueryEvent) -> Sql | None:
        if event.entity.name != "crm.company":
            return None
        return Sql(f"coalesce({event.alias}.founded, 0) < ${event.first}::bigint", (2020,))


async def test_hook_filter_query(make: Make, with_plugins: With, act_as: Login) -> None:
    shown = await make("crm.company", name="Kan-code", city="Oslo", founded=1990)
    hidden = await make("crm.company", name="Kan-secret", city="Area 51", founded=1990)
    late = await make("crm.company", name="Kan-late", city="Oslo", founded=2024)
    for ctx in (with_plugins(secret=_Secret(), late=_Late()),
                with_plugins(await act_as("seller"), secret=_Secret(), late=_Late())):  # fmt: skip
        plan = ctx.site.entity("crm.company")
        rows = (await list_records(ctx, plan, ListQuery(search="kan"))).rows
        assert [shown] == [row["id"] for row in rows]
        assert 1 == (await count_records(ctx, plan, ListQuery(search="kan"))).number
        assert [shown] == [hit.id for hit in await search_records(ctx, "kan")]
        assert [shown] == [found for found, _ in await lookup(ctx, plan, "kan")]
        for record in (hidden, late):
            with pytest.raises(NotFoundError):
                await get_record(ctx, plan, record)
            with pytest.raises((InvalidError, ForbiddenError)):
                await ctx.create("crm.opportunity", name="Deal", company=record)


class _BrokenFilter(Plugin):
    def filter_query(self, event: QueryEvent) -> Sql | None:
        raise ZeroDivisionError


async def test_a_filter_that_fails_shows_nothing(make: Make, with_plugins: With) -> None:
    await make("crm.company", name="Kan-code")
    ctx = with_plugins(broken=_BrokenFilter())
    with pytest.raises(HookFailedError, match="`broken`"):
        await list_records(ctx, ctx.site.entity("crm.company"), ListQuery())
    with pytest.raises(HookFailedError):
        await search_records(ctx, "kan")


class _Closed(Plugin):
    async def check_access(self, event: AccessEvent) -> bool | None:
        if event.verb == "edit" and event.record_id is not None:
            return False
        return False if event.verb == "create" else None


async def test_hook_check_access(make: Make, with_plugins: With) -> None:
    company = await make("crm.company", name="Kan-code")
    ctx = with_plugins(closed=_Closed())
    assert "Kan-code" == (await ctx.get("crm.company", company))["name"]
    with pytest.raises(NotFoundError):
        await ctx.save("crm.company", company, city="Oslo")
    with pytest.raises(ForbiddenError):
        await ctx.create("crm.company", name="Other")


class _BrokenAccess(Plugin):
    async def check_access(self, event: AccessEvent) -> bool | None:
        return "yes"  # type: ignore[return-value]


async def test_an_answer_that_is_none_denies(make: Make, with_plugins: With) -> None:
    company = await make("crm.company", name="Kan-code")
    with pytest.raises(HookFailedError):
        await with_plugins(broken=_BrokenAccess()).get("crm.company", company)


async def test_rows_whose_guard_does_not_load_stay_hidden(
    make: Make, admin: Context, site: Site
) -> None:
    company = await make("crm.company", name="Kan-code")
    guarded = msgspec.structs.replace(site, guarded={"crm.company": "vault"})
    ctx = replace(admin, site=guarded)
    plan = site.entity("crm.company")
    for read in (
        list_records(ctx, plan, ListQuery()), ctx.get("crm.company", company), lookup(ctx, plan, "")
    ):  # fmt: skip
        with pytest.raises(UnavailableError, match="vault"):
            await read
    assert [] == await search_records(ctx, "kan")


class _Strict(Plugin):
    async def validate(self, event: SaveEvent) -> dict[str, str] | None:
        if event.entity.name == "crm.company" and event.values.get("city") == "Nowhere":
            return {"city": "is no place", "country": "goes with a place"}
        return None


async def test_hook_validate(with_plugins: With) -> None:
    ctx = with_plugins(strict=_Strict())
    with pytest.raises(InvalidError) as refused:
        await ctx.create("crm.company", name="", city="Nowhere")
    assert {"name", "city", "country"} == set(refused.value.problems)
    company = await ctx.create("crm.company", name="Kan-code", city="Oslo")
    with pytest.raises(InvalidError):
        await ctx.save("crm.company", company, city="Nowhere")


class _Recorder(Plugin):
    def __init__(self) -> None:
        self.seen: list[tuple[str, Any]] = []

    async def before_save(self, event: SaveEvent) -> None:
        event.values.setdefault("source", "hook")
        self.seen.append(("before_save", event.record_id))

    async def after_save(self, event: SaveEvent) -> None:
        self.seen.append(("after_save", event.record_id))

    async def before_delete(self, event: SaveEvent) -> None:
        self.seen.append(("before_delete", event.record_id))

    async def after_delete(self, event: SaveEvent) -> None:
        self.seen.append(("after_delete", event.record_id))

    async def before_transition(self, event: TransitionEvent) -> None:
        self.seen.append(("before_transition", (event.old, event.new)))

    async def after_transition(self, event: TransitionEvent) -> None:
        self.seen.append(("after_transition", (event.old, event.new)))


async def test_hook_before_save_after_save_before_delete_after_delete(
    with_plugins: With,
) -> None:
    recorder = _Recorder()
    ctx = with_plugins(recorder=recorder)
    company = await ctx.create("crm.company", name="Kan-code")
    assert "hook" == (await ctx.get("crm.company", company))["source"]
    await ctx.trash("crm.company", company)
    assert [
        ("before_save", None), ("after_save", company),
        ("before_delete", company), ("after_delete", company),
    ] == recorder.seen  # fmt: skip


async def test_hook_before_transition_after_transition(with_plugins: With) -> None:
    recorder = _Recorder()
    ctx = with_plugins(recorder=recorder)
    lead = await ctx.create("crm.lead", name="Nina")
    recorder.seen.clear()
    await ctx.save("crm.lead", lead, state="working")
    await ctx.save("crm.lead", lead, phone="1")
    moves = [each for each in recorder.seen if "transition" in each[0]]
    assert [
        ("before_transition", ("new", "working")), ("after_transition", ("new", "working")),
    ] == moves  # fmt: skip


async def test_a_record_made_in_a_later_state_passes_the_gates_before_it(
    with_plugins: With,
) -> None:
    recorder = _Recorder()
    ctx = with_plugins(recorder=recorder)
    await ctx.create("crm.lead", name="Nina", state="working")
    moves = [each for each in recorder.seen if "transition" in each[0]]
    assert [
        ("before_transition", ("new", "working")), ("after_transition", ("new", "working")),
    ] == moves  # fmt: skip
    gated = with_plugins(gate=_Gate())
    with pytest.raises(Veto, match="First call"):
        await gated.create("crm.lead", name="Olga", state="qualified")
    assert 0 == await ctx.db.value("SELECT count(*) FROM crm_lead WHERE name = 'Olga'")


class _Gate(Plugin):
    async def before_transition(self, event: TransitionEvent) -> None:
        if event.new == "qualified":
            raise Veto("First call", phone="is needed before")


async def test_a_gate_keeps_a_record_in_its_state(with_plugins: With) -> None:
    ctx = with_plugins(gate=_Gate())
    lead = await ctx.create("crm.lead", name="Nina")
    with pytest.raises(Veto, match="First call"):
        await ctx.save("crm.lead", lead, state="qualified")
    assert "new" == (await ctx.get("crm.lead", lead))["state"]


class _Torn(Plugin):
    """Writes a row of its own, then fails."""

    async def after_save(self, event: SaveEvent) -> None:
        if event.entity.name == "crm.company":
            await event.ctx.create("crm.person", name="Half written")
            raise RuntimeError("boom")


async def test_a_hook_that_fails_leaves_nothing_half_written(with_plugins: With) -> None:
    ctx = with_plugins(torn=_Torn())
    with pytest.raises(HookFailedError, match="`torn` failed in `after_save`"):
        await ctx.create("crm.company", name="Kan-code")
    for table in ("crm_company", "crm_person", "core_journal"):
        assert 0 == await ctx.db.value(f"SELECT count(*) FROM {table}")
    found = "SELECT count(*) FROM core_search WHERE entity LIKE 'crm.%'"
    assert 0 == await ctx.db.value(found)


class _Sleeper(Plugin):
    async def timeline(self, event: PageEvent) -> Any:  # noqa: ANN401
        await asyncio.sleep(30)


class _Rubbish(Plugin):
    async def timeline(self, event: PageEvent) -> Any:  # noqa: ANN401
        return 42


async def test_an_isolated_hook_that_sleeps_or_answers_rubbish_is_left_out(
    admin: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crmkit.plugin.dispatch.ISOLATED_SECONDS", 0.05)
    hooks = Dispatcher({"sleeper": _Sleeper(), "rubbish": _Rubbish()})
    assert [] == await hooks.collect("timeline", PageEvent(admin), list)
    assert 2 == sum(len(each.failures) for each in hooks.implementations("timeline"))


async def test_who_fails_often_is_silenced_alone(admin: Context) -> None:
    hooks = Dispatcher({"rubbish": _Rubbish(), "fine": _Fine()})
    for _ in range(MOST_FAILURES):
        assert [("fine", [1])] == await hooks.collect("timeline", PageEvent(admin), list)
    assert ["rubbish"] == [each.plugin for each in hooks.silenced()]
    calls = hooks.implementations("timeline")[0].calls
    assert [("fine", [1])] == await hooks.collect("timeline", PageEvent(admin), list)
    assert calls == hooks.implementations("timeline")[0].calls


class _Fine(Plugin):
    async def timeline(self, event: PageEvent) -> Any:  # noqa: ANN401
        return [1]


class _First(Plugin):
    @hookimpl(tryfirst=True)
    async def timeline(self, event: PageEvent) -> Any:  # noqa: ANN401
        return [0]


async def test_the_order_is_that_of_the_plugins_unless_one_must_be_first(admin: Context) -> None:
    hooks = Dispatcher({"a": _Fine(), "b": _First(), "c": _Fine()})
    found = await hooks.collect("timeline", PageEvent(admin))
    assert ["b", "a", "c"] == [plugin for plugin, _ in found]
    assert [0] == await hooks.first("timeline", PageEvent(admin))
