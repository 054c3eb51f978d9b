"""How many jobs are at work at once while somebody uses the pages, and while nobody does."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from crmkit.access.sessions import open_session
from crmkit.work.pace import Arrivals, Pace
from tests.work.promising import person
from tests.work.working import job, until, until_state, working

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import pytest

    from crmkit.testing.sites import Running
    from tests.work.conftest import MakeWorker

NEVER = 3600.0


class Work:
    """Jobs that are let go on one by one."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.begun = list[int]()
        self.gates = [asyncio.Event() for _ in range(4)]

    async def run(self, number: int) -> None:
        async with self.pace.turn():
            self.begun.append(number)
            await self.gates[number].wait()

    def has_begun(self, many: int) -> Callable[[], Awaitable[bool]]:
        async def has() -> bool:
            return len(self.begun) >= many

        return has

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)


async def test_while_pages_are_used_one_short_job_follows_another() -> None:
    work = Work(Pace(1, turn=NEVER))
    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(work.run(number))
        await work.settle()
        assert work.begun == [0]
        for number in range(4):
            work.gates[number].set()
    assert work.begun == [0, 1, 2, 3]


async def test_a_job_that_waits_for_somebody_else_does_not_hold_up_the_others() -> None:
    work = Work(Pace(1, turn=0.001))
    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(work.run(number))
        await until(work.has_begun(4))
        for gate in work.gates:
            gate.set()


async def test_a_job_that_failed_gives_its_turn_on_once() -> None:
    pace = Pace(1, turn=NEVER)
    for _ in range(3):
        with suppress(ValueError):
            async with pace.turn():
                raise ValueError
    work = Work(pace)
    async with asyncio.TaskGroup() as group:
        for number in range(2):
            group.create_task(work.run(number))
        await until(work.has_begun(1))
        await asyncio.sleep(0.01)
        assert work.begun == [0]
        for gate in work.gates:
            gate.set()


async def test_while_nobody_is_there_all_begin_at_once() -> None:
    pace = Pace(1, turn=NEVER)
    pace.is_careful = False
    work = Work(pace)
    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(work.run(number))
        await work.settle()
        assert work.begun == [0, 1, 2, 3]
        for gate in work.gates:
            gate.set()


async def test_whoever_used_a_page_in_the_last_two_minutes_is_there(notes: Running) -> None:
    await notes.db.execute("DELETE FROM core_session")
    assert await _careful(notes) is False
    await _arrive(notes)
    assert await _careful(notes) is True
    await notes.db.execute("UPDATE core_session SET seen_at = now() - interval '121 seconds'")
    assert await _careful(notes) is False


async def test_a_worker_goes_by_the_pace(notes: Running, worker: MakeWorker) -> None:
    await _arrive(notes)
    slow = await notes.ctx.enqueue("notes.slow", {"seconds": 0.3})
    note = await notes.ctx.enqueue("notes.note", {"text": "after it"})
    async with working(worker(slots=4, pace=Pace(1, turn=NEVER))):
        await until_state(notes, note, "done")
    written = await notes.db.value("SELECT created_at FROM crm_company WHERE name = 'after it'")
    assert written >= (await job(notes, slow))["ended_at"]


async def test_a_job_that_waits_for_its_turn_is_given_back_when_its_worker_stops(
    notes: Running, worker: MakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crmkit.work.worker._GRACE_SECONDS", 0.1)
    await _arrive(notes)
    slow = [await notes.ctx.enqueue("notes.slow", {"seconds": 60}) for _ in range(2)]
    async with working(worker(slots=4, pace=Pace(1, turn=NEVER))):
        for each in slow:
            await until_state(notes, each, "running")
    for each in slow:
        row = await job(notes, each)
        assert ("ready", 0, None) == (row["state"], row["attempts"], row["worker"])


async def test_a_job_takes_no_step_while_its_process_answers_a_page(
    notes: Running, worker: MakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crmkit.work.pace._GIVE_WAY_SECONDS", NEVER)
    arrivals = Arrivals()
    await _arrive(notes)
    slow = await notes.ctx.enqueue("notes.slow", {"seconds": 0.1})
    async with working(worker(slots=4, pace=Pace(1, arrivals=arrivals))):
        await until_state(notes, slow, "running")
        leave = arrivals.arrive()
        note = await notes.ctx.enqueue("notes.note", {"text": "after the page"})
        await asyncio.sleep(0.4)
        states = await _state(notes, slow), await _state(notes, note)
        leave()
        assert ("running", "ready") == states
        await until_state(notes, slow, "done")
        await until_state(notes, note, "done")


async def test_a_page_that_takes_long_holds_up_no_job(notes: Running, worker: MakeWorker) -> None:
    arrivals = Arrivals()
    arrivals.arrive()
    await _arrive(notes)
    note = await notes.ctx.enqueue("notes.note", {"text": "meanwhile"})
    async with working(worker(slots=4, pace=Pace(1, arrivals=arrivals))):
        await until_state(notes, note, "done")


async def test_an_answered_page_is_counted_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crmkit.work.pace._GIVE_WAY_SECONDS", NEVER)
    arrivals = Arrivals()
    first, second = arrivals.arrive(), arrivals.arrive()
    first()
    first()
    waiting = asyncio.create_task(arrivals.give_way())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    second()
    await waiting


async def test_a_job_rests_from_its_work_and_not_from_standing_still() -> None:
    arrivals = Arrivals()
    pace, loop = Pace(1, turn=NEVER, arrivals=arrivals), asyncio.get_running_loop()
    leave = arrivals.arrive()
    async with pace.turn():
        await asyncio.sleep(1.0)
        leave()
    ended = loop.time()
    async with pace.turn():
        assert loop.time() - ended < 0.5
        await asyncio.sleep(0.2)
    ended = loop.time()
    async with pace.turn():
        assert loop.time() - ended >= 0.19


async def _state(place: Running, number: int | None) -> str:
    return str((await job(place, number))["state"])


async def _arrive(place: Running) -> None:
    user = await person(place.ctx, "Ada")
    await open_session(place.db, user, "127.0.0.1", "a browser")


async def _careful(place: Running) -> bool:
    pace = Pace()
    await pace.look(place.db)
    return pace.is_careful
