"""Blanket orders at their doors: page, API, panels of clients, figures, and the client's page."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from crmkit_orders.mailing import client_link

from crmkit.records.metrics import metric_values
from crmkit.records.personal import export_person

if TYPE_CHECKING:
    import httpx
    from conftest import Act, Decide

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

AGREEMENT, AGREED = "orders.agreement", "orders.agreement_line"


def _path(ctx: Context, kind: str, client: int) -> str:
    return "/orders/" + client_link(ctx, kind, client, 1).partition("/orders/")[2]


@pytest.fixture
async def agreement(ctx: Context, shop: dict[str, int], act: Act) -> int:
    """A blanket order of 100 kits at 50 that runs for 20 days."""
    made = await ctx.create(
        AGREEMENT, company=shop["company"], person=shop["person"], currency="EUR", owner=9001,
        valid_until=ctx.now().date() + timedelta(days=20), client_number="PO-77",
    )  # fmt: skip
    await ctx.create(
        AGREED, agreement=made, product=shop["kit"], quantity=Decimal(100),
        unit_price=Decimal(50), position=1,
    )  # fmt: skip
    await act("orders.agreement/begin", made)
    return made


@pytest.fixture
async def line(ctx: Context, agreement: int) -> int:
    """Its line."""
    return int(await ctx.db.value("SELECT max(id) FROM orders_agreement_line"))


async def _orders(ctx: Context) -> int:
    return int(await ctx.db.value("SELECT count(*) FROM orders_order"))


async def test_the_page_asks_for_each_line_with_what_is_left_and_shows_what_was_called_off(
    site: Running, ctx: Context, agreement: int, line: int, act: Act
) -> None:
    client = await site.client()
    page = (await client.get(f"/orders.agreement/{agreement}")).text
    field = f'name="quantities.{line}"'
    assert 2 == page.count(field)  # to call off, and to raise
    assert "100 left" in page
    assert "What was agreed stays" in page
    version = (await ctx.get(AGREEMENT, agreement))["version"]
    form = {f"quantities.{line}": "40", "version": str(version)}
    url = f"/orders.agreement/{agreement}/actions/call-off"
    first = await client.post(url, data=form)
    second = await client.post(url, data=form)
    assert (303, 303) == (first.status_code, second.status_code)
    assert first.headers["location"] == second.headers["location"]
    assert 1 == await _orders(ctx)
    order = int(first.headers["location"].rpartition("/")[2])
    page = (await client.get(f"/orders.agreement/{agreement}")).text
    assert "In drafts: 40 × MG Special" in page
    await act("orders.order/confirm", order)
    page = (await client.get(f"/orders.agreement/{agreement}")).text
    number = (await ctx.get("orders.order", order))["number"]
    assert number in page
    assert "In drafts" not in page
    assert 'aria-label="40 %"' in page
    assert "60 left" in page


async def test_a_refused_call_off_shows_what_was_typed_beside_its_line(
    site: Running, ctx: Context, agreement: int, line: int
) -> None:
    client = await site.client()
    url = f"/orders.agreement/{agreement}/actions/call-off"
    answer = await client.post(url, data={f"quantities.{line}": "101"})
    assert 422 == answer.status_code
    assert 'value="101"' in answer.text
    assert "is more than is left: 100" in answer.text
    empty = await client.post(url, data={f"quantities.{line}": ""})
    assert 422 == empty.status_code
    assert 0 == await _orders(ctx)


async def test_the_api_calls_off_line_by_line_or_all_that_is_left(
    site: Running, ctx: Context, agreement: int, line: int
) -> None:
    client = await site.client()
    url = f"/api/v1/orders.agreement/{agreement}/actions/call-off"
    answer = await client.post(url, json={"input": {"quantities": {str(line): "30"}}})
    assert 200 == answer.status_code, answer.text
    order = answer.json()["url"].rpartition("/")[2]
    rows = (await client.get(f"/api/v1/orders.order_line?f=order:is:{order}")).json()["rows"]
    made = (await client.get(f"/api/v1/orders.order_line/{rows[0]['id']}")).json()
    assert (1, line) == (len(rows), made["agreement_line"]), made
    for wrong in ({str(line): 30}, {"x": "1"}, {str(line): "-1"}, "all", [1]):
        answer = await client.post(url, json={"input": {"quantities": wrong}})
        assert 422 == answer.status_code, (wrong, answer.text)
    answer = await client.post(url, json={})
    assert 200 == answer.status_code, answer.text
    assert Decimal(100) == await ctx.db.value("SELECT max(quantity) FROM orders_order_line")
    shown = (await client.get(f"/api/v1/orders.agreement_line/{line}")).json()
    assert {"called", "remaining", "quantity"} <= set(shown)


async def test_a_page_takes_the_same_statements_whatever_was_called_off(
    site: Running, ctx: Context, agreement: int, shop: dict[str, int], act: Act,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    client = await site.client()
    asked: list[str] = []
    call = type(ctx.db)._call

    async def counted(self: Any, method: str, sql: str, args: Any, *, retry: bool) -> Any:  # noqa: ANN401 - as the method
        asked.append(sql)
        return await call(self, method, sql, args, retry=retry)

    async def count(path: str) -> int:
        asked.clear()
        assert 200 == (await client.get(path)).status_code
        return len(asked)

    async def order() -> None:
        made = await act("orders.agreement/call-off", agreement)
        small = await ctx.db.value('SELECT id FROM orders_order_line WHERE "order" = $1', made)
        await ctx.save("orders.order_line", small, quantity=Decimal(1))
        await act("orders.order/confirm", made)

    await order()
    paths = (f"/orders.agreement/{agreement}", f"/crm.company/{shop['company']}")
    for path in paths:
        await client.get(path)
    monkeypatch.setattr(type(ctx.db), "_call", counted)
    few = [await count(path) for path in paths]
    for _ in range(4):
        await order()
    assert few == [await count(path) for path in paths]
    assert few[0] < 60


async def test_clients_and_lists_show_blanket_orders(
    site: Running, ctx: Context, agreement: int, shop: dict[str, int]
) -> None:
    client = await site.client()
    number = (await ctx.get(AGREEMENT, agreement))["number"]
    for kind in ("company", "person"):
        page = (await client.get(f"/crm.{kind}/{shop[kind]}")).text
        assert number in page
        assert "€5,000 left" in page
    listed = await client.get("/orders.agreement?f=state:is:running&f=valid_until:coming:30")
    assert number in listed.text
    assert number not in (await client.get("/orders.agreement?f=state:is:closed")).text
    figures = await metric_values(ctx, ["orders.agreements_ending", "orders.agreements_left"])
    assert (1, Decimal(5000)) == (
        figures["orders.agreements_ending"].count,
        figures["orders.agreements_left"].value or figures["orders.agreements_left"].others["EUR"],
    )
    await ctx.db.execute("UPDATE orders_agreement SET valid_until = $1",
                         ctx.now().date() + timedelta(days=60))  # fmt: skip
    figures = await metric_values(ctx, ["orders.agreements_ending"])
    assert 0 == figures["orders.agreements_ending"].count


async def test_a_price_is_explained_by_the_blanket_order_and_what_is_left(
    site: Running, ctx: Context, agreement: int, shop: dict[str, int]
) -> None:
    client = await site.client()
    number = (await ctx.get(AGREEMENT, agreement))["number"]
    url = f"/api/v1/orders/price?product={shop['kit']}&company={shop['company']}&quantity="
    found = (await client.get(f"{url}100")).json()
    assert "50" == found["unit_price"]
    assert f"Blanket order {number}: taken, 50; 100 are left" == found["steps"][0]["text"]
    found = (await client.get(f"{url}101")).json()
    assert "55" == found["unit_price"]
    assert (
        f"Blanket order {number}: only 100 are left, asked were 101" == (found["steps"][0]["text"])
    )


async def test_a_client_calls_off_once_where_prices_may_be_shown(
    ctx: Context, agreement: int, line: int, shop: dict[str, int], guest: httpx.AsyncClient,
    decide: Decide, act: Act,
) -> None:  # fmt: skip
    number = (await ctx.get(AGREEMENT, agreement))["number"]
    path = _path(ctx, "company", shop["company"])
    url = f"{path}/agreements/{agreement}"
    assert number not in (await guest.get(path)).text
    assert 404 == (await guest.get(url)).status_code
    assert 404 == (await guest.post(url, data={f"quantities.{line}": "1"})).status_code
    decide(clients_see_prices=True)
    for kind in ("company", "person"):
        page = await guest.get(_path(ctx, kind, shop[kind]))
        assert number in page.text
        assert "100 of 100 left" in page.text
    shown = (await guest.get(url)).text
    assert f'name="quantities.{line}"' in shown
    refused = await guest.post(url, data={f"quantities.{line}": "101", "note": "By <b>Friday"})
    assert 409 == refused.status_code
    assert 'value="101"' in refused.text
    assert "By &lt;b&gt;Friday" in refused.text
    assert 409 == (await guest.post(url, data={f"quantities.{line}": ""})).status_code
    assert 0 == await _orders(ctx)
    form = {f"quantities.{line}": "30", "note": "By Friday"}
    answers = await asyncio.gather(*(guest.post(url, data=form) for _ in range(3)))
    assert [303] * 3 == [each.status_code for each in answers]
    assert 1 == await _orders(ctx)
    order = await ctx.get("orders.order", await ctx.db.value("SELECT id FROM orders_order"))
    assert ("draft", 9001, agreement) == (order["state"], order["owner"], order["agreement"])
    told = await ctx.db.rows("SELECT * FROM core_notification WHERE kind = 'orders.client'")
    assert [9001] == [each["user_id"] for each in told]
    page = await guest.get(answers[0].headers["location"])
    assert f"We got your order as {order['number']}" in page.text
    await act("orders.order/confirm", order["id"])
    assert "70 of 100 left" in (await guest.get(path)).text
    await guest.post(url, data=form)
    assert 2 == await _orders(ctx)


async def test_a_blanket_order_of_another_client_or_one_that_ended_is_not_there(
    ctx: Context, agreement: int, line: int, shop: dict[str, int], guest: httpx.AsyncClient,
    decide: Decide, act: Act,
) -> None:  # fmt: skip
    decide(clients_see_prices=True)
    isdom = await ctx.create("crm.company", name="Isdom")
    path = f"{_path(ctx, 'company', isdom)}/agreements/{agreement}"
    own = f"{_path(ctx, 'company', shop['company'])}/agreements/{agreement}"
    assert 200 == (await guest.get(own)).status_code
    assert 404 == (await guest.get(path)).status_code
    assert 404 == (await guest.post(path, data={f"quantities.{line}": "1"})).status_code
    await act("orders.agreement/close", agreement)
    for each in (path, own):
        assert 404 == (await guest.get(each)).status_code
        assert 404 == (await guest.post(each, data={f"quantities.{line}": "1"})).status_code
    assert 0 == await _orders(ctx)


async def test_what_is_held_on_a_person_names_blanket_orders(
    ctx: Context, agreement: int, shop: dict[str, int]
) -> None:
    held = await export_person(ctx, ctx.site.entity("crm.person"), shop["person"])
    assert "PO-77" in str(held)


async def test_where_no_steps_can_be_planned_nobody_is_warned_that_none_is(
    site: Running, agreement: int
) -> None:
    client = await site.client()
    page = (await client.get(f"/orders.agreement/{agreement}")).text
    assert "B-" in page
    assert "No next step" not in page


async def test_a_board_without_chances_weighs_no_sums(
    site: Running, ctx: Context, shop: dict[str, int]
) -> None:
    made = await ctx.create("orders.order", company=shop["company"], currency="USD")
    await ctx.create(
        "orders.order_line", order=made, product=shop["kit"], quantity=Decimal(2),
        unit_price=Decimal(50), position=1,
    )  # fmt: skip
    page = (await (await site.client()).get("/orders.order/board")).text
    assert "open</" in page
    assert "weighted" not in page
