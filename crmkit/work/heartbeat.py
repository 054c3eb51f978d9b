"""What a worker writes beside its work: that it lives, and how far its jobs are."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from crmkit.errors import CrmkitError
from crmkit.work.claims import renew, take_back_expired, write_progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from crmkit.db.engine import Database

_log = structlog.get_logger("crmkit.work")
_BEATS = 3  # in a lease
_REPORT_SECONDS = 0.25


async def keep_leases(
    db: Database, worker: str, lease: timedelta, slots: int, wake: Callable[[], None]
) -> None:
    """Hold on to what a worker runs, and take back what others hold no more; until cancelled.

    Args:
        wake: Called when something was taken back.
    """
    while True:
        try:
            await renew(db, worker, lease, slots)
            if await take_back_expired(db):
                wake()
        except Exception as error:  # noqa: BLE001 - the next beat may do
            _log.warning("cannot renew leases", reason=repr(error))
        await asyncio.sleep(lease.total_seconds() / _BEATS)


async def report_progress(db: Database, worker: str, seen: dict[int, tuple[int, int]]) -> None:
    """Write what handlers say of their progress, and forget it; until cancelled.

    Args:
        seen: Id of a job to (done, total), filled by those that run.
    """
    while True:
        await asyncio.sleep(_REPORT_SECONDS)
        if seen:
            latest = dict(seen)
            seen.clear()
            with suppress(CrmkitError):
                await write_progress(db, worker, latest)
