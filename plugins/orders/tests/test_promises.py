"""The promise: counted from stock, calendar and capacity, watched, told of once when it moves."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from crmkit_orders.domain.promises import promise, promise_beside
from crmkit_orders.domain.readiness import Arrival, cover_of
from orders_promises import dates_told, expect, lines_of, scarce, work

from crmkit import BusinessCalendar, InvalidError, Veto, deadlines, say_kept

if TYPE_CHECKING:
    from conftest import Act, Decide, Draft

    from crmkit.testing.sites import Running

ORDER, LINE = "orders.order", "orders.order_line"
_DAY = timedelta(days=1)
_FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}
_WEEK = BusinessCalendar(zone="UTC", week=(((540, 1080),),) * 5 + ((), ()))


def test_goods_go_first_to_who_was_confirmed_before() -> None:
    monday = Arrival(date(2027, 1, 4), Decimal(5))
    friday = Arrival(date(2027, 1, 8), Decimal(5))
    assert Decimal(3) == cover_of(Decimal(3), Decimal(4), Decimal(1), []).there
    cover = cover_of(Decimal(3), Decimal(4), Decimal(3), [friday, monday])
    assert (Decimal(1), monday.day) == (cover.there, cover.day)
    assert friday.day == cover_of(Decimal(3), Decimal(4), Decimal(7), [friday, monday]).day
    assert cover_of(Decimal(3), Decimal(4), Decimal(12), [friday, monday]).is_open


def test_what_is_planned_takes_its_time_first() -> None:
    begin = datetime(2027, 1, 4, 9, tzinfo=UTC)
    planned = {date(2027, 1, 4) + n * _DAY: 240 for n in range(3)}
    assert promise(begin, Decimal(8), _WEEK) == begin + timedelta(hours=8)
    assert promise_beside(begin, Decimal(8), _WEEK, {}) == begin + timedelta(hours=8)
    # 8 hours beside 4 of each day: 5 on Monday, the rest is done on Tuesday 16:00.
    assert promise_beside(begin, Decimal(8), _WEEK, planned) == begin + timedelta(days=1, hours=7)


async def test_an_order_waits_for_its_latest_line_and_each_says_why(
    site: Running, shop: dict[str, int], draft: Draft, act: Act
) -> None:
    ctx = site.ctx
    await scarce(ctx, shop)
    await expect(ctx, shop["kit"], 30)
    order = await draft()
    await act("orders.order/confirm", order)
    pro, kit = await lines_of(ctx, order)
    stored = await ctx.get(ORDER, order)
    assert not stored["is_promised_by_hand"]
    assert kit["due_at"] == stored["promised_at"] == stored["first_promise"] > pro["due_at"]
    assert kit["due_at"].date() >= kit["goods_on"] == ctx.now().date() + 30 * _DAY
    assert "MG Special: 1 of 4 are there, the rest is expected on" in say_kept(
        ctx, kit["promise_rule"]
    )
    assert "h of business time from" in say_kept(ctx, pro["promise_rule"])
    assert "MG Special" not in pro["promise_rule"]
    browser = await site.client()
    url = f"/orders.order/{order}/panels/orders/promise"
    page = (await browser.get(url, headers=_FRAGMENT)).text
    assert "1 of 4 are there" in page
    answer = (await browser.get(f"/api/v1/orders.order_line/{kit['id']}")).json()
    assert "1 of 4 are there" in str(answer)
    # What comes sooner than the order has a deadline of its own; the other is told of with it.
    (own,) = await deadlines.list_deadlines(ctx, LINE, pro["id"])
    assert pro["due_at"] == own.due_at
    assert [] == await deadlines.list_deadlines(ctx, LINE, kit["id"])
    mail = await ctx.db.value("SELECT body FROM core_message ORDER BY id LIMIT 1")
    link = re.search(r"http://[^/]+(/orders/status/\S+)", mail)
    assert link is not None
    assert 1 == (await browser.get(link[1])).text.count("Promised ")


async def test_goods_that_slip_move_the_promise_and_are_told_of_once(
    site: Running, shop: dict[str, int], draft: Draft, act: Act
) -> None:
    ctx = site.ctx
    await scarce(ctx, shop)
    receipt = await expect(ctx, shop["kit"], 30)
    order, hand = await draft(), await draft()
    for each in (order, hand):
        await act("orders.order/confirm", each)
    before = await ctx.get(ORDER, order)
    moment = ctx.now() + 200 * _DAY
    await ctx.save(ORDER, hand, promised_at=moment, promise_reason="As agreed")
    assert 1 == len(await dates_told(ctx))
    await ctx.save("orders.receipt", receipt, expected_on=ctx.now().date() + 50 * _DAY)
    await ctx.save("orders.receipt", receipt, expected_on=ctx.now().date() + 60 * _DAY)
    await work(site)
    after = await ctx.get(ORDER, order)
    assert after["promised_at"] > before["promised_at"] + 25 * _DAY
    assert before["first_promise"] == after["first_promise"]
    told = await dates_told(ctx)
    assert 2 == len(told), "one of the promise by hand, one of the goods"
    assert "come later than we expected" in told[1]
    assert moment == (await ctx.get(ORDER, hand))["promised_at"], "a word that was given stays"
    await ctx.save("orders.receipt", receipt, note="Nothing new")
    await work(site)
    assert 2 == len(await dates_told(ctx))
    await act("orders.order/promise-by-rule", hand)
    given_back = await ctx.get(ORDER, hand)
    assert not given_back["is_promised_by_hand"]
    assert given_back["promised_at"] < moment


async def test_goods_that_come_early_or_never_are_followed(
    site: Running, shop: dict[str, int], draft: Draft, act: Act
) -> None:
    ctx = site.ctx
    await scarce(ctx, shop)
    receipt = await expect(ctx, shop["kit"], 30)
    order = await draft()
    await act("orders.order/confirm", order)
    await ctx.save("orders.receipt", receipt, state="cancelled")
    await work(site)
    before = await ctx.get(ORDER, order)
    assert [] == await dates_told(ctx), "nothing is expected any more, which is no new date"
    text = "SELECT count(*) FROM core_notification WHERE text LIKE '%nothing is expected%'"
    assert 1 == await ctx.db.value(text)
    again = await expect(ctx, shop["kit"], 20)
    await act("orders.receipt/receive", again)
    await work(site)
    after = await ctx.get(ORDER, order)
    assert after["promised_at"] < before["promised_at"]
    (told,) = await dates_told(ctx)
    assert "sooner" in told
    _pro, kit = await lines_of(ctx, order)
    assert kit["goods_on"] is None


async def test_what_is_counted_moves_promises_and_is_told_of_once(
    site: Running, shop: dict[str, int], draft: Draft, act: Act
) -> None:
    ctx = site.ctx
    await scarce(ctx, shop, on_hand=8)
    await expect(ctx, shop["kit"], 30)
    first, second = await draft(), await draft()
    for each in (first, second):
        await act("orders.order/confirm", each)
    before = await ctx.get(ORDER, second)
    await act("orders.product/count", shop["kit"], on_hand="6", reason="Two are broken")
    await act("orders.product/count", shop["kit"], on_hand="5", reason="Three are broken")
    await work(site)
    fewer = await ctx.get(ORDER, second)
    assert fewer["promised_at"] > before["promised_at"] + 10 * _DAY
    assert before["first_promise"] == fewer["first_promise"]
    assert "come later than we expected" in fewer["promise_reason"]
    assert 1 == len(await dates_told(ctx)), "who was confirmed before is served before"
    pro, kit = await lines_of(ctx, second)
    assert "MG Special: 1 of 4 are there, the rest is expected on" in say_kept(
        ctx, kit["promise_rule"]
    )
    assert pro["promise_rule"], "a line that comes sooner still says why"
    await act("orders.product/count", shop["kit"], on_hand="8", reason="They are whole")
    await work(site)
    more = await ctx.get(ORDER, second)
    assert more["promised_at"] < fewer["promised_at"] - 10 * _DAY
    assert "sooner" in (await dates_told(ctx))[-1]
    _pro, kit = await lines_of(ctx, second)
    assert kit["goods_on"] is None
    await act("orders.product/count", shop["kit"], on_hand="8", reason="Once more")
    await work(site)
    assert 2 == len(await dates_told(ctx))
    assert more["promised_at"] == (await ctx.get(ORDER, second))["promised_at"]


async def test_a_promise_that_the_rule_moved_is_still_the_rules(
    site: Running, shop: dict[str, int], draft: Draft, act: Act
) -> None:
    ctx = site.ctx
    await scarce(ctx, shop)
    receipt = await expect(ctx, shop["kit"], 30)
    order = await draft()
    await act("orders.order/confirm", order)
    moments = [(await ctx.get(ORDER, order))["promised_at"]]
    for days in (50, 70):
        await ctx.save("orders.receipt", receipt, expected_on=ctx.now().date() + days * _DAY)
        await work(site)
        stored = await ctx.get(ORDER, order)
        assert not stored["is_promised_by_hand"]
        assert stored["promised_at"] > moments[-1] + 10 * _DAY
        moments.append(stored["promised_at"])
    await ctx.save(ORDER, order, promised_at=moments[-1] + _DAY, promise_reason="As agreed")
    assert (await ctx.get(ORDER, order))["is_promised_by_hand"]


async def test_a_count_that_finds_what_an_earlier_one_found_is_followed(
    site: Running, shop: dict[str, int], draft: Draft, act: Act
) -> None:
    ctx = site.ctx
    await scarce(ctx, shop)
    await act("orders.product/count", shop["kit"], on_hand="4")
    await ctx.derive("orders.product", shop["kit"], on_hand=Decimal(1))  # three have left since
    await expect(ctx, shop["kit"], 30)
    order = await draft()
    await act("orders.order/confirm", order)
    await work(site)
    before = await ctx.get(ORDER, order)
    await act("orders.product/count", shop["kit"], on_hand="4")
    await work(site)
    after = await ctx.get(ORDER, order)
    assert after["promised_at"] < before["promised_at"] - 10 * _DAY


async def test_little_that_is_counted_moves_no_promise(
    site: Running, shop: dict[str, int], draft: Draft, act: Act, decide: Decide
) -> None:
    ctx = site.ctx
    await scarce(ctx, shop, on_hand=4)
    await expect(ctx, shop["kit"], 30)
    order = await draft()
    await act("orders.order/confirm", order)
    decide(quiet_minutes=10_000 * 60)
    before = await ctx.get(ORDER, order)
    await act("orders.product/count", shop["kit"], on_hand="3")
    await work(site)
    assert before["promised_at"] == (await ctx.get(ORDER, order))["promised_at"]
    assert [] == await dates_told(ctx)


async def test_an_owner_hears_once_that_too_few_are_there_and_none_is_expected(
    site: Running, shop: dict[str, int], draft: Draft, act: Act
) -> None:
    ctx = site.ctx
    await scarce(ctx, shop, on_hand=4)
    order = await draft()
    await act("orders.order/confirm", order)
    text = "SELECT count(*) FROM core_notification WHERE text LIKE '%nothing is expected%'"
    before = await ctx.get(ORDER, order)
    for _time in range(2):
        await act("orders.product/count", shop["kit"], on_hand="3")
        await work(site)
    assert 1 == await ctx.db.value(text)
    assert before["promised_at"] == (await ctx.get(ORDER, order))["promised_at"]
    assert [] == await dates_told(ctx)


async def test_a_new_holiday_moves_promises_by_the_rule_and_little_moves_none(
    site: Running, draft: Draft, act: Act, decide: Decide
) -> None:
    ctx = site.ctx
    order = await draft()
    await act("orders.order/confirm", order)
    before = await ctx.get(ORDER, order)
    decide(quiet_minutes=10_000)
    holiday = await ctx.create("core.holiday", name="Stocktaking", day=before["promised_at"].date())
    try:
        await site.work()
        await work(site)
        assert before["promised_at"] == (await ctx.get(ORDER, order))["promised_at"]
        decide(quiet_minutes=60)
        await ctx.save("core.holiday", holiday, day=before["promised_at"].date() - _DAY)
        await ctx.save("core.holiday", holiday, day=before["promised_at"].date())
        await site.work()
        await work(site)
        after = await ctx.get(ORDER, order)
        assert after["promised_at"] >= before["promised_at"] + timedelta(hours=1)
        (told,) = await dates_told(ctx)
        assert "working hours have changed" in told
        (row,) = await deadlines.list_deadlines(ctx, ORDER, order)
        assert after["promised_at"] == row.due_at
    finally:
        await ctx.trash("core.holiday", holiday)


async def test_who_is_away_with_nobody_to_stand_in_moves_promises(
    site: Running, draft: Draft, act: Act
) -> None:
    ctx = site.ctx
    order = await draft()
    await act("orders.order/confirm", order)
    before = (await ctx.get(ORDER, order))["promised_at"]
    today = ctx.now().date()
    absence = await ctx.create(
        "core.absence", absentee=9001, kind="leave", first_day=today, last_day=today + 20 * _DAY,
        deputy=9002,
    )  # fmt: skip
    try:
        await site.work()
        await work(site)
        stored = await ctx.get(ORDER, order)
        assert before == stored["promised_at"], "somebody stands in"
        assert 9002 == stored["holder"], "who got the step that is due meanwhile"
        given = await ctx.db.row("SELECT * FROM orders_handover")
        assert given is not None
        assert (9001, 9002) == (given["giver"], given["taker"])
        await ctx.save("core.absence", absence, deputy=None)
        await site.work()
        await work(site)
        assert (await ctx.get(ORDER, order))["promised_at"] > before + 10 * _DAY
        assert ["away"] == [
            word for text in await dates_told(ctx) for word in ("away",) if word in text
        ]
    finally:
        await ctx.trash("core.absence", absence)


async def test_a_line_promised_by_hand_moves_its_order(
    site: Running, draft: Draft, act: Act
) -> None:
    ctx = site.ctx
    order = await draft()
    await act("orders.order/confirm", order)
    pro, _kit = await lines_of(ctx, order)
    moment = datetime.combine(ctx.now().date() + 40 * _DAY, time(12), ctx.config.zone)
    with pytest.raises((Veto, InvalidError), match="not changed"):
        await ctx.save(LINE, pro["id"], promised_at=ctx.now() - _DAY)
    await ctx.save(LINE, pro["id"], promised_at=moment)
    assert moment == (await ctx.get(ORDER, order))["promised_at"]
    assert 1 == len(await dates_told(ctx))
    late = "SELECT due_at FROM orders_order_line WHERE id = $1"
    assert moment == await ctx.db.value(late, pro["id"])


async def test_an_amendment_tells_of_its_later_promise_in_its_own_mail(
    site: Running, shop: dict[str, int], draft: Draft, act: Act
) -> None:
    ctx = site.ctx
    order = await draft()
    await act("orders.order/confirm", order)
    before = (await ctx.get(ORDER, order))["promised_at"]
    await scarce(ctx, shop, on_hand=4)
    await expect(ctx, shop["kit"], 30)
    _pro, kit = await lines_of(ctx, order)
    await ctx.save(LINE, kit["id"], quantity=Decimal(9))
    await act("orders.order/confirm-changes", order)
    stored = await ctx.get(ORDER, order)
    assert stored["promised_at"] > before + 15 * _DAY
    assert not stored["is_promised_by_hand"]
    assert [] == await dates_told(ctx)
    last = await ctx.db.value("SELECT body FROM core_message ORDER BY id DESC LIMIT 1")
    assert "has changed" in last
