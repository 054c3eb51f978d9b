"""Recurring orders: each period once, also those that were missed, whoever is killed meanwhile."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from crmkit_orders import ordering, repeating
from crmkit_orders.repeating import next_day, repeat_due

from crmkit import Veto

if TYPE_CHECKING:
    from conftest import Draft

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

PLAN = "orders.plan"


async def _plan(ctx: Context, order: int, weeks: int, name: str = "Weekly") -> int:
    first = ctx.now().date() - timedelta(weeks=weeks - 1)
    return await ctx.create(
        PLAN, name=name, order=order, every="week", next_on=first, is_active=True, owner=9001
    )


async def _made(ctx: Context, source: int) -> int:
    return int(await ctx.db.value("SELECT count(*) FROM orders_order WHERE id <> $1", source))


def test_periods_keep_their_day_over_short_months() -> None:
    days, day = [], date(2027, 1, 31)
    for _ in range(4):
        day = next_day(day, "month", 31)
        days.append(day)
    assert [date(2027, 2, 28), date(2027, 3, 31), date(2027, 4, 30), date(2027, 5, 31)] == days
    assert date(2028, 2, 29) == next_day(date(2027, 11, 30), "quarter", 30)
    assert date(2029, 2, 28) == next_day(date(2028, 2, 29), "year", 29)
    assert date(2027, 1, 6) == next_day(date(2026, 12, 30), "week", 30)


async def test_missed_periods_are_made_one_by_one_and_none_twice(
    ctx: Context, draft: Draft
) -> None:
    order = await draft()
    plan = await _plan(ctx, order, 3)
    assert 2 == await repeat_due(ctx, 2)
    assert 1 == await repeat_due(ctx, 2)
    assert 0 == await repeat_due(ctx, 2)
    assert 3 == await _made(ctx, order)
    stored = await ctx.get(PLAN, plan)
    assert ctx.now().date() == stored["last_on"] == stored["next_on"] - timedelta(weeks=1)
    with pytest.raises(Veto):  # the same period again
        await ctx.save(PLAN, plan, next_on=stored["last_on"])
    rows = await ctx.db.rows("SELECT state, owner, net FROM orders_order WHERE id <> $1", order)
    assert {("draft", 9001, Decimal("9862.00"))} == {tuple(row) for row in rows}
    notices = "SELECT count(*) FROM core_notification WHERE kind = 'orders.plan'"
    assert 3 == await ctx.db.value(notices)


async def test_the_clock_makes_them(site: Running, ctx: Context, draft: Draft) -> None:
    order = await draft()
    await _plan(ctx, order, 2)
    await ctx.enqueue("orders.repeat")
    await site.work()
    assert 2 == await _made(ctx, order)


async def test_one_that_fails_holds_up_no_other(
    ctx: Context, draft: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = await draft(), await draft()
    await _plan(ctx, bad, 5, "Bad")
    await _plan(ctx, good, 2, "Good")
    found = ordering.repeat_order

    async def repeat(ctx: Context, order: int, owner: int | None) -> int:
        if order == bad:
            raise Veto("Nothing goes.")
        return await found(ctx, order, owner)

    monkeypatch.setattr(repeating, "repeat_order", repeat)
    assert 2 == await repeat_due(ctx)
    assert 2 == await _made(ctx, bad) - 1
    said = await ctx.db.value(
        "SELECT values->>'reason' FROM core_notification WHERE values->>'plan' = 'Bad'"
    )
    assert "Nothing goes." == said


async def test_two_at_once_make_each_period_once(ctx: Context, draft: Draft) -> None:
    order = await draft()
    await _plan(ctx, order, 6)
    while sum(await asyncio.gather(*(repeat_due(ctx, 2) for _ in range(4)))):
        pass
    assert 6 == await _made(ctx, order)


@pytest.mark.long
async def test_a_killed_worker_makes_no_period_twice(
    site: Running, ctx: Context, draft: Draft
) -> None:
    """TRUST D2: a worker is killed in the middle of a run; the run after it makes the rest."""
    order = await draft()
    await _plan(ctx, order, 45)
    env = {**os.environ, "CRMKIT_DATABASE_URL": site.dsn}
    command = [sys.executable, "-m", "crmkit", "worker", "--site", str(site.config.folder)]
    for kill in range(6):
        await ctx.enqueue("orders.repeat")
        worker = await asyncio.create_subprocess_exec(*command, env=env, stdout=-3)  # nowhere
        try:
            await _until_locked(ctx)
            await asyncio.sleep(0.05 * kill)
        finally:
            worker.kill()
            await worker.wait()
        await ctx.db.execute("DELETE FROM core_job")
        assert await _made(ctx, order) in {0, 45}
    await ctx.enqueue("orders.repeat")
    await site.work()
    assert 45 == await _made(ctx, order)
    numbers = await ctx.db.rows("SELECT number FROM orders_order")
    assert len(numbers) == len({row["number"] for row in numbers})


async def _until_locked(ctx: Context) -> None:
    """Wait until a run has begun, or is over: its transaction locks the plan."""
    async with asyncio.timeout(30):
        while await ctx.db.value(  # noqa: ASYNC110 - another process says it, through the database
            "SELECT count(*) FROM (SELECT id FROM orders_plan WHERE last_on IS NULL "
            "FOR UPDATE SKIP LOCKED) free"
        ):
            await asyncio.sleep(0.005)
