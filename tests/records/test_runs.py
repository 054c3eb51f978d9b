"""Work behind its page: seen by every process, ended on demand, true after a crash."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from crmkit.errors import ConflictError, InvalidError, NotFoundError
from crmkit.model.context import Principal
from crmkit.records import runs
from crmkit.records.bulk import BulkResult, Meter, Selection, bulk_trash
from crmkit.records.query import ListQuery
from crmkit.records.runs import LARGE, end_run, find_run, list_runs, start_run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from crmkit.model.context import Context
    from crmkit.records.runs import Run
    from crmkit.testing.sites import Place, Running

_ALL = Selection(query=ListQuery())


@pytest.fixture
async def running(place: Place) -> AsyncIterator[Running]:
    async with place.start() as started:
        yield started


async def _companies(running: Running, number: int) -> None:
    await running.db.execute(
        "INSERT INTO crm_company (name) SELECT 'Company ' || n FROM generate_series(1, $1) n",
        number,
    )


async def _left(running: Running) -> int:
    found: int = await running.db.value("SELECT count(*) FROM crm_company WHERE trashed_at IS NULL")
    return found


async def _start(ctx: Context, wait: asyncio.Event | None = None) -> int:
    plan = ctx.site.entity("crm.company")

    async def work(meter: Meter) -> BulkResult:
        result = await bulk_trash(ctx, plan, _ALL, meter=meter)
        if wait is not None:
            await wait.wait()
        return result

    return await start_run(ctx, plan, "Move to trash", work)


async def _ended(ctx: Context, number: int) -> Run:
    async with asyncio.timeout(10):
        while (run := await find_run(ctx, number)).state == "running":  # noqa: ASYNC110 - the row is all there is
            await asyncio.sleep(0.02)
    return run


async def test_a_run_is_seen_while_it_goes_on_and_done_with_its_work(running: Running) -> None:
    await _companies(running, 30)
    wait = asyncio.Event()
    number = await _start(running.ctx, wait)
    async with asyncio.timeout(10):
        while (await find_run(running.ctx, number)).done < 30:  # noqa: ASYNC110 - the row is all there is
            await asyncio.sleep(0.02)
    # Nobody sees what is not whole yet.
    assert 30 == await _left(running)
    wait.set()
    run = await _ended(running.ctx, number)
    assert ("done", 30, 30, 0) == (run.state, run.changed, run.total, run.left_out)
    assert run.operation is not None
    assert 0 == await _left(running)


async def test_a_run_that_is_stopped_leaves_nothing(running: Running) -> None:
    await _companies(running, 30)
    number = await _start(running.ctx, asyncio.Event())
    await asyncio.sleep(0.1)
    await end_run(running.ctx, number)
    assert "cancelled" == (await _ended(running.ctx, number)).state
    assert 30 == await _left(running)
    assert 0 == await running.db.value("SELECT count(*) FROM core_journal")
    with pytest.raises(ConflictError, match="ended already"):
        await end_run(running.ctx, number)


async def test_a_run_whose_process_is_gone_is_interrupted(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _companies(running, 30)
    number = await _start(running.ctx, asyncio.Event())
    async with asyncio.timeout(10):
        while not await running.db.value("SELECT transaction FROM core_run"):  # noqa: ASYNC110 - the row is all there is
            await asyncio.sleep(0.02)
    assert "running" == (await find_run(running.ctx, number)).state
    for task in list(runs._tasks):  # as the end of a process does
        task.cancel()
    assert "interrupted" == (await _ended(running.ctx, number)).state
    assert 30 == await _left(running)


async def test_a_run_is_known_by_its_transaction_before_its_page_is_answered(
    running: Running,
) -> None:
    wait = asyncio.Event()
    number = await _start(running.ctx, wait)
    sql = "SELECT pg_xact_status(transaction::xid8) FROM core_run WHERE id = $1"
    assert "in progress" == await running.db.value(sql, number)
    wait.set()
    await _ended(running.ctx, number)


async def test_a_run_that_never_began_is_not_waited_for(running: Running) -> None:
    await running.db.execute(
        "INSERT INTO core_run (entity, label, started_at) "
        "VALUES ('crm.company', 'Move to trash', now() - interval '1 minute')"
    )
    assert ["interrupted"] == [run.state for run in await list_runs(running.ctx)]


async def test_what_is_refused_is_told(running: Running) -> None:
    plan = running.ctx.site.entity("crm.company")

    async def refused(_meter: Meter) -> BulkResult:
        raise InvalidError("Not today.", {"city": "is closed"})

    async def broken(_meter: Meter) -> BulkResult:
        raise ZeroDivisionError

    run = await _ended(running.ctx, await start_run(running.ctx, plan, "x", refused))
    assert ("failed", "Not today. city: is closed.") == (run.state, run.error)
    run = await _ended(running.ctx, await start_run(running.ctx, plan, "x", broken))
    assert "tell your administrator" in run.error
    assert "ZeroDivision" not in run.error


async def test_only_who_began_it_and_administrators_see_a_run(running: Running) -> None:
    await _companies(running, 3)
    people = [
        await running.ctx.create("core.user", name=name, role=role, active=True)
        for name, role in (("Ada", "manager"), ("Ben", "seller"))
    ]
    first, second = (
        replace(
            running.ctx,
            principal=Principal(person, "", running.site.roles[role]),
        )
        for person, role in zip(people, ("manager", "seller"), strict=True)
    )
    number = await _start(first)
    await _ended(first, number)
    assert [number] == [run.id for run in await list_runs(first)]
    assert [] == await list_runs(second)
    for forbidden in (find_run, end_run):
        with pytest.raises(NotFoundError):
            await forbidden(second, number)
    assert "done" == (await find_run(running.ctx, number)).state


async def test_the_page_runs_much_behind_it_and_little_at_once(running: Running) -> None:
    await _companies(running, LARGE + 1)
    client = await running.client()
    form = {"action": "trash", "all": "1", "csrf_token": client.headers["X-CSRF-Token"]}
    few = {**form, "q": "Company 7"}  # 7 and 70 to 79
    answer = await client.post("/crm.company/bulk", data=few)
    assert answer.headers["location"].startswith("/crm.company")
    await running.db.execute("UPDATE crm_company SET trashed_at = NULL")

    answer = await client.post("/crm.company/bulk", data=form)
    place = answer.headers["location"]
    assert place.startswith("/runs/")
    async with asyncio.timeout(20):
        while 'id="stop"' in (page := (await client.get(place)).text):
            assert "Continue in background" in page
            await asyncio.sleep(0.05)
    assert f"{LARGE + 1} records changed" in page
    assert 0 == await _left(running)
    assert "Move to trash" in (await client.get("/runs")).text
    other = await running.client("seller")
    assert 404 == (await other.get(place)).status_code

    operation = await running.db.value("SELECT operation FROM core_run ORDER BY id DESC LIMIT 1")
    await client.post(f"/history/{operation}/undo", data=form)
    assert LARGE + 1 == await _left(running)
