"""New mail is heard at once where the server can tell of it; everywhere else by the minute."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

import pytest

from crmkit.records.plugins.rows import system_context
from crmkit.work import watching
from crmkit.work.mail.session import Session
from crmkit.work.worker import Worker
from tests.work.mail.test_reading import Folder, server
from tests.work.test_mail_flow import account, mail_site, person, raw, site_of
from tests.work.working import until, working

if TYPE_CHECKING:
    from crmkit.testing.sites import Running
    from crmkit.work.mail.accounts import ImapAccount

imap = server
__all__ = ["mail_site", "site_of"]


def worker(running: Running) -> Worker:
    return Worker(
        running.dsn, lambda db: system_context(running.config, db, running.site, "job"), slots=2
    )


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_LOOK_SECONDS", 0.1)
    monkeypatch.setattr(watching, "_FIRST_PAUSE", 0.05)


async def heard(running: Running, imap: ImapAccount, subject: str) -> float:
    """Put a message into the inbox and answer the seconds until it is stored."""

    def put() -> None:
        folder = Folder(imap, "Unused")
        folder._client.append("INBOX", "", "", raw(subject))
        folder.close()

    async def is_stored() -> bool:
        return await count(running, subject) == 1

    await asyncio.to_thread(put)
    begin = time.perf_counter()
    await until(is_stored)
    return time.perf_counter() - begin


async def count(running: Running, subject: str) -> int:
    found = "SELECT count(*) FROM core_message WHERE subject = $1"
    return int(await running.db.value(found, subject))


async def is_read(running: Running, number: int) -> None:
    """Wait until a mailbox is listened to and was read for the first time."""

    async def so() -> bool:
        return bool(
            await running.db.value(
                "SELECT read_at IS NOT NULL AND watcher <> '' FROM core_mail_account WHERE id = $1",
                number,
            )
        )

    await until(so)


async def test_new_mail_is_read_within_two_seconds_and_nothing_is_held_for_it(
    site_of: Running, imap: ImapAccount
) -> None:
    number = await account(await person(site_of), imap=imap)
    one = worker(site_of)
    async with working(one):
        await is_read(site_of, number)
        busy = (
            "SELECT (SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%' "
            "AND datname = current_database()) + "
            "(SELECT count(*) FROM core_job WHERE state = 'running')"
        )

        async def is_quiet() -> bool:
            return not await site_of.db.value(busy)

        await until(is_quiet)
        assert not [one for one in sys._current_frames().values() if "session.py" in str(one)]
        assert await heard(site_of, imap, "Heard") < 2
        assert await heard(site_of, imap, "Heard again") < 2
    left = "SELECT watcher FROM core_mail_account WHERE id = $1"
    assert "" == await site_of.db.value(left, number)


async def test_a_server_that_cannot_tell_is_left_to_the_minute(
    site_of: Running, imap: ImapAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "knows_idle", lambda _: False)
    monkeypatch.setattr(until, "__defaults__", (0.6,))
    number = await account(await person(site_of), imap=imap)
    async with working(worker(site_of)):
        with pytest.raises(TimeoutError):
            await heard(site_of, imap, "Not heard")
        # The first reading begins with what comes from then on.
        await site_of.ctx.enqueue("core.read_mailbox", {"account": number})
        await is_read(site_of, number)


async def test_it_listens_again_after_the_connection_broke_and_after_a_renewal(
    site_of: Running, imap: ImapAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_RENEW_SECONDS", 0.2)
    sessions: list[Session] = []
    start = Session.idle_start

    def noted(session: Session, folder: str) -> object:
        sessions.append(session)
        return start(session, folder)

    monkeypatch.setattr(Session, "idle_start", noted)
    number = await account(await person(site_of), imap=imap)
    async with working(worker(site_of)):
        await is_read(site_of, number)

        async def renewed() -> bool:
            return len(sessions) > 2

        await until(renewed)
        assert 1 == len(set(map(id, sessions)))
        assert await heard(site_of, imap, "After a renewal") < 2
        first = sessions[-1]
        first.drop()

        async def again() -> bool:
            return sessions[-1] is not first

        await until(again)
        assert await heard(site_of, imap, "After a break") < 2


async def test_of_two_workers_one_listens_and_the_other_takes_over(
    site_of: Running, imap: ImapAccount
) -> None:
    number = await account(await person(site_of), imap=imap)
    one, two = worker(site_of), worker(site_of)
    name = "SELECT watcher FROM core_mail_account WHERE id = $1"
    async with working(one):
        await is_read(site_of, number)
        async with working(two):
            await asyncio.sleep(0.3)
            assert one.name == await site_of.db.value(name, number)
            # As if it had died: nothing renews its claim.
            await site_of.db.execute(
                "UPDATE core_mail_account SET watcher = 'dead', watched_until = now() - '1 s'"
                "::interval"
            )

            async def taken() -> bool:
                return await site_of.db.value(name, number) in {one.name, two.name}

            await until(taken)
    assert "" == await site_of.db.value(name, number)


async def test_no_process_listens_to_more_than_its_share(
    site_of: Running, imap: ImapAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MOST", 1)
    ctx = await person(site_of)
    for name in ("one", "two"):
        await account(ctx, imap=imap, address=f"{name}@example.org")
    watched = "SELECT count(*) FROM core_mail_account WHERE watcher <> ''"

    async def is_watched() -> bool:
        return bool(await site_of.db.value(watched))

    async with working(worker(site_of)):
        await until(is_watched)
        async with site_of.db.transaction():  # as a job does that reads it
            lock = "SELECT id FROM core_mail_account WHERE watcher <> '' FOR UPDATE"
            await site_of.db.value(lock)
            await asyncio.sleep(0.4)
        assert 1 == await site_of.db.value(watched)


async def test_a_wrong_password_is_not_tried_again_and_again(
    site_of: Running, imap: ImapAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[object] = []
    start = Session.open

    def noted(session: Session) -> None:
        tries.append(session)
        start(session)

    monkeypatch.setattr(Session, "open", noted)
    await account(await person(site_of), imap=imap, password="wrong")
    async with working(worker(site_of)):
        await asyncio.sleep(0.5)
    assert 1 == len(tries)
