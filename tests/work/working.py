"""What the tests of jobs look at."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from crmkit.work.claims import take_back_expired

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from crmkit.testing.sites import Running
    from crmkit.work.worker import Worker

#: Timers of deadlines lie hours ahead; what waits for another attempt does not.
_UNFINISHED = (
    "SELECT EXISTS (SELECT FROM core_job "
    "WHERE state <> 'done' AND run_at < now() + interval '10 minutes')"
)


async def companies(running: Running) -> list[str]:
    """Answer what handlers wrote."""
    rows = await running.db.rows("SELECT name FROM crm_company ORDER BY id")
    return [row["name"] for row in rows]


async def job(running: Running, number: int | None) -> dict[str, Any]:
    """Answer the row of a job."""
    row = await running.db.row("SELECT * FROM core_job WHERE id = $1", number)
    assert row is not None
    return dict(row)


async def state(running: Running, number: int | None) -> str:
    """Answer the state of a job."""
    return str((await job(running, number))["state"])


def seen(running: Running) -> list[Any]:
    """Answer what the plugin of the tests noted in its module."""
    module = sys.modules[type(running.site.hooks.plugins["notes"]).__module__]
    found: list[Any] = module.seen
    return found


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 5.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 - the database says it, perhaps of other processes
            await asyncio.sleep(0.01)


async def until_state(
    running: Running, number: int | None, wanted: str, seconds: float = 5.0
) -> None:
    """Wait until a job is in a state."""

    async def is_so() -> bool:
        return wanted == await state(running, number)

    await until(is_so, seconds)


@asynccontextmanager
async def working(*workers: Worker) -> AsyncIterator[None]:
    """Let workers work in the block."""
    tasks = [asyncio.create_task(each.run()) for each in workers]
    try:
        yield
    finally:
        for each in workers:
            each.stop()
        await asyncio.gather(*tasks)


async def work_while_killed(
    running: Running,
    seconds: float,
    *,
    least: int = 0,
    more: Callable[[], Awaitable[None]] | None = None,
) -> int:
    """Work all jobs with three processes, of which the oldest is killed again and again.

    It is killed two seconds after the one before, at the earliest, and in the middle of a job
    while there are any: on a slow machine none would come to work else.

    Args:
        least: So many are killed, also when nothing is left to do.
        more: Queues more work; called before each of those.

    Returns:
        How many were killed.

    Raises:
        TimeoutError: It was not done in so many seconds.
    """
    env = {**os.environ, "CRMKIT_DATABASE_URL": running.dsn}
    command = [sys.executable, "-m", "crmkit", "worker", "--slots", "6", "--site"]
    command.append(str(running.config.folder))

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)

    kills, workers = 0, [start() for _ in range(3)]
    try:
        async with asyncio.timeout(seconds):
            while kills < least or await running.db.value(_UNFINISHED):
                await asyncio.sleep(2.0)
                if more is not None and kills < least:
                    await more()
                lost = workers.pop(0)
                await until(partial(_is_at_work, running, lost), seconds)
                lost.kill()
                lost.wait()
                kills += 1
                # Nobody waits half a minute here for a lease to end.
                await running.db.execute(
                    "UPDATE core_job SET lease_until = now() "
                    "WHERE state = 'running' AND worker LIKE $1",
                    f"%-{lost.pid}-%",
                )
                async with running.db.transaction():
                    await take_back_expired(running.db)
                workers.append(start())
    finally:
        for each in workers:
            each.kill()
            each.wait()
    return kills


async def _is_at_work(running: Running, process: subprocess.Popen[bytes]) -> bool:
    """Say whether a worker has taken a job, or none is left to take."""
    assert process.poll() is None, "a worker ended by itself"
    if not await running.db.value(_UNFINISHED):
        return True
    taken = "SELECT EXISTS (SELECT FROM core_job WHERE state = 'running' AND worker LIKE $1)"
    return bool(await running.db.value(taken, f"%-{process.pid}-%"))
