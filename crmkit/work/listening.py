"""Hears notices of the database: LISTEN on a connection of its own."""

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
    """Call `wake` whenever jobs were queued, until cancelled.

    Who is woken looks now and then of its own accord, so a notice may be missed.
    """
    await hear(dsn, CHANNEL, lambda _payload: wake())


async def hear(dsn: str, channel: str, told: Callable[[str], None]) -> None:
    """Call `told` with each notice of a channel until cancelled, and with "" when it begins.

    A connection that is lost is made anew; what was said meanwhile is missed.
    """
    while True:
        try:
            await _hear(dsn, channel, told)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
            _log.warning("cannot listen", channel=channel, reason=type(error).__name__)
        await asyncio.sleep(_AGAIN_SECONDS)


async def _hear(dsn: str, channel: str, told: Callable[[str], None]) -> None:
    connection = await asyncpg.connect(
        dsn, timeout=_CONNECT_SECONDS, server_settings={"application_name": "crmkit listen"}
    )
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _: lost.set())
    try:
        await connection.add_listener(channel, lambda *given: told(str(given[3])))
        told("")  # what was said before anybody listened
        await lost.wait()
    finally:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            await connection.close(timeout=_CLOSE_SECONDS)
