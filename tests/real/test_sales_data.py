"""The sales history of a real-shaped team, brought in by the documented recipe."""

from __future__ import annotations

import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crmkit.access.core import read_site
from crmkit.records.bulk import Selection, bulk_edit
from crmkit.records.filters import Filter
from crmkit.records.history import undo_operation
from crmkit.records.imports import run_import
from crmkit.records.query import ListQuery, count_records, group_records
from crmkit.records.recipe import define_fields, open_file, read_recipe

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.records.import_plan import ImportReport

REPOSITORY = Path(__file__).parents[2]
RECIPE = REPOSITORY / "docs" / "examples" / "sales-opportunities.toml"
DATA = REPOSITORY.parent / "shared" / "data" / "crm-sales-opportunities"

pytestmark = pytest.mark.skipif(
    not DATA.is_dir() and not os.environ.get("CI"), reason="the data lies beside the checkout"
)


async def bring_in(admin: Context) -> tuple[Context, list[ImportReport]]:
    recipe = read_recipe(RECIPE)
    await define_fields(admin, recipe, DATA)
    ctx = replace(admin, site=await read_site(admin.config, admin.db))
    reports = [
        await run_import(ctx, ctx.site.entity(step.entity), open_file(DATA, step.file), step.plan)
        for step in recipe.imports
    ]
    return ctx, reports


async def test_the_recipe_brings_in_everything_with_the_right_totals(admin: Context) -> None:
    ctx, reports = await bring_in(admin)

    assert [3, 6, 6, 35, 0, 85, 8800] == [report.created for report in reports]
    assert [] == [refusal for report in reports for refusal in report.refused]
    plan = ctx.site.entity("crm.opportunity")
    stages = await group_records(ctx, plan, ListQuery(), "stage", "amount")
    assert {"Won": 4238, "Lost": 2473, "Engaging": 1589, "Prospecting": 500} == {
        group.title: group.count for group in stages
    }
    assert Decimal(10005534) == next(group.total for group in stages if group.title == "Won")
    won = ListQuery(filters=(Filter("stage", "is", "won"),))
    seller = (await group_records(ctx, plan, won, "owner", "amount"))[0]
    assert ("Darcel Schlecht", Decimal(1153214)) == (seller.title, seller.total)
    clients = await group_records(ctx, plan, won, "company", "amount")
    best = next(group for group in clients if group.value is not None)
    assert ("Kan-code", Decimal(341455)) == (best.title, best.total)


async def test_the_same_files_again_change_nothing(admin: Context) -> None:
    await bring_in(admin)
    before = await admin.db.value("SELECT count(*) FROM core_journal")

    _, reports = await bring_in(admin)

    assert [0] * 7 == [report.created + report.updated for report in reports]
    assert before == await admin.db.value("SELECT count(*) FROM core_journal")


async def test_the_gaps_of_the_data_stay_visible_and_the_misspelling_is_one_edit(
    admin: Context,
) -> None:
    ctx, _ = await bring_in(admin)
    plan = ctx.site.entity("crm.opportunity")
    companies = ctx.site.entity("crm.company")

    async def count(field: str) -> int:
        query = ListQuery(filters=(Filter(field, "empty"),))
        return (await count_records(ctx, plan, query, cap=None)).number

    assert (1425, 500) == (await count("company"), await count("engage_date"))
    parents = ListQuery(filters=(Filter("parent", "filled"),))
    assert 15 == (await count_records(ctx, companies, parents)).number
    wrong = ListQuery(filters=(Filter("sector", "is", "technolgy"),))
    result = await bulk_edit(ctx, companies, Selection(query=wrong), {"sector": "technology"})
    assert (12, ()) == (result.changed, result.skipped)
    assert 12 == (await undo_operation(ctx, result.operation)).undone
    assert 12 == (await count_records(ctx, companies, wrong)).number


async def test_a_seller_sees_own_and_team_only(admin: Context) -> None:
    ctx, _ = await bring_in(admin)
    row = await ctx.db.row("SELECT id, team FROM core_user WHERE name = 'Darcel Schlecht'")
    assert row is not None
    person = replace(
        ctx.principal, user_id=row["id"], role=ctx.site.roles["seller"], teams=(row["team"],)
    )
    seller = replace(ctx, principal=person)
    plan = ctx.site.entity("crm.opportunity")

    owners = {group.title for group in await group_records(seller, plan, ListQuery(), "owner")}

    assert {
        "Jonathan Berthelot",
        "Marty Freudenburg",
        "Gladys Colclough",
        "Niesha Huffines",
        "Darcel Schlecht",
    } >= owners
    assert "Darcel Schlecht" in owners
