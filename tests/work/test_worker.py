"""A worker runs what was queued: once, with its effects, and says what failed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crmkit.testing.sites import Running
    from tests.work.conftest import MakeWorker


async def companies(running: Running) -> list[str]:
    rows = await running.db.rows("SELECT name FROM crm_company ORDER BY id")
    return [row["name"] for row in rows]


async def job(running: Running, number: int | None) -> Any:  # noqa: ANN401 - a row
    return await running.db.row("SELECT * FROM core_job WHERE id = $1", number)


async def until_done(running: Running, count: int, seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while count > await running.db.value("SELECT count(*) FROM core_job WHERE state = 'done'"):  # noqa: ASYNC110 - of the database
            await asyncio.sleep(0.01)


async def test_a_job_runs_once_with_its_arguments(notes: Running, worker: MakeWorker) -> None:
    number = await notes.ctx.enqueue("notes.note", {"text": "Kan-code"})
    async with worker() as one:
        assert 1 == await one.run_due()
        assert 0 == await one.run_due()
    row = await job(notes, number)
    assert ("done", 1, "") == (row["state"], row["attempts"], row["error"])
    assert ["Kan-code"] == await companies(notes)
