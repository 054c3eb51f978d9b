"""The sales history of a real-shaped team: what was won becomes orders of the same worth."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crmkit.access.core import read_site
from crmkit.records.bulk import Selection
from crmkit.records.bulk_actions import bulk_action
from crmkit.records.csv_file import read_csv
from crmkit.records.filters import Filter
from crmkit.records.import_suggest import suggest
from crmkit.records.imports import run_import
from crmkit.records.plugins.switch import enable_plugin
from crmkit.records.query import ListQuery
from crmkit.records.recipe import define_fields, open_file, read_recipe
from crmkit.testing.sites import new_place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from crmkit.model.context import Context

REPOSITORY = Path(__file__).parents[3]
RECIPE = REPOSITORY / "docs" / "examples" / "sales-opportunities.toml"
DATA = REPOSITORY.parent / "shared" / "data" / "crm-sales-opportunities"

pytestmark = pytest.mark.skipif(
    not DATA.is_dir() and not os.environ.get("CI"), reason="the data lies beside the checkout"
)


@pytest.fixture
async def sales(tmp_path: Path) -> AsyncIterator[Context]:
    """A site of its own with orders on."""
    async with new_place(tmp_path) as place, place.start() as running:
        await enable_plugin(running.ctx, "orders", running.dsn)
        yield (await running.rebuild()).ctx


def read(name: str, folder: Path = DATA) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


async def bring_in(admin: Context, folder: Path) -> Context:
    recipe = read_recipe(RECIPE)
    await define_fields(admin, recipe, folder)
    ctx = replace(admin, site=await read_site(admin.config, admin.db))
    for step in recipe.imports:
        plan = ctx.site.entity(step.entity)
        report = await run_import(ctx, plan, open_file(folder, step.file), step.plan)
        assert not report.refused
    for row in read("products.csv", folder):
        await ctx.create("orders.product", name=row["product"], price=Decimal(row["sales_price"]))
    return ctx


async def check(ctx: Context, folder: Path) -> int:
    """Turn everything won into orders and compare with the file."""
    won = [row for row in read("sales_pipeline.csv", folder) if row["deal_stage"] == "Won"]
    query = ListQuery(filters=(Filter("stage", "is", "won"),))
    plan = ctx.site.entity("crm.opportunity")
    result = await bulk_action(ctx, plan, "make-order", Selection(query=query))
    assert (len(won), ()) == (result.changed, result.skipped)
    row = await ctx.db.row(
        "SELECT count(*) AS n, count(DISTINCT opportunity) AS deals, sum(net) AS net, "
        "sum(gross) AS gross FROM orders_order WHERE trashed_at IS NULL AND state = 'draft'"
    )
    worth = sum(Decimal(each["close_value"]) for each in won)
    assert row is not None
    assert (len(won), len(won), worth, worth) == tuple(row)
    sold = await ctx.db.rows(
        "SELECT p.name, count(*) AS n, sum(l.net) AS net FROM orders_order_line l "
        "JOIN orders_product p ON p.id = l.product WHERE NOT l.is_unmatched GROUP BY p.name"
    )
    # The file writes GTXPro where the catalogue has GTX Pro.
    wanted: dict[str, tuple[int, Decimal]] = {}
    for each in won:
        name = {"GTXPro": "GTX Pro"}.get(each["product"], each["product"])
        many, net = wanted.get(name, (0, Decimal(0)))
        wanted[name] = (many + 1, net + Decimal(each["close_value"]))
    assert wanted == {each["name"]: (each["n"], each["net"]) for each in sold}
    await bulk_action(ctx, plan, "make-order", Selection(query=query))
    assert len(won) == await ctx.db.value("SELECT count(*) FROM orders_order")
    return len(won)


async def test_a_file_of_products_brings_their_codes_and_prices(sales: Context) -> None:
    file = read_csv(b"product,code,series,sales_price\nGTX Pro,GTX-P,GTX,4821\nMG,MG-S,MG,55\n")
    plan = sales.site.entity("orders.product")
    wanted = (await suggest(sales, plan, file)).plan
    assert {"product": "name", "code": "code", "sales_price": "price"} == wanted.map
    assert ("code", "") == (wanted.key, wanted.external)


async def test_forty_deals_become_orders_of_the_same_worth(sales: Context, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for each in DATA.glob("*.csv"):
        text = each.read_text(encoding="utf-8")
        if each.name == "sales_pipeline.csv":
            text = "".join(text.splitlines(keepends=True)[:41])
        (folder / each.name).write_text(text, encoding="utf-8")
    assert 0 < await check(await bring_in(sales, folder), folder)


@pytest.mark.long
async def test_everything_won_becomes_orders_of_the_same_worth(sales: Context) -> None:
    assert 4238 == await check(await bring_in(sales, DATA), DATA)
