"""What clients reach by a link: once, in time, and nothing of others."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import httpx
import pytest
from crmkit_orders.domain.hashing import shown_hash
from crmkit_orders.mailing import quote_link, status_link
from crmkit_orders.papers import order_values, quote_values, slip_values
from crmkit_orders.quoting import shown_of
from crmkit_orders.totals import quote_rows

from crmkit.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import Act, Draft

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running


@pytest.fixture
async def guest(site: Running) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without an account."""
    app = create_app(site.site, site.db, site.config, owner_dsn=site.dsn)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        client.headers["Origin"] = "http://localhost"
        yield client


@pytest.fixture
async def sent(ctx: Context, shop: dict[str, int], act: Act) -> int:
    """A quote of two controllers, and an installation as an option, that was sent."""
    quote = await ctx.create(
        "orders.quote", company=shop["company"], person=shop["person"], currency="EUR", owner=9001
    )
    for place, (name, count, optional) in enumerate((("pro", 2, False), ("work", 6, True)), 1):
        await ctx.create(
            "orders.quote_line", quote=quote, product=shop[name], quantity=Decimal(count),
            position=place, is_optional=optional,
        )  # fmt: skip
    await act("orders.quote/send", quote)
    return quote


def _path(link: str) -> str:
    return "/orders/" + link.partition("/orders/")[2]


async def _orders(ctx: Context) -> int:
    return int(await ctx.db.value("SELECT count(*) FROM orders_order"))


async def test_a_quote_is_accepted_once_with_what_was_chosen(
    ctx: Context, sent: int, guest: httpx.AsyncClient
) -> None:
    path = _path(quote_link(ctx, sent))
    page = await guest.get(path)
    assert 200 == page.status_code
    assert "GTX Pro" in page.text
    option = await ctx.db.value("SELECT id FROM orders_quote_line WHERE is_optional")
    form = {"name": "Tom <b>", f"option.{option}": "1"}
    nameless = await guest.post(f"{path}/acceptance", data={"name": " "})
    assert 422 == nameless.status_code
    assert 0 == await _orders(ctx)
    for _again in range(2):
        assert 303 == (await guest.post(f"{path}/acceptance", data=form)).status_code
    assert 1 == await _orders(ctx)
    quote = await ctx.get("orders.quote", sent)
    assert Decimal("10212.00") == quote["net"]  # 2 x 4821 + 6 x 95, which was chosen
    assert quote["shown"] == shown_hash(shown_of(quote, await quote_rows(ctx, sent)))
    thanks = await guest.get(path)
    assert "Tom &lt;b&gt;" in thanks.text
    assert 409 == (await guest.post(f"{path}/refusal")).status_code


async def test_a_link_that_was_tampered_with_leads_nowhere(
    ctx: Context, sent: int, guest: httpx.AsyncClient
) -> None:
    path = _path(quote_link(ctx, sent))
    other = path.replace(f"/{sent}.", f"/{sent + 1}.")
    for wrong in (other, path[:-1] + ("0" if path[-1] != "0" else "1"), "/orders/quotes/x",
                  path.replace("quotes", "status")):  # fmt: skip
        for method in ("GET", "POST"):
            url = wrong if method == "GET" else f"{wrong}/acceptance"
            answer = await guest.request(method, url)
            assert answer.status_code in {404, 405}, (method, wrong)
            assert "GTX" not in answer.text
    assert 0 == await _orders(ctx)


@pytest.mark.parametrize("end", ["expired", "superseded", "refused"])
async def test_a_quote_that_has_ended_says_why_and_is_not_accepted(
    ctx: Context, sent: int, guest: httpx.AsyncClient, act: Act, end: str
) -> None:
    path = _path(quote_link(ctx, sent))
    if end == "expired":
        past = ctx.now().date() - timedelta(days=2)
        await ctx.db.execute("UPDATE orders_quote SET valid_until = $1", past)
    elif end == "superseded":
        await act("orders.quote/revise", sent)
    else:
        assert 303 == (await guest.post(f"{path}/refusal", data={"reason": "Dear"})).status_code
    page = await guest.get(path)
    assert page.status_code == (200 if end == "expired" else 410)
    assert "Accept and order" not in page.text
    answer = await guest.post(f"{path}/acceptance", data={"name": "Tom"})
    assert 409 == answer.status_code
    assert 0 == await _orders(ctx)


async def test_a_status_link_shows_the_order_until_it_is_ended(
    ctx: Context, draft: Draft, guest: httpx.AsyncClient, act: Act
) -> None:
    order = await draft()
    assert 404 == (await guest.get(_path(status_link(ctx, order, 1)))).status_code
    await act("orders.order/confirm", order)
    path = _path(status_link(ctx, order, 1))
    page = await guest.get(path)
    assert 200 == page.status_code
    assert "Prepare" in page.text
    assert "4,821" not in page.text  # prices only where the settings say so
    assert "Anna" not in page.text
    await act("orders.order/end-links", order)
    assert 410 == (await guest.get(path)).status_code
    assert 200 == (await guest.get(_path(status_link(ctx, order, 2)))).status_code


async def test_the_page_and_the_mail_speak_the_clients_language(
    ctx: Context, shop: dict[str, int], draft: Draft, guest: httpx.AsyncClient, act: Act
) -> None:
    await ctx.save("crm.person", shop["person"], language="Russian")
    order = await draft()
    await act("orders.order/confirm", order)
    page = await guest.get(_path(status_link(ctx, order, 1)))
    assert "Заказ" in page.text
    subject = await ctx.db.value("SELECT subject FROM core_message")
    assert subject.startswith("Заказ")


async def test_papers_hold_the_totals(ctx: Context, sent: int, draft: Draft, act: Act) -> None:
    values = await quote_values(ctx, sent)
    assert "€10,630.31" in str(values["totals"])  # 9,642 and 10.25 %
    assert ["Installation"] == [row[0] for row in values["options"]]
    order = await draft(kit=0)
    await act("orders.order/confirm", order)
    assert "€10,630.31" in str((await order_values(ctx, order))["totals"])
    delivery = await act("orders.order/deliver", order)
    assert [["GTX Pro", "2"]] == (await slip_values(ctx, delivery))["rows"]
    assert [] == (await slip_values(ctx, delivery))["totals"]
