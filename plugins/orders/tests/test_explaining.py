"""Each price is explained: on the page of its product, by the API, and for a line."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import httpx
import pytest

from crmkit.access.tokens import make_token
from crmkit.web.app import create_app

if TYPE_CHECKING:
    from crmkit.testing.sites import Running


@pytest.fixture
async def client(site: Running, shop: dict[str, int]) -> httpx.AsyncClient:
    """Anna, with a token of hers, and a price list for one client."""
    ctx = site.ctx
    prices = await ctx.create(
        "orders.price_list", name="Kan-code", currency="EUR", company=shop["company"]
    )
    await ctx.create(
        "orders.price", price_list=prices, product=shop["pro"], min_quantity=Decimal(10),
        price=Decimal("4000.123456"),
    )  # fmt: skip
    app = create_app(site.site, site.db, ctx.config)
    token = await make_token(site.db, 9001, "test", read_only=True)
    found = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),  # type: ignore[arg-type]
        base_url="http://localhost",
    )
    found.headers["Authorization"] = f"Bearer {token.secret}"
    return found


async def test_the_api_says_what_a_client_pays_and_why(
    client: httpx.AsyncClient, shop: dict[str, int]
) -> None:
    url = f"/api/v1/orders/price?product={shop['pro']}"
    for more, price, taken in (
        ("", "4821", 1),
        (f"&company={shop['company']}&quantity=10", "4000.123456", 0),
        ("&company=kan-CODE&quantity=9", "4821", 1),
        ("&currency=JPY", None, None),
    ):
        answer = await client.get(url + more)
        assert 200 == answer.status_code, answer.text
        found = answer.json()
        assert price == found["unit_price"]
        assert taken == next((n for n, s in enumerate(found["steps"]) if s["taken"]), None)
    for more, field in (
        ("&quantity=-1", "quantity"), ("&quantity=x", "quantity"), ("&unit=HUR", "unit"),
        ("&unit=XXX", "unit"), ("&currency=EURO", "currency"), ("&company=Nobody", "company"),
        ("&who=1", "who"),
    ):  # fmt: skip
        answer = await client.get(url + more)
        assert 422 == answer.status_code, (more, answer.text)
        assert field in answer.json()["error"]["problems"]
    assert 404 == (await client.get("/api/v1/orders/price?product=999999")).status_code
    assert 404 == (await client.get("/api/v1/orders/price")).status_code


async def test_pages_explain_prices_and_what_was_sold(
    site: Running, shop: dict[str, int], client: httpx.AsyncClient
) -> None:
    browser = await site.client()
    url = f"/orders/price?product={shop['pro']}"
    page = await browser.get(f"/orders.product/{shop['pro']}")
    assert url in page.text
    for more, status, said in (
        ("", 200, "Everybody"), ("&company=Kan-code&quantity=10", 200, "4,000.123456"),
        ("&quantity=x", 422, 'aria-invalid="true"'), ("&currency=JPY", 200, "Neither a list"),
    ):  # fmt: skip
        answer = await browser.get(url + more)
        assert (status, True) == (answer.status_code, said in answer.text), (more, answer.text)
    assert 200 == (await browser.get("/orders/sold")).status_code
    # The reason in the grid leads to the page of the line, which explains it.
    order = await site.ctx.create("orders.order", company=shop["company"], currency="EUR")
    line = await site.ctx.create(
        "orders.order_line", order=order, product=shop["pro"], quantity=Decimal(10)
    )
    grid = (await browser.get(f"/orders.order/{order}")).text
    assert f'<a class="below xs ink-3 plain" href="/orders.order_line/{line}">' in grid
    assert "Kan-code: taken" in (await browser.get(f"/orders.order_line/{line}")).text
