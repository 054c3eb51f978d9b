"""Two records become one, and two again."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit.errors import (
    ConflictError,
    CrmkitError,
    InvalidError,
    NotFoundError,
    StaleVersionError,
    UnavailableError,
    Veto,
)
from crmkit.plugin.dispatch import Dispatcher
from crmkit.plugin.hookspecs import Plugin
from crmkit.records.custom_fields import define_field
from crmkit.records.history import list_changes, undo_operation
from crmkit.records.merge import merge_records
from crmkit.records.merged import find_kept
from crmkit.records.references import count_references
from crmkit.records.save import create_record, parse_values

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from crmkit.model.context import Context
    from crmkit.plugin.events import MergeEvent
    from crmkit.plugin.site import Site
    from crmkit.testing.sites import Place
    from tests.conftest import Login, Make

#: A log of what was done grows whatever is taken back.
_LOGS = {"core_journal", "core_operation", "core_migration"}


async def _digest(ctx: Context) -> dict[str, str]:
    """Answer a digest of all tables but the logs; versions only grow, so they are left out."""
    rows = await ctx.db.rows(
        "SELECT relname FROM pg_class WHERE relkind = 'r' "
        "AND relnamespace = 'public'::regnamespace ORDER BY 1"
    )
    return {
        row["relname"]: await ctx.db.value(
            "SELECT coalesce(string_agg((to_jsonb(t) - '{version,updated_at,updated_by}'::text[])"
            f"::text, E'\\n' ORDER BY to_jsonb(t)->>'id', t::text), '') FROM \"{row['relname']}\" t"
        )
        for row in rows
        if row["relname"] not in _LOGS
    }


async def _merge(ctx: Context, entity: str, kept: int, gone: int, **choices: str) -> int:
    return await merge_records(ctx, ctx.site.entity(entity), kept, gone, choices)


async def test_a_value_is_taken_as_chosen_and_where_the_kept_one_is_empty(
    admin: Context, make: Make
) -> None:
    kept = await make("crm.company", name="Kan-code", city="Berlin", employees=0)
    gone = await make(
        "crm.company", name="Kancode", city="Bonn", employees=9, founded=1999, country="Germany"
    )
    await _merge(admin, "crm.company", kept, gone, city="gone", country="kept")
    stored = await admin.get("crm.company", kept)
    assert ("Kan-code", "Bonn", 0, 1999, "") == (
        stored["name"], stored["city"], stored["employees"], stored["founded"], stored["country"],
    )  # fmt: skip
    assert (await admin.get("crm.company", gone))["trashed_at"] is not None


async def test_what_is_open_stays_open(admin: Context, make: Make) -> None:
    kept = await make("crm.activity", subject="Call", kind="call")
    gone = await make("crm.activity", subject="Call", kind="call", done_at=admin.now())
    await _merge(admin, "crm.activity", kept, gone)
    assert (await admin.get("crm.activity", kept))["done_at"] is None


async def test_an_amount_brings_its_currency_and_never_stands_in_another(
    admin: Context, make: Make
) -> None:
    kept = await make("crm.opportunity", name="GTX", currency="USD")
    gone = await make("crm.opportunity", name="GTX", amount=Decimal(5), currency="EUR")
    await _merge(admin, "crm.opportunity", kept, gone)
    stored = await admin.get("crm.opportunity", kept)
    assert (Decimal(5), "EUR") == (stored["amount"], stored["currency"])
    with pytest.raises(InvalidError) as refused:
        await _merge(admin, "crm.opportunity", kept, await make("crm.opportunity", name="G"),
                     currency="gone")  # fmt: skip
    assert ["currency"] == list(refused.value.problems)


@pytest.mark.parametrize("choices", [{"none": "gone"}, {"city": "both"}, {"created_at": "gone"}])
async def test_a_choice_that_is_none_is_refused(
    admin: Context, make: Make, choices: dict[str, str]
) -> None:
    kept, gone = await make("crm.company", name="A"), await make("crm.company", name="B")
    with pytest.raises(InvalidError) as refused:
        await _merge(admin, "crm.company", kept, gone, **choices)
    assert list(choices) == list(refused.value.problems)


async def test_every_relation_moves_also_out_of_the_trash_and_of_others(
    admin: Context, make: Make, act_as: Login
) -> None:
    kept, gone = await make("crm.company", name="A"), await make("crm.company", name="B")
    seller = await act_as("seller")
    for company in (kept, gone):
        await admin.save("crm.company", company, owner=seller.user_id)
    person = await make("crm.person", name="Tom", company=gone, owner=seller.user_id)
    others = await make("crm.opportunity", name="Not mine", company=gone)
    trashed = await make("crm.activity", subject="Old", company=gone)
    await admin.trash("crm.activity", trashed)
    child = await make("crm.company", name="Child", parent=gone)
    elsewhere = await make("crm.person", name="Eve", company=kept)
    before = await _digest(admin)
    plan = admin.site.entity("crm.company")
    counted = await count_references(seller, plan, gone, kept)
    # The deal of others is none that the reader sees; what lies in the trash is not counted.
    assert [("crm.company", "parent", 1), ("crm.person", "company", 1)] == [
        (each.plan.name, each.column, number) for each, number in counted
    ]

    operation = await _merge(seller, "crm.company", kept, gone)

    for entity, record, column in (
        ("crm.person", person, "company"), ("crm.opportunity", others, "company"),
        ("crm.activity", trashed, "company"), ("crm.company", child, "parent"),
        ("crm.person", elsewhere, "company"),
    ):  # fmt: skip
        assert kept == (await admin.get(entity, record))[column], entity
    assert () == (await undo_operation(seller, operation)).kept
    assert before == await _digest(admin)
    assert gone == (await admin.get("crm.opportunity", others))["company"]


async def test_the_keys_of_other_systems_name_the_kept_record(admin: Context, make: Make) -> None:
    kept, gone = await make("crm.company", name="A"), await make("crm.company", name="B")
    for key, record in (("1", kept), ("2", gone), ("3", gone)):
        await admin.db.execute(
            "INSERT INTO core_external (source, key, entity, record) VALUES ($1, $2, $3, $4)",
            "hubspot" if key != "3" else "file", key, "crm.company", record,
        )  # fmt: skip
    before = await _digest(admin)
    operation = await _merge(admin, "crm.company", kept, gone)
    assert [kept] * 3 == [
        row["record"] for row in await admin.db.rows("SELECT record FROM core_external")
    ]
    await undo_operation(admin, operation)
    assert before == await _digest(admin)


async def test_the_address_and_the_history_lead_to_the_record_at_the_end(
    admin: Context, make: Make
) -> None:
    plan = admin.site.entity("crm.company")
    first, second, third = [await make("crm.company", name=name) for name in "ABC"]
    await admin.save("crm.company", first, city="Bonn")
    inner = await _merge(admin, "crm.company", second, first)
    outer = await _merge(admin, "crm.company", third, second)
    assert [third, third, None] == [await find_kept(admin, plan, r) for r in (first, second, third)]
    changes = await list_changes(admin, plan, third)
    assert {first, second, third} == {change.record for change in changes}
    assert ["merge", "merge"] == [c.action for c in changes if c.action in {"merge", "trash"}]
    await undo_operation(admin, outer)
    assert [second, None] == [await find_kept(admin, plan, record) for record in (first, second)]
    await undo_operation(admin, inner)
    assert 0 == await admin.db.value("SELECT count(*) FROM core_merged")


async def test_a_record_out_of_the_trash_is_one_of_its_own(admin: Context, make: Make) -> None:
    plan = admin.site.entity("crm.company")
    kept, gone = await make("crm.company", name="A"), await make("crm.company", name="B")
    await _merge(admin, "crm.company", kept, gone)
    operation = await admin.db.value("SELECT max(operation) FROM core_journal WHERE record = $1",
                                     gone)  # fmt: skip
    await undo_operation(admin, operation)
    assert await find_kept(admin, plan, gone) is None
    assert {kept} == {change.record for change in await list_changes(admin, plan, kept)}


async def test_an_undo_keeps_newer_values_and_can_be_undone(admin: Context, make: Make) -> None:
    kept = await make("crm.company", name="A")
    gone = await make("crm.company", name="B", city="Bonn", country="Germany")
    stays, goes = [await make("crm.person", name=n, company=gone) for n in ("Tom", "Eve")]
    other = await make("crm.company", name="C")
    operation = await _merge(admin, "crm.company", kept, gone)
    await admin.save("crm.company", kept, city="Rome")
    await admin.save("crm.person", stays, company=other)
    merged = await _digest(admin)

    result = await undo_operation(admin, operation)

    assert {("crm.company", kept), ("crm.person", stays)} == set(result.kept)
    stored = await admin.get("crm.company", kept)
    assert ("Rome", "") == (stored["city"], stored["country"])
    assert [other, gone] == [(await admin.get("crm.person", p))["company"] for p in (stays, goes)]
    again = await admin.db.value("SELECT max(id) FROM core_operation")
    assert () == (await undo_operation(admin, again)).kept
    after = await _digest(admin)
    for table in ("core_merged", "crm_company"):  # by another operation, in the trash since later
        assert merged.pop(table) != after.pop(table)
    assert merged == after
    assert kept == await find_kept(admin, admin.site.entity("crm.company"), gone)


async def test_two_that_were_merged_part_whole_or_not_at_all(
    admin: Context, make: Make, act_as: Login
) -> None:
    seller = await act_as("seller")
    kept, gone = [await make("crm.company", name=n, owner=seller.user_id) for n in "AB"]
    person = await make("crm.person", name="Tom", company=gone, owner=seller.user_id)
    operation = await _merge(seller, "crm.company", kept, gone)
    await admin.db.execute("UPDATE crm_company SET owner = NULL WHERE id = $1", gone)
    with pytest.raises(NotFoundError):
        await undo_operation(seller, operation)
    assert kept == (await admin.get("crm.person", person))["company"]


async def test_it_needs_the_right_to_edit_both_and_to_delete_one(
    admin: Context, make: Make, act_as: Login
) -> None:
    seller = await act_as("seller")
    mine = await make("crm.company", name="Mine", owner=seller.user_id)
    theirs = await make("crm.company", name="Theirs")
    before = await _digest(admin)
    for pair in ((mine, theirs), (theirs, mine), (mine, 0), (2**70, mine)):
        with pytest.raises(NotFoundError):
            await _merge(seller, "crm.company", *pair)
    with pytest.raises(CrmkitError):
        await _merge(await act_as("read-only"), "crm.company", mine, theirs)
    with pytest.raises(InvalidError):
        await _merge(seller, "crm.company", mine, mine)
    with pytest.raises(ConflictError):
        await _merge(admin, "core.user", seller.user_id or 0, await make("core.user", name="Eve"))
    after = await _digest(admin)
    for table in ("core_user", "core_search"):
        assert before.pop(table) != after.pop(table)
    assert before == after


async def test_a_page_that_is_no_longer_true_merges_nothing(admin: Context, make: Make) -> None:
    plan = admin.site.entity("crm.company")
    kept, gone = await make("crm.company", name="A"), await make("crm.company", name="B")
    await admin.save("crm.company", gone, city="Bonn")
    before = await _digest(admin)
    with pytest.raises(StaleVersionError) as stale:
        await merge_records(admin, plan, kept, gone, {}, {kept: 1, gone: 1})
    assert "Bonn" == stale.value.current["city"]
    assert before == await _digest(admin)
    await merge_records(admin, plan, kept, gone, {}, {kept: 1, gone: 2})
    with pytest.raises(ConflictError, match="trash"):
        await merge_records(admin, plan, kept, gone)


async def test_a_chain_of_parents_does_not_become_a_ring(admin: Context, make: Make) -> None:
    top = await make("crm.company", name="Top")
    gone = await make("crm.company", name="B", parent=top)
    middle = await make("crm.company", name="M", parent=gone)
    for parent in (gone, middle):
        kept = await make("crm.company", name="A", parent=parent)
        before = await _digest(admin)
        operation = await _merge(admin, "crm.company", kept, gone)
        assert top == (await admin.get("crm.company", kept))["parent"]
        assert kept == (await admin.get("crm.company", middle))["parent"]
        assert () == (await undo_operation(admin, operation)).kept
        assert before == await _digest(admin)
    # The other way round: the parent is kept, its child goes and is asked for its parent.
    await _merge(admin, "crm.company", gone, middle, parent="gone")
    assert top == (await admin.get("crm.company", gone))["parent"]
    child = await make("crm.company", name="C", parent=top)
    await _merge(admin, "crm.company", top, child, parent="gone")
    assert (await admin.get("crm.company", top))["parent"] is None


async def test_fields_of_the_company_are_taken_as_they_are_stored(place: Place) -> None:
    async with place.start() as running:
        plan = running.ctx.site.entity("crm.company")
        for name, kind in (("seats", "number"), ("tier", "text"), ("since", "date")):
            await define_field(running.ctx, plan, name, name.capitalize(), kind)
        ctx = (await running.rebuild()).ctx
        plan = ctx.site.entity("crm.company")
        given = {"name": "B", "custom.user.seats": "7", "custom.user.since": "2026-01-01",
                 "custom.user.tier": "gold"}  # fmt: skip
        kept = await ctx.create("crm.company", name="A", **{"custom.user.tier": "iron"})
        gone = await create_record(ctx, plan, parse_values(ctx, plan, given))
        operation = await merge_records(ctx, plan, kept, gone, {"custom.user.tier": "kept"})
        custom = "SELECT custom->'user' FROM crm_company WHERE id = $1"
        wanted = {**await ctx.db.value(custom, gone), "tier": "iron"}
        assert wanted == await ctx.db.value(custom, kept)
        assert () == (await undo_operation(ctx, operation)).kept
        stored = await ctx.get("crm.company", kept)
        assert ("iron", None) == (stored["custom.user.tier"], stored["custom.user.seats"])


_RULES = """
class Strict(Plugin):
    async def before_save(self, event):
        if event.entity.name == "crm.person" and "company" in event.values and event.before:
            raise Veto("People stay where they are")
"""


async def test_a_plugin_that_refuses_a_row_refuses_the_merge(place: Place) -> None:
    manifest = 'id = "strict"\nname = "Strict"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
    place.write("strict", _RULES, manifest)
    async with place.start() as running:
        ctx = running.ctx
        kept, gone = [await ctx.create("crm.company", name=name) for name in "AB"]
        person = await ctx.create("crm.person", name="Tom", company=gone)
        before = await running.digest()
        with pytest.raises(InvalidError, match=rf"{person} cannot be moved: People stay"):
            await _merge(ctx, "crm.company", kept, gone)
        assert before == await running.digest()


async def test_of_two_merges_of_one_pair_one_is_done(place: Place) -> None:
    async with place.start() as running:
        ctx = running.ctx
        for _ in range(5):
            one, two = [await ctx.create("crm.company", name=name) for name in "AB"]
            person = await ctx.create("crm.person", name="Tom", company=two)
            done = await asyncio.gather(
                _merge(ctx, "crm.company", one, two), _merge(ctx, "crm.company", two, one),
                _merge(ctx, "crm.company", one, two), return_exceptions=True,
            )  # fmt: skip
            refused = [each for each in done if isinstance(each, BaseException)]
            assert 2 == len(refused)
            assert all(isinstance(each, ConflictError) for each in refused), refused
            merged = await ctx.db.row("SELECT * FROM core_merged ORDER BY operation DESC LIMIT 1")
            assert merged is not None
            assert merged["kept"] == (await ctx.get("crm.person", person))["company"]
            live = "SELECT count(*) FROM crm_company WHERE id = ANY($1) AND trashed_at IS NULL"
            assert 1 == await ctx.db.value(live, [one, two])


async def test_nothing_comes_to_a_record_while_it_goes(place: Place) -> None:
    async with place.start() as running:
        ctx = running.ctx
        for _ in range(8):
            kept, gone = [await ctx.create("crm.company", name=name) for name in "AB"]
            there = await ctx.create("crm.person", name="Tom", company=gone)
            coming = await ctx.create("crm.person", name="Eve")
            done = await asyncio.gather(
                _merge(ctx, "crm.company", kept, gone),
                ctx.save("crm.person", there, company=kept),
                ctx.save("crm.person", coming, company=gone),
                ctx.create("crm.activity", subject="Call", company=gone), return_exceptions=True,
            )  # fmt: skip
            refused = [each for each in done if isinstance(each, BaseException)]
            # Of two that wait for each other the database lets one go on.
            assert all(isinstance(e, InvalidError | UnavailableError) for e in refused), refused
            if isinstance(done[0], int):
                for table in ("crm_person", "crm_activity"):
                    left = f"SELECT count(*) FROM {table} WHERE company = $1"
                    assert 0 == await ctx.db.value(left, gone), done


class _DoneError(Exception):
    """Ends an example and takes back what it wrote."""


@asynccontextmanager
async def _example(ctx: Context) -> AsyncIterator[None]:
    try:
        async with ctx.db.transaction():
            yield
            raise _DoneError  # noqa: TRY301 - the way to roll back
    except _DoneError:
        pass


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=False,
)
@given(seed=st.integers(0, 2**32 - 1))
async def test_merges_taken_back_leave_every_row_as_it_was(admin: Context, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - examples, no secrets
    async with _example(admin):
        users: list[Any] = [None, await admin.create("core.user", name="Anna")]
        companies: list[int] = []
        for number in range(4):
            companies.append(
                await admin.create(
                    "crm.company", name=f"C{number}", city=dice.choice(["", "Bonn", "Rome"]),
                    employees=dice.choice([None, 0, 7]), owner=dice.choice(users),
                    parent=dice.choice([None, *companies]),
                )
            )  # fmt: skip
        people: list[int] = []
        for number in range(4):
            people.append(
                await admin.create(
                    "crm.person", name=f"P{number}", company=dice.choice([None, *companies]),
                    referred_by=dice.choice([None, *people]), email=dice.choice(["", "a@b.de"]),
                )
            )  # fmt: skip
        for number in range(4):
            await admin.create(
                "crm.opportunity", name=f"O{number}", company=dice.choice(companies),
                person=dice.choice([None, *people]), close_date=date(2026, 1, 1),
                amount=dice.choice([None, Decimal("1.50")]), currency=dice.choice(["USD", "EUR"]),
            )  # fmt: skip
        await admin.trash("crm.person", dice.choice(people))
        begin = await _digest(admin)
        done = []
        for _ in range(3):
            entity, ids = dice.choice([("crm.company", companies), ("crm.person", people)])
            kept, gone = dice.sample(ids, 2)
            names = [
                n
                for n in ("city", "parent", "referred_by")
                if n in admin.site.entity(entity).fields
            ]
            choices = {name: dice.choice(["kept", "gone"]) for name in names}
            try:
                done.append(await _merge(admin, entity, kept, gone, **choices))
            except ConflictError:
                continue  # one lies in the trash
            assert 0 == await _rings(admin)
        for operation in reversed(done):
            assert () == (await undo_operation(admin, operation)).kept
        assert begin == await _digest(admin)


async def _rings(ctx: Context) -> int:
    """Count records whose chain leads back to them."""
    parts = [
        f"(WITH RECURSIVE up (id, begin) AS (SELECT {column}, id FROM {table} WHERE {column} "
        f"IS NOT NULL UNION SELECT t.{column}, up.begin FROM {table} t JOIN up ON t.id = up.id "
        f"WHERE t.{column} IS NOT NULL) SELECT count(*) FROM up WHERE id = begin)"
        for table, column in (("crm_company", "parent"), ("crm_person", "referred_by"))
    ]
    found: int = await ctx.db.value(f"SELECT {' + '.join(parts)}")
    return found


class _Refusing(Plugin):
    async def before_merge(self, event: MergeEvent) -> None:
        raise Veto("Their tax numbers differ")


async def test_a_veto_keeps_two_records_apart(admin: Context, site: Site, make: Make) -> None:
    kept, gone = await make("crm.company", name="A"), await make("crm.company", name="B")
    hooks = Dispatcher({**site.hooks.plugins, "trial": _Refusing()})
    ctx = replace(admin, site=msgspec.structs.replace(site, hooks=hooks))
    before = await _digest(admin)
    with pytest.raises(Veto, match="tax numbers"):
        await _merge(ctx, "crm.company", kept, gone)
    assert before == await _digest(admin)
