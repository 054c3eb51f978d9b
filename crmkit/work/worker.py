"""Works jobs: takes what is ready, runs it in slots, sleeps until there is more."""

from __future__ import annotations

import asyncio
import contextvars
import os
import secrets
import socket
import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Self

import structlog

from crmkit.db.engine import Database
from crmkit.errors import CrmkitError, DatabaseStartError
from crmkit.work.catalog import Catalog, catalog_of
from crmkit.work.claims import claim, promote, seconds_until_due
from crmkit.work.execution import Execution
from crmkit.work.heartbeat import keep_leases, report_progress
from crmkit.work.listening import listen
from crmkit.work.pace import Pace
from crmkit.work.parking import fit_to
from crmkit.work.schedule import queue_periodic
from crmkit.work.watching import Watching

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmkit.model.context import Context
    from crmkit.model.site import SiteLike
    from crmkit.work.claims import Claimed

    MakeContext = Callable[[Database], Context]

_log = structlog.get_logger("crmkit.work")
_LOOK_SECONDS = 1.0  # the longest sleep: notices may be missed, sites exchanged, clocks moved
_PROMOTE_SECONDS = 0.05
_GATHER_SECONDS = 0.005
_PERIOD_SECONDS = 30.0
_STATEMENT_SECONDS = 60.0
_SPARE = 2
_AGAIN_SECONDS = 2.0
_GRACE_SECONDS = 3.0
_END_SECONDS = 3.0
_LEASE = timedelta(seconds=30)


class Worker:
    """Works the jobs of a site in this process.

    Args:
        dsn: Address of the database. Handlers have a pool of their own there, and so has the
            worker, so that no page waits for a job and no job for its worker.
        context: Makes the system's context with the Site in force, on a pool.
        slots: Jobs at the same time.
        lease: How long a job is held without a sign of life.
        pace: How many of them work at once.

    Attributes:
        name: Of this worker, as its jobs bear it.
    """

    def __init__(
        self,
        dsn: str,
        context: MakeContext,
        *,
        slots: int = 8,
        lease: timedelta = _LEASE,
        pace: Pace | None = None,
    ) -> None:
        self.name = f"{socket.gethostname()[:60]}-{os.getpid()}-{secrets.token_hex(3)}"
        self._dsn = dsn
        self._context = context
        self._slots = slots
        self._lease = lease
        self._pace = pace or Pace()
        # Some more than slots, for handlers that read large results beside their transaction.
        self._handlers = Database(
            dsn,
            pool_min=1,
            pool_max=slots + _SPARE,
            timeout=_STATEMENT_SECONDS,
            before=self._pace.give_way,
        )
        # One connection, so that its statements follow one another. A job that is taken and lost
        # with the server is ready again, so taking one need not wait for the disk.
        self._control = Database(
            dsn,
            pool_min=1,
            pool_max=1,
            settings={"synchronous_commit": "off"},
            before=self._pace.give_way,
        )
        self._running: set[asyncio.Task[None]] = set()
        self._seen: dict[int, tuple[int, int]] = {}
        self._wake = asyncio.Event()
        self._stopping = self._is_busy = False
        self._site: SiteLike | None = None
        self._catalog = Catalog({}, frozenset())
        self._promoted_at = self._period_at = 0.0

    async def __aenter__(self) -> Self:
        """Open the pools, for `run` or `run_due`."""
        await self._handlers.open()
        await self._control.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the pools."""
        await self._handlers.close()
        await self._control.close()

    def stop(self) -> None:
        """Take no more jobs; `run` returns when those that run have ended or were given back."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Work until `stop`."""
        while not self._stopping:
            try:
                async with self:
                    await self._work()
            except DatabaseStartError as error:
                _log.warning("cannot work jobs yet", reason=error.message)
                await self._sleep(_AGAIN_SECONDS)

    async def _work(self) -> None:
        aside = [
            asyncio.create_task(work, context=contextvars.Context())
            for work in (
                listen(self._dsn, self._wake.set),
                keep_leases(self._control, self.name, self._lease, self._slots, self._wake.set),
                self._pace.keep_looking(self._control),
                report_progress(self._control, self.name, self._seen),
                Watching(self._control, lambda: self._context(self._handlers), self.name).run(),
            )
        ]
        try:
            while not self._stopping:
                await self._turn()
        finally:
            await self._end()
            for task in aside:
                task.cancel()
            await asyncio.gather(*aside, return_exceptions=True)
            with suppress(CrmkitError):
                await self._control.execute("DELETE FROM core_worker WHERE name = $1", self.name)

    async def run_due(self) -> int:
        """Run what is due, and what that makes due, in this task; answer how many attempts."""
        count = 0
        while True:
            await self._take_up()
            await promote(self._control, self._catalog)
            jobs = await claim(self._control, self._catalog, self._slots, self.name, self._lease)
            if not jobs:
                return count
            for job in jobs:
                await asyncio.create_task(self.execution(job).run(), context=contextvars.Context())
            count += len(jobs)

    async def _turn(self) -> None:
        """Take what fits into the slots; with none to take, sleep."""
        self._wake.clear()
        free = self._slots - len(self._running)
        seconds = _LOOK_SECONDS
        try:
            if free:
                await self._take_up()
                await self._promote()
                jobs = await claim(self._control, self._catalog, free, self.name, self._lease)
                for job in jobs:
                    self._start(job)
                self._is_busy = len(jobs) == free
                if not self._is_busy:
                    # What is behind the last of a lane, or was skipped, may be free by now.
                    seconds = 0 if jobs else await self._idle_seconds()
        except CrmkitError as error:
            _log.warning("cannot look for jobs", reason=error.message)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, working goes on
            _log.error("cannot look for jobs", exc_info=error)
        await self._sleep(seconds)

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0)):
                await self._wake.wait()

    async def _take_up(self) -> None:
        """Work for the Site in force; what nobody here could run is parked, and back again."""
        site = self._context(self._control).site
        if site is not self._site:
            self._catalog = catalog_of(site)
            await fit_to(self._control, site, self._catalog)
            self._site, self._period_at = site, 0.0

    async def _promote(self) -> None:
        """Let timers come due, though not at every turn of a busy worker."""
        now = time.monotonic()
        if now >= self._period_at:
            seconds = await queue_periodic(self._context(self._control))
            self._period_at = now + min(_PERIOD_SECONDS, seconds or _PERIOD_SECONDS)
        if now >= self._promoted_at + _PROMOTE_SECONDS:
            await promote(self._control, self._catalog)
            self._promoted_at = now

    async def _idle_seconds(self) -> float:
        """Answer how long there is nothing to do."""
        due = await seconds_until_due(self._control)
        if due is not None and due <= _PROMOTE_SECONDS:
            self._promoted_at = 0.0
        # One that is due and was not promoted is held by who is about to commit something.
        soon = _LOOK_SECONDS if due is None else max(due, _PROMOTE_SECONDS / 2)
        return min(_LOOK_SECONDS, soon, self._period_at - time.monotonic())

    def execution(self, job: Claimed) -> Execution:
        """Answer an attempt at a job that this worker holds."""
        return Execution(
            self._control,
            self._context(self._handlers),
            job,
            self._catalog.jobs[job.name],
            self.name,
            self._seen,
        )

    def _start(self, job: Claimed) -> None:
        # Nothing of this task is inherited: not its transaction, not its log.
        work = self.execution(job).run(self._pace.turn())
        task = asyncio.create_task(work, context=contextvars.Context())
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Take more at once; when more wait than there are slots, a few at a time."""
        self._running.discard(task)
        free = self._slots - len(self._running)
        if not self._is_busy or free >= self._slots // 4:
            self._wake.set()
        elif free == 1:
            asyncio.get_running_loop().call_later(_GATHER_SECONDS, self._wake.set)

    async def _end(self) -> None:
        """Let what runs end within the grace, and give back the rest."""
        for seconds in (_GRACE_SECONDS, _END_SECONDS):
            if self._running:
                await asyncio.wait(self._running, timeout=seconds)
            for task in self._running:
                task.cancel()
