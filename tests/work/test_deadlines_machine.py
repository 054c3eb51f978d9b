"""Deadlines against a plain model: each step is made once at most, and none is lost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

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

from crmkit import deadlines
from crmkit.db.engine import Database
from crmkit.model.job import JobEvent
from crmkit.records.save import restore_record
from crmkit.work.deadline_sweep import find_lost, sweep_deadlines
from tests.work.promising import HOUR, fire, timers, turn_clock

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from crmkit.testing.sites import Running

COMPANY, KIND = "crm.company", "promises.visit"
#: Hours from the deadline; moments of the model are whole hours, deadlines half ones.
STEPS = {"warn1": -2.0, "due": 0.0, "step1": 2.0, "step2": 4.0}
NAMES = list(STEPS)
DUE = st.integers(-3, 8).map(lambda hours: hours + 0.5)


@dataclass
class Plain:
    """A deadline as a plain model knows it: moments are hours of the model's clock."""

    state: str
    due: float
    place: int
    revision: int = 1
    remaining: float = 0.0
    #: The moment is the model's only by about a second: it was paused and went on.
    is_near: bool = False
    by: str = ""
    was: str = ""
    made: list[tuple[int, str, str]] = field(default_factory=list)

    @property
    def runs(self) -> bool:
        return self.state in {"open", "paused", "missed"}

    def moment(self, place: int) -> float:
        return self.due + STEPS[NAMES[place]]

    def plan(self, due: float, now: float) -> None:
        """Take up another moment: what is past is not made up for, but for the due step."""
        missed = self.state == "missed" and due == self.due and not self.is_near
        self.is_near = False
        self.due = due
        ahead = next((n for n in range(4) if self.moment(n) > now), 4)
        self.place = max(ahead, 2) if missed else min(ahead, 1)
        self.state = "missed" if missed else "open"

    def fire(self, now: float) -> None:
        if self.state not in {"open", "missed"}:
            return
        while self.place < 4 and self.moment(self.place) <= now:
            name = NAMES[self.place]
            late = name == "warn1" and self.due <= now
            self.made.append((self.revision, name, "late" if late else "made"))
            self.state = "missed" if name == "due" else self.state
            self.place += 1


class Deadlines(RuleBasedStateMachine):
    """All that can happen to the deadlines of a record, one thing after another."""

    running: Running
    loop: asyncio.AbstractEventLoop
    db: Database

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        self.ctx = replace(self.running.ctx, db=self.db)
        self.run(self.db.execute("TRUNCATE core_job, core_deadline, core_deadline_step"))
        self.record = self.run(self.ctx.create(COMPANY, name="Northgate"))
        self.now, self.all, self.trashed = 0.0, list[Plain](), False
        self.begun = self.run(self.db.value("SELECT clock_timestamp()"))

    @property
    def one(self) -> Plain | None:
        return next((each for each in self.all if each.runs), None)

    def running_one(self) -> Plain:
        assert self.one is not None
        return self.one

    def at(self, hours: float) -> Any:  # noqa: ANN401 - a moment
        """Answer a moment of the model as the database has it now."""
        return self.begun + (hours - self.now) * HOUR

    def change(self, what: Any, *args: Any) -> Any:  # noqa: ANN401
        return self.run(what(self.ctx, COMPANY, self.record, KIND, *args))

    @precondition(lambda self: not self.trashed)
    @rule(due=DUE)
    def set(self, due: float) -> None:
        due += self.now
        self.change(deadlines.set, self.at(due))
        one = self.one
        if one is None:
            one = Plain("open", due, 0)
            one.plan(due, self.now)
            self.all.append(one)
        elif one.due != due or one.is_near:
            one.plan(due, self.now)
            one.revision += 1

    @precondition(lambda self: self.one)
    @rule(due=DUE)
    def move(self, due: float) -> None:
        one = self.running_one()
        self.change(deadlines.move, self.at(self.now + due))
        one.plan(self.now + due, self.now)
        one.revision += 1

    @precondition(lambda self: self.one and self.one.state == "open" and self.one.due > self.now)
    @rule()
    def pause(self) -> None:
        one = self.running_one()
        self.change(deadlines.pause)
        one.state, one.remaining = "paused", one.due - self.now

    @precondition(lambda self: self.one and self.one.state == "paused")
    @rule()
    def resume(self) -> None:
        self.change(deadlines.resume)
        one = self.running_one()
        one.state = "open"
        one.plan(self.now + one.remaining, self.now)
        one.is_near = True
        one.revision += 1

    @rule(is_met=st.booleans())
    def end(self, *, is_met: bool) -> None:
        found = self.change(deadlines.met if is_met else deadlines.clear)
        assert found is (self.one is not None)
        if self.one is not None:
            self.one.state = "met" if is_met else "cleared"

    @precondition(lambda self: not self.trashed)
    @rule()
    def trash(self) -> None:
        self.run(self.ctx.trash(COMPANY, self.record))
        self.trashed = True
        if self.one is not None:
            one = self.one
            one.was, one.by, one.state = one.state, "trash", "cleared"

    @precondition(lambda self: self.trashed)
    @rule()
    def restore(self) -> None:
        self.run(restore_record(self.ctx, self.running.site.entity(COMPANY), self.record))
        self.trashed = False
        for each in self.all:
            if each.by == "trash":
                each.state, each.by = each.was, ""

    @rule(hours=st.sampled_from([1, 1, 2, 3, 10, 720]))
    def wait(self, hours: int) -> None:
        self.run(turn_clock(self.ctx, hours * HOUR))
        self.now += hours

    @rule()
    def turn_back(self) -> None:
        self.run(turn_clock(self.ctx, -HOUR))
        self.now -= 1

    @rule()
    def work(self) -> None:
        self.run(fire(self.ctx))
        for each in self.all:
            each.fire(self.now)

    @rule()
    def lose_and_sweep(self) -> None:
        self.run(self.db.execute("DELETE FROM core_job"))
        event = JobEvent(self.ctx, 0, "core.sweep_deadlines", {}, 1, lambda *_: None)
        self.run(sweep_deadlines(event))

    @invariant()
    def both_agree(self) -> None:
        if not hasattr(self, "all"):
            return
        rows = self.run(self.db.rows("SELECT * FROM core_deadline ORDER BY id"))
        assert [each.state for each in self.all] == [row["state"] for row in rows]
        waiting = self.run(timers(self.ctx))
        for row, each in zip(rows, self.all, strict=True):
            made = self.run(
                self.db.rows(
                    "SELECT revision, step, what FROM core_deadline_step "
                    "WHERE deadline = $1 AND step <> '' ORDER BY id", row["id"],
                )
            )  # fmt: skip
            assert each.made == [tuple(line) for line in made]
            has_timer = each.state in {"open", "missed"} and each.place < 4
            assert has_timer is (row["id"] in waiting)
            if has_timer:
                assert row["next_at"] == waiting[row["id"]]
                off = row["next_at"] - self.at(each.moment(each.place))
                assert abs(off) < timedelta(minutes=5)
        assert [] == self.run(find_lost(self.ctx))


def check(promises: Running, examples: int, steps: int) -> None:
    loop = asyncio.new_event_loop()
    Deadlines.running, Deadlines.loop = promises, loop
    Deadlines.db = Database(promises.dsn, pool_min=1, pool_max=1)
    loop.run_until_complete(Deadlines.db.open())
    try:
        run_state_machine_as_test(
            Deadlines,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        loop.run_until_complete(Deadlines.db.close())
        loop.close()


def test_deadlines_do_what_the_plain_model_says(promises: Running) -> None:
    check(promises, examples=25, steps=20)


@pytest.mark.long
def test_deadlines_do_what_the_plain_model_says_for_long(promises: Running) -> None:
    check(promises, examples=400, steps=50)
