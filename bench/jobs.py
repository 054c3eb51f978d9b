"""Prints how fast jobs are worked and how soon one begins: `python -m bench.jobs`.

Each job inserts a row, in the transaction that marks it done; while 200,000 timers wait. The bars
are 2,000 jobs a second and 20 ms from commit to handler.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from crmkit.model.job import JobOrder
from crmkit.records.plugins.rows import system_context
from crmkit.records.plugins.switch import enable_plugin
from crmkit.testing.server import scratch_server
from crmkit.testing.sites import DSN, new_place
from crmkit.work.worker import Worker

if TYPE_CHECKING:
    from crmkit.testing.sites import Running

TIMERS, JOBS, WAKES, SLOTS = 200_000, 20_000, 300, 50
_CODE = """
import time

begun = []


async def insert(event):
    await event.ctx.db.execute("INSERT INTO racing_row (n) VALUES ($1)", event.args["n"])
    begun.append(time.perf_counter())


class Racing(Plugin):
    def jobs(self):
        return [Job("insert", insert)]
"""
_TABLE = """CREATE TABLE racing_row (id bigserial PRIMARY KEY, n bigint NOT NULL);
-- backwards
DROP TABLE racing_row;
"""


async def speed(running: Running) -> float:
    """Answer the jobs a second of one process."""
    orders = [JobOrder(args={"n": n}) for n in range(JOBS)]
    await running.ctx.enqueue_many("racing.insert", orders)
    async with _working(running):
        begin = time.perf_counter()
        # Another process would see it no sooner.
        while await running.db.value("SELECT count(*) FROM racing_row") < JOBS:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        return JOBS / (time.perf_counter() - begin)


async def wakes(running: Running) -> list[float]:
    """Answer the milliseconds from the commit to the handler's end, for jobs one by one."""
    begun: list[float] = sys.modules[type(running.site.hooks.plugins["racing"]).__module__].begun
    found = []
    async with _working(running):
        await asyncio.sleep(1.0)
        for n in range(WAKES):
            before = len(begun)
            await running.ctx.enqueue("racing.insert", {"n": n})
            begin = time.perf_counter()
            while len(begun) == before:  # noqa: ASYNC110 - what a handler notes
                await asyncio.sleep(0.0005)
            found.append(max(begun[-1] - begin, 0.0) * 1000)
            await asyncio.sleep(0.01)
    return found


class _working:  # noqa: N801 - read as a word
    """A worker that works in the block."""

    def __init__(self, running: Running) -> None:
        self._worker = Worker(
            running.dsn,
            lambda db: system_context(running.config, db, running.site, "job"),
            slots=SLOTS,
        )

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._worker.run())

    async def __aexit__(self, *_: object) -> None:
        self._worker.stop()
        await self._task


async def main() -> None:
    """Measure with all timers waiting."""
    with tempfile.TemporaryDirectory() as folder:
        async with new_place(Path(folder)) as place:
            place.write("racing", _CODE, m0001_rows=_TABLE)
            async with place.start() as running:
                await enable_plugin(running.ctx, "racing", running.dsn)
                await running.rebuild()
                await running.db.execute(
                    "INSERT INTO core_job (plugin, name, state, run_at, max_attempts) "
                    "SELECT 'racing', 'racing.insert', 'later', "
                    "now() + n * interval '1 minute' + interval '1 day', 8 "
                    "FROM generate_series(1, $1::int) n",
                    TIMERS,
                )
                await running.db.execute("ANALYZE core_job")
                print(f"jobs a second  {await speed(running):8.0f}")
                found = sorted(await wakes(running))
                print(f"wake-up p50    {statistics.median(found):8.1f} ms")
                print(f"wake-up p99    {found[int(len(found) * 0.99)]:8.1f} ms")


if __name__ == "__main__":
    # As sites have it: what is committed has reached the disk, and the vacuum comes by.
    with scratch_server({"fsync": "on", "autovacuum": "on"}) as address:
        os.environ[DSN] = address
        uvloop.run(main())
