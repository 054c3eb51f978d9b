"""The page of a client: his own things, as far as he may see them, and ordering again once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from crmkit_orders.mailing import client_link

from crmkit import say_kept
from crmkit.errors import ConflictError, InvalidError
from crmkit.model.context import Principal
from crmkit.model.role import Right, Role
from crmkit.records.actions import run_action

if TYPE_CHECKING:
    from datetime import datetime

    import httpx
    from conftest import Act, Decide, Draft

    from crmkit.model.context import Context
    from crmkit.model.role import Scope, Verb
    from crmkit.testing.sites import Running


def _at(ctx: Context, moment: datetime) -> Context:
    return replace(ctx, clock=lambda: moment)


def _path(ctx: Context, kind: str, client: int, link: int = 1) -> str:
    return "/orders/" + client_link(ctx, kind, client, link).partition("/orders/")[2]


@pytest.fixture
async def order(ctx: Context, draft: Draft, act: Act) -> int:
    """A confirmed order of Kan-code, beside a draft of theirs and an order of Isdom's."""
    number = await draft()
    await act("orders.order/confirm", number)
    await draft(note="Nobody saw this draft")
    isdom = await ctx.create("crm.company", name="Isdom")
    other = await draft(company=isdom, person=None, client_number="ISDOM-77")
    await act("orders.order/confirm", other)
    return number


async def _number(ctx: Context, order: int) -> str:
    return str((await ctx.get("orders.order", order))["number"])


async def test_a_client_sees_what_is_his(
    ctx: Context, order: int, shop: dict[str, int], guest: httpx.AsyncClient, act: Act
) -> None:
    quote = await ctx.create(
        "orders.quote", company=shop["company"], person=shop["person"], currency="EUR", owner=9001
    )
    await ctx.create("orders.quote_line", quote=quote, product=shop["work"], quantity=Decimal(2))
    await act("orders.quote/send", quote)
    for kind in ("company", "person"):
        page = await guest.get(_path(ctx, kind, shop[kind]))
        assert 200 == page.status_code
        assert await _number(ctx, order) in page.text
        assert "GTX Pro and 1 more" in page.text
        assert "Read and accept" in page.text
        assert "€209.48" in page.text  # what a quote offers is always said
        assert "11,1" not in page.text  # what an order comes to only where the settings say so
        for foreign in ("ISDOM-77", "Isdom", "Nobody saw", "Anna"):
            assert foreign not in page.text
        assert "Pay</a>" not in page.text
    assert "Tom Whitfield" not in (await guest.get(_path(ctx, "company", shop["company"]))).text


async def test_a_page_takes_the_same_statements_whatever_is_on_it(
    ctx: Context, order: int, shop: dict[str, int], draft: Draft, act: Act,
    guest: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    path = _path(ctx, "company", shop["company"])
    asked: list[str] = []
    rows, row = type(ctx.db).rows, type(ctx.db).row

    async def counted_rows(self: object, sql: str, *args: object) -> object:
        asked.append(sql)
        return await rows(self, sql, *args)  # type: ignore[arg-type]

    async def counted_row(self: object, sql: str, *args: object) -> object:
        asked.append(sql)
        return await row(self, sql, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(type(ctx.db), "rows", counted_rows)
    monkeypatch.setattr(type(ctx.db), "row", counted_row)
    await guest.get(path)
    few = len(asked)
    for _ in range(3):
        await act("orders.order/confirm", await draft())
    asked.clear()
    await guest.get(path)
    assert 0 < few == len(asked)


async def test_a_link_ends_and_is_no_link_to_others(
    ctx: Context, order: int, shop: dict[str, int], guest: httpx.AsyncClient
) -> None:
    path = _path(ctx, "company", shop["company"])
    plan = ctx.site.entity("crm.company")
    await run_action(ctx, plan, "end-page", shop["company"], {})
    for each in (path, f"{path}/orders/{order}", f"{path}/papers/quotation/{order}"):
        assert 410 == (await guest.get(each)).status_code
    assert 410 == (await guest.post(f"{path}/orders/{order}")).status_code
    renewed = _path(ctx, "company", shop["company"], 2)
    assert 200 == (await guest.get(renewed)).status_code
    await run_action(ctx, plan, "end-page", shop["company"], {})
    assert 410 == (await guest.get(renewed)).status_code
    forged = path.replace(f"company-{shop['company']}", f"company-{shop['company'] + 1}")
    assert 404 == (await guest.get(forged)).status_code


async def test_ordering_again_makes_one_draft_at_the_prices_of_today(
    site: Running, ctx: Context, order: int, shop: dict[str, int], guest: httpx.AsyncClient,
    decide: Decide,
) -> None:  # fmt: skip
    decide(clients_see_prices=True)
    await ctx.save("orders.product", shop["pro"], price=Decimal(5000))
    path = f"{_path(ctx, 'company', shop['company'])}/orders/{order}"
    shown = (await guest.get(path)).text
    assert "4,821" in shown
    assert "5,000" in shown
    assert 1 == shown.count(">changed<")
    answers = await asyncio.gather(
        *(guest.post(path, data={"note": "By Friday <b>"}) for _ in range(3))
    )
    assert [303] * 3 == [each.status_code for each in answers]
    (row,) = await ctx.db.rows("SELECT * FROM orders_reorder WHERE source = $1", order)
    assert "By Friday <b>" == row["note"]
    made = await ctx.get("orders.order", row["order"])
    assert ("draft", 9001) == (made["state"], made["owner"])
    lines = await ctx.db.rows(
        'SELECT * FROM orders_order_line WHERE "order" = $1 ORDER BY position', made["id"]
    )
    assert [Decimal(5000), Decimal(55)] == [line["unit_price"] for line in lines]
    assert "Was 4,821" in say_kept(ctx, lines[0]["price_rule"])
    told = await ctx.db.rows("SELECT * FROM core_notification WHERE kind = 'orders.client'")
    assert [9001] == [each["user_id"] for each in told]
    staff = await (await site.client()).get(f"/orders.order/{made['id']}")
    assert "By Friday &lt;b&gt;" in staff.text
    page = await guest.get(answers[0].headers["location"])
    assert f"We got your order as {made['number']}" in page.text
    # Once the draft is confirmed the same can be ordered again.
    await ctx.save("orders.order", made["id"], state="confirmed")
    await guest.post(path)
    assert 2 == await ctx.db.value("SELECT count(*) FROM orders_reorder")


async def test_what_is_not_the_clients_cannot_be_ordered_again(
    ctx: Context, order: int, shop: dict[str, int], guest: httpx.AsyncClient, act: Act
) -> None:
    other = await ctx.db.value("SELECT id FROM orders_order WHERE client_number = 'ISDOM-77'")
    unsent = await ctx.db.value("SELECT id FROM orders_order WHERE state = 'draft'")
    path = _path(ctx, "person", shop["person"])
    for number in (other, unsent, 10**9):
        assert 404 == (await guest.get(f"{path}/orders/{number}")).status_code
        assert 404 == (await guest.post(f"{path}/orders/{number}")).status_code
    await act("orders.order/cancel", order, reason="Gone")
    assert 404 == (await guest.post(f"{path}/orders/{order}")).status_code
    assert 0 == await ctx.db.value("SELECT count(*) FROM orders_reorder")


async def test_papers_are_made_when_asked_for_and_only_for_their_client(
    site: Running, ctx: Context, order: int, shop: dict[str, int], guest: httpx.AsyncClient,
    decide: Decide,
) -> None:  # fmt: skip
    path = f"{_path(ctx, 'company', shop['company'])}/papers"
    paper = f"{path}/confirmation/{order}"
    assert 404 == (await guest.get(paper)).status_code  # it has prices
    decide(clients_see_prices=True)
    for _ in range(2):
        assert 202 == (await guest.get(paper)).status_code
    assert 1 == await ctx.db.value("SELECT count(*) FROM core_document WHERE record = $1", order)
    await site.work()
    made = await guest.get(paper)
    assert 200 == made.status_code
    assert made.content.startswith(b"%PDF")
    other = await ctx.db.value("SELECT id FROM orders_order WHERE client_number = 'ISDOM-77'")
    for wrong in (f"confirmation/{other}", f"quotation/{order}", f"slip/{order}", f"x/{order}"):
        assert 404 == (await guest.get(f"{path}/{wrong}")).status_code, wrong


async def test_who_sees_all_of_a_client_sends_the_link_in_the_clients_language(
    ctx: Context, anna: Context, order: int, shop: dict[str, int]
) -> None:
    await ctx.save("crm.person", shop["person"], language="Russian")
    plan = ctx.site.entity("crm.person")
    now = ctx.now()
    for _ in range(2):
        await run_action(_at(anna, now), plan, "send-page", shop["person"], {})
    (mail,) = await ctx.db.rows("SELECT * FROM core_message WHERE subject LIKE '%заказы%'")
    assert client_link(ctx, "person", shop["person"], 1) in mail["body"]
    links = await ctx.db.rows(
        "SELECT entity, record FROM core_message_link WHERE message = $1", mail["id"]
    )
    # Not with the person, whom more people can read than the orders.
    assert [("orders.order", order)] == [(each["entity"], each["record"]) for each in links]


async def test_the_status_link_is_sent_once_for_each_click(
    ctx: Context, order: int, act: Act
) -> None:
    plan = ctx.site.entity("orders.order")
    before = await ctx.db.value("SELECT count(*) FROM core_message")
    now = ctx.now()
    for moment in (now, now, now + timedelta(minutes=1)):
        await run_action(_at(ctx, moment), plan, "send-status", order, {})
    assert 2 == await ctx.db.value("SELECT count(*) FROM core_message") - before
    sent = await ctx.db.rows("SELECT body FROM core_message ORDER BY id DESC LIMIT 1")
    assert "/orders/status/" in sent[0]["body"]
    await act("orders.order/cancel", order, reason="Gone")
    with pytest.raises(ConflictError):
        await run_action(ctx, plan, "send-status", order, {})


async def test_who_sees_some_of_a_client_gives_no_link_to_all(
    ctx: Context, order: int, shop: dict[str, int]
) -> None:
    scopes: dict[str, Scope] = {"crm.*": "all", "orders.*": "own", "core.*": "all"}
    verbs: tuple[Verb, ...] = ("read", "edit", "create")
    rights = tuple(Right(name, verb, scopes[name]) for name in scopes for verb in verbs)
    role = Role("seller", "Seller", rights)
    seller = replace(ctx, principal=Principal(9002, "Boris Marlow", role))
    plan = ctx.site.entity("crm.company")
    with pytest.raises(ConflictError, match="not yours to see"):
        await run_action(seller, plan, "send-page", shop["company"], {})
    await ctx.db.execute("UPDATE orders_order SET owner = 9002")
    with pytest.raises(InvalidError, match="no e-mail address"):
        await run_action(seller, plan, "send-page", shop["company"], {})
    lonely = await ctx.create("crm.company", name="Betasoloin", email="b@example.com")
    with pytest.raises(ConflictError, match="nothing to see"):
        await run_action(seller, plan, "send-page", lonely, {})
