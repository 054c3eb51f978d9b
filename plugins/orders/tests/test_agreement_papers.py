"""Blanket orders on paper and by mail: in the client's language, and only for the client."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from crmkit_orders.mailing import client_link
from crmkit_orders.papers import agreement_values

from crmkit import ConflictError, InvalidError
from crmkit.model.context import Principal
from crmkit.model.role import Right, Role
from crmkit.records.actions import run_action
from crmkit.web.guests import speaking

if TYPE_CHECKING:
    import httpx
    from conftest import Act, Decide, Draft

    from crmkit.model.context import Context
    from crmkit.model.role import Scope, Verb
    from crmkit.testing.sites import Running

AGREEMENT, AGREED = "orders.agreement", "orders.agreement_line"


@pytest.fixture
async def agreement(ctx: Context, shop: dict[str, int], act: Act) -> int:
    """Kits at 50.5, of which 100 were agreed, and as much work as is wanted."""
    made = await ctx.create(
        AGREEMENT, company=shop["company"], person=shop["person"], currency="EUR", owner=9001,
        valid_from=ctx.now().date() - timedelta(days=2),
        valid_until=ctx.now().date() + timedelta(days=20), client_number="PO-77",
    )  # fmt: skip
    lines = ((1, "kit", Decimal(100), Decimal("50.5")), (2, "work", None, Decimal(90)))
    for place, name, quantity, price in lines:
        await ctx.create(
            AGREED, agreement=made, product=shop[name], quantity=quantity, unit_price=price,
            position=place,
        )  # fmt: skip
    await act("orders.agreement/begin", made)
    return made


async def _mails(ctx: Context) -> list[str]:
    rows = await ctx.db.rows("SELECT * FROM core_message ORDER BY id")
    return [f"{row['subject']}\n{row['body']}" for row in rows]


async def test_a_blanket_order_prints_what_was_agreed_in_the_clients_language(
    ctx: Context, agreement: int, act: Act
) -> None:
    await ctx.db.execute("UPDATE orders_agreement SET valid_from = $1, valid_until = $2",
                         date(2026, 3, 1), date(2027, 2, 28))  # fmt: skip
    number = (await ctx.get(AGREEMENT, agreement))["number"]
    values = await agreement_values(ctx, agreement)
    assert f"Blanket order {number}" == values["heading"]
    assert [
        ["MG Special", "100", "€50.50", "€5,050"],
        ["Installation", "as much as you want", "€90 / hour", ""],
    ] == values["rows"]
    assert [["Agreed value without tax", "€5,050"]] == values["totals"]
    assert [
        "Valid from Sunday, 1 March 2026.", "Valid until Sunday, 28 February 2027.",
        "Your number: PO-77",
    ] == values["notes"].split("\n")  # fmt: skip
    with speaking(ctx, "ru") as client:
        spoken = await agreement_values(client, agreement)
    assert f"Рамочный заказ {number}" == spoken["heading"]
    assert spoken["notes"].startswith("Действует с: воскресенье, 1 марта 2026.")
    assert "сколько нужно" == spoken["rows"][1][1]
    await act("orders.agreement/call-off", agreement)
    assert values["rows"] == (await agreement_values(ctx, agreement))["rows"]


async def test_a_client_gets_the_paper_of_his_blanket_order_where_prices_may_be_shown(
    site: Running, ctx: Context, agreement: int, shop: dict[str, int], guest: httpx.AsyncClient,
    decide: Decide, act: Act,
) -> None:  # fmt: skip
    await ctx.db.execute("DELETE FROM core_document")
    await ctx.save("crm.person", shop["person"], language="Russian")
    other = await ctx.create("crm.company", name="Isdom")

    def path(client: int) -> str:
        link = client_link(ctx, "company", client, 1).partition("/orders/")[2]
        return f"/orders/{link}"

    paper = f"{path(shop['company'])}/papers/agreement/{agreement}"
    assert 404 == (await guest.get(paper)).status_code
    decide(clients_see_prices=True)
    assert paper in (await guest.get(path(shop["company"]))).text
    assert 404 == (await guest.get(f"{path(other)}/papers/agreement/{agreement}")).status_code
    assert 202 == (await guest.get(paper)).status_code
    await site.work()
    assert (await guest.get(paper)).content.startswith(b"%PDF")
    made = await ctx.db.rows("SELECT state, language FROM core_document WHERE entity = $1",
                             AGREEMENT)  # fmt: skip
    assert [("made", "ru")] == [(row["state"], row["language"]) for row in made]
    page = (await (await site.client()).get(f"/orders.agreement/{agreement}")).text
    assert 'made <a href="/documents/' in page
    await act("orders.agreement/close", agreement)
    assert 404 == (await guest.get(paper)).status_code


async def test_a_blanket_order_is_sent_once_by_a_link_in_the_clients_language(
    ctx: Context, agreement: int, shop: dict[str, int], act: Act, decide: Decide
) -> None:
    with pytest.raises(ConflictError, match="do not see prices"):
        await act("orders.agreement/send", agreement)
    decide(clients_see_prices=True)
    await ctx.save("crm.person", shop["person"], language="Russian")
    for _ in range(2):
        await act("orders.agreement/send", agreement)
    (mail,) = await _mails(ctx)
    number = (await ctx.get(AGREEMENT, agreement))["number"]
    assert mail.startswith(f"Рамочный заказ {number}\n")
    assert client_link(ctx, "person", shop["person"], 1) in mail
    await ctx.save("crm.person", shop["person"], email="")
    with pytest.raises(InvalidError, match="no e-mail address"):
        await act("orders.agreement/send", agreement)
    await ctx.db.execute("UPDATE orders_agreement SET valid_until = $1",
                         ctx.now().date() - timedelta(days=1))  # fmt: skip
    with pytest.raises(ConflictError, match="does not run today"):
        await act("orders.agreement/send", agreement)
    assert 1 == len(await _mails(ctx))


async def test_who_sees_some_of_a_client_sends_no_link_to_all_with_a_blanket_order(
    ctx: Context, agreement: int, draft: Draft, act: Act, decide: Decide
) -> None:
    decide(clients_see_prices=True)
    order = await draft()
    await act("orders.order/confirm", order)
    await ctx.db.execute("DELETE FROM core_message")
    scopes: dict[str, Scope] = {"crm.*": "all", "orders.*": "own", "core.*": "all"}
    verbs: tuple[Verb, ...] = ("read", "edit", "create")
    rights = tuple(Right(name, verb, scopes[name]) for name in scopes for verb in verbs)
    role = Role("seller", "Seller", rights)
    seller = replace(ctx, principal=Principal(9001, "Anna Snelling", role))
    plan = ctx.site.entity(AGREEMENT)
    await ctx.db.execute("UPDATE orders_order SET owner = 9002")
    with pytest.raises(ConflictError, match="not yours to see"):
        await run_action(seller, plan, "send", agreement, {})
    await ctx.db.execute("UPDATE orders_order SET owner = 9001")
    await run_action(seller, plan, "send", agreement, {})
    assert 1 == len(await _mails(ctx))
