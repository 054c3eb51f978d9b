"""A worker that is lost loses nothing: its jobs come back, and their effects stand once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from crmkit.model.job import JobOrder
from crmkit.work.catalog import catalog_of
from crmkit.work.claims import claim, leave, mark_done, take_back_expired
from tests.work.working import (
    companies,
    job,
    state,
    until,
    until_state,
    work_while_killed,
    working,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crmkit.testing.sites import Running
    from tests.work.conftest import MakeWorker

SHORT = timedelta(seconds=0.3)
GONE = timedelta(seconds=-1)


@pytest.fixture
def process(notes: Running) -> Iterator[subprocess.Popen[str]]:
    """A worker of its own process, as `crmkit worker` starts one."""
    started = subprocess.Popen(
        [sys.executable, "-m", "crmkit", "worker", "--site", str(notes.config.folder)],
        env={**os.environ, "CRMKIT_DATABASE_URL": notes.dsn},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield started
    started.kill()
    started.wait()
    assert started.stdout is not None
    started.stdout.close()


async def test_an_expired_lease_gives_the_job_to_another(
    notes: Running, worker: MakeWorker
) -> None:
    number = await notes.ctx.enqueue("notes.note", {"text": "twice held"})
    (held,) = await claim(notes.db, catalog_of(notes.site), 1, "lost", SHORT)
    async with working(worker(lease=SHORT)):
        await until_state(notes, number, "done")
    row = await job(notes, number)
    assert 2 == row["attempts"]
    assert not await mark_done(notes.db, held, "lost")
    assert not await leave(notes.db, held, "lost", "dead", wait=SHORT, error="late")
    assert "done" == await state(notes, number)


async def test_a_lease_is_renewed_while_the_worker_lives(
    notes: Running, worker: MakeWorker
) -> None:
    number = await notes.ctx.enqueue("notes.slow", {"seconds": 1.0})
    async with working(worker(lease=SHORT), worker(lease=SHORT)):
        await until_state(notes, number, "done")
    assert 1 == (await job(notes, number))["attempts"]


async def test_what_ends_workers_is_dead_after_its_attempts(notes: Running) -> None:
    number = await notes.ctx.enqueue("notes.note", {"text": "x"}, max_attempts=2)
    for _ in range(2):
        await claim(notes.db, catalog_of(notes.site), 1, "lost", GONE)
        await take_back_expired(notes.db)
    row = await job(notes, number)
    assert ("dead", "Its worker was not heard from any more.") == (row["state"], row["error"])


async def test_a_worker_that_was_believed_dead_writes_nothing(
    notes: Running, worker: MakeWorker
) -> None:
    """It was stuck for longer than its lease, and another has done the job."""
    number = await notes.ctx.enqueue("notes.slow", {"seconds": 0.4, "text": "once"})
    async with worker() as stuck, worker() as other:
        slow = asyncio.create_task(stuck.run_due())
        await until_state(notes, number, "running")
        await notes.db.execute("UPDATE core_job SET lease_until = now(), args = '{\"seconds\": 0}'")
        await take_back_expired(notes.db)
        await other.run_due()
        await slow
    assert ["slow"] == await companies(notes)
    assert ("done", 2) == (await state(notes, number), (await job(notes, number))["attempts"])


async def test_without_leases_a_lost_job_never_comes_back(
    notes: Running, worker: MakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counter-proof: it is the lease that brings jobs back."""

    async def nothing(*_: object) -> int:
        return 0

    monkeypatch.setattr("crmkit.work.heartbeat.take_back_expired", nothing)
    number = await notes.ctx.enqueue("notes.note", {"text": "lost"})
    await claim(notes.db, catalog_of(notes.site), 1, "lost", GONE)
    async with working(worker(lease=SHORT)):
        with pytest.raises(TimeoutError):
            await until_state(notes, number, "done", seconds=0.6)
    assert "running" == await state(notes, number)


async def test_a_worker_killed_in_the_middle_leaves_its_effects_once(
    notes: Running, worker: MakeWorker, process: subprocess.Popen[str]
) -> None:
    number = await notes.ctx.enqueue("notes.slow", {"seconds": 60, "text": "once"})

    async def runs() -> bool:
        return bool((await job(notes, number))["done"])

    await until(runs, 30)
    process.kill()
    process.wait()
    await notes.db.execute(
        'UPDATE core_job SET lease_until = now(), args = \'{"seconds": 0, "text": "once"}\''
    )
    async with working(worker()):
        await until_state(notes, number, "done")
    assert ["once"] == await companies(notes)
    assert 2 == (await job(notes, number))["attempts"]


@pytest.mark.long
async def test_a_worker_that_is_told_to_stop_gives_its_jobs_back_and_ends_well(
    notes: Running, process: subprocess.Popen[str]
) -> None:
    number = await notes.ctx.enqueue("notes.slow", {"seconds": 60})

    async def runs() -> bool:
        return "running" == await state(notes, number)

    await until(runs, 30)
    process.terminate()
    assert 0 == await asyncio.to_thread(process.wait, 10)
    row = await job(notes, number)
    assert ("ready", 0) == (row["state"], row["attempts"])
    assert [] == await companies(notes)


@pytest.mark.long
async def test_three_workers_killed_again_and_again_do_everything_once_in_order(
    notes: Running,
) -> None:
    orders = [JobOrder(args={"text": f"{n:05}"}, lane=f"{n % 40}") for n in range(2500)]
    await notes.ctx.enqueue_many("notes.note", orders)
    kills = await work_while_killed(notes, 150)
    found = await companies(notes)
    assert [f"{n:05}" for n in range(2500)] == sorted(found)
    for lane in range(40):
        mine = [text for text in found if int(text) % 40 == lane]
        assert sorted(mine) == mine
    assert kills >= 3
    tried = await notes.db.value("SELECT count(*) FROM core_job WHERE attempts > 1")
    assert 0 < tried <= kills * 6
