"""Deadlines on a clock that jumps, in zones that change theirs, and with workers that race."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from crmkit import deadlines
from crmkit.model.job import JobEvent
from crmkit.records.plugins.purge import purge_plugin
from crmkit.records.plugins.rows import system_context
from crmkit.records.plugins.switch import enable_plugin
from crmkit.testing.sites import new_place
from crmkit.work import deadline_steps
from crmkit.work.deadline_rows import find_row
from crmkit.work.deadline_steps import step_deadline
from crmkit.work.deadline_sweep import find_lost
from crmkit.work.worker import Worker
from tests.work.promising import CODE, HOUR, fire, lines, now_of, timers
from tests.work.working import until, working

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from crmkit.model.context import Context
    from crmkit.testing.fixtures import Clock
    from crmkit.testing.sites import Place, Running

COMPANY, VISIT, ANSWER = "crm.company", "promises.visit", "promises.answer"
SECOND = timedelta(seconds=1)
#: Found before those of PostgreSQL: whatever asks the database for the time gets the turned one.
_TURNED = """
CREATE SCHEMA turned;
CREATE TABLE turned.clock (span interval NOT NULL);
INSERT INTO turned.clock VALUES ('0');
CREATE FUNCTION turned.now() RETURNS timestamptz LANGUAGE sql STABLE AS
    'SELECT pg_catalog.now() + span FROM turned.clock';
CREATE FUNCTION turned.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    'SELECT pg_catalog.clock_timestamp() + span FROM turned.clock';
GRANT USAGE ON SCHEMA turned TO PUBLIC;
GRANT SELECT, UPDATE ON turned.clock TO PUBLIC;
"""


@pytest.fixture(scope="session")
async def turned_site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A site whose database has a clock that can be turned; one for all tests of a process."""
    async with new_place(tmp_path_factory.mktemp("turned")) as place:
        place.write("promises", CODE)
        async with place.start() as running:
            await enable_plugin(running.ctx, "promises", running.dsn)
            for statement in _TURNED.strip().split(";\n"):
                await running.db.execute(statement)
            name = await running.db.value("SELECT current_database()")
            await running.db.execute(
                f'ALTER DATABASE "{name}" SET search_path = public, turned, pg_catalog'
            )
        async with place.start() as running:
            yield running


@pytest.fixture
async def turned(turned_site: Running) -> Running:
    """The site as it was at first, at the present moment."""
    db = turned_site.db
    await db.execute("UPDATE turned.clock SET span = '0'")
    await db.execute(
        "TRUNCATE core_job, core_deadline, core_deadline_step, crm_company, core_holiday CASCADE"
    )
    await db.execute("UPDATE core_schedule SET last = '2999-01-01' WHERE name LIKE 'core.%'")
    await db.execute("UPDATE core_calendar SET time_zone = ''")
    return turned_site


async def turn(running: Running, clock: Clock, moment: datetime) -> None:
    """Set the clocks of the database and of crmkit."""
    await running.db.execute(
        "UPDATE turned.clock SET span = $1::timestamptz - pg_catalog.clock_timestamp()", moment
    )
    clock.set(moment)
    # Workers look every second; here they are woken.
    await running.db.execute("SELECT pg_notify('crmkit_work', '')")


def make(running: Running) -> Worker:
    return Worker(
        running.dsn, lambda db: system_context(running.config, db, running.site, "job"), slots=2
    )


async def promise(ctx: Context, kind: str, due: datetime | timedelta) -> int:
    record: int = await ctx.create(COMPANY, name="Northgate")
    await deadlines.set(ctx, COMPANY, record, kind, due)
    return record


async def test_the_turned_clock_is_that_of_the_database(turned: Running, clock: Clock) -> None:
    moment = datetime(2031, 5, 4, 12, tzinfo=UTC)
    await turn(turned, clock, moment)
    assert abs(await now_of(turned) - moment) < timedelta(seconds=30)
    assert abs(await turned.db.value("SELECT now()") - moment) < timedelta(seconds=30)


async def test_a_clock_that_jumps_while_workers_work_makes_each_step_once(
    turned: Running, clock: Clock
) -> None:
    ctx, begun = turned.ctx, datetime.now(UTC)

    async def made(count: int) -> None:
        async def is_so() -> bool:
            return len(await lines(ctx)) == count

        await until(is_so)

    async with working(make(turned), make(turned)):
        await promise(ctx, VISIT, begun + 3 * HOUR)
        await turn(turned, clock, begun + 3 * HOUR + SECOND)
        await made(2)
        await turn(turned, clock, begun + 2 * HOUR)
        await promise(ctx, VISIT, begun + timedelta(days=20))
        await turn(turned, clock, begun + timedelta(days=30))
        await made(8)
        await turn(turned, clock, begun + timedelta(days=30) - HOUR)
        await turn(turned, clock, begun + timedelta(days=31))
        # What is queued last is done when nothing is left to be done before it.
        await promise(ctx, VISIT, begun + timedelta(days=30))
        await made(11)
    by_step = await turned.db.rows(
        "SELECT deadline, step, count(*) AS times FROM core_deadline_step WHERE step <> '' "
        "GROUP BY deadline, step"
    )
    assert (11, {1}) == (len(by_step), {row["times"] for row in by_step})
    assert {} == await timers(ctx)
    assert [] == await find_lost(ctx)


#: Zone, Friday 17:00 before what happens, and Monday 12:00 after it, by the wall clock.
CASES = [
    ("Europe/Berlin", "2027-03-26T17:00", "2027-03-29T12:00"),
    ("Europe/Berlin", "2027-10-29T17:00", "2027-11-01T12:00"),
    ("America/New_York", "2027-03-12T17:00", "2027-03-15T12:00"),
    ("America/New_York", "2027-11-05T17:00", "2027-11-08T12:00"),
    # Half an hour, the other way round.
    ("Australia/Lord_Howe", "2027-04-02T17:00", "2027-04-05T12:00"),
    ("Australia/Lord_Howe", "2027-10-01T17:00", "2027-10-04T12:00"),
    # 29 February 2028 is a Tuesday, 31 December 2027 a Friday.
    ("Europe/Berlin", "2028-02-28T17:00", "2028-02-29T12:00"),
    ("America/New_York", "2028-02-29T17:00", "2028-03-01T12:00"),
    ("Europe/Berlin", "2027-12-31T17:00", "2028-01-03T12:00"),
    ("Australia/Lord_Howe", "2027-12-31T17:00", "2028-01-03T12:00"),
]


@pytest.mark.parametrize(
    ("zone", "begin", "due"),
    [CASES[0], *(pytest.param(*case, marks=pytest.mark.long) for case in CASES[1:])],
)
async def test_each_step_comes_once_at_its_time_of_the_wall_clock(
    turned: Running, clock: Clock, zone: str, begin: str, due: str
) -> None:
    def local(text: str, hours: float = 0) -> datetime:
        wall = datetime.fromisoformat(text) + timedelta(hours=hours)
        return wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)

    ctx = turned.ctx
    await turned.db.execute("UPDATE core_calendar SET time_zone = $1", zone)
    await turn(turned, clock, local(begin))
    # An hour on the day itself, three on the next: warned an hour before.
    await promise(ctx, ANSWER, 4 * HOUR)
    told: list[str] = []
    # The turned clock goes on while the test runs, some milliseconds; plans follow it.
    margin = timedelta(seconds=20)
    for step, hours in (
        ("warn1", -1), ("due", 0), ("step1", 1), ("step2", 2), ("step3", 3), ("step4", 4),
    ):  # fmt: skip
        moment = local(due, hours)
        await turn(turned, clock, moment - margin)
        await fire(ctx)
        assert told == [line[0] for line in await lines(ctx)]
        await turn(turned, clock, moment + margin)
        # As many as work at it, and however often: it is made once.
        assert 1 == await fire(ctx)
        assert 0 == await fire(ctx)
        told.append(step)
        await turn(turned, clock, moment - HOUR)
        assert 0 == await fire(ctx)
        assert told == [line[0] for line in await lines(ctx)]
    await turn(turned, clock, local(due, 24 * 30))
    assert 0 == await fire(ctx)


async def _step_twice(running: Running, number: int) -> None:
    """Let two workers make the steps of a deadline at the same moment."""

    async def step() -> None:
        ctx = running.ctx
        async with ctx.db.transaction():
            args = {"deadline": number}
            event = JobEvent(ctx, 0, "core.step_deadline", args, 1, lambda *_: None)
            await step_deadline(event)

    await asyncio.gather(*(asyncio.create_task(step()) for _ in range(2)))


@pytest.fixture
def meeting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever makes a step wait for the other one, but not for ever."""
    real, barrier = deadline_steps._make, asyncio.Barrier(2)

    async def make_when_both_are_here(*args: Any) -> Any:  # noqa: ANN401 - as the real one
        try:
            async with asyncio.timeout(0.2):
                await barrier.wait()
        except (TimeoutError, asyncio.BrokenBarrierError):
            pass
        return await real(*args)

    monkeypatch.setattr(deadline_steps, "_make", make_when_both_are_here)


@pytest.mark.usefixtures("meeting")
async def test_two_workers_that_race_for_a_deadline_make_its_steps_once(
    promises: Running,
) -> None:
    await promise(promises.ctx, VISIT, await now_of(promises) - HOUR)
    number = await promises.db.value("SELECT id FROM core_deadline")
    await _step_twice(promises, number)
    assert ["due"] == [line[0] for line in await lines(promises.ctx)]


@pytest.mark.usefixtures("meeting")
async def test_without_its_locks_a_deadline_is_made_twice(
    promises: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unlocked(ctx: Context, number: int, **_: object) -> Any:  # noqa: ANN401
        return await find_row(ctx, number)

    async def all_of_them(_ctx: Context, _entity: str, records: list[int]) -> list[int]:
        return records

    monkeypatch.setattr(deadline_steps, "find_row", unlocked)
    monkeypatch.setattr(deadline_steps, "lock_records", all_of_them)
    once = deadline_steps._ONCE.replace("ON CONFLICT", "-- ON CONFLICT").replace(
        "RETURNING", "\nRETURNING"
    )
    monkeypatch.setattr(deadline_steps, "_ONCE", once)
    index = await promises.db.value(
        "SELECT indexdef FROM pg_indexes WHERE indexname = 'core_deadline_step_once_key'"
    )
    await promise(promises.ctx, VISIT, await now_of(promises) - HOUR)
    number = await promises.db.value("SELECT id FROM core_deadline")
    await promises.db.execute("DROP INDEX core_deadline_step_once_key")
    try:
        await _step_twice(promises, number)
        assert 2 == [line[0] for line in await lines(promises.ctx)].count("due")
    finally:
        await promises.db.execute("TRUNCATE core_deadline_step")
        await promises.db.execute(index)


async def test_purging_a_plugin_removes_its_deadlines_and_no_others(place: Place) -> None:
    place.write("vow", CODE.replace("Promises(", "Vow("))
    place.write("vows", CODE.replace("Promises(", "Vows("))
    async with place.start() as running:
        for plugin in ("vow", "vows"):
            await enable_plugin(running.ctx, plugin, running.dsn)
            await running.rebuild()
        ctx, due = running.ctx, await now_of(running) + 3 * HOUR
        record = await ctx.create(COMPANY, name="Northgate")
        for kind in ("vow.visit", "vow.answer", "vows.visit"):
            await deadlines.set(ctx, COMPANY, record, kind, due)
        # Of its records, set by another plugin.
        await running.db.execute(
            "INSERT INTO core_deadline (entity, record, kind, plugin, due_at, steps, moments, "
            "next_at) SELECT 'vow.thing', 1, kind, plugin, due_at, steps, moments, next_at "
            "FROM core_deadline WHERE kind = 'vows.visit'"
        )
        (kept,) = [
            row["id"]
            for row in await running.db.rows(
                "SELECT id FROM core_deadline WHERE plugin = 'vows' AND entity = $1", COMPANY
            )
        ]
        assert 3 == len(await timers(ctx))
        await purge_plugin(ctx, "vow", running.dsn)
        await running.rebuild()
        assert [kept] == [
            row["id"] for row in await running.db.rows("SELECT id FROM core_deadline")
        ]
        assert [kept] == list(await timers(running.ctx))
