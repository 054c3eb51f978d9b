"""How many jobs of a worker are at work at once: all its slots, or few while pages are used.

A burst of short jobs keeps every processor busy, and who asks for a page then waits for each of
its steps: on two cores p95 of a list rose by a third to a half, with any priority and any number
of slots. So while somebody uses the pages one processor is theirs, and after each job as much
time as it took. Slots stay taken meanwhile: order, lanes and leases know nothing of it.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from crmkit.access.sessions import is_anybody_here
from crmkit.errors import CrmkitError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from crmkit.db.engine import Database

_log = structlog.get_logger("crmkit.work")
_LOOK_SECONDS = 5.0
_TURN_SECONDS = 0.02


class Pace:
    """Gives jobs their turns.

    Args:
        width: Turns at once while somebody uses the pages; None is one for each processor but one.
        turn: Seconds until a turn is given on, though its job goes on: what lasts longer mostly
            waits for somebody else, such as a mail server.

    Attributes:
        is_careful: Whether somebody uses the pages; believed until it is known.
    """

    def __init__(self, width: int | None = None, *, turn: float = _TURN_SECONDS) -> None:
        self.is_careful = True
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
        begun, is_given = loop.time(), False

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
                loop.call_later(loop.time() - begun, give)

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
