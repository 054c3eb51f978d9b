from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crmkit.errors import InvalidError, NotFoundError, StaleVersionError
from crmkit.records.filters import Filter
from crmkit.records.history import list_changes, list_operations, undo_operation
from crmkit.records.query import ListQuery, count_records, group_records, list_records
from crmkit.records.read import get_record
from crmkit.records.save import create_record, save_record, trash_record
from crmkit.records.search import search_records

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.model.context import Context

    Make = Callable[..., Awaitable[int]]
    Login = Callable[..., Awaitable[Context]]


async def test_a_saved_record_reads_back_with_a_higher_version(admin: Context, make: Make) -> None:
    team = await make("core.team", name="Central")
    plan = admin.site.entity("core.team")

    version = await save_record(admin, plan, team, {"name": "Centre"}, version=1)

    stored = await get_record(admin, plan, team)
    assert 2 == version
    assert "Centre" == stored["name"]


async def test_a_stale_version_is_refused_and_changes_nothing(admin: Context, make: Make) -> None:
    team = await make("core.team", name="Central")
    plan = admin.site.entity("core.team")
    await save_record(admin, plan, team, {"name": "East"}, version=1)

    with pytest.raises(StaleVersionError) as stale:
        await save_record(admin, plan, team, {"name": "West"}, version=1)

    assert "East" == stale.value.current["name"]
    assert "East" == (await get_record(admin, plan, team))["name"]


async def test_a_save_without_a_change_writes_nothing(admin: Context, make: Make) -> None:
    team = await make("core.team", name="Central")
    plan = admin.site.entity("core.team")

    assert 1 == await save_record(admin, plan, team, {"name": "Central"}, version=1)
    assert 1 == len(await list_changes(admin, plan, team))


async def test_all_problems_are_reported_at_once(admin: Context) -> None:
    plan = admin.site.entity("core.team")

    with pytest.raises(InvalidError) as refused:
        await create_record(admin, plan, {"name": "", "manager": 999, "colour": "red"})

    assert {"name", "manager", "colour"} == set(refused.value.problems)


async def test_a_stranger_neither_finds_nor_edits_a_record(make: Make, act_as: Login) -> None:
    owner = await act_as("seller", "Olga Owner")
    stranger = await act_as("seller", "Sam Stranger")
    plan = owner.site.entity("crm.opportunity")
    record = await create_record(owner, plan, {"name": "GTX Pro"})

    with pytest.raises(NotFoundError):
        await get_record(stranger, plan, record)
    with pytest.raises(NotFoundError):
        await save_record(stranger, plan, record, {"name": "Mine"})
    assert "GTX Pro" == (await get_record(owner, plan, record))["name"]


async def test_an_undo_puts_values_back_and_keeps_newer_ones(admin: Context, make: Make) -> None:
    team = await make("core.team", name="Central")
    plan = admin.site.entity("core.team")
    await save_record(admin, plan, team, {"name": "East"})
    operation = (await list_operations(admin))[0].id

    result = await undo_operation(admin, operation)

    assert (1, ()) == (result.undone, result.kept)
    assert "Central" == (await get_record(admin, plan, team))["name"]


async def test_pages_follow_one_another_without_gap_or_double(admin: Context, make: Make) -> None:
    for name in ("Ärger", "Zoe", "anna", "Борис", "Ёлка"):
        await make("core.team", name=name)
    plan = admin.site.entity("core.team")
    seen: list[str] = []
    token = ""
    while True:
        page = await list_records(admin, plan, ListQuery(limit=2, token=token))
        seen += [row["name"] for row in page.rows]
        token = page.next_token
        if not token:
            break

    assert ["anna", "Ärger", "Zoe", "Борис", "Ёлка"] == seen


async def test_a_count_stops_at_its_cap_and_says_so(admin: Context, make: Make) -> None:
    for number in range(4):
        await make("core.team", name=f"Team {number}")
    plan = admin.site.entity("core.team")

    count = await count_records(admin, plan, ListQuery(), cap=3)

    assert (3, True) == (count.number, count.capped)


async def test_groups_count_every_row(admin: Context, make: Make) -> None:
    parent = await make("core.team", name="Central")
    await make("core.team", name="A", parent=parent)
    await make("core.team", name="B", parent=parent)
    plan = admin.site.entity("core.team")

    groups = {
        group.title: group.count
        for group in await group_records(admin, plan, ListQuery(), "parent")
    }

    assert {"Central": 2, "": 1} == groups


async def test_a_filter_by_an_unknown_field_is_refused(admin: Context) -> None:
    plan = admin.site.entity("core.team")

    with pytest.raises(InvalidError):
        await list_records(admin, plan, ListQuery(filters=(Filter("colour", "is", "1"),)))


async def test_search_finds_without_case_or_accent_and_not_in_the_trash(
    admin: Context, make: Make
) -> None:
    team = await make("core.team", name="Ёлка Zürich")
    plan = admin.site.entity("core.team")

    assert [team] == [hit.id for hit in await search_records(admin, "елка zur")]
    await trash_record(admin, plan, team)
    assert [] == await search_records(admin, "елка")
