"""10,000 messages, cut wires and killed workers: no gap, no double."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from crmkit.model.job import JobOrder
from crmkit.testing.sites import new_place
from crmkit.work.claims import take_back_expired
from crmkit.work.jobs import enqueue
from crmkit.work.mail.reading import MailboxReader
from crmkit.work.mail_accounts import save_account
from tests.work.mail.test_reading import Folder, server
from tests.work.working import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from crmkit.testing.sites import Running
    from crmkit.work.mail.accounts import ImapAccount

imap = server
pytestmark = pytest.mark.long
SECONDS = 60
#: Saves the cursor on a connection of its own before the messages: what the counter-test counts.
EARLY = """
import asyncio
import contextvars
from crmkit.work import inbox

_store_batch = inbox.store_batch


async def _early(ctx, account, batch, *, is_sent=False):
    save = inbox.save_cursor(ctx, account.id, batch, is_sent=is_sent)
    await asyncio.get_running_loop().create_task(save, context=contextvars.Context())
    return await _store_batch(ctx, account, batch, is_sent=is_sent)


inbox.store_batch = _early


class Early(Plugin):
    pass
"""
MANIFEST = 'id = "early"\nname = "Early"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'


@asynccontextmanager
async def site(folder: Path, account: ImapAccount, *, early: bool) -> AsyncIterator[Running]:
    """A site that reads the mailbox from its beginning."""
    async with new_place(folder) as place:
        if early:
            place.write("early", EARLY, manifest=MANIFEST)
        async with place.start() as running:
            await running.db.execute(
                "INSERT INTO core_schedule (name, last) VALUES "
                "('core.read_mailboxes', '2999-01-01')"
            )
            typed = {
                "address": "desk@example.org", "username": account.username, "shared": "1",
                "password": account.password, "smtp_host": "127.0.0.1", "smtp_tls": "plain",
                "imap_host": account.host, "imap_port": str(account.port), "imap_tls": "plain",
            }  # fmt: skip
            number = await save_account(running.ctx, typed)
            for one in range(100):
                await running.ctx.create("crm.person", name=f"P {one}", email=f"p{one}@example.com")
            await running.db.execute(
                "INSERT INTO core_mail_cursor (account, folder, uid_validity, last_uid) "
                "VALUES ($1, 'INBOX', 1, 0)",
                number,
            )
            yield running


def fill(account: ImapAccount, messages: int) -> None:
    """Put messages into the inbox, hundreds by one command (RFC 3502)."""
    folder = Folder(account, "Unused")
    client = folder._client
    file = client.sock.makefile("rb")
    for first in range(0, messages, 500):
        parts = [b"X APPEND INBOX"]
        for number in range(first, min(first + 500, messages)):
            text = "Good day,\r\n\r\nthe offer suits us.\r\n\r\n> An offer\r\n" * 20
            raw = (
                f"From: p{number % 100}@example.com\r\nTo: desk@example.org\r\n"
                f"Subject: Offer {number}\r\nMessage-ID: <{number}@example.com>\r\n\r\n{text}"
            ).encode()
            parts.append(b" {%d+}\r\n" % len(raw) + raw)
        client.sock.sendall(b"".join(parts) + b"\r\n")
        while not (line := file.readline()).startswith(b"X "):
            assert line, "the server closed"
        assert line.startswith(b"X OK"), line
    folder.close()


@asynccontextmanager
async def unsteady(account: ImapAccount, most: int) -> AsyncIterator[tuple[ImapAccount, list[int]]]:
    """A wire that is cut in the middle of messages, every third connection after fewer bytes.

    Yields:
        The account behind it, and what was let through before each cut.
    """
    made, cuts = 0, list[int]()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal made
        made += 1
        limit = left = most * (made % 7 + 1) + 333 if made % 3 == 0 else 1 << 40
        source, sink = await asyncio.open_connection(account.host, account.port)

        async def up() -> None:
            while data := await reader.read(65536):
                sink.write(data)
            sink.close()

        task = asyncio.ensure_future(up())
        try:
            while left > 0 and (data := await source.read(min(left, 65536))):
                writer.write(data)
                await writer.drain()
                left -= len(data)
            if left <= 0:
                cuts.append(limit)
        except ConnectionError:
            pass
        finally:
            task.cancel()
            sink.close()
            writer.transport.abort()

    wire = await asyncio.start_server(run, "127.0.0.1", 0)
    async with wire:
        yield structs.replace(account, port=wire.sockets[0].getsockname()[1]), cuts


class Readers:
    """Worker processes of a site, of which any can be killed."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._env = {**os.environ, "CRMKIT_DATABASE_URL": running.dsn}
        self._all = [self._start() for _ in range(2)]
        self.kills = 0

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "crmkit", "worker", "--slots", "2", "--site"]
        command.append(str(self._running.config.folder))
        return subprocess.Popen(command, env=self._env, stdout=subprocess.DEVNULL)

    async def kill(self) -> bool:
        """Kill (-9) whoever reads the mailbox now, and begin another; False when nobody does."""
        name = await self._running.db.value(
            "SELECT worker FROM core_job WHERE name = 'core.read_mailbox' AND state = 'running'"
        )
        lost = next((one for one in self._all if name and f"-{one.pid}-" in name), None)
        if lost is None:
            return False
        lost.kill()
        lost.wait()
        self.kills += 1
        # Nobody waits half a minute here for a lease to end.
        await self._running.db.execute(
            "UPDATE core_job SET lease_until = now() WHERE state = 'running' AND worker = $1", name
        )
        async with self._running.db.transaction():
            await take_back_expired(self._running.db)
        self._all.remove(lost)
        self._all.append(self._start())
        return True

    def close(self) -> None:
        for one in self._all:
            one.kill()
            one.wait()


@asynccontextmanager
async def reading(running: Running) -> AsyncIterator[Readers]:
    """Let workers read, asked for again as the job of the minute does."""

    number = await running.db.value("SELECT id FROM core_mail_account")

    async def ask() -> None:
        while True:
            order = JobOrder(args={"account": number}, key=str(number), lane=f"mailbox:{number}")
            await enqueue(running.ctx, "core.read_mailbox", [order])
            await asyncio.sleep(0.5)

    readers, asking = Readers(running), asyncio.ensure_future(ask())
    try:
        yield readers
    finally:
        asking.cancel()
        readers.close()


async def counted(running: Running) -> tuple[int, int, int]:
    """Answer how far the cursor is, how many messages there are and how many different ones."""
    row = await running.db.row(
        "SELECT (SELECT last_uid FROM core_mail_cursor), count(*), count(DISTINCT message_id) "
        "FROM core_message"
    )
    assert row is not None
    cursor, stored, different = row
    return cursor, stored, different


async def prepare(running: Running, account: ImapAccount, messages: int) -> int:
    """Fill the mailbox behind a message that was read; answer its number."""
    folder = Folder(account, "Unused")
    folder._client.append("INBOX", "", "", b"Subject: Old\r\n\r\n")
    folder.close()
    async with MailboxReader(account) as reader:
        cursor = await reader.make_cursor()
    await running.db.execute(
        "UPDATE core_mail_cursor SET uid_validity = $1, last_uid = $2, account = "
        "(SELECT id FROM core_mail_account)",
        cursor.uid_validity, cursor.last_uid,
    )  # fmt: skip
    await asyncio.to_thread(fill, account, messages)
    return cursor.last_uid


async def test_ten_thousand_messages_are_read_once_whatever_is_cut_or_killed(
    imap: ImapAccount, tmp_path: Path
) -> None:
    messages = 10_000
    async with unsteady(imap, 50_000) as (wire, cuts), site(tmp_path, wire, early=False) as running:
        before = await prepare(running, imap, messages)
        begin = time.perf_counter()
        async with reading(running) as readers:
            killed_at = begin + 4
            while True:
                cursor, stored, different = await counted(running)
                assert stored == different == cursor - before
                if stored == messages:
                    break
                assert time.perf_counter() - begin < 2 * SECONDS, (stored, cuts)
                if time.perf_counter() > killed_at and readers.kills < 5 and await readers.kill():
                    killed_at = time.perf_counter() + 3
                await asyncio.sleep(0.05)
            seconds = time.perf_counter() - begin
        rows = await running.db.rows("SELECT message_id FROM core_message")
        health = await running.db.row("SELECT received, matched, behind FROM core_mail_cursor")
    print(f"{messages} messages in {seconds:.1f} s; {len(cuts)} cuts, {readers.kills} kills")  # noqa: T201 - the figure
    assert {f"{number}@example.com" for number in range(messages)} == {
        row["message_id"] for row in rows
    }
    assert (messages, messages, 0) == tuple(health or ())
    assert seconds < SECONDS
    assert len(cuts) >= 3
    assert readers.kills >= 3


async def test_a_cursor_saved_before_its_messages_loses_some(
    imap: ImapAccount, tmp_path: Path
) -> None:
    messages = 1_000
    async with site(tmp_path, imap, early=True) as running:
        before = await prepare(running, imap, messages)
        async with reading(running) as readers, asyncio.timeout(SECONDS):
            while readers.kills < 2:
                cursor, stored, _ = await counted(running)
                if cursor - before > stored:
                    await readers.kill()

            async def is_done() -> bool:
                return messages == (await counted(running))[0] - before

            await until(is_done, SECONDS)
            await until(lambda: nothing_runs(running), SECONDS)
        _, stored, _ = await counted(running)
    print(f"{messages - stored} of {messages} messages are lost")  # noqa: T201 - the figure
    assert stored < messages


async def nothing_runs(running: Running) -> bool:
    return not await running.db.value(
        "SELECT EXISTS (SELECT FROM core_job "
        "WHERE name = 'core.read_mailbox' AND state = 'running')"
    )
