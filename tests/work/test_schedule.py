"""Periodic jobs: once for each moment, whatever number of workers look."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from crmkit.work.schedule import queue_periodic
from tests.work.working import until, working

if TYPE_CHECKING:
    from crmkit.testing.sites import Running
    from tests.work.conftest import MakeWorker


async def set_back(running: Running, span: str) -> None:
    await running.db.execute(
        "UPDATE core_schedule SET last = now() - $1::text::interval WHERE name = 'notes.tick'", span
    )


async def ticks(running: Running) -> list[datetime]:
    rows = await running.db.rows(
        "SELECT args->>'moment' AS moment FROM core_job WHERE name = 'notes.tick' ORDER BY id"
    )
    return [datetime.fromisoformat(row["moment"]) for row in rows]


async def test_a_moment_is_queued_once_by_many(notes: Running) -> None:
    await set_back(notes, "1 minute")
    await asyncio.gather(*(queue_periodic(notes.ctx) for _ in range(6)))
    (moment,) = await ticks(notes)
    assert 0 == moment.second
    now = await notes.db.value("SELECT now()")
    assert timedelta() <= now - moment < timedelta(minutes=1, seconds=5)


async def test_two_workers_run_it_once(notes: Running, worker: MakeWorker) -> None:
    await set_back(notes, "61 seconds")

    async def is_done() -> bool:
        return bool(
            await notes.db.value(
                "SELECT true FROM core_job WHERE name = 'notes.tick' AND state <> 'ready'"
            )
        )

    async with working(worker(), worker()):
        await until(is_done)
        await asyncio.sleep(0.2)
    found = await ticks(notes)
    assert len(found) == len(set(found)) <= 2


async def test_of_missed_moments_the_last_is_made_up_for(notes: Running) -> None:
    await set_back(notes, "3 days")
    seconds = await queue_periodic(notes.ctx)
    assert seconds is not None
    assert 0 < seconds <= 60
    assert 1 == len(await ticks(notes))
    await queue_periodic(notes.ctx)
    assert len(await ticks(notes)) <= 2


async def test_a_job_never_seen_before_waits_for_its_moment(notes: Running) -> None:
    await notes.db.execute("DELETE FROM core_schedule")
    await queue_periodic(notes.ctx)
    assert [] == await ticks(notes)
