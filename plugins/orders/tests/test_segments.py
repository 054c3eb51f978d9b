"""Clients chosen by their orders: what counts, and nothing of orders that are hidden."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from crmkit.errors import InvalidError
from crmkit.model.context import Principal
from crmkit.model.role import Right, Role
from crmkit.records.bulk import Selection, select_ids
from crmkit.records.exports import export_rows
from crmkit.records.filters import Filter
from crmkit.records.query import ListQuery, count_records, list_records

if TYPE_CHECKING:
    from conftest import Act, Draft

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running


async def _found(ctx: Context, *filters: str, entity: str = "crm.company") -> set[str]:
    """Answer the names of the clients that filters, written as in an address, leave."""
    query = ListQuery(filters=tuple(Filter(*each.split(":", 2)) for each in filters))
    plan = ctx.site.entity(entity)
    rows = (await list_records(ctx, plan, query)).rows
    assert len(rows) == (await count_records(ctx, plan, query)).number
    return {str(row["name"]) for row in rows}


@pytest.fixture
async def sold(ctx: Context, shop: dict[str, int], draft: Draft, act: Act) -> dict[str, int]:
    """Two orders of Kan-code, one of Isdom a hundred days ago, and nothing of Betasoloin's."""
    isdom = await ctx.create("crm.company", name="Isdom")
    none = await ctx.create("crm.company", name="Betasoloin")
    for values in ({}, {"pro": 0}, {"company": isdom, "person": None, "kit": 0}):
        order = await draft(**values)
        await act("orders.order/confirm", order)
    await ctx.db.execute(
        "UPDATE orders_order SET confirmed_at = $1 WHERE company = $2",
        ctx.now() - timedelta(days=100), isdom,
    )  # fmt: skip
    dropped = await draft(company=none)
    await act("orders.order/cancel", dropped, reason="Changed his mind")
    return {**shop, "isdom": isdom, "none": none}


async def test_clients_are_chosen_by_what_they_bought(ctx: Context, sold: dict[str, int]) -> None:
    product = "orders.product"
    assert {"Kan-code", "Isdom"} == await _found(ctx, f"{product}:contains:gtx")
    assert {"Kan-code"} == await _found(ctx, f"{product}:is:{sold['kit']}")
    assert {"Isdom", "Betasoloin"} == await _found(ctx, f"{product}:not:{sold['kit']}")
    assert set() == await _found(ctx, f"{product}:contains:Installation")
    assert {"Tom Whitfield"} == await _found(ctx, f"{product}:contains:MG", entity="crm.person")


async def test_clients_are_chosen_by_their_last_order(ctx: Context, sold: dict[str, int]) -> None:
    last = "orders.last_order"
    day = (ctx.now() - timedelta(days=50)).date()
    assert {"Kan-code"} == await _found(ctx, f"{last}:recent:50")
    assert {"Isdom"} == await _found(ctx, f"{last}:older:50")
    assert {"Kan-code"} == await _found(ctx, f"{last}:from:{day}")
    assert {"Isdom"} == await _found(ctx, f"{last}:under:{day}")
    assert {"Betasoloin"} == await _found(ctx, f"{last}:empty")
    between = (f"{last}:from:{day - timedelta(days=90)}", f"{last}:under:{day}")
    assert {"Isdom"} == await _found(ctx, *between)
    # The latest counts: an older one beside it does not make it older.
    await ctx.db.execute(
        "UPDATE orders_order SET confirmed_at = confirmed_at - interval '1 year' WHERE id = "
        "(SELECT min(id) FROM orders_order WHERE company = $1)", sold["company"],
    )  # fmt: skip
    assert {"Isdom"} == await _found(ctx, f"{last}:older:50")


async def test_clients_are_chosen_by_total_and_count(ctx: Context, sold: dict[str, int]) -> None:
    # Two controllers and twice four kits, 10.25 % of tax.
    whole = Decimal(9642 + 440) * Decimal("1.1025")
    assert {"Kan-code"} == await _found(ctx, f"orders.total:from:{whole - 1} EUR")
    assert set() == await _found(ctx, f"orders.total:from:{whole + 1} EUR")
    assert set() == await _found(ctx, "orders.total:from:1 USD")
    assert {"Isdom", "Betasoloin"} == await _found(ctx, f"orders.total:under:{whole} EUR")
    assert {"Betasoloin"} == await _found(ctx, "orders.count:is:0")
    assert {"Kan-code"} == await _found(ctx, "orders.count:from:2")
    assert {"Isdom", "Betasoloin"} == await _found(ctx, "orders.count:under:2")


async def test_no_filter_tells_of_orders_that_are_hidden(
    ctx: Context, sold: dict[str, int]
) -> None:
    """Whoever may read all companies and his own orders finds by his own orders."""
    rights = (Right("crm.company", "read", "all"), Right("orders.order", "read", "own"))
    own = _reader(ctx, (*rights, Right("orders.product", "read", "all")))
    every = {"Kan-code", "Isdom", "Betasoloin"}
    for shown, hidden in (
        ("orders.last_order:filled", "orders.last_order:empty"),
        ("orders.count:from:1", "orders.count:is:0"),
        ("orders.total:from:1 EUR", "orders.total:under:1 EUR"),
        ("orders.product:contains:GTX", f"orders.product:not:{sold['pro']}"),
    ):
        assert set() == await _found(own, shown), shown
        assert every == await _found(own, hidden), hidden
        assert every > await _found(ctx, hidden)
    await ctx.db.execute("UPDATE orders_order SET owner = 9002 WHERE company = $1", sold["isdom"])
    assert {"Isdom"} == await _found(own, "orders.count:from:1")


async def test_who_may_read_no_orders_has_no_such_filter(
    site: Running, ctx: Context, sold: dict[str, int]
) -> None:
    blind = _reader(ctx, (Right("crm.company", "read", "all"),))
    with pytest.raises(InvalidError, match="no field to filter by"):
        await _found(blind, "orders.count:from:1")
    page = (await (await site.client()).get("/crm.company")).text
    assert "Product bought" in page
    assert "Open value" in page


def _reader(ctx: Context, rights: tuple[Right, ...]) -> Context:
    return replace(ctx, principal=Principal(9002, "Boris Marlow", Role("reader", "Reader", rights)))


async def test_every_door_filters_alike(site: Running, ctx: Context, sold: dict[str, int]) -> None:
    plan = ctx.site.entity("crm.company")
    query = ListQuery(filters=(Filter("orders.count", "from", "2"),))
    assert [sold["company"]] == await select_ids(ctx, plan, Selection(query=query))
    pieces = [rows async for rows in export_rows(ctx, plan, query)]
    assert 2 == sum(map(len, pieces))  # the heading and one
    client = await site.client()
    address = "?f=orders.last_order:recent:50&f=orders.product:contains:GTX"
    listed = await client.get(f"/crm.company{address}")
    assert "Kan-code" in listed.text
    assert "Isdom" not in listed.text
    assert "in the last 50 days" in listed.text
    rows = (await client.get(f"/api/v1/crm.company{address}")).json()["rows"]
    assert [sold["company"]] == [row["id"] for row in rows]
    added = {"add": "orders.last_order", "op": "recent", "value": "", "days": "50"}
    assert "Isdom" not in (await client.get("/crm.company", params=added)).text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("orders.count:from:many", "does not fit"),
        ("orders.total:from:1 EURO", "does not fit"),
        ("orders.last_order:recent:-1", "does not fit"),
        ("orders.last_order:under:soon", "does not fit"),
        ("orders.product:contains:\x00", "NUL"),
        ("orders.count:contains:1", "no way to filter"),
        ("orders.count:from:1) OR (TRUE", "does not fit"),
    ],
)
async def test_a_value_that_does_not_fit_is_refused(
    ctx: Context, shop: dict[str, int], text: str, said: str
) -> None:
    with pytest.raises(InvalidError, match=said):
        await _found(ctx, text)
