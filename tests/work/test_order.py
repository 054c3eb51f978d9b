"""Lanes keep their order, keys hold one job, plugins that are off have theirs parked."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from crmkit.model.job import JobOrder
from crmkit.records.plugins.impact import impact_of
from crmkit.records.plugins.purge import purge_plugin
from crmkit.records.plugins.switch import disable_plugin, enable_plugin
from crmkit.work.catalog import catalog_of
from crmkit.work.claims import claim, promote
from crmkit.work.jobs import enqueue
from tests.work.working import companies, job, state, until, working

if TYPE_CHECKING:
    from crmkit.testing.sites import Place, Running
    from tests.work.conftest import MakeWorker

LEASE = timedelta(seconds=30)


async def test_lanes_are_worked_in_order_by_three_workers(
    notes: Running, worker: MakeWorker
) -> None:
    orders = [
        JobOrder(args={"text": f"{lane}{n}", "seconds": 0.003}, lane=lane)
        for n in range(12)
        for lane in "abcd"
    ]
    await notes.ctx.enqueue_many("notes.slow", orders)

    async def all_done() -> bool:
        return bool(
            48 == await notes.db.value("SELECT count(*) FROM core_job WHERE state = 'done'")
        )

    async with working(*(worker(slots=2) for _ in range(3))):
        await until(all_done, 60)
    rows = await notes.db.rows(
        "SELECT lane, id, started_at, ended_at, worker FROM core_job ORDER BY lane, started_at"
    )
    for lane in "abcd":
        mine = [row for row in rows if row["lane"] == lane]
        assert sorted(row["id"] for row in mine) == [row["id"] for row in mine]
        pairs = itertools.pairwise(mine)
        assert all(one["ended_at"] <= two["started_at"] for one, two in pairs)
    assert 48 == len(await companies(notes))
    assert len(Counter(row["worker"] for row in rows)) > 1


async def test_one_that_is_tried_again_holds_up_its_lane_and_one_that_is_dead_does_not(
    notes: Running, worker: MakeWorker
) -> None:
    first = await notes.ctx.enqueue("notes.fail", {"times": 9}, lane="x", max_attempts=2)
    second = await notes.ctx.enqueue("notes.note", {"text": "second"}, lane="x")
    other = await notes.ctx.enqueue("notes.note", {"text": "other"}, lane="y")
    async with worker() as one:
        await one.run_due()
        assert ["later", "ready", "done"] == [await state(notes, n) for n in (first, second, other)]
        await notes.db.execute("UPDATE core_job SET run_at = now() WHERE state = 'later'")
        await one.run_due()
    assert ["dead", "done"] == [await state(notes, n) for n in (first, second)]


async def test_a_timer_of_a_lane_holds_up_nobody_and_never_runs_beside_another(
    notes: Running, worker: MakeWorker
) -> None:
    timer = await notes.ctx.enqueue(
        "notes.note", {"text": "timer"}, lane="x", at=datetime.now(UTC) + LEASE
    )
    await notes.ctx.enqueue("notes.note", {"text": "first"}, lane="x")
    async with worker() as one:
        held = await claim(notes.db, catalog_of(notes.site), 5, one.name, LEASE)
        assert 1 == len(held)
        await notes.db.execute("UPDATE core_job SET run_at = now() WHERE id = $1", timer)
        assert 0 == await one.run_due()
    assert "ready" == await state(notes, timer)


async def test_two_that_take_a_lane_at_the_same_moment_do_not_both_get_it(
    notes: Running, worker: MakeWorker
) -> None:
    at = datetime.now(UTC) + LEASE
    timer = await notes.ctx.enqueue("notes.note", {"text": "timer"}, lane="x", at=at)
    await notes.ctx.enqueue("notes.note", {"text": "first"}, lane="x")
    catalog = catalog_of(notes.site)

    async def other() -> list[int]:
        await notes.db.execute("UPDATE core_job SET run_at = now() WHERE id = $1", timer)
        await promote(notes.db, catalog)
        return [each.id for each in await claim(notes.db, catalog, 5, "other", LEASE)]

    async with notes.db.transaction():
        # Not committed yet: the other sees a lane where nothing runs, and the timer before all.
        assert 1 == len(await claim(notes.db, catalog, 5, "one", LEASE))
        aside = asyncio.create_task(other(), context=contextvars.Context())
        await asyncio.sleep(0.1)
        assert not aside.done()
    assert [] == await aside
    assert "ready" == await state(notes, timer)


async def test_of_one_key_one_job_waits(notes: Running, worker: MakeWorker) -> None:
    first = await notes.ctx.enqueue("notes.note", {"text": "1"}, key="k")
    assert first is not None
    assert await notes.ctx.enqueue("notes.note", {"text": "2"}, key="k") is None
    twice = [JobOrder(args={"text": "3"}, key="l"), JobOrder(args={"text": "4"}, key="l")]
    assert 1 == await notes.ctx.enqueue_many("notes.note", twice)
    assert await notes.ctx.enqueue("notes.who", key="k") is not None
    async with worker() as one:
        await one.run_due()
        assert await notes.ctx.enqueue("notes.note", {"text": "5"}, key="k") is not None
        await one.run_due()
    assert ["1", "3", "5"] == await companies(notes)


async def test_who_queues_a_key_again_is_heard_although_the_first_is_there(
    notes: Running, worker: MakeWorker
) -> None:
    """The job that waits must see what its second caller is about to commit."""
    number = await notes.ctx.enqueue("notes.note", {"text": "once"}, key="k")
    async with worker() as one:
        async with notes.db.transaction():
            assert await notes.ctx.enqueue("notes.note", {"text": "again"}, key="k") is None
            aside = asyncio.create_task(one.run_due())
            await asyncio.sleep(0.1)
        await aside
        await one.run_due()
    started = (await job(notes, number))["started_at"]
    assert started > (await job(notes, number))["created_at"] + timedelta(seconds=0.1)


async def test_a_job_whose_key_was_queued_again_while_it_ran_is_tried_again_all_the_same(
    notes: Running, worker: MakeWorker
) -> None:
    async with worker() as one:
        await one.run_due()
        first = await notes.ctx.enqueue("notes.fail", {"times": 1}, key="k")
        (held,) = await claim(notes.db, catalog_of(notes.site), 1, one.name, LEASE)
        second = await notes.ctx.enqueue("notes.fail", {"times": 0}, key="k")
        await one.execution(held).run()
        row = await job(notes, first)
        assert ("later", None) == (row["state"], row["key"])
        await notes.db.execute("UPDATE core_job SET run_at = now()")
        await one.run_due()
    assert ["done", "done"] == [await state(notes, n) for n in (first, second)]


async def test_jobs_of_a_plugin_that_is_off_are_parked(notes: Running, worker: MakeWorker) -> None:
    ready = await notes.ctx.enqueue("notes.note", {"text": "ready"})
    later = await notes.ctx.enqueue(
        "notes.note", {"text": "later"}, at=datetime.now(UTC) + timedelta(days=1)
    )
    ctx = notes.ctx
    assert 2 == (await impact_of(ctx, "notes")).waiting
    await disable_plugin(ctx, "notes")
    try:
        async with worker() as one:
            assert ["parked"] * 2 == [await state(notes, n) for n in (ready, later)]
            # Of a process that has not heard of the switch yet.
            late = (await enqueue(ctx, "notes.note", [JobOrder(args={"text": "late"})]))[0]
            await notes.rebuild()
            await one.run_due()
            assert "parked" == await state(notes, late)
            await enable_plugin(notes.ctx, "notes", notes.dsn)
            assert ["ready", "later", "ready"] == [
                await state(notes, n) for n in (ready, later, late)
            ]
            await notes.rebuild()
            await one.run_due()
    finally:
        await enable_plugin(notes.ctx, "notes", notes.dsn)
        await notes.rebuild()
    assert ["ready", "late"] == await companies(notes)


async def test_a_purge_removes_jobs(place: Place) -> None:
    place.write("every", "class Every(Plugin):\n    pass\n")
    async with place.start() as running:
        await enable_plugin(running.ctx, "every", running.dsn)
        await running.rebuild()
        kept = await enqueue(running.ctx, "core.remove_done_jobs")
        await enqueue(running.ctx, "core.remove_done_jobs", plugin="every")
        await purge_plugin(running.ctx, "every", running.dsn)
        rows = await running.db.rows("SELECT id FROM core_job")
        assert kept == [row["id"] for row in rows]


async def test_work_for_another_plugin_is_parked_with_that_one(
    notes: Running, worker: MakeWorker
) -> None:
    numbers = [
        *await enqueue(notes.ctx, "notes.note", [JobOrder(args={"text": "x"})], plugin="gone"),
        *await enqueue(notes.ctx, "notes.note", [JobOrder(args={"text": "crm"})], plugin="crm"),
    ]
    async with worker() as one:
        await one.run_due()
    assert ["parked", "done"] == [await state(notes, n) for n in numbers]


async def test_a_job_that_its_plugin_no_longer_declares_is_parked(
    notes: Running, worker: MakeWorker
) -> None:
    number = await notes.ctx.enqueue("notes.note", {"text": "old"})
    await notes.db.execute("UPDATE core_job SET name = 'notes.older'")
    async with worker() as one:
        await one.run_due()
        assert "parked" == await state(notes, number)


async def test_a_claim_does_not_walk_through_timers(notes: Running) -> None:
    await notes.db.execute(
        "INSERT INTO core_job (plugin, name, state, run_at, max_attempts, lane) "
        "SELECT 'notes', 'notes.note', 'later', now() + n * interval '1 minute', 8, n % 100 "
        "FROM generate_series(1, 20000) n"
    )
    await notes.db.execute("ANALYZE core_job")
    await notes.ctx.enqueue("notes.note", {"text": "now"}, lane="7")
    plans = []

    class Explaining:
        """Explains a statement instead of running it."""

        async def rows(self, sql: str, *args: object) -> list[object]:
            plans.extend(await notes.db.rows("EXPLAIN " + sql, *args))
            return []

    await claim(Explaining(), catalog_of(notes.site), 8, "w", LEASE)  # type: ignore[arg-type]
    text = "\n".join(row[0] for row in plans)
    assert "core_job_ready_idx" in text
    assert "Seq Scan" not in text
    begin = time.perf_counter()
    assert 1 == len(await claim(notes.db, catalog_of(notes.site), 8, "w", LEASE))
    assert time.perf_counter() - begin < 0.1
