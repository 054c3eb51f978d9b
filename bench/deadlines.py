"""Prints how fast deadlines are set, fire and are swept: `python -m bench.deadlines`.

100,000 activities have reminders; 100 of them come due at one moment. The bar is 2 seconds until
the last of those was made, its next timer put.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from crmkit.records.plugins.rows import system_context
from crmkit.testing.server import scratch_server
from crmkit.testing.sites import DSN, new_place
from crmkit.work.deadline_follow import follow_records
from crmkit.work.deadline_sweep import find_lost
from crmkit.work.worker import Worker

if TYPE_CHECKING:
    from crmkit.testing.sites import Running

OPEN, DUE, PIECE, SAVES = 100_000, 100, 10_000, 100
_ROWS = """
INSERT INTO crm_activity (subject, owner, due_at)
SELECT 'Call ' || n, $1, now() + interval '1 day' + n * interval '1 second'
FROM generate_series(1, $2::int) n
"""
_COME = """
WITH due AS (
    UPDATE crm_activity SET due_at = now() + interval '2 seconds'
    WHERE id IN (SELECT id FROM crm_activity ORDER BY id LIMIT $1) RETURNING id, due_at
)
SELECT array_agg(id) FROM due
"""
_LATE = """
SELECT count(*) AS made, max(extract(epoch FROM s.at - d.due_at))::float8 AS last,
    min(extract(epoch FROM s.at - d.due_at))::float8 AS first
FROM core_deadline_step s JOIN core_deadline d ON d.id = s.deadline WHERE s.step = 'due'
"""


async def set_all(running: Running) -> float:
    """Answer the seconds until all activities have their reminders, 10,000 at a time."""
    owner = await running.db.value(
        "INSERT INTO core_user (name, role) VALUES ('Doer', 'seller') RETURNING id"
    )
    await running.db.execute(_ROWS, owner, OPEN)
    rows = await running.db.rows("SELECT id FROM crm_activity ORDER BY id")
    ids = [row["id"] for row in rows]
    begin = time.perf_counter()
    for first in range(0, len(ids), PIECE):
        async with running.db.transaction():
            await follow_records(running.ctx, "crm.activity", ids[first : first + PIECE])
    return time.perf_counter() - begin


async def saves(running: Running) -> float:
    """Answer the milliseconds of moving the due moment of one activity."""
    ids = await running.db.rows("SELECT id FROM crm_activity ORDER BY id DESC LIMIT $1", SAVES)
    now = await running.db.value("SELECT now() + interval '3 days'")
    begin = time.perf_counter()
    for row in ids:
        await running.ctx.save("crm.activity", row["id"], due_at=now)
    return (time.perf_counter() - begin) * 1000 / SAVES


async def fire(running: Running) -> tuple[float, float]:
    """Answer the seconds after their moment at which the first and the last of 100 was made."""
    worker = Worker(
        running.dsn, lambda db: system_context(running.config, db, running.site, "job"), slots=8
    )
    task = asyncio.create_task(worker.run())
    await asyncio.sleep(1.0)
    ids = await running.db.value(_COME, DUE)
    await follow_records(running.ctx, "crm.activity", ids)
    async with asyncio.timeout(60):
        while True:
            row = await running.db.row(_LATE)
            if row is not None and row["made"] == DUE:
                break
            await asyncio.sleep(0.05)
    worker.stop()
    await task
    return row["first"], row["last"]


async def main() -> None:
    """Measure on a site of its own."""
    with tempfile.TemporaryDirectory() as folder:
        async with new_place(Path(folder)) as place, place.start() as running:
            print(f"set {OPEN:,}       {await set_all(running):8.1f} s")
            await running.db.execute("ANALYZE")
            print(f"move one          {await saves(running):8.1f} ms")
            begin = time.perf_counter()
            lost = await find_lost(running.ctx)
            print(f"sweep, {len(lost)} lost     {time.perf_counter() - begin:8.2f} s")
            first, last = await fire(running)
            print(f"{DUE} due: first    {first * 1000:8.0f} ms")
            print(f"{DUE} due: last     {last * 1000:8.0f} ms")


if __name__ == "__main__":
    with scratch_server() as address:
        os.environ[DSN] = address
        uvloop.run(main())
