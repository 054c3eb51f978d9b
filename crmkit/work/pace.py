"""How many jobs of a worker are at work at once: all its slots, or few while pages are used.

A burst of short jobs keeps every processor busy, and who asks for a page then waits for each of
its steps: on two cores p95 of a list rose by a third to a half, with any priority and any number
of slots. So while somebody uses the pages one processor is theirs, and after each job as much
time as it took. Slots stay taken meanwhile: order, lanes and leases know nothing of it.

In a serving process jobs and pages are steps of one interpreter besides. There a job stands still
before each of its statements while a page is being answered, though never for longer than a page
takes: the locks that it holds are waited for by others. Standing still is no work to rest from.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import structlog

from crmkit.access.sessions import is_anybody_here
from crmkit.errors import CrmkitError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from crmkit.db.engine import Database

_log = structlog.get_logger("crmkit.work")
_LOOK_SECONDS = 5.0
_TURN_SECONDS = 0.02
_GIVE_WAY_SECONDS = 0.01


class Arrivals:
    """Requests that this process has not answered yet."""

    def __init__(self) -> None:
        self._waiting = 0
        self._none = asyncio.Event()
        self._none.set()
        self._since = self._answered = 0.0

    def arrive(self) -> Callable[[], None]:
        """Count one in; answer what counts it out, once however often it is called."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting += 1
        self._none.clear()
        is_there = True

        def leave() -> None:
            nonlocal is_there
            if is_there:
                is_there = False
                self._waiting -= 1
                if not self._waiting:
                    self._answered += time.monotonic() - self._since
                    self._none.set()

        return leave

    def seconds(self) -> float:
        """Answer for how long, all in all, at least one was there."""
        now = time.monotonic() - self._since if self._waiting else 0.0
        return self._answered + now

    async def give_way(self) -> None:
        """Wait until none is there, at most 10 ms."""
        if not self._waiting:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_GIVE_WAY_SECONDS):
                await self._none.wait()


class Pace:
    """Gives jobs their turns.

    Args:
        width: Turns at once while somebody uses the pages; None is one for each processor but one.
        turn: Seconds until a turn is given on, though its job goes on: what lasts longer mostly
            waits for somebody else, such as a mail server.
        arrivals: Requests of this process, if it serves.

    Attributes:
        is_careful: Whether somebody uses the pages; believed until it is known.
    """

    def __init__(
        self,
        width: int | None = None,
        *,
        turn: float = _TURN_SECONDS,
        arrivals: Arrivals | None = None,
    ) -> None:
        self.is_careful = True
        self._arrivals = arrivals
        self._seconds = turn
        self._turns = asyncio.Semaphore(width or max(1, (os.cpu_count() or 1) - 1))

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and have it for the length of the block."""
        if not self.is_careful:
            yield
            return
        await self._turns.acquire()
        loop = asyncio.get_running_loop()
        begun, is_given = self._own_seconds(), False

        def give() -> None:
            nonlocal is_given
            is_given = True
            self._turns.release()

        late = loop.call_later(self._seconds, give)
        try:
            yield
        finally:
            if not is_given:
                late.cancel()
                loop.call_later(self._own_seconds() - begun, give)

    def _own_seconds(self) -> float:
        """Answer the moment, by a clock that stands still while pages are answered."""
        others = self._arrivals.seconds() if self._arrivals is not None else 0.0
        return time.monotonic() - others

    async def give_way(self) -> None:
        """Stand still while a page is being answered by this process, for a moment at most."""
        if self.is_careful and self._arrivals is not None:
            await self._arrivals.give_way()

    async def look(self, db: Database) -> None:
        """See whether somebody uses the pages."""
        try:
            self.is_careful = await is_anybody_here(db)
        except CrmkitError as error:
            _log.warning("cannot see whether pages are used", reason=error.message)

    async def keep_looking(self, db: Database) -> None:
        """See it again and again; until cancelled."""
        while True:
            await self.look(db)
            await asyncio.sleep(_LOOK_SECONDS)
