"""What was decided stays as it was, and is read in the language of whoever reads it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
import pytest
from crmkit_orders.step_plans import name_seeded

from crmkit import LifeEvent, say_kept, speaking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx
    from conftest import Act, Draft

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

ORDER, LINE = "orders.order", "orders.order_line"
_FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


async def _russian(site: Running) -> httpx.AsyncClient:
    browser = await site.client()
    await site.db.execute(
        "UPDATE core_user SET language = 'ru' "
        "WHERE id = (SELECT max(id) FROM core_user WHERE id < 9000)"
    )
    return browser


async def _scarce_order(site: Running, shop: dict[str, int], draft: Draft, act: Act) -> int:
    """Confirm an order one of whose lines waits for goods and one of whose prices was typed."""
    ctx = site.ctx
    await ctx.save("orders.product", shop["kit"], is_stocked=True, may_go_negative=True)
    await ctx.derive("orders.product", shop["kit"], on_hand=Decimal(1))
    day = ctx.now().date() + timedelta(days=30)
    receipt = await ctx.create("orders.receipt", expected_on=day)
    await ctx.create(
        "orders.receipt_line", receipt=receipt, product=shop["kit"], expected=Decimal(100)
    )
    order = await draft()
    await ctx.create(
        LINE, order=order, product=shop["work"], quantity=Decimal(1), unit_price=Decimal("1234.5")
    )
    await act("orders.order/confirm", order)
    return order


async def test_why_a_price_and_a_date_hold_is_read_in_the_readers_language(
    site: Running, shop: dict[str, int], draft: Draft, act: Act
) -> None:
    order = await _scarce_order(site, shop, draft, act)
    english, russian = await site.client(), await _russian(site)
    url, panel = f"/orders.order/{order}", f"/orders.order/{order}/panels/orders/promise"
    assert "Entered by hand" in (await english.get(url)).text
    assert "Введено вручную" in (await russian.get(url)).text
    assert (
        "1 of 4 are there, the rest is expected on"
        in (await english.get(panel, headers=_FRAGMENT)).text
    )
    page = (await russian.get(panel, headers=_FRAGMENT)).text
    assert "есть 1 из 4, остальное ожидается" in page
    assert "are there" not in page
    lines = await site.ctx.db.rows(
        'SELECT id, promise_rule FROM orders_order_line WHERE "order" = $1 ORDER BY position', order
    )
    kit = lines[1]["id"]
    told = (await russian.get(f"/api/v1/{LINE}/{kit}")).json()
    assert "есть 1 из 4" in told["promise_rule"]
    listed = (await english.get(f"/api/v1/{LINE}?columns=promise_rule&limit=200")).json()
    assert "1 of 4 are there" in str(listed)
    exported = (await russian.get(f"/{LINE}/export?columns=text&columns=promise_rule")).text
    assert "есть 1 из 4" in exported


async def test_what_is_decided_again_and_again_is_kept_alike_whoever_decides(
    site: Running, shop: dict[str, int], draft: Draft, act: Act
) -> None:
    order = await _scarce_order(site, shop, draft, act)
    rules = 'SELECT promise_rule FROM orders_order_line WHERE "order" = $1 ORDER BY id'
    before = await site.db.rows(rules, order)
    with speaking(site.ctx, "ru") as ctx:
        assert "остальное ожидается" in say_kept(ctx, before[1]["promise_rule"])
        await ctx.save(ORDER, order, note="Anything")
    assert before == await site.db.rows(rules, order)


async def test_what_was_written_as_text_before_is_still_read(
    site: Running, shop: dict[str, int], draft: Draft, act: Act
) -> None:
    order = await _scarce_order(site, shop, draft, act)
    await site.db.execute(
        "UPDATE orders_order_line SET price_rule = '[Old] list: taken, 5', "
        'promise_rule = \'{"broken\' WHERE "order" = $1',
        order,
    )
    browser = await _russian(site)
    page = (await browser.get(f"/orders.order/{order}")).text
    assert "[Old] list: taken, 5" in page
    panel = await browser.get(f"/orders.order/{order}/panels/orders/promise", headers=_FRAGMENT)
    assert "broken" in panel.text
    made = await act("orders.order/again", order)
    rows = await site.db.rows(
        'SELECT price_rule FROM orders_order_line WHERE "order" = $1 ORDER BY position', made
    )
    assert "Was 1,234.5" in say_kept(site.ctx, rows[-1]["price_rule"])


@pytest.fixture
async def plan(site: Running) -> AsyncIterator[Context]:
    """One step that a Russian company calls as it came, and one of its own words."""
    ctx = site.ctx
    await site.db.execute("UPDATE orders_step_plan SET is_active = false")
    await ctx.create("orders.step_plan", name="Подготовка", ends_with="hand", position=90)
    own = await ctx.create("orders.step_plan", name="Gravieren", ends_with="hand", position=91)
    await ctx.create("orders.step_name", step=own, language="ru", name="Гравировка")
    yield ctx
    await site.db.execute("DELETE FROM orders_step")
    await site.db.execute("DELETE FROM orders_step_plan WHERE position >= 90")
    await site.db.execute("UPDATE orders_step_plan SET is_active = name <> 'Check'")


async def test_colleagues_read_steps_in_their_language_on_every_page(
    site: Running, plan: Context, draft: Draft, act: Act
) -> None:
    order = await draft()
    await act("orders.order/confirm", order)
    english, russian = await site.client(), await _russian(site)
    pages = (f"/orders.order/{order}", "/orders/board", "/orders.order?columns=number&columns=step")
    for page in pages:
        assert "Prepare" in (await english.get(page)).text, page
        assert "Подготовка" in (await russian.get(page)).text, page
    await act("orders.order/hand-over", order, to="boris@example.org")
    await act("orders.order/finish-step", order)
    await act("orders.order/hand-over", order, to="anna@example.org")
    for page in pages:
        assert "Gravieren" in (await english.get(page)).text, page
        text = (await russian.get(page)).text
        assert "Гравировка" in text, page
        assert "{&#34;" not in text, page
    told = (await russian.get(f"/orders.order/{order}")).text
    assert "Prepare" not in told, "the timeline says both hand-overs"
    assert "Prepare" in (await english.get(f"/orders.order/{order}")).text
    row = await site.db.row(
        "SELECT values FROM core_notification WHERE text LIKE '%is with you%' "
        "ORDER BY id DESC LIMIT 1"
    )
    assert row is not None
    with speaking(plan, "ru") as ctx:
        assert "Гравировка" == say_kept(ctx, row["values"]["step"])
    assert "Gravieren" == say_kept(plan, row["values"]["step"])


async def test_steps_that_come_with_the_plugin_are_named_as_the_site_speaks(site: Running) -> None:
    # Whoever switches it on reads English here, and the site speaks Russian.
    ctx = replace(site.ctx, config=msgspec.structs.replace(site.ctx.config, language="ru"))
    before = await site.db.rows("SELECT id, name FROM orders_step_plan ORDER BY id")
    try:
        await name_seeded(LifeEvent(ctx, ""))
        rows = await site.db.rows("SELECT name FROM orders_step_plan ORDER BY id LIMIT 4")
        assert ["Проверка", "Подготовка", "Доставка", "Счёт"] == [row["name"] for row in rows]
    finally:
        for row in before:
            await site.ctx.save("orders.step_plan", row["id"], name=row["name"])
