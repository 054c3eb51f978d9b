"""Hears that jobs were queued: LISTEN on a connection of its own."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import asyncpg
import structlog

from crmkit.work.jobs import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Callable

_log = structlog.get_logger("crmkit.work")
_AGAIN_SECONDS = 2.0
_CONNECT_SECONDS = 5.0
_CLOSE_SECONDS = 2.0


async def listen(dsn: str, wake: Callable[[], None]) -> None:
    """Call `wake` at each notice until cancelled; a connection that is lost is made anew.

    Who is woken looks now and then of its own accord, so a notice may be missed.
    """
    while True:
        try:
            await _hear(dsn, wake)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
            _log.warning("cannot listen for jobs", reason=type(error).__name__)
        await asyncio.sleep(_AGAIN_SECONDS)


async def _hear(dsn: str, wake: Callable[[], None]) -> None:
    connection = await asyncpg.connect(
        dsn, timeout=_CONNECT_SECONDS, server_settings={"application_name": "crmkit listen"}
    )
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _: lost.set())
    try:
        await connection.add_listener(CHANNEL, lambda *_: wake())
        wake()  # what was queued before anybody listened
        await lost.wait()
    finally:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            await connection.close(timeout=_CLOSE_SECONDS)
