"""A worker runs what was queued: once, with its effects, and says what failed."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from crmkit.errors import InvalidError, NotFoundError
from crmkit.model.job import JobOrder
from tests.work.working import companies, job, seen, state, until, until_state, working

if TYPE_CHECKING:
    from crmkit.testing.fixtures import Clock
    from crmkit.testing.sites import Running
    from tests.work.conftest import MakeWorker

SOON = timedelta(hours=1)


async def test_a_job_runs_once_with_its_arguments(notes: Running, worker: MakeWorker) -> None:
    number = await notes.ctx.enqueue("notes.note", {"text": "Kan-code"})
    async with worker() as one:
        assert 1 == await one.run_due()
        assert 0 == await one.run_due()
    row = await job(notes, number)
    assert ("done", 1, "") == (row["state"], row["attempts"], row["error"])
    assert ["Kan-code"] == await companies(notes)
    event = seen(notes)[-1]
    assert (number, "notes.note", 1) == (event.id, event.name, event.attempt)
    assert "job" == event.ctx.cause


async def test_the_callers_rollback_leaves_no_job(notes: Running, worker: MakeWorker) -> None:
    async def fail_after() -> None:
        async with notes.db.transaction():
            await notes.ctx.enqueue("notes.note", {"text": "never"})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_after()
    async with worker() as one:
        assert 0 == await one.run_due()


async def test_an_unknown_job_is_refused_with_its_likely_name(notes: Running) -> None:
    with pytest.raises(NotFoundError, match=r"no job `notes.nots`. Did you mean `notes.note`"):
        await notes.ctx.enqueue("notes.nots")


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (JobOrder(args={"x": object()}), "JSON cannot say"),
        (JobOrder(args={"x": "a\0b"}), "NUL"),
        (JobOrder(at=datetime(2026, 1, 1)), "no zone"),  # noqa: DTZ001 - what is refused
        (JobOrder(key="x" * 201), "at most 200"),
    ],
)
async def test_what_cannot_be_kept_is_refused(notes: Running, order: JobOrder, said: str) -> None:
    with pytest.raises(InvalidError, match=said):
        await notes.ctx.enqueue_many("notes.note", [order])


async def test_a_failed_attempt_leaves_nothing_and_is_tried_again(
    notes: Running, worker: MakeWorker
) -> None:
    number = await notes.ctx.enqueue("notes.fail", {"times": 1})
    async with worker() as one:
        await one.run_due()
        row = await job(notes, number)
        assert ("later", 1, "away") == (row["state"], row["attempts"], row["error"])
        assert timedelta(seconds=2) < row["run_at"] - datetime.now(UTC) < timedelta(seconds=6)
        assert [] == await companies(notes)
        await notes.db.execute("UPDATE core_job SET run_at = now()")
        await one.run_due()
    assert "done" == await state(notes, number)
    assert ["must not stay"] == await companies(notes)


async def test_after_its_attempts_a_job_is_dead_and_says_why_without_secrets(
    notes: Running, worker: MakeWorker
) -> None:
    why = "postgresql://ada:hunter2@db said token=abc123 to Bearer eyJh.x"
    number = await notes.ctx.enqueue("notes.fail", {"why": why})
    async with worker() as one:
        for _ in range(3):
            await one.run_due()
            await notes.db.execute("UPDATE core_job SET run_at = now() WHERE state = 'later'")
    row = await job(notes, number)
    assert ("dead", 3) == (row["state"], row["attempts"])
    assert "postgresql://ada:***@db said token=*** to Bearer ***" == row["error"]


async def test_error_trackers_hear_of_what_nobody_foresaw(
    notes: Running, worker: MakeWorker
) -> None:
    number = await notes.ctx.enqueue("notes.bug")
    async with worker() as one:
        await one.run_due()
    row = await job(notes, number)
    assert ("later", "KeyError: 'colour'") == (row["state"], row["error"])
    assert ("job notes.bug", "KeyError('colour')") == seen(notes)[-1]


async def test_what_a_rule_refuses_is_dead_at_once(notes: Running, worker: MakeWorker) -> None:
    number = await notes.ctx.enqueue("notes.refuse")
    async with worker() as one:
        await one.run_due()
    row = await job(notes, number)
    assert ("dead", 1) == (row["state"], row["attempts"])
    assert "Not like this. amount: must not be zero." == row["error"]


async def test_an_attempt_that_takes_too_long_ends(notes: Running, worker: MakeWorker) -> None:
    number = await notes.ctx.enqueue("notes.hasty", {"seconds": 60})
    async with worker() as one:
        await one.run_due()
    row = await job(notes, number)
    assert ("later", "It took longer than 0.05 seconds.") == (row["state"], row["error"])
    assert [] == await companies(notes)


async def test_a_job_may_run_as_who_queued_it(notes: Running, worker: MakeWorker) -> None:
    user = await notes.ctx.create("core.user", name="Anna Snelling", role="seller", active=True)
    number = await notes.ctx.enqueue("notes.who")
    await notes.db.execute("UPDATE core_job SET created_by = $1", user)
    async with worker() as one:
        await one.run_due()
        assert "Anna Snelling" == seen(notes)[-1]
        assert "seller" == seen(notes)[-2].ctx.principal.role.name
        await notes.db.execute("UPDATE core_user SET active = false WHERE id = $1", user)
        other = await notes.ctx.enqueue("notes.who")
        await notes.db.execute("UPDATE core_job SET created_by = $1 WHERE id = $2", user, other)
        await one.run_due()
    assert ("done", "dead") == (await state(notes, number), await state(notes, other))


async def test_the_highest_priority_runs_first(notes: Running, worker: MakeWorker) -> None:
    orders = [JobOrder(args={"text": str(n)}, priority=n % 2) for n in range(4)]
    assert 4 == await notes.ctx.enqueue_many("notes.note", orders)
    async with worker(slots=1) as one:
        await one.run_due()
    assert ["1", "3", "0", "2"] == await companies(notes)


async def test_a_timer_waits_for_its_moment(notes: Running, worker: MakeWorker) -> None:
    later = await notes.ctx.enqueue("notes.note", {"text": "x"}, at=datetime.now(UTC) + SOON)
    assert "later" == await state(notes, later)
    soon = datetime.now(UTC) + timedelta(seconds=0.3)
    number = await notes.ctx.enqueue("notes.note", {"text": "now"}, at=soon)
    async with working(worker()):
        await until_state(notes, number, "done")
    started = (await job(notes, number))["started_at"]
    assert timedelta() <= started - soon < timedelta(seconds=0.5)
    assert "later" == await state(notes, later)


async def test_the_clock_of_a_worker_decides_nothing(
    notes: Running, worker: MakeWorker, clock: Clock
) -> None:
    number = await notes.ctx.enqueue("notes.note", {"text": "x"}, at=datetime.now(UTC) + SOON)
    clock.advance(days=30)
    async with worker() as one:
        assert 0 == await one.run_due()
        clock.advance(days=-60)
        await notes.db.execute("UPDATE core_job SET run_at = now()")
        assert 1 == await one.run_due()
    assert "done" == await state(notes, number)


async def test_a_worker_that_sleeps_is_woken(notes: Running, worker: MakeWorker) -> None:
    async with working(worker()):
        await asyncio.sleep(0.3)
        begin = time.monotonic()
        number = await notes.ctx.enqueue("notes.note", {"text": "wake"})
        await until_state(notes, number, "done")
        # A worker that only looks now and then would need half a second as a rule.
        assert time.monotonic() - begin < 0.25


async def test_progress_is_seen_while_it_runs(notes: Running, worker: MakeWorker) -> None:
    number = await notes.ctx.enqueue("notes.slow", {"seconds": 0.8})
    async with working(worker()):
        await until_state(notes, number, "running")
        await asyncio.sleep(0.5)
        row = await job(notes, number)
        assert (1, 4) == (row["done"], row["total"])
        await until_state(notes, number, "done")


async def test_what_runs_when_a_worker_stops_is_given_back(
    notes: Running, worker: MakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crmkit.work.worker._GRACE_SECONDS", 1.0)
    number = await notes.ctx.enqueue("notes.slow", {"seconds": 60, "text": "begun"})
    short = await notes.ctx.enqueue("notes.slow", {"seconds": 0.05, "text": "short"})
    async with working(worker()):
        await until_state(notes, number, "running")

        async def is_begun() -> bool:  # on a busy machine it is over before anybody looks
            return await state(notes, short) != "ready"

        await until(is_begun)
    row = await job(notes, number)
    assert ("ready", 0, None) == (row["state"], row["attempts"], row["worker"])
    assert "done" == await state(notes, short)
    assert ["short"] == await companies(notes)
    assert 0 == await notes.db.value("SELECT count(*) FROM core_worker")


async def test_old_rows_are_removed(notes: Running, worker: MakeWorker) -> None:
    for text in ("old", "new"):
        await notes.ctx.enqueue("notes.note", {"text": text})
    dead = await notes.ctx.enqueue("notes.refuse")
    async with worker() as one:
        await one.run_due()
        await notes.db.execute(
            "UPDATE core_job SET ended_at = now() - interval '8 days' "
            "WHERE args->>'text' = 'old' OR id = $1",
            dead,
        )
        await notes.ctx.enqueue("core.remove_done_jobs")
        await one.run_due()
    rows = await notes.db.rows("SELECT args->>'text' AS text FROM core_job ORDER BY id")
    assert ["new", None, None] == [row["text"] for row in rows]
