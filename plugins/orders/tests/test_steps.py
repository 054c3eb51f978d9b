"""Steps as a company names them, who holds them, who takes over, and what won deals become."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from crmkit_orders.mailing import client_link, status_link
from crmkit_orders.winning import WON

from crmkit.errors import InvalidError, Veto
from crmkit.records.actions import run_action
from crmkit.records.metrics import metric_values
from crmkit.records.plugins.settings import save_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx
    from conftest import Act, Decide, Draft

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

PLAN, STEP = "orders.step_plan", "orders.step"


@pytest.fixture
async def plan(site: Running) -> AsyncIterator[Context]:
    """The plan without its seeded steps, which come back afterwards."""
    await site.db.execute("UPDATE orders_step_plan SET is_active = false")
    yield site.ctx
    await site.db.execute("DELETE FROM orders_step")
    await site.db.execute("DELETE FROM orders_step_plan WHERE name NOT IN "
                          "('Check', 'Prepare', 'Deliver', 'Invoice')")  # fmt: skip
    await site.db.execute("UPDATE orders_step_plan SET is_active = name <> 'Check'")
    await site.db.execute("UPDATE core_user SET team = NULL")


def _path(link: str) -> str:
    return "/orders/" + link.partition("/orders/")[2]


async def _steps(ctx: Context, order: int) -> list[dict[str, Any]]:
    rows = await ctx.db.rows('SELECT * FROM orders_step WHERE "order" = $1 ORDER BY id', order)
    return [dict(row) for row in rows]


async def test_orders_go_through_the_companys_own_steps_with_who_it_names(
    plan: Context, draft: Draft, act: Act
) -> None:
    ctx = plan
    order = await draft()
    with pytest.raises(Veto, match="step plan"):
        await act("orders.order/confirm", order)
    team = await ctx.create("core.team", name="Warehouse")
    await ctx.db.execute("UPDATE core_user SET team = $1 WHERE id IN (9001, 9002)", team)
    with pytest.raises(Veto, match="not saved"):
        await ctx.create(PLAN, name="Engrave", responsible="person")
    await ctx.create(PLAN, name="Engrave", responsible="person", person=9002, hours=3,
                     ends_with="hand", minutes=90)  # fmt: skip
    await ctx.create(PLAN, name="Pack", responsible="team", of_team=team, ends_with="shipped")
    await act("orders.order/confirm", order)
    first, second = await _steps(ctx, order)
    stored = await ctx.get("orders.order", order)
    assert ("Engrave", 9002, "Engrave") == (first["name"], first["holder"], stored["step"])
    assert first["due_at"] < stored["promised_at"], "three hours, not the whole promise"
    await act("orders.order/finish-step", order)
    first, second = await _steps(ctx, order)
    assert (9001, stored["promised_at"]) == (second["holder"], second["due_at"]), "holds fewest"
    await act("orders.delivery/ship", await act("orders.order/deliver", order))
    assert {"done"} == {step["state"] for step in await _steps(ctx, order)}


async def test_clients_read_steps_in_their_language_and_colleagues_as_the_company_names_them(
    plan: Context, shop: dict[str, int], draft: Draft, act: Act, guest: httpx.AsyncClient,
    site: Running,
) -> None:  # fmt: skip
    ctx = plan
    step = await ctx.create(PLAN, name="Gravieren", ends_with="hand")
    await ctx.create("orders.step_name", step=step, language="ru", name="Гравировка")
    english = await ctx.create("orders.step_name", step=step, language="en", name="Engraving")
    with pytest.raises(InvalidError):
        await ctx.create("orders.step_name", step=step, language="ru", name="Ещё раз")
    await ctx.save("crm.person", shop["person"], language="Russian")
    order = await draft()
    await act("orders.order/confirm", order)
    status = _path(status_link(ctx, order, 1))
    own = _path(client_link(ctx, "person", shop["person"], 1))
    for path in (status, own):
        page = (await guest.get(path)).text
        assert "Гравировка" in page
        assert "Gravieren" not in page
    await act("orders.order/send-status", order)
    mail = await ctx.db.value("SELECT body FROM core_message ORDER BY id DESC LIMIT 1")
    assert "Гравировка" in mail
    browser = await site.client()
    assert "Gravieren" in (await browser.get(f"/orders.order/{order}")).text
    await ctx.save("crm.person", shop["person"], language="English")
    assert "Engraving" in (await guest.get(status)).text
    await ctx.trash("orders.step_name", english)
    for path in (status, own):
        assert "Gravieren" in (await guest.get(path)).text


async def test_what_a_leaver_has_open_passes_in_one_operation(
    site: Running, draft: Draft, act: Act
) -> None:
    ctx = site.ctx
    order, closed = await draft(), await draft()
    for each in (order, closed):
        await act("orders.order/confirm", each)
    await act("orders.order/cancel", closed, reason="Not wanted")
    company = await ctx.create("crm.company", name="Of Anna", owner=9001)
    users = ctx.site.entity("core.user")
    done = await run_action(ctx, users, "hand-over", 9001, {"to": "boris@example.org"})
    try:
        stored = await ctx.get("orders.order", order)
        assert (9002, 9002) == (stored["owner"], stored["holder"])
        assert 9001 == (await ctx.get("orders.order", closed))["owner"], "what is over stays"
        assert 9002 == (await ctx.get("crm.company", company))["owner"]
        text = await ctx.db.value(
            "SELECT values ->> 'what' FROM core_notification WHERE kind = 'core.handover'"
        )
        assert "Orders 1" in text
        assert "Steps of orders 1" in text
        count = "SELECT count(*) FROM core_journal WHERE operation = $1"
        assert 3 <= await ctx.db.value(count, done.operation)
    finally:
        await ctx.db.execute("DELETE FROM crm_company WHERE name = 'Of Anna'")


async def test_steps_of_who_has_left_stand_first_and_administrators_hear_once(
    site: Running, draft: Draft, act: Act
) -> None:
    ctx = site.ctx
    await ctx.db.execute("UPDATE core_user SET role = 'seller' WHERE id = 9001")
    order = await draft()
    await act("orders.order/confirm", order)
    browser = await site.client()
    told = "SELECT values ->> 'what' FROM core_notification WHERE kind = 'core.left'"
    try:
        assert "May no longer sign in" not in (await browser.get("/orders/board")).text
        await ctx.save("core.user", 9001, active=False)
        await ctx.save("core.user", 9001, phone="100")
        for _twice in range(2):
            await site.work()
        assert ["Orders 1, Steps of orders 1"] == [
            row[0] for row in await ctx.db.rows(f"{told} AND user_id = 9002")
        ]
        assert "May no longer sign in" in (await browser.get("/orders/board")).text
        assert "Steps of orders" in (await browser.get("/core.user/9001")).text
        users = ctx.site.entity("core.user")
        await run_action(ctx, users, "hand-over", 9001, {"to": "boris@example.org"})
        assert "May no longer sign in" not in (await browser.get("/orders/board")).text
        await ctx.save("core.user", 9001, active=True)
        await run_action(
            ctx, users, "hand-over", 9001, {"to": "boris@example.org", "disable": "true"}
        )
        await site.work()
        assert 1 == len(await ctx.db.rows(f"{told} AND user_id = 9002")), "nothing was left"
    finally:
        await ctx.db.execute(
            "UPDATE core_user SET role = 'administrator', active = true WHERE id = 9001"
        )


async def test_late_counts_from_the_moment_of_the_promise(
    site: Running, draft: Draft, act: Act
) -> None:
    ctx = site.ctx
    order = await draft()
    await act("orders.order/confirm", order)
    names = ["orders.late", "orders.late_lines"]

    async def late() -> list[int]:
        found = await metric_values(ctx, names)
        return [found[name].count for name in names]

    assert [0, 0] == await late()
    for table, column in (("orders_order", "promised_at"), ("orders_order_line", "due_at")):
        await ctx.db.execute(f"UPDATE {table} SET {column} = now() - interval '1 minute'")
    assert [1, 2] == await late(), "of this very day"
    browser = await site.client()
    page = await browser.get("/orders.order", params={"f.promised_at.under": "now"})
    assert 200 == page.status_code


@pytest.mark.parametrize(
    ("wish", "orders", "told"), [("off", 0, 0), ("offer", 0, 1), ("make", 1, 1)]
)
async def test_a_won_opportunity_is_offered_or_becomes_a_draft_once(
    site: Running, decide: Decide, wish: str, orders: int, told: int
) -> None:
    ctx = site.ctx
    decide(when_won=wish)
    deal = await ctx.create("crm.opportunity", name="Rack", owner=9001, amount=100, currency="EUR")
    await ctx.save("crm.opportunity", deal, stage="won")
    await site.work()
    await ctx.save("crm.opportunity", deal, stage="negotiation")
    await ctx.save("crm.opportunity", deal, stage="won")
    await site.work()
    count = "SELECT count(*) FROM orders_order WHERE opportunity = $1 AND state = 'draft'"
    assert orders == await ctx.db.value(count, deal)
    text = "SELECT count(*) FROM core_notification WHERE kind = 'orders.won' AND user_id = 9001"
    assert told == await ctx.db.value(text)
    assert WON in ctx.site.hooks.plugins["orders"].listens


async def test_other_warning_hours_reach_orders_that_run(
    site: Running, draft: Draft, act: Act
) -> None:
    ctx = site.ctx
    order = await draft()
    await act("orders.order/confirm", order)

    async def first_warning() -> Any:  # noqa: ANN401 - a row
        row = await ctx.db.row(
            "SELECT moments[1] AS at, due_at FROM core_deadline WHERE kind = 'orders.promise'"
        )
        assert row is not None
        return row["due_at"] - row["at"]

    before = await first_warning()
    await save_settings(ctx, "orders", {"warn_hours": 8})
    try:
        await site.rebuild()
        await ctx.db.execute("UPDATE core_job SET run_at = now() WHERE state IN ('later', 'ready')")
        await site.work()
        assert before < await first_warning()
    finally:
        await ctx.db.execute("UPDATE core_plugin SET settings = '{}' WHERE id = 'orders'")
        await site.rebuild()
    assert before >= timedelta(hours=4)
