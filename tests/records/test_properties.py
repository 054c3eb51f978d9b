"""Rules that hold for whatever people have and do, against plain models."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from crmkit.access.sessions import find_session, open_session
from crmkit.errors import CrmkitError, InvalidError, NotFoundError
from crmkit.records.bulk import Selection, bulk_edit
from crmkit.records.duplicates import find_duplicates
from crmkit.records.history import list_operations, undo_operation
from crmkit.records.query import ListQuery, count_records, group_records, list_records
from crmkit.records.read import get_record, lookup
from crmkit.records.save import save_record
from crmkit.records.search import search_records
from crmkit.records.values import parse_decimal, parse_values
from crmkit.web.fields import raw_text
from crmkit.web.format import format_money

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from crmkit.model.context import Context
    from crmkit.model.role import Verb

_SEEDS = st.integers(0, 2**32 - 1)
_SETTINGS = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=False,
)
_MARK = "Qwxz"


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


def _below(teams: dict[int, dict[str, Any]], user: int, own: int | None) -> set[int]:
    """The model: one's own team, those one manages, and all below the latter."""
    led = {team for team, row in teams.items() if row["manager"] == user}
    while more := {t for t, row in teams.items() if row["parent"] in led} - led:
        led |= more
    return led | ({own} if own is not None else set())


@_SETTINGS
@given(seed=_SEEDS)
async def test_every_way_to_a_record_agrees_with_the_plain_rule(admin: Context, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - examples, no secrets
    async with _example(admin):
        users = [
            await admin.create("core.user", name=f"User {n}", role=dice.choice(_ROLES))
            for n in range(5)
        ]
        teams: dict[int, dict[str, Any]] = {}
        for number in range(4):
            row = {
                "manager": dice.choice([*users, None]),
                "parent": dice.choice([*teams, None]),
            }
            teams[await admin.create("core.team", name=f"Team {number}", **row)] = row
        for user in users:
            await admin.save("core.user", user, team=dice.choice([*teams, None]))
        leads = [
            await admin.create(
                "crm.lead",
                name=f"{_MARK} {n}",
                owner=dice.choice([*users, None]),
                team=dice.choice([*teams, None]),
            )
            for n in range(10)
        ]
        reader = dice.choice(users)
        stored = await admin.get("core.user", reader)
        session = await open_session(admin.db, reader, "127.0.0.1", "test")
        principal = await find_session(admin.db, session.token, admin.site.roles)
        assert principal is not None
        ctx = replace(admin, principal=principal)
        reach = _below(teams, reader, stored["team"])
        assert reach == set(principal.teams)
        rows = {lead: await admin.get("crm.lead", lead) for lead in leads}

        def allowed(verb: Verb) -> set[int]:
            scope = principal.role.scope("crm.lead", verb)
            return {
                lead
                for lead, row in rows.items()
                if scope == "all"
                or (scope in {"own", "team"} and row["owner"] == reader)
                or (scope == "team" and row["team"] in reach)
            }

        await _check_reads(ctx, leads, allowed("read"))
        await _check_edits(ctx, leads, allowed("edit"))


_ROLES = ("seller", "manager", "read-only")


async def _check_reads(ctx: Context, leads: list[int], visible: set[int]) -> None:
    plan = ctx.site.entity("crm.lead")
    query = ListQuery(search=_MARK, limit=100)
    assert visible == {row["id"] for row in (await list_records(ctx, plan, query)).rows}
    assert len(visible) == (await count_records(ctx, plan, query)).number
    assert len(visible) == sum(g.count for g in await group_records(ctx, plan, query, "state"))
    assert visible == {hit.id for hit in await search_records(ctx, _MARK, 100)}
    assert visible == {record for record, _title in await lookup(ctx, plan, _MARK, 100)}
    found = await find_duplicates(ctx, plan, {"name": f"{_MARK} 1"})
    assert {each.id for each in found.found} <= visible
    for lead in leads:
        try:
            await get_record(ctx, plan, lead)
            assert lead in visible
        except NotFoundError:
            assert lead not in visible


async def _check_edits(ctx: Context, leads: list[int], editable: set[int]) -> None:
    plan = ctx.site.entity("crm.lead")
    for lead in leads:
        try:
            await ctx.save("crm.lead", lead, notes="Touched")
            assert lead in editable
        except CrmkitError:
            assert lead not in editable
    if editable:
        result = await bulk_edit(ctx, plan, Selection(ids=tuple(leads)), {"notes": "Again"})
        assert len(editable) == result.changed


@_SETTINGS
@given(seed=_SEEDS)
async def test_a_lead_goes_only_where_its_lifecycle_leads(admin: Context, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - examples, no secrets
    plan = admin.site.entity("crm.lead")
    lifecycle = plan.lifecycle
    assert lifecycle is not None
    states = [state.name for state in lifecycle.states]
    async with _example(admin):
        lead = await admin.create("crm.lead", name="Tom")
        model = {"state": "new", "reason": "", "person": None}
        path = ["new"]
        for _ in range(12):
            changes: dict[str, Any] = {"state": dice.choice(states)}
            if dice.random() < 0.5:
                changes["reason"] = dice.choice(["", "no_need"])
            after = {**model, **changes}
            fits = lifecycle.can_move(model["state"] or "", after["state"])
            fits = fits and not lifecycle.missing(after["state"], after)
            try:
                await save_record(admin, plan, lead, changes)
                assert fits, (model, changes)
                if after["state"] != model["state"]:
                    path.append(after["state"])
                model = after
            except InvalidError:
                assert not fits, (model, changes)
        rows = await admin.db.rows(
            "SELECT coalesce(from_state, '') AS a, to_state AS b FROM core_stage_history "
            "WHERE entity = 'crm.lead' AND record = $1 ORDER BY id",
            lead,
        )
        assert path == [row["b"] for row in rows]
        assert ["", *path[:-1]] == [row["a"] for row in rows]


@_SETTINGS
@given(seed=_SEEDS)
async def test_pages_put_together_are_the_whole_list(admin: Context, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - examples, no secrets
    plan = admin.site.entity("crm.opportunity")
    async with _example(admin):
        for _ in range(dice.randint(0, 11)):
            await admin.create(
                "crm.opportunity",
                name=dice.choice(["a", "A", "Ä", "б", "z"]),
                amount=dice.choice([None, Decimal(0), Decimal("1.50"), Decimal(99)]),
                close_date=dice.choice([None, date(2026, 1, 1), date(2026, 12, 31)]),
            )
        for sort in ("", "amount", "close_date", "stage", "created_at"):
            for descending in (False, True):
                query = ListQuery(sort=sort, descending=descending, limit=200)
                whole = [row["id"] for row in (await list_records(admin, plan, query)).rows]
                forwards, backwards = await _walk(admin, sort, descending=descending)
                assert whole == forwards == backwards, (sort, descending)


async def _walk(admin: Context, sort: str, *, descending: bool) -> tuple[list[int], list[int]]:
    """Go through a list page by page to its end, and back to its beginning."""
    plan = admin.site.entity("crm.opportunity")
    query = ListQuery(sort=sort, descending=descending, limit=3)
    page = await list_records(admin, plan, query)
    forwards = [row["id"] for row in page.rows]
    backwards = list(forwards)
    while page.next_token:
        page = await list_records(
            admin, plan,
            ListQuery(sort=sort, descending=descending, limit=3, token=page.next_token),
        )  # fmt: skip
        backwards = [row["id"] for row in page.rows]
        forwards += backwards
    while page.prev_token:
        page = await list_records(
            admin, plan,
            ListQuery(sort=sort, descending=descending, limit=3, token=page.prev_token,
                      backwards=True),
        )  # fmt: skip
        backwards = [row["id"] for row in page.rows] + backwards
    return forwards, backwards


@_SETTINGS
@given(seed=_SEEDS)
async def test_undoing_everything_in_reverse_restores_the_beginning(
    admin: Context, seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311 - examples, no secrets
    plan = admin.site.entity("crm.company")
    fields = ("name", "sector", "city", "employees", "revenue", "notes")
    async with _example(admin):
        ids = [await admin.create("crm.company", name=f"Kan {n}") for n in range(4)]

        async def state() -> list[tuple[Any, ...]]:
            rows = [await admin.get("crm.company", record) for record in ids]
            return [(*(row[f] for f in fields), row["trashed_at"] is None) for row in rows]

        begin = await state()
        before = {each.id for each in await list_operations(admin)}
        for _ in range(8):
            record = dice.choice(ids)
            changes: dict[str, Any] = dice.choice([
                {"name": dice.choice(["Zoe", "Ärger"])},
                {"city": dice.choice(["", "Bonn"]), "employees": dice.choice([None, 7])},
                {"revenue": Decimal(dice.randint(0, 99)) / 4, "notes": "x"},
            ])  # fmt: skip
            kind = dice.random()
            try:
                if kind < 0.6:
                    await admin.save("crm.company", record, **changes)
                elif kind < 0.8:
                    chosen = Selection(ids=tuple(dice.sample(ids, 2)))
                    await bulk_edit(admin, plan, chosen, {"sector": dice.choice(["a", "b"])})
                else:
                    await admin.trash("crm.company", record)
            except CrmkitError:
                continue  # what lies in the trash cannot be edited
        done = [each.id for each in await list_operations(admin) if each.id not in before]
        for operation in sorted(done, reverse=True):
            assert () == (await undo_operation(admin, operation)).kept
        assert begin == await state()


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    amount=st.decimals(-(10**12), 10**12, places=2, allow_nan=False),
    language=st.sampled_from(["en", "ru"]),
)
@example(amount=Decimal("1234.00"), language="ru")
@example(amount=Decimal("0.10"), language="en")
def test_money_read_aloud_and_typed_again_is_the_same(
    admin: Context, amount: Decimal, language: str
) -> None:
    reader = replace(admin, principal=replace(admin.principal, language=language))
    shown = format_money(reader, amount, "USD").replace("\N{MINUS SIGN}", "-")
    assert amount == parse_decimal(shown)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    founded=st.integers(-(2**62), 2**62),
    revenue=st.decimals(-(10**9), 10**9, places=4, allow_nan=False),
    day=st.dates(),
)
def test_what_a_form_shows_can_be_sent_back(
    admin: Context, founded: int, revenue: Decimal, day: date
) -> None:
    company, deal = admin.site.entity("crm.company"), admin.site.entity("crm.opportunity")
    for plan, name, value in (
        (company, "founded", founded),
        (company, "revenue", revenue),
        (deal, "close_date", day),
    ):
        text = raw_text(admin, plan.fields[name], value)
        assert value == parse_values(admin, plan, {name: text})[name]
