"""Who holds what, by when, and what people see of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit_orders import days
from crmkit_orders.report import months_of, steps_of
from crmkit_orders.selling import find_product

from crmkit.plugin.events import PageEvent
from crmkit.records.actions import run_action
from crmkit.records.bulk import Selection
from crmkit.records.bulk_actions import bulk_action
from crmkit.records.filters import Filter
from crmkit.records.history import undo_operation
from crmkit.records.metrics import metric_values
from crmkit.records.personal import erase_person, export_person
from crmkit.records.plugins.demo import add_demo
from crmkit.records.query import ListQuery

if TYPE_CHECKING:
    import pytest
    from conftest import Act, Draft

    from crmkit.model.context import Context
    from crmkit.model.event import Happened
    from crmkit.testing.sites import Running

_LATE = "orders.order.late"


async def turn_clock(ctx: Context, span: timedelta) -> None:
    """Let time pass: whatever is stored is so much earlier."""
    for table, columns in {
        "orders_order": ("promised_at", "first_promise", "fulfilled_at"),
        "orders_step": ("due_at", "began_at", "ended_at"),
        "core_deadline": ("due_at", "since", "next_at", "set_at"),
    }.items():
        sets = ", ".join(f"{name} = {name} - $1::interval" for name in columns)
        await ctx.db.execute(f"UPDATE {table} SET {sets}", span)
    await ctx.db.execute(
        "UPDATE core_deadline SET moments = ARRAY(SELECT m - $1::interval FROM unnest(moments) m)",
        span,
    )
    await ctx.db.execute(
        "UPDATE core_job SET run_at = run_at - $1::interval WHERE state IN ('later', 'ready')", span
    )


async def user(ctx: Context, name: str) -> int:
    number: int = await ctx.db.value(
        "INSERT INTO core_user (name, email, role) VALUES ($1, $2, 'seller') "
        "ON CONFLICT DO NOTHING RETURNING id",
        name, f"{name.lower()}@example.org",
    ) or await ctx.db.value(
        "SELECT id FROM core_user WHERE email = $1", f"{name.lower()}@example.org"
    )  # fmt: skip
    return number


async def test_the_page_of_an_order_shows_steps_delivery_and_why_a_price_holds(
    site: Running, draft: Draft, act: Act
) -> None:
    ctx, browser = site.ctx, await site.client()
    order = await draft(deliver_to="401 N Wabash Ave")
    assert "ord-steps" not in (await browser.get(f"/orders.order/{order}")).text
    await act("orders.order/confirm", order)
    page = (await browser.get(f"/orders.order/{order}")).text
    assert 3 == page.count('<p class="ord-name">')
    for text in ("of slack", "401 N Wabash Ave", "Tom Whitfield", "business hours before"):
        assert text in page
    line = await ctx.db.value("SELECT min(id) FROM orders_order_line")
    assert f'href="/orders.order_line/{line}"' in page
    text = (await browser.get(f"/orders.order_line/{line}")).text
    assert "List price" in text
    await act("orders.delivery/ship", await act("orders.order/deliver", order))
    page = (await browser.get(f"/orders.order/{order}")).text
    assert "Deliveries and receipts" in page
    assert "sent " in page
    await turn_clock(ctx, timedelta(days=9))
    assert "late" in (await browser.get(f"/orders.order/{order}")).text


async def test_a_missed_promise_is_said_once_and_each_new_one_again(
    site: Running, draft: Draft, act: Act, events: list[Happened]
) -> None:
    ctx = site.ctx
    order = await draft()
    await act("orders.order/confirm", order)
    await site.work()
    assert _LATE not in [each.name for each in events]
    await turn_clock(ctx, timedelta(days=9))
    await site.work()
    await site.work()
    assert [order] == [each.record_id for each in events if each.name == _LATE]
    told = await ctx.db.value(
        "SELECT count(*) FROM core_notification WHERE user_id = 9001 AND text LIKE '%is due now%'"
    )
    assert 1 == told
    moment = ctx.now() + timedelta(days=2)
    await ctx.save("orders.order", order, promised_at=moment, promise_reason="Frost")
    await turn_clock(ctx, timedelta(days=9))
    await site.work()
    assert 2 == sum(each.name == _LATE for each in events)


async def test_what_is_delivered_in_time_is_never_late(
    site: Running, draft: Draft, act: Act, events: list[Happened]
) -> None:
    order = await draft()
    await act("orders.order/confirm", order)
    await act("orders.delivery/ship", await act("orders.order/deliver", order))
    await turn_clock(site.ctx, timedelta(days=9))
    await site.work()
    assert _LATE not in [each.name for each in events]
    state = await site.ctx.db.value("SELECT state FROM core_deadline WHERE kind = 'orders.promise'")
    assert "met" == state


async def test_the_board_shows_late_ones_first_and_hands_over_in_place(
    site: Running, draft: Draft, act: Act
) -> None:
    ctx, browser = site.ctx, await site.client()
    assert "Nobody holds a step" in (await browser.get("/orders/board")).text
    first = await draft()
    await act("orders.order/confirm", first)
    await turn_clock(ctx, timedelta(days=9))
    await act("orders.order/confirm", await draft())
    boris = await user(ctx, "Boris")
    page = (await browser.get("/orders/board")).text
    assert 1 == page.count("ord-row late")
    assert page.index("ord-row late") < page.index('<div class="ord-row">')
    sent = await browser.post(
        "/orders/board", data={"order": str(first), "to": "boris@example.org"}
    )
    assert 303 == sent.status_code
    page = (await browser.get("/orders/board")).text
    assert 'id="h-9001"' in page
    assert f'id="h-{boris}"' in page
    assert boris == await ctx.db.value("SELECT holder FROM orders_order WHERE id = $1", first)
    sent = await browser.post("/orders/board", data={"order": str(first), "to": "Nobody here"})
    assert "name or address" in (await browser.get("/orders/board")).text
    text = (await browser.get(f"/orders.order/{first}")).text
    assert "over to Boris" in text


async def test_the_board_asks_as_often_for_many_orders_and_only_for_the_readers(
    site: Running, draft: Draft, act: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx, browser = site.ctx, await site.client("seller")
    await act("orders.order/confirm", await draft())
    page = (await browser.get("/orders/board")).text
    assert "ord-row" not in page  # of somebody else
    chief = await site.client()
    counts = []
    for more in (0, 3):
        for _each in range(more):
            await act("orders.order/confirm", await draft())
        asked: list[int] = []
        real: Any = type(ctx.db)._call

        async def count(*args: Any, **more: bool) -> object:  # noqa: ANN401
            asked.append(1)  # noqa: B023 - called within this round
            return await real(*args, **more)  # noqa: B023

        with monkeypatch.context() as patch:
            patch.setattr(type(ctx.db), "_call", count)
            assert 200 == (await chief.get("/orders/board")).status_code
        counts.append(len(asked))
    assert counts[0] == counts[1]


async def test_a_won_deal_becomes_one_order_whatever_is_pressed_how_often(
    site: Running, shop: dict[str, int]
) -> None:
    ctx = site.ctx
    plan = ctx.site.entity("crm.opportunity")
    deals = {
        name: await ctx.create(
            "crm.opportunity", name=name, company=shop["company"], stage="won",
            amount=Decimal(amount), close_date=date(2026, 5, 4), owner=9001,
        )
        for name, amount in (("GTXPro Kan-code", 4514), ("Something else", 70))
    }  # fmt: skip
    deal = deals["GTXPro Kan-code"]
    result = await bulk_action(
        ctx, plan, "make-order", Selection(query=ListQuery(filters=(Filter("stage", "is", "won"),)))
    )
    assert (2, ()) == (result.changed, result.skipped)
    again = await run_action(ctx, plan, "make-order", deal)
    rows = await ctx.db.rows(
        "SELECT o.id, o.net, l.product, l.is_unmatched, l.text FROM orders_order o "
        'JOIN orders_order_line l ON l."order" = o.id ORDER BY o.id'
    )
    assert f"/orders.order/{rows[0]['id']}" == again.url
    assert [
        (Decimal(4514), shop["pro"], False, "GTX Pro"),
        (Decimal(70), None, True, "Something else"),
    ] == [tuple(row)[1:] for row in rows]
    quote = (await run_action(ctx, plan, "make-quote", deal)).url
    assert quote == (await run_action(ctx, plan, "make-quote", deal)).url
    browser = await site.client()
    page = (await browser.get(f"/crm.opportunity/{deal}")).text
    assert "Quotes and orders" in page
    assert 'href="/orders.quote/' in page
    page = (await browser.get(f"/crm.company/{shop['company']}")).text
    assert "Orders at a glance" in page


async def test_a_name_that_two_products_begin_gives_the_longer_one(
    ctx: Context, shop: dict[str, int]
) -> None:
    plus = await ctx.create("orders.product", name="GTX Pro Max", currency="EUR")
    for name, wanted in (
        ("GTX Pro Max for Berlin", plus),
        ("GTX Pro for Berlin", shop["pro"]),
        ("Berlin", None),
    ):
        assert wanted == await find_product(ctx, {"name": name, "company__title": "Isdom"})


async def test_figures_report_agenda_and_calendar_follow_the_orders(
    site: Running, draft: Draft, act: Act
) -> None:
    ctx = site.ctx
    me = replace(ctx, principal=replace(ctx.principal, user_id=9001))
    kept, late = await draft(), await draft()
    for order in (kept, late):
        await act("orders.order/confirm", order)
    agenda = await days.agenda_of(PageEvent(me, scope="mine"))
    assert ("2", 2) == (agenda["sections"][0].count, len(agenda["sections"][0].items))
    today = ctx.now().date()
    event = PageEvent(me, first=today, last=today + timedelta(days=14))
    assert {f"order-{kept}", f"order-{late}"} == {
        each.id for each in await days.items_between(event)
    }
    assert [] == await days.items_between(PageEvent(ctx, first=today, last=today))
    await act("orders.delivery/ship", await act("orders.order/deliver", kept))
    await turn_clock(ctx, timedelta(days=9))
    figures = await metric_values(ctx, ["orders.late", "orders.open_value", "orders.on_their_way"])
    assert [1, 1, 1] == [each.count for each in figures.values()]
    assert [("1", "1", "100 %")] == [
        (each.fulfilled, each.on_time, each.share) for each in await months_of(ctx)
    ]
    assert ["Prepare", "Deliver"] == [each["label"] for each in await steps_of(ctx)]
    browser = await site.client()
    page = (await browser.get("/orders/report")).text
    assert "Show as table" in page
    assert "Time per step" in page
    home = (await browser.get("/?scope=all")).text
    assert "Late orders" in home


async def test_a_person_is_exported_and_erased_and_the_accounts_stay(
    site: Running, shop: dict[str, int], draft: Draft, act: Act
) -> None:
    ctx = site.ctx
    order = await draft(deliver_to="Tom Whitfield, dock 4", note="Call Tom before.")
    await act("orders.order/confirm", order)
    plan = ctx.site.entity("crm.person")
    told = str(await export_person(ctx, plan, shop["person"]))
    assert "dock 4" in told
    await erase_person(ctx, plan, shop["person"])
    row = await ctx.db.row("SELECT deliver_to, note, net FROM orders_order WHERE id = $1", order)
    assert row is not None
    assert ("", "", Decimal(9862)) == tuple(row)
    journal = await ctx.db.value(
        "SELECT count(*) FROM core_journal j "
        "WHERE entity = 'orders.order' AND j::text LIKE '%dock%'"
    )
    assert 0 == journal


async def test_sample_records_are_made_without_a_mail_and_undone(site: Running) -> None:
    ctx = replace(site.ctx, principal=replace(site.ctx.principal, user_id=9001))
    operation = await add_demo(ctx, "orders")
    assert 2 == await ctx.db.value("SELECT count(*) FROM orders_order WHERE state = 'draft'")
    assert 0 == await ctx.db.value("SELECT count(*) FROM core_message")
    await undo_operation(ctx, operation)
    for table in ("orders_product", "orders_order", "orders_quote", "orders_receipt"):
        left = await ctx.db.value(f"SELECT count(*) FROM {table} WHERE trashed_at IS NULL")
        assert (table, 0) == (table, left)


async def test_the_board_shows_the_most_urgent_of_each_and_the_rest_on_a_page_of_his_own(
    site: Running, draft: Draft, act: Act
) -> None:
    orders = [await draft() for _each in range(6)]
    for order in orders:
        await act("orders.order/confirm", order)
    last = orders[0]
    await site.ctx.db.execute(
        "UPDATE orders_step SET due_at = now() + interval '9 days' WHERE \"order\" = $1", last
    )
    browser = await site.client()
    page = (await browser.get("/orders/board")).text
    assert 5 == page.count("ord-row")
    assert f"/orders.order/{last}" not in page
    assert 'href="/orders/board?holder=9001">All 6' in page
    own = (await browser.get("/orders/board?holder=9001")).text
    assert 6 == own.count("ord-row")
    assert "ord-row" not in (await browser.get("/orders/board?holder=9999")).text
    assert 200 == (await browser.get("/orders/board?holder=x")).status_code
