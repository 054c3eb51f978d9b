"""Changed hours move running deadlines: as the pure plan says, and nothing is told twice."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit import BusinessCalendar, deadlines
from crmkit.records.save import restore_record
from crmkit.work import core_events, deadline_recount
from crmkit.work.calendars import calendar_of
from crmkit.work.deadline_plans import counted_anew, moments_of, shift
from crmkit.work.deadline_rows import Deadline
from crmkit.work.deadline_sweep import find_lost
from tests.work.promising import HOUR, at, fire, lines, now_of, only, person, timers, turn_clock

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

COMPANY, VISIT = "crm.company", "promises.visit"
ANSWER, WAIT = "promises.answer", "promises.wait"


@pytest.fixture(autouse=True)
async def hours(promises: Running) -> Any:  # noqa: ANN401 - a fixture
    """Leave working hours as they were."""
    yield
    await promises.db.execute("TRUNCATE core_holiday, core_absence")
    await promises.db.execute("DELETE FROM core_calendar WHERE name <> 'Office hours'")


async def promise(ctx: Context, kind: str, due: datetime | timedelta, **more: Any) -> int:  # noqa: ANN401
    """Give a new company a deadline, and answer the company."""
    record: int = await ctx.create(COMPANY, name="Northgate")
    await deadlines.set(ctx, COMPANY, record, kind, due, **more)
    return record


async def row_of(ctx: Context, record: int) -> Deadline:
    return only(await deadlines.list_deadlines(ctx, COMPANY, record))


async def close(
    ctx: Context, first: int = 0, last: int = 8, name: str = "Works holiday"
) -> list[int]:
    """Close days, counted from today on."""
    today = ctx.now().date()
    return [
        await ctx.create("core.holiday", name=name, day=today + timedelta(days=number))
        for number in range(first, last)
    ]


def counted(row: Deadline, calendar: BusinessCalendar) -> tuple[datetime, list[datetime]]:
    """Answer the pure plan of a deadline that nothing was told of."""
    assert row.begun_at is not None
    assert row.length is not None
    due = shift(row.begun_at, row.length.total_seconds(), calendar)
    return due, moments_of(due, row.steps, calendar)


async def test_a_holiday_entered_later_moves_what_is_counted(promises: Running) -> None:
    ctx = promises.ctx
    record = await promise(ctx, ANSWER, 9 * HOUR)
    moment = await promise(ctx, ANSWER, await now_of(promises) + timedelta(days=9))
    plain = await promise(ctx, VISIT, 9 * HOUR)
    before = {each: await row_of(ctx, each) for each in (record, moment, plain)}
    await close(ctx)
    await promises.work()
    row = await row_of(ctx, record)
    assert counted(row, await calendar_of(ctx)) == (row.due_at, list(row.moments))
    assert row.due_at > before[record].due_at + timedelta(days=4)
    assert row.next_at == (await timers(ctx))[row.id]
    # A moment that was given stays, plain time stays whole.
    assert before[moment].due_at == (await row_of(ctx, moment)).due_at
    assert before[plain] == await row_of(ctx, plain)
    assert [] == await find_lost(ctx)


async def test_nothing_moves_when_nobody_hears_of_changed_hours(
    promises: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = promises.ctx

    async def deaf(*_: object) -> None:
        return

    monkeypatch.setattr(core_events, "queue_recount", deaf)
    record = await promise(ctx, ANSWER, 9 * HOUR)
    before = await row_of(ctx, record)
    await close(ctx)
    await promises.work()
    assert before == await row_of(ctx, record)


async def test_the_history_says_why_and_from_when_it_moved(promises: Running) -> None:
    ctx = promises.ctx
    record = await promise(ctx, ANSWER, 9 * HOUR)
    before = await row_of(ctx, record)
    await close(ctx, name="Reformation <Day>")
    await promises.work()
    row = await promises.db.row("SELECT what, note, why, by_user FROM core_deadline_step LIMIT 1")
    assert row is not None
    assert ("recounted", before.due_at.isoformat(), "holiday:Reformation <Day>", None) == tuple(row)
    page = await (await promises.client()).get(f"/deadlines/{before.id}")
    assert "the own holiday Reformation &lt;Day&gt; was entered" in page.text
    assert "it was " in page.text


async def test_what_was_told_is_not_told_again(promises: Running) -> None:
    ctx = promises.ctx
    record = await promise(ctx, ANSWER, 9 * HOUR, warn_before=[4 * HOUR, HOUR])
    row = await row_of(ctx, record)
    await turn_clock(ctx, row.moments[0] - await now_of(promises) + timedelta(seconds=1))
    await fire(ctx)
    assert ["warn1"] == [line[0] for line in await lines(ctx)]
    await close(ctx, -30, 8)
    await promises.work()
    after = await row_of(ctx, record)
    assert (1, row.revision, "open") == (after.place, after.revision, after.state)
    assert after.next_at is not None
    assert after.next_at > await now_of(promises) + timedelta(days=7)
    assert 0 == await fire(ctx)
    await turn_clock(ctx, timedelta(days=60))
    await fire(ctx)
    steps = [line[0] for line in await lines(ctx)]
    assert ["warn1", "warn2", "due", "step1", "step2", "step3", "step4"] == steps


async def test_what_is_due_earlier_than_now_comes_at_once_and_once(promises: Running) -> None:
    ctx = promises.ctx
    days = await close(ctx, -20, 8)
    record = await promise(ctx, ANSWER, 9 * HOUR)
    await promises.db.execute("UPDATE core_deadline SET begun_at = begun_at - interval '20 days'")
    for day in days:
        await ctx.trash("core.holiday", day)
    await promises.work()
    await fire(ctx)
    row = await row_of(ctx, record)
    assert "missed" == row.state
    steps = [line[0] for line in await lines(ctx)]
    assert ["warn1", "due", "step1", "step2", "step3", "step4"] == steps


async def test_what_has_passed_stays_and_its_ladder_moves(promises: Running) -> None:
    ctx = promises.ctx
    record = await promise(ctx, ANSWER, await now_of(promises) - HOUR)
    await fire(ctx)
    before = await row_of(ctx, record)
    await close(ctx)
    await promises.work()
    after = await row_of(ctx, record)
    assert ("missed", before.due_at) == (after.state, after.due_at)
    assert list(before.moments[: before.place]) == list(after.moments[: before.place])
    assert after.moments[-1] > before.moments[-1]


async def test_paused_ones_stay_paused_and_go_on_by_the_new_hours(promises: Running) -> None:
    ctx = promises.ctx
    record = await promise(ctx, ANSWER, 9 * HOUR)
    await deadlines.pause(ctx, COMPANY, record, ANSWER)
    before = await row_of(ctx, record)
    await close(ctx)
    await promises.work()
    assert before == await row_of(ctx, record)
    assert {} == await timers(ctx)
    await deadlines.resume(ctx, COMPANY, record, ANSWER)
    row = await row_of(ctx, record)
    assert counted(row, await calendar_of(ctx)) == (row.due_at, list(row.moments))


async def test_hours_that_changed_while_it_was_in_the_trash_count(promises: Running) -> None:
    ctx = promises.ctx
    record = await promise(ctx, ANSWER, 9 * HOUR)
    await ctx.trash(COMPANY, record)
    await close(ctx)
    await promises.work()
    await restore_record(ctx, promises.site.entity(COMPANY), record)
    row = await row_of(ctx, record)
    assert counted(row, await calendar_of(ctx)) == (row.due_at, list(row.moments))
    assert row.next_at == (await timers(ctx))[row.id]


async def test_another_calendar_moves_the_teams_that_have_it_alone(promises: Running) -> None:
    ctx = promises.ctx
    night = await ctx.create("core.calendar", name="Night", **dict.fromkeys(
        ("monday", "tuesday", "wednesday", "thursday", "friday"), "22:00-6:00"))  # fmt: skip
    team = await ctx.create("core.team", name="Night", calendar=night)
    other = await promise(ctx, ANSWER, 9 * HOUR)
    of_night = await promise(ctx, ANSWER, 9 * HOUR, responsible=await person(ctx, "Nina", team))
    before = await row_of(ctx, other), await row_of(ctx, of_night)
    await ctx.save("core.calendar", night, monday="", tuesday="", thursday="", friday="")
    await promises.work()
    assert before[0] == await row_of(ctx, other)
    row = await row_of(ctx, of_night)
    assert counted(row, await calendar_of(ctx, team)) == (row.due_at, list(row.moments))
    assert row.due_at != before[1].due_at
    # Without the calendar the team has that of everybody.
    await ctx.save("core.team", team, calendar=None)
    await promises.work()
    row = await row_of(ctx, of_night)
    assert counted(row, await calendar_of(ctx)) == (row.due_at, list(row.moments))


async def test_an_absence_moves_what_waits_for_that_person_alone(promises: Running) -> None:
    ctx = promises.ctx
    olga, oleg = await person(ctx, "Olga"), await person(ctx, "Oleg")
    waits = await promise(ctx, WAIT, 9 * HOUR, responsible=olga)
    others = [
        await promise(ctx, WAIT, 9 * HOUR, responsible=oleg),
        # Who stands in for her sees to this one.
        await promise(ctx, ANSWER, 9 * HOUR, responsible=olga),
    ]
    before = [await row_of(ctx, each) for each in (waits, *others)]
    today = ctx.now().date()
    absence = await ctx.create(
        "core.absence", absentee=olga, first_day=today, last_day=today + timedelta(days=9)
    )
    await promises.work()
    row = await row_of(ctx, waits)
    assert row.due_at > before[0].due_at + timedelta(days=6)
    assert counted(row, await calendar_of(ctx, None, olga)) == (row.due_at, list(row.moments))
    assert before[1:] == [await row_of(ctx, each) for each in others]
    await ctx.trash("core.absence", absence)
    await promises.work()
    assert before[0].due_at == (await row_of(ctx, waits)).due_at


async def test_batches_follow_one_another_and_reach_all(
    promises: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline_recount, "_BATCH", 2)
    ctx = promises.ctx
    records = [await promise(ctx, ANSWER, 9 * HOUR) for _ in range(5)]
    deal = await ctx.create("crm.opportunity", name="Chairs")
    await deadlines.set(ctx, "crm.opportunity", deal, ANSWER, 9 * HOUR)
    await ctx.save("core.calendar", 1, monday="", tuesday="")
    try:
        await promises.work()
        rows = [await row_of(ctx, each) for each in records]
        rows += await deadlines.list_deadlines(ctx, "crm.opportunity", deal)
        calendar = await calendar_of(ctx)
        for row in rows:
            assert counted(row, calendar) == (row.due_at, list(row.moments))
    finally:
        await ctx.save("core.calendar", 1, monday="9:00-18:00", tuesday="9:00-18:00")


HOURS = st.sampled_from([((540, 1080),), (), ((480, 720), (780, 1020)), ((1320, 1800),)])
CALENDARS = st.builds(
    lambda week, off, zone: BusinessCalendar(
        week=tuple(week), holidays=frozenset(date(2027, 3, 20) + timedelta(n) for n in off),
        zone=zone,
    ),
    st.lists(HOURS, min_size=7, max_size=7),
    st.sets(st.integers(0, 30), max_size=12),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
)  # fmt: skip
SHIFTS = st.tuples(st.integers(-600, 600).map(lambda minutes: minutes * 60.0), st.booleans())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    before=CALENDARS, after=CALENDARS, begin=st.integers(0, 20 * 1440),
    length=st.integers(1, 6000), shifts=st.lists(SHIFTS, min_size=1, max_size=5),
    past=st.floats(0, 1), is_missed=st.booleans(), is_counted=st.booleans(),
)  # fmt: skip
def test_counting_anew_is_counting_but_for_what_was_told(
    before: BusinessCalendar, after: BusinessCalendar, begin: int, length: int,
    shifts: list[tuple[float, bool]], past: float, *, is_missed: bool, is_counted: bool,
) -> None:  # fmt: skip
    start, span = at("2027-03-15T00:00") + timedelta(minutes=begin), timedelta(minutes=length)
    steps = [{"shift": shift, "business": business} for shift, business in sorted(shifts)]
    due = shift(start, span.total_seconds(), before)
    moments = moments_of(due, steps, before)
    place = int(past * len(steps))
    row = Deadline(
        id=1, entity="", record=1, kind="", plugin="", state="missed" if is_missed else "open",
        due_at=due, set_at=start, set_by=None, responsible=None, team=None, is_business=True,
        steps=steps, moments=moments, place=place, next_at=None, revision=1, remaining=None,
        since=start, ended_by="", was="", begun_at=start if is_counted else None,
        length=span if is_counted else None, counts_absences=False,
    )  # fmt: skip
    assert (due, moments) == counted_anew(row, before)
    new_due, new = counted_anew(row, after)
    moves = is_counted and not is_missed
    assert new_due == (shift(start, span.total_seconds(), after) if moves else due)
    assert new[:place] == moments[:place]
    assert new[place:] == moments_of(new_due, steps, after)[place:]


@pytest.mark.long
async def test_a_hundred_thousand_are_counted_anew_in_few_statements(promises: Running) -> None:
    ctx, db = promises.ctx, promises.db
    one = await row_of(ctx, await promise(ctx, ANSWER, 30 * HOUR))
    many = 100_000
    await db.execute(
        "INSERT INTO crm_company (name) SELECT 'C ' || n FROM generate_series(2, $1) n", many
    )
    await db.execute(
        "INSERT INTO core_deadline (entity, record, kind, plugin, due_at, steps, moments, next_at, "
        "begun_at, length) SELECT d.entity, c.id, d.kind, d.plugin, d.due_at, d.steps, d.moments, "
        "d.next_at, d.begun_at, d.length FROM core_deadline d CROSS JOIN crm_company c "
        "WHERE d.id = $1 AND c.id <> d.record", one.id,
    )  # fmt: skip
    await db.execute("ANALYZE core_deadline")
    day = one.moments[0].date()
    begun = time.monotonic()
    await ctx.create("core.holiday", name="Works holiday", day=day)
    jobs = await promises.work()
    took = time.monotonic() - begun
    print(f"{many} deadlines counted anew in {took:.1f} s, {jobs} jobs")  # noqa: T201 - a figure
    assert many == await db.value(
        "SELECT count(*) FROM core_deadline_step WHERE what = 'recounted'"
    )
    assert many == await db.value("SELECT count(*) FROM core_job WHERE state = 'later'")
    assert took < 240
