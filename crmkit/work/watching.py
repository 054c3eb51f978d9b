"""Hears of new mail at once, where the server of a mailbox says so (IDLE, RFC 2177).

One task and one socket for each mailbox: no thread, no slot of the worker and no connection to
the database waits with it. What it hears only queues the job that reads; that job comes by the
minute as well, so nothing depends on what is heard.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from crmkit.errors import CrmkitError

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmkit.db.engine import Database
    from crmkit.model.context import Context

_log = structlog.get_logger("crmkit.mail")
#: Mailboxes one process listens to; others are left to other processes, or to the minute.
MOST = 50
_LOOK_SECONDS = 15.0
_LEASE_SECONDS = 90.0
_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 600.0
#: A server that knows no IDLE is asked again after so long.
_NO_IDLE_PAUSE = 3600.0
#: Before servers end an IDLE of 30 minutes, and before routers forget the connection.
_RENEW_SECONDS = 20 * 60.0
_PATIENCE = 15.0
# A row that is locked is looked at the next time; until its lease ends it stays whose it was, and
# counts, so that no other one is taken in its place.
_RENEW = """
UPDATE core_mail_account SET watched_until = now() + make_interval(secs => $2)
WHERE id IN (SELECT id FROM core_mail_account WHERE watcher = $1 AND active AND imap_host <> ''
    FOR UPDATE SKIP LOCKED)
"""
_CLAIM = """
UPDATE core_mail_account SET watcher = $1, watched_until = now() + make_interval(secs => $2)
WHERE id IN (
    SELECT id FROM core_mail_account
    WHERE active AND imap_host <> '' AND watcher <> $1
        AND (watched_until IS NULL OR watched_until < now())
    ORDER BY id
    LIMIT greatest(0, $3 - (SELECT count(*) FROM core_mail_account
        WHERE watcher = $1 AND watched_until > now()))
    FOR UPDATE SKIP LOCKED
)
"""
_MINE = """
SELECT id, md5(concat_ws(' ', imap_host, imap_port, imap_tls, username, encode(password, 'hex'),
    folders[1])) AS settings
FROM core_mail_account WHERE watcher = $1 AND watched_until > now() AND active AND imap_host <> ''
"""
_RELEASE = "UPDATE core_mail_account SET watcher = '', watched_until = NULL WHERE watcher = $1"


class Watching:
    """The mailboxes that one worker listens to.

    Args:
        control: For its claims.
        context: Makes a context that may queue jobs.
        name: Of the worker.
    """

    def __init__(self, control: Database, context: Callable[[], Context], name: str) -> None:
        self._control = control
        self._context = context
        self._name = name
        #: Mailbox to its task, and how it was set when that began.
        self._tasks: dict[int, tuple[asyncio.Task[None], str]] = {}

    async def run(self) -> None:
        """Listen until cancelled; then say goodbye to the servers."""
        try:
            while True:
                try:
                    await self._look()
                except CrmkitError as error:
                    _log.warning("cannot look for mailboxes", reason=error.message)
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            await self._end([task for task, _ in self._tasks.values()])
            self._tasks.clear()
            with suppress(CrmkitError):
                await self._control.execute(_RELEASE, self._name)

    async def _look(self) -> None:
        """Take mailboxes nobody listens to, as far as there is room, and leave those lost."""
        await self._control.execute(_RENEW, self._name, _LEASE_SECONDS)
        await self._control.execute(_CLAIM, self._name, _LEASE_SECONDS, MOST)
        rows = await self._control.rows(_MINE, self._name)
        mine = {row["id"]: row["settings"] for row in rows}
        lost = [n for n, (_, settings) in self._tasks.items() if mine.get(n) != settings]
        await self._end([self._tasks.pop(number)[0] for number in lost])
        for number, settings in mine.items():
            if number not in self._tasks:
                self._tasks[number] = asyncio.create_task(self._watch(number)), settings

    @staticmethod
    async def _end(tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, number: int) -> None:
        """Listen to a mailbox; what goes wrong is told by the job that reads it."""
        from crmkit.work.mail.session import MailboxError  # noqa: PLC0415 - where mail is read

        pause = _FIRST_PAUSE
        while True:
            begun = asyncio.get_running_loop().time()
            wait = pause
            try:
                wait = await self._listen(number)
            except CrmkitError as error:
                fault = isinstance(error, MailboxError) and error.account_at_fault
                wait = _LONGEST_PAUSE if fault else pause
                _log.info("a mailbox is not heard", account=number, reason=error.message)
            except Exception as error:  # noqa: BLE001 - a server may say whatever it likes
                _log.warning("a mailbox is not heard", account=number, exc_info=error)
            lasted = asyncio.get_running_loop().time() - begun > _LONGEST_PAUSE
            pause = _FIRST_PAUSE if lasted else min(pause * 2, _LONGEST_PAUSE)
            # Not all at the same moment, when a server comes back.
            await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311 - no secret

    async def _listen(self, number: int) -> float:
        """Queue the reading whenever something comes; answer how long to pause if it cannot.

        Raises:
            CrmkitError: The connection broke, or the account is not to be used.
        """
        from crmkit.work.inbox import queue_reading  # noqa: PLC0415 - as above
        from crmkit.work.mail_accounts import find_account, reading  # noqa: PLC0415
        from crmkit.work.mail_folders import INBOX  # noqa: PLC0415

        account = await find_account(self._context(), number)
        folder = account.folders[0] if account.folders else INBOX
        async with reading(self._context(), account, patience=_PATIENCE) as reader:
            if not await reader.can_wait():
                return _NO_IDLE_PAUSE
            is_new = True  # what came before anybody listened
            while True:
                if is_new:
                    await queue_reading(self._context(), [number])
                is_new = await reader.wait(folder, seconds=_RENEW_SECONDS)
