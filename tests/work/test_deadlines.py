"""Deadlines: who hears when, what moves them, and that no timer is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from crmkit import BusinessCalendar, DeadlineKind, DeadlineOrder, Step, deadlines
from crmkit.errors import ConflictError, InvalidError, NotFoundError
from crmkit.model.calendar import OFFICE_WEEK
from crmkit.model.job import JobEvent
from crmkit.records.history import undo_operation
from crmkit.records.merge import merge_records
from crmkit.records.plugins.switch import disable_plugin, enable_plugin
from crmkit.records.save import restore_record
from crmkit.work.deadline_people import Rung, choose
from crmkit.work.deadline_plans import moments_of, plan_steps
from crmkit.work.deadline_sweep import find_lost, sweep_deadlines
from tests.work.promising import HOUR, at, fire, lines, now_of, only, person, timers, turn_clock

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

COMPANY, VISIT, ANSWER = "crm.company", "promises.visit", "promises.answer"


async def company(running: Running, owner: int | None = None) -> int:
    made: int = await running.ctx.create(COMPANY, name="Northgate", owner=owner)
    return made


async def ladder(running: Running) -> tuple[int, int, int, int]:
    """Answer seller, deputy, manager and head."""
    db, ctx = running.db, running.ctx
    head = await person(ctx, "Head")
    top = await db.value(
        "INSERT INTO core_team (name, manager) VALUES ('All', $1) RETURNING id", head
    )
    manager = await person(ctx, "Manager", top)
    team = await db.value(
        "INSERT INTO core_team (name, manager, parent) VALUES ('East', $1, $2) RETURNING id",
        manager,
        top,
    )
    return await person(ctx, "Seller", team), await person(ctx, "Deputy", team), manager, head


async def away(running: Running, who: int, deputy: int | None = None) -> None:
    await running.db.execute(
        "INSERT INTO core_absence (note, absentee, deputy, first_day, last_day) "
        "VALUES ('away', $1, $2, current_date - 1, current_date + 60)",
        who,
        deputy,
    )


async def sweep(ctx: Context) -> None:
    await sweep_deadlines(JobEvent(ctx, 0, "core.sweep_deadlines", {}, 1, lambda *_: None))


async def test_each_step_is_made_at_its_moment_and_once(promises: Running) -> None:
    ctx = promises.ctx
    seller, _deputy, manager, _head = await ladder(promises)
    record = await company(promises, seller)
    due = await now_of(promises) + 3 * HOUR
    await deadlines.set(ctx, COMPANY, record, VISIT, due)
    row = only(await deadlines.list_deadlines(ctx, COMPANY, record))
    assert {row.id: due - 2 * HOUR} == await timers(ctx)
    for hours, step, people in (
        (1, "warn1", [seller]), (2, "due", [seller]), (2, "step1", [seller]),
        (2, "step2", [manager]),
    ):  # fmt: skip
        await turn_clock(ctx, hours * HOUR)
        await fire(ctx)
        await fire(ctx)
        assert (step, "made", people) == (await lines(ctx))[-1]
    assert 4 == len(await lines(ctx))
    assert {} == await timers(ctx)
    assert "missed" == only(await deadlines.list_deadlines(ctx, COMPANY, record)).state
    assert await deadlines.met(ctx, COMPANY, record, VISIT)
    assert only(await deadlines.list_deadlines(ctx, COMPANY, record)).is_late


async def test_a_clock_that_jumps_makes_each_step_once(promises: Running) -> None:
    ctx, record = promises.ctx, await company(promises)
    await deadlines.set(ctx, COMPANY, record, VISIT, await now_of(promises) + 3 * HOUR)
    await turn_clock(ctx, timedelta(days=30))
    assert 1 == await fire(ctx)
    late = [("warn1", "late"), ("due", "made"), ("step1", "made"), ("step2", "made")]
    assert late == [line[:2] for line in await lines(ctx)]
    await turn_clock(ctx, -HOUR)
    await turn_clock(ctx, 2 * HOUR)
    await sweep(ctx)
    assert 0 == await fire(ctx)
    assert 4 == len(await lines(ctx))


async def test_a_clock_set_back_before_a_timer_was_worked_waits_for_it(promises: Running) -> None:
    ctx, record = promises.ctx, await company(promises)
    await deadlines.set(ctx, COMPANY, record, VISIT, await now_of(promises) + 3 * HOUR)
    # The timer was taken; then the clock went back.
    await promises.db.execute("UPDATE core_job SET run_at = now() WHERE key IS NOT NULL")
    assert 1 == await fire(ctx)
    assert [] == await lines(ctx)
    row = only(await deadlines.list_deadlines(ctx, COMPANY, record))
    assert {row.id: row.next_at} == await timers(ctx)


async def test_a_lost_timer_stays_lost_until_the_sweep(promises: Running) -> None:
    ctx, record = promises.ctx, await company(promises)
    await deadlines.set(ctx, COMPANY, record, VISIT, await now_of(promises) + 3 * HOUR)
    row = only(await deadlines.list_deadlines(ctx, COMPANY, record))
    await promises.db.execute("DELETE FROM core_job")
    await turn_clock(ctx, 4 * HOUR)
    assert 0 == await fire(ctx)
    assert [] == await lines(ctx)
    assert [row.id] == await find_lost(ctx)
    await sweep(ctx)
    assert [] == await find_lost(ctx)
    assert 1 == await fire(ctx)
    assert ["late", "made"] == [what for _step, what, _people in await lines(ctx)]


async def test_a_timer_that_stands_too_late_is_found(promises: Running) -> None:
    ctx, record = promises.ctx, await company(promises)
    await deadlines.set(ctx, COMPANY, record, VISIT, await now_of(promises) + 3 * HOUR)
    await promises.db.execute("UPDATE core_job SET run_at = run_at + interval '1 day'")
    await sweep(ctx)
    row = only(await deadlines.list_deadlines(ctx, COMPANY, record))
    assert {row.id: row.next_at} == await timers(ctx)


async def test_an_undeclared_kind_is_refused_with_its_likely_name(promises: Running) -> None:
    record = await company(promises)
    with pytest.raises(NotFoundError, match=r"`promises.visits`. Did you mean `promises.visit`"):
        await deadlines.set(promises.ctx, COMPANY, record, "promises.visits", HOUR)


async def test_a_moment_without_zone_and_a_missing_record_are_refused(promises: Running) -> None:
    record, due = await company(promises), await now_of(promises)
    with pytest.raises(InvalidError, match="no zone"):
        await deadlines.set(promises.ctx, COMPANY, record, VISIT, due.replace(tzinfo=None))
    with pytest.raises(NotFoundError):
        await deadlines.set(promises.ctx, COMPANY, record + 1, VISIT, due)


@pytest.mark.parametrize("span", [timedelta(), timedelta(hours=-1)])
def test_a_step_before_its_deadline_is_refused(span: timedelta) -> None:
    with pytest.raises(ValueError, match="after the deadline"):
        Step(span)
    with pytest.raises(ValueError, match="positive"):
        DeadlineKind("visit", "Visit", (span,))


async def test_a_pause_keeps_the_time_that_is_left(promises: Running) -> None:
    ctx, record = promises.ctx, await company(promises)
    await deadlines.set(ctx, COMPANY, record, VISIT, await now_of(promises) + 3 * HOUR)
    await deadlines.pause(ctx, COMPANY, record, VISIT)
    assert {} == await timers(ctx)
    await turn_clock(ctx, 100 * HOUR)
    assert 0 == await fire(ctx)
    await deadlines.resume(ctx, COMPANY, record, VISIT)
    row = only(await deadlines.list_deadlines(ctx, COMPANY, record))
    left = row.due_at - await now_of(promises)
    assert timedelta(hours=2, minutes=59) < left < timedelta(hours=3, seconds=1)


async def test_what_was_missed_cannot_be_paused(promises: Running) -> None:
    ctx, record = promises.ctx, await company(promises)
    await deadlines.set(ctx, COMPANY, record, VISIT, await now_of(promises) + HOUR)
    await turn_clock(ctx, 2 * HOUR)
    with pytest.raises(ConflictError, match="passed already"):
        await deadlines.pause(ctx, COMPANY, record, VISIT)


async def test_a_time_is_counted_in_business_time(promises: Running) -> None:
    ctx, record = promises.ctx, await company(promises)
    await deadlines.set(ctx, COMPANY, record, ANSWER, 10 * HOUR)
    row = only(await deadlines.list_deadlines(ctx, COMPANY, record))
    calendar = await ctx.calendar()
    assert list(row.moments) == moments_of(row.due_at, row.steps, calendar)
    # Ten hours of office time end on another day, whenever one begins.
    assert row.due_at - row.set_at > 15 * HOUR


@pytest.mark.parametrize(
    ("to", "state", "found"),
    [
        ("responsible", "", "seller"), ("responsible", "away", "deputy"),
        ("responsible", "alone", "seller"), ("responsible", "left", "manager"),
        ("deputy", "", "manager"), ("deputy", "away", "deputy"), ("manager", "", "manager"),
        ("manager", "boss away", "head"), ("head", "", "head"), ("head", "no head", None),
    ],
)  # fmt: skip
def test_the_ladder_passes_over_who_is_not_there(to: str, state: str, found: str | None) -> None:
    numbers = {"seller": 1, "manager": 2, "head": 3, "deputy": 9}
    rungs = [
        Rung(1, state != "left", state in {"away", "alone"}, 9 if state == "away" else None),
        Rung(2, is_active=True, is_away=state == "boss away", deputy=None),
    ]
    if state != "no head":
        rungs.append(Rung(3, is_active=True, is_away=False, deputy=None))
    assert choose(to, 1, rungs) == numbers.get(found or "")


async def test_the_ladder_goes_up_and_gives_the_record(promises: Running) -> None:
    ctx = promises.ctx
    seller, deputy, manager, head = await ladder(promises)
    record = await company(promises, seller)
    await away(promises, seller, deputy)
    await deadlines.set(ctx, COMPANY, record, ANSWER, await now_of(promises) + HOUR)
    await turn_clock(ctx, timedelta(days=20))
    await fire(ctx)
    made = {step: people for step, _what, people in await lines(ctx, "made")}
    assert {"due": [deputy], "step1": [deputy], "step2": [deputy], "step3": [manager],
            "step4": [head]} == made  # fmt: skip
    assert manager == (await ctx.get(COMPANY, record))["owner"]
    row = await promises.db.row("SELECT owner, note FROM core_deadline_step WHERE step = 'step3'")
    assert row is not None
    assert (manager, "") == tuple(row)


async def test_without_a_manager_it_ends_at_the_administrators(promises: Running) -> None:
    ctx = promises.ctx
    boss = await person(ctx, "Boss", role="administrator")
    record = await company(promises, await person(ctx, "Hermit"))
    await deadlines.set(ctx, COMPANY, record, VISIT, await now_of(promises) + HOUR)
    await turn_clock(ctx, timedelta(days=20))
    await fire(ctx)
    assert ("step2", "made", [boss]) == (await lines(ctx))[-1]


async def test_the_trash_clears_and_restoring_brings_back(promises: Running) -> None:
    ctx, record = promises.ctx, await company(promises)
    await deadlines.set(ctx, COMPANY, record, VISIT, await now_of(promises) + 3 * HOUR)
    await ctx.trash(COMPANY, record)
    row = only(await deadlines.list_deadlines(ctx, COMPANY, record))
    assert ("cleared", "trash") == (row.state, row.ended_by)
    await turn_clock(ctx, 4 * HOUR)
    assert 0 == await fire(ctx)
    await restore_record(ctx, promises.site.entity(COMPANY), record)
    assert 1 == await fire(ctx)
    assert [("warn1", "late"), ("due", "made")] == [line[:2] for line in await lines(ctx)]


async def test_a_final_state_clears_and_reopening_brings_back(promises: Running) -> None:
    ctx = promises.ctx
    record = await ctx.create("crm.opportunity", name="Chairs")
    due = await now_of(promises) + 3 * HOUR
    await deadlines.set(ctx, "crm.opportunity", record, VISIT, due)
    await ctx.save("crm.opportunity", record, stage="lost", lost_reason="price")
    assert {} == await timers(ctx)
    await ctx.save("crm.opportunity", record, stage="proposal")
    row = only(await deadlines.list_deadlines(ctx, "crm.opportunity", record))
    assert ("open", due, {row.id: due - 2 * HOUR}) == (row.state, row.due_at, await timers(ctx))


@pytest.mark.parametrize("is_earlier", [True, False])
async def test_a_merge_moves_and_of_two_the_earlier_stays(
    promises: Running, *, is_earlier: bool
) -> None:
    ctx, plan = promises.ctx, promises.site.entity(COMPANY)
    kept, gone = await company(promises), await company(promises)
    due = await now_of(promises) + 5 * HOUR
    other = due - HOUR if is_earlier else due + HOUR
    await deadlines.set(ctx, COMPANY, kept, VISIT, due)
    await deadlines.set(ctx, COMPANY, gone, VISIT, other)
    await deadlines.set(ctx, COMPANY, gone, ANSWER, due)
    before = await timers(ctx)

    async def running(record: int) -> dict[str, object]:
        rows = await deadlines.list_deadlines(ctx, COMPANY, record)
        return {row.kind: row.due_at for row in rows if row.is_running}

    operation = await merge_records(ctx, plan, kept, gone)
    assert {VISIT: min(due, other), ANSWER: due} == await running(kept)
    assert {} == await running(gone)
    undone = await undo_operation(ctx, operation)
    assert not undone.kept
    assert {VISIT: due} == await running(kept)
    assert {VISIT: other, ANSWER: due} == await running(gone)
    assert before == await timers(ctx)
    again = await promises.db.value("SELECT max(id) FROM core_operation")
    await undo_operation(ctx, again)
    assert {VISIT: min(due, other), ANSWER: due} == await running(kept)
    assert [] == await find_lost(ctx)


async def test_a_plugin_that_is_off_parks_its_deadlines(promises: Running) -> None:
    ctx, record = promises.ctx, await company(promises)
    await deadlines.set(ctx, COMPANY, record, VISIT, await now_of(promises) + 3 * HOUR)
    await disable_plugin(ctx, "promises")
    await promises.rebuild()
    try:
        await turn_clock(ctx, timedelta(days=3))
        assert 0 == await fire(promises.ctx)
        await sweep(promises.ctx)
        assert 0 == await fire(promises.ctx)
    finally:
        await enable_plugin(promises.ctx, "promises", promises.dsn)
        await promises.rebuild()
    await fire(promises.ctx)
    assert ["due", "step1", "step2"] == [line[0] for line in await lines(promises.ctx, "made")]
    assert 0 == await fire(promises.ctx)


@pytest.mark.parametrize(
    ("due", "before", "after"),
    [
        # Monday 10:00 after the night that is an hour short, and after the one that is longer.
        ("2026-03-30T08:00", "2026-03-27T16:00", "2026-03-30T10:00"),
        ("2026-10-26T09:00", "2026-10-23T15:00", "2026-10-26T11:00"),
    ],
)
def test_warnings_and_the_ladder_keep_office_hours_over_clock_changes(
    due: str, before: str, after: str
) -> None:
    kind = DeadlineKind("answer", "Answer", (2 * HOUR,), (Step(2 * HOUR),))
    steps = plan_steps(kind, DeadlineOrder(record=1, due=at(due)))
    calendar = BusinessCalendar(zone="Europe/Berlin", week=OFFICE_WEEK)
    assert [at(before), at(due), at(after)] == moments_of(at(due), steps, calendar)
