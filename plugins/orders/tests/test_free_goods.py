"""Goods that come free move the promises of orders that wait for them, and no others."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from orders_promises import DAY, dates_told, expect, lines_of, scarce, work

from crmkit import say_kept

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from conftest import Act, Decide, Draft

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

    Wait = Callable[..., Awaitable[tuple[int, int]]]

ORDER, LINE, PART = "orders.order", "orders.order_line", "orders.line_part"


@pytest.fixture
def wait(ctx: Context, shop: dict[str, int], draft: Draft, act: Act, site: Running) -> Wait:
    """Confirm an order of what is there of the kits, and one that waits for those it takes."""

    async def make(on_hand: int = 4, kit: int = 4, *, is_expected: bool = True) -> tuple[int, int]:
        await scarce(ctx, shop, on_hand)
        if is_expected:
            await expect(ctx, shop["kit"], 30)
        first, second = await draft(0, on_hand), await draft(0, kit)
        for each in (first, second):
            await act("orders.order/confirm", each)
        await work(site)
        return first, second

    return make


async def _kit(ctx: Context, order: int) -> dict[str, Any]:
    return (await lines_of(ctx, order))[-1]


async def _cancel(_ctx: Context, act: Act, order: int) -> None:
    await act("orders.order/cancel", order, reason="Not wanted")


async def _lower(ctx: Context, act: Act, order: int) -> None:
    await ctx.save(LINE, (await _kit(ctx, order))["id"], quantity=Decimal(1))
    await act("orders.order/confirm-changes", order)


async def _remove(ctx: Context, act: Act, order: int) -> None:
    kit = await _kit(ctx, order)
    await ctx.create(LINE, order=order, text="Advice", quantity=Decimal(1), unit_price=Decimal(9))
    await ctx.trash(LINE, kit["id"])
    await act("orders.order/confirm-changes", order)


@pytest.mark.parametrize("free", [_cancel, _lower, _remove])
async def test_what_comes_free_moves_who_waits_for_it_and_is_told_of_once(
    site: Running, act: Act, wait: Wait, free: Callable[..., Awaitable[None]]
) -> None:
    ctx = site.ctx
    first, second = await wait(kit=3)
    before = await ctx.get(ORDER, second)
    assert Decimal(3) == (await _kit(ctx, second))["lacks"]
    await free(ctx, act, first)
    assert before["promised_at"] == (await ctx.get(ORDER, second))["promised_at"], "not at once"
    await work(site)
    after = await ctx.get(ORDER, second)
    assert after["promised_at"] < before["promised_at"] - 10 * DAY
    assert before["first_promise"] == after["first_promise"]
    assert not after["is_promised_by_hand"]
    assert "come sooner than we expected" in after["promise_reason"]
    kit = await _kit(ctx, second)
    assert (None, Decimal(0)) == (kit["goods_on"], kit["lacks"])
    assert "are there" not in say_kept(ctx, kit["promise_rule"])
    await work(site)
    (told,) = await dates_told(ctx)
    assert "sooner" in told


async def test_what_an_earlier_order_takes_more_moves_who_had_it(
    site: Running, act: Act, shop: dict[str, int], draft: Draft
) -> None:
    ctx = site.ctx
    await scarce(ctx, shop, 4)
    await expect(ctx, shop["kit"], 30)
    first, second = await draft(0, 1), await draft(0, 3)
    for each in (first, second):
        await act("orders.order/confirm", each)
    await work(site)
    before = await ctx.get(ORDER, second)
    assert Decimal(0) == (await _kit(ctx, second))["lacks"]
    await ctx.save(LINE, (await _kit(ctx, first))["id"], quantity=Decimal(3))
    await act("orders.order/confirm-changes", first)
    await work(site)
    assert Decimal(2) == (await _kit(ctx, second))["lacks"]
    assert (await ctx.get(ORDER, second))["promised_at"] > before["promised_at"] + 10 * DAY


@pytest.mark.parametrize(("restock", "moves"), [("true", True), ("false", False)])
async def test_a_return_moves_who_waits_only_where_it_came_back_to_stock(
    site: Running, act: Act, shop: dict[str, int], wait: Wait, draft: Draft, *, restock: str,
    moves: bool,
) -> None:  # fmt: skip
    ctx = site.ctx
    gone, _second = await wait(kit=1)
    await act("orders.delivery/ship", await act("orders.order/deliver", gone))
    waits = await draft(0, 2)
    await act("orders.order/confirm", waits)
    await work(site)
    before = await ctx.get(ORDER, waits)
    back = await act("orders.order/return", gone)
    raw = {"reason": "Not wanted", "restock": restock}
    await act("orders.delivery/take-back", back, **raw)
    await work(site)
    replaced = await ctx.get(ORDER, waits)
    assert before["promised_at"] == replaced["promised_at"], "who sent it back is served first"
    await act("orders.order/cancel", gone, reason="Not wanted")
    await work(site)
    after = await ctx.get(ORDER, waits)
    assert moves is (after["promised_at"] < before["promised_at"] - 10 * DAY)


async def test_a_part_of_a_bundle_that_comes_back_moves_who_waits_for_it(
    site: Running, act: Act, shop: dict[str, int], draft: Draft
) -> None:
    ctx = site.ctx
    await scarce(ctx, shop, 2)
    await expect(ctx, shop["kit"], 30)
    bundle = await ctx.create("orders.product", name="Starter", kind="bundle", price=Decimal(30))
    for place, name in enumerate(("pro", "kit"), 1):
        await ctx.create(
            "orders.bundle_part", bundle=bundle, product=shop[name], quantity=Decimal(place),
            position=place,
        )  # fmt: skip
    sold, waits = await draft(0, 0), await draft(0, 2)
    await ctx.create(LINE, order=sold, product=bundle, quantity=Decimal(1))
    await act("orders.order/confirm", sold)
    await act("orders.delivery/ship", await act("orders.order/deliver", sold))
    await act("orders.order/confirm", waits)
    await work(site)
    before = await ctx.get(ORDER, waits)
    part = await ctx.db.value("SELECT id FROM orders_line_part WHERE product = $1", shop["kit"])
    back = await ctx.create("orders.delivery", order=sold, direction="return")
    await ctx.create("orders.delivery_line", delivery=back, part=part, quantity=Decimal(2))
    await act("orders.delivery/take-back", back, reason="Not wanted")
    await work(site)
    assert (await ctx.get(ORDER, waits))["promised_at"] < before["promised_at"] - 10 * DAY


async def test_a_bundle_with_fewer_of_a_part_moves_who_waits_for_that(
    site: Running, act: Act, shop: dict[str, int], draft: Draft
) -> None:
    ctx = site.ctx
    await scarce(ctx, shop, 2)
    await expect(ctx, shop["kit"], 30)
    bundle = await ctx.create("orders.product", name="Starter", kind="bundle", price=Decimal(30))
    part = await ctx.create(
        "orders.bundle_part", bundle=bundle, product=shop["kit"], quantity=Decimal(2)
    )
    sold, waits = await draft(0, 0), await draft(0, 1)
    await ctx.create(LINE, order=sold, product=bundle, quantity=Decimal(1))
    for each in (sold, waits):
        await act("orders.order/confirm", each)
    await work(site)
    before = await ctx.get(ORDER, waits)
    await ctx.save("orders.bundle_part", part, quantity=Decimal(1))
    await work(site)
    assert (await ctx.get(ORDER, waits))["promised_at"] < before["promised_at"] - 10 * DAY


async def test_a_bundle_waits_for_what_comes_free_of_its_part(
    site: Running, act: Act, shop: dict[str, int], draft: Draft, wait: Wait
) -> None:
    ctx = site.ctx
    first, _second = await wait(kit=1)
    bundle = await ctx.create("orders.product", name="Starter", kind="bundle", price=Decimal(30))
    await ctx.create("orders.bundle_part", bundle=bundle, product=shop["kit"], quantity=Decimal(2))
    waits = await draft(0, 0)
    await ctx.create(LINE, order=waits, product=bundle, quantity=Decimal(1))
    await act("orders.order/confirm", waits)
    await work(site)
    before = await ctx.get(ORDER, waits)
    assert Decimal(2) == (await _kit(ctx, waits))["lacks"]
    await act("orders.order/cancel", first, reason="Not wanted")
    await work(site)
    assert (await ctx.get(ORDER, waits))["promised_at"] < before["promised_at"] - 10 * DAY


async def test_a_word_that_was_given_stays_when_goods_come_free(
    site: Running, act: Act, wait: Wait
) -> None:
    ctx = site.ctx
    first, second = await wait()
    moment = ctx.now() + 90 * DAY
    await ctx.save(ORDER, second, promised_at=moment, promise_reason="As agreed")
    told = len(await dates_told(ctx))
    await act("orders.order/cancel", first, reason="Not wanted")
    await work(site)
    assert moment == (await ctx.get(ORDER, second))["promised_at"]
    assert told == len(await dates_told(ctx))


async def test_who_was_confirmed_first_gets_what_comes_free(
    site: Running, act: Act, wait: Wait, draft: Draft
) -> None:
    ctx = site.ctx
    first, second = await wait()
    third = await draft(0, 4)
    await act("orders.order/confirm", third)
    before = {each: (await ctx.get(ORDER, each))["promised_at"] for each in (second, third)}
    await act("orders.order/cancel", first, reason="Not wanted")
    await work(site)
    after = {each: (await ctx.get(ORDER, each))["promised_at"] for each in (second, third)}
    assert after[second] < before[second] - 10 * DAY
    assert after[third] == before[third]
    assert 1 == len(await dates_told(ctx))


async def test_goods_that_hardly_move_a_promise_tell_nobody(
    site: Running, act: Act, wait: Wait, decide: Decide
) -> None:
    ctx = site.ctx
    first, second = await wait()
    decide(quiet_minutes=10_000 * 60)
    before = await ctx.get(ORDER, second)
    await act("orders.order/cancel", first, reason="Not wanted")
    await work(site)
    assert before["promised_at"] == (await ctx.get(ORDER, second))["promised_at"]
    assert [] == await dates_told(ctx)


async def test_where_nothing_was_expected_the_line_says_what_is_there_now(
    site: Running, act: Act, wait: Wait
) -> None:
    ctx = site.ctx
    first, second = await wait(is_expected=False)
    before = await ctx.get(ORDER, second)
    assert "0 of 4 are there, and nothing more" in say_kept(
        ctx, (await _kit(ctx, second))["promise_rule"]
    )
    await _lower(ctx, act, first)
    await work(site)
    assert "3 of 4 are there, and nothing more" in say_kept(
        ctx, (await _kit(ctx, second))["promise_rule"]
    )
    text = "SELECT count(*) FROM core_notification WHERE text LIKE '%nothing is expected%'"
    assert 0 == await ctx.db.value(text), "more is there than was"
    await act("orders.order/cancel", first, reason="Not wanted")
    await work(site)
    assert "are there" not in say_kept(ctx, (await _kit(ctx, second))["promise_rule"])
    assert before["promised_at"] == (await ctx.get(ORDER, second))["promised_at"]


async def test_who_waits_for_nothing_or_waits_on_costs_no_statement(
    site: Running, act: Act, wait: Wait, draft: Draft, shop: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    ctx = site.ctx
    call = type(ctx.db)._call
    asked: Counter[str] = Counter()

    async def counted(self: Any, method: str, sql: str, args: Any, *, retry: bool) -> Any:  # noqa: ANN401 - as the method
        asked[sql] += "orders_" in sql
        return await call(self, method, sql, args, retry=retry)

    async def follow(order: int) -> int:
        await act("orders.order/cancel", order, reason="Not wanted")
        monkeypatch.setattr(type(ctx.db), "_call", counted)
        await work(site)
        monkeypatch.undo()
        number = asked.total()
        asked.clear()
        return number

    first, second = await wait()
    few = await follow(first)
    assert [1, 0] == [len(await dates_told(ctx)), (await _kit(ctx, second))["lacks"]]
    await act("orders.order/cancel", second, reason="Not wanted")
    await work(site)
    # Three are served, three are of something else, one moves, and six wait on behind it.
    served = [await draft(0, 1) for _ in range(3)]
    other = [await draft(1, 0) for _ in range(3)]
    first, second, *behind = [await draft(0, count) for count in (1, 1, *[9] * 6)]
    for each in (*served, *other, first, second, *behind):
        await act("orders.order/confirm", each)
    await work(site)
    waiting = [await ctx.get(ORDER, each) for each in behind]
    many = await follow(first)
    assert (few, 2) == (many, len(await dates_told(ctx)))
    assert waiting == [await ctx.get(ORDER, each) for each in behind]
