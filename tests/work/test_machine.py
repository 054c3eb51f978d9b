"""Jobs against a plain model: whatever happens in whatever order, both agree."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from crmkit.db.engine import Database
from crmkit.model.job import JobOrder
from crmkit.work.administration import cancel, run_again
from crmkit.work.catalog import catalog_of
from crmkit.work.claims import claim, leave, mark_done, promote, take_back_expired
from crmkit.work.jobs import enqueue
from crmkit.work.parking import park_plugin, unpark_plugin

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from crmkit.testing.sites import Running
    from crmkit.work.claims import Claimed

LEASE, NOW, HOUR = timedelta(seconds=60), timedelta(), timedelta(hours=1)
WAITING = ("later", "ready", "parked")
MOST = 2
#: A number that stands for one of the jobs there are.
PICK = st.integers(0, 99)


@dataclass
class Plain:
    """A job as a plain model knows it."""

    key: str
    lane: str
    priority: int
    state: str
    is_due: bool
    attempts: int = 0

    @property
    def said(self) -> tuple[str, int, str]:
        return self.state, self.attempts, self.key if self.state in WAITING else ""


class Jobs(RuleBasedStateMachine):
    """All that can happen to jobs, one thing after another."""

    running: Running
    loop: asyncio.AbstractEventLoop
    db: Database

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        self.jobs: dict[int, Plain] = {}
        self.held: dict[int, Claimed] = {}
        self.ctx = replace(self.running.ctx, db=self.db)
        self.catalog = catalog_of(self.running.site)
        self.run(self.db.execute("DELETE FROM core_job"))

    def waits(self, key: str) -> bool:
        return any(each.key == key and each.state in WAITING for each in self.jobs.values())

    @rule(
        key=st.sampled_from(["", "", "k", "l"]),
        lane=st.sampled_from(["", "x", "y"]),
        priority=st.integers(0, 1),
        is_later=st.booleans(),
    )
    def enqueue(self, key: str, lane: str, priority: int, *, is_later: bool) -> None:
        at = self.ctx.now() + HOUR if is_later else None
        order = JobOrder(key=key, lane=lane, priority=priority, at=at, max_attempts=MOST)
        made = self.run(enqueue(self.ctx, "notes.note", [order]))
        assert (not made) is bool(key and self.waits(key))
        if made:
            state = "later" if is_later else "ready"
            self.jobs[made[0]] = Plain(key, lane, priority, state, not is_later)

    def is_free(self, number: int) -> bool:
        job = self.jobs[number]
        return job.state == "ready" and not any(
            job.lane
            and each.lane == job.lane
            and (
                each.state == "running"
                or (
                    other < number
                    and (each.state == "ready" or (each.state == "later" and each.attempts))
                )
            )
            for other, each in self.jobs.items()
        )

    @rule(most=st.integers(1, 4))
    def claim(self, most: int) -> None:
        free = sorted(
            (n for n in self.jobs if self.is_free(n)), key=lambda n: (-self.jobs[n].priority, n)
        )
        taken = self.run(claim(self.db, self.catalog, most, "w", LEASE))
        assert free[:most] == [each.id for each in taken]
        for each in taken:
            self.jobs[each.id].state = "running"
            self.jobs[each.id].attempts += 1
            self.held[each.id] = each

    def pop(self, pick: int) -> tuple[Plain, Claimed]:
        number = sorted(self.held)[pick % len(self.held)]
        return self.jobs[number], self.held.pop(number)

    def left(self, job: Plain, state: str, *, is_due: bool) -> None:
        if job.key and self.waits(job.key):
            job.key = ""
        job.state, job.is_due = state, is_due

    @precondition(lambda self: self.held)
    @rule(pick=PICK)
    def finish(self, pick: int) -> None:
        job, held = self.pop(pick)
        assert self.run(mark_done(self.db, held, "w"))
        assert not self.run(mark_done(self.db, held, "w"))
        job.state = "done"

    @precondition(lambda self: self.held)
    @rule(pick=PICK)
    def fail(self, pick: int) -> None:
        job, held = self.pop(pick)
        to: Literal["dead", "later"] = "dead" if held.attempts >= MOST else "later"
        assert self.run(leave(self.db, held, "w", to, wait=HOUR, error="x"))
        self.left(job, to, is_due=False)

    @precondition(lambda self: self.held)
    @rule(pick=PICK)
    def give_back(self, pick: int) -> None:
        job, held = self.pop(pick)
        assert self.run(leave(self.db, held, "w", "ready", wait=NOW, counted=False))
        job.attempts -= 1
        self.left(job, "ready", is_due=True)

    @precondition(lambda self: self.held)
    @rule(pick=PICK)
    def expire(self, pick: int) -> None:
        job, held = self.pop(pick)
        self.run(self.db.execute("UPDATE core_job SET lease_until = now() WHERE id = $1", held.id))
        assert 1 == self.run(take_back_expired(self.db))
        assert not self.run(mark_done(self.db, held, "w"))
        self.left(job, "dead" if held.attempts >= MOST else "ready", is_due=True)

    @rule()
    def come_due(self) -> None:
        self.run(self.db.execute("UPDATE core_job SET run_at = now() WHERE state = 'later'"))
        self.run(promote(self.db, self.catalog))
        for job in self.jobs.values():
            if job.state == "later":
                job.state, job.is_due = "ready", True

    @rule()
    def park(self) -> None:
        self.run(park_plugin(self.db, "notes"))
        for job in self.jobs.values():
            job.state = "parked" if job.state in WAITING else job.state

    @rule()
    def unpark(self) -> None:
        self.run(unpark_plugin(self.db, self.catalog))
        for job in self.jobs.values():
            if job.state == "parked":
                job.state = "ready" if job.is_due else "later"

    @rule()
    def run_again(self) -> None:
        dead = [job for job in self.jobs.values() if job.state == "dead"]
        assert len(dead) == self.run(run_again(self.ctx))
        for job in dead:
            job.state, job.is_due, job.attempts, job.key = "ready", True, 0, ""

    @precondition(lambda self: any(job.state in {*WAITING, "dead"} for job in self.jobs.values()))
    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        able = [n for n, job in self.jobs.items() if job.state in {*WAITING, "dead"}]
        number = able[pick % len(able)]
        self.run(cancel(self.ctx, number))
        del self.jobs[number]

    @invariant()
    def both_agree(self) -> None:
        if not hasattr(self, "jobs"):
            return
        rows = self.run(self.db.rows("SELECT * FROM core_job ORDER BY id"))
        found = {
            row["id"]: (
                row["state"],
                row["attempts"],
                (row["key"] or "") if row["state"] in WAITING else "",
            )
            for row in rows
        }
        assert found == {number: job.said for number, job in self.jobs.items()}


def check(notes: Running, examples: int, steps: int) -> None:
    loop = asyncio.new_event_loop()
    Jobs.running, Jobs.loop, Jobs.db = notes, loop, Database(notes.dsn, pool_min=1, pool_max=1)
    loop.run_until_complete(Jobs.db.open())
    try:
        run_state_machine_as_test(
            Jobs,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        loop.run_until_complete(Jobs.db.close())
        loop.close()


def test_jobs_do_what_the_plain_model_says(notes: Running) -> None:
    check(notes, examples=60, steps=30)


@pytest.mark.long
def test_jobs_do_what_the_plain_model_says_for_long(notes: Running) -> None:
    check(notes, examples=300, steps=50)
