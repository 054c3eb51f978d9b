"""Against a real IMAP server in a process of its own; it starts in a third of a second."""

from __future__ import annotations

import asyncio
import imaplib
import socket
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from crmkit.errors import ConfigError, InvalidError
from crmkit.work.mail.accounts import ImapAccount
from crmkit.work.mail.reading import Batch, Cursor, MailboxReader
from crmkit.work.mail.session import MailboxError, Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from imap_tools import BaseMailBox

#: The server's hash of passwords is made cheap: each test signs in.
RUN = (
    "import sys; from pysasl.hashing import BuiltinHash as H; "
    "H.__init__.__kwdefaults__['rounds'] = 1; from pymap.main import main; sys.exit(main())"
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImapAccount]:
    with running(RUN, tmp_path_factory.mktemp("imap")) as port:
        yield ImapAccount(
            host="127.0.0.1", port=port, tls="plain", username="desk", password="пароль", timeout=5
        )


@contextmanager
def running(code: str, folder: Path) -> Iterator[int]:
    """Run a server in a process of its own and answer its port."""
    port = free_port()
    words = [sys.executable, "-c", code, "--host", "127.0.0.1", "--port", str(port), "--no-tls"]
    words += ["--pid-file", str(folder / "pid"), "dict"]
    words += ["--demo-user", "desk", "--demo-password", "пароль"]
    # A pipe that nobody reads would stop it: it tells of each connection that breaks.
    log = folder / "log"
    with log.open("wb") as told:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=told)
    try:
        wait_for(port, process, log)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if process.poll() is not None:
            raise AssertionError(log.read_text()[-2000:])
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("The IMAP server does not start.")


class Folder:
    """A folder of the test, filled from outside."""

    def __init__(self, account: ImapAccount, name: str) -> None:
        self.name = name
        self._client = imaplib.IMAP4(account.host, account.port, timeout=5)
        self._client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        token = f"\0{account.username}\0{account.password}".encode()
        self._client.authenticate("PLAIN", lambda _: token)
        self._client.create(name)

    def put(self, *subjects: str, size: int = 10) -> None:
        for subject in subjects:
            raw = f"Subject: {subject}\r\nMessage-ID: <{subject}@example.com>\r\n\r\n{'x' * size}"
            self._client.append(self.name, "", "", f"{raw}\r\n".encode())

    def remove(self, *uids: int) -> None:
        self._client.select(self.name)
        for uid in uids:
            self._client.uid("STORE", str(uid), "+FLAGS", r"(\Deleted)")
        self._client.expunge()
        self._client.close()

    def flags(self) -> str:
        self._client.select(self.name, readonly=True)
        return repr(self._client.fetch("1:*", "FLAGS")[1])

    def renumber(self) -> None:
        self._client.delete(self.name)
        self._client.create(self.name)

    def close(self) -> None:
        self._client.logout()


@pytest.fixture
def folder(server: ImapAccount, request: pytest.FixtureRequest) -> Iterator[Folder]:
    made = Folder(server, f"F{abs(hash(request.node.name)) % 10**9}")
    yield made
    made.close()


def subjects(batch: Batch) -> list[str]:
    return [
        one.raw.partition(b"\r\n")[0].decode().removeprefix("Subject: ") for one in batch.messages
    ]


async def test_each_message_is_read_once_in_order(server: ImapAccount, folder: Folder) -> None:
    folder.put("a", "b", "c")
    async with MailboxReader(server) as reader:
        first = await reader.fetch_since(Cursor(folder=folder.name), limit=2)
        second = await reader.fetch_since(first.cursor, limit=2)
        third = await reader.fetch_since(second.cursor)
        folder.put("d")
        fourth = await reader.fetch_since(third.cursor)

    assert [["a", "b"], ["c"], [], ["d"]] == [
        subjects(one) for one in (first, second, third, fourth)
    ]
    assert [True, False, False, False] == [one.more for one in (first, second, third, fourth)]
    assert third.cursor == second.cursor
    assert first.messages[0].raw.endswith(b"xxx\r\n")
    assert first.messages[0].size == len(first.messages[0].raw)
    assert first.messages[0].received_at is not None


async def test_reading_marks_nothing_as_read(server: ImapAccount, folder: Folder) -> None:
    folder.put("a")
    async with MailboxReader(server) as reader:
        await reader.fetch_since(Cursor(folder=folder.name))

    assert "Seen" not in folder.flags()


async def test_a_cursor_of_now_skips_what_was_before(server: ImapAccount, folder: Folder) -> None:
    folder.put("old")
    async with MailboxReader(server) as reader:
        cursor = await reader.make_cursor(folder.name)
        folder.put("new")
        batch = await reader.fetch_since(cursor)

    assert ["new"] == subjects(batch)


async def test_an_empty_folder(server: ImapAccount, folder: Folder) -> None:
    async with MailboxReader(server) as reader:
        batch = await reader.fetch_since(await reader.make_cursor(folder.name))
        begun = await reader.fetch_since(Cursor(folder=folder.name))

    assert ((), False, False) == (batch.messages, batch.more, batch.restarted)
    assert begun.cursor.uid_validity == batch.cursor.uid_validity


async def test_a_folder_numbered_anew_is_read_again(server: ImapAccount, folder: Folder) -> None:
    folder.put("a", "b")
    async with MailboxReader(server) as reader:
        before = await reader.fetch_since(Cursor(folder=folder.name))
    folder.renumber()
    folder.put("a", "c")
    async with MailboxReader(server) as reader:
        again = await reader.fetch_uids(before.cursor, [1])
        listed = await reader.list_uids(before.cursor)
        after = await reader.fetch_since(before.cursor)

    assert after.restarted
    assert ["a", "c"] == subjects(after)
    assert before.cursor.uid_validity != after.cursor.uid_validity
    assert ((), True, ()) == (again.messages, again.restarted, listed)


async def test_a_folder_numbered_anew_brings_nothing_from_before_the_account(
    server: ImapAccount, folder: Folder
) -> None:
    folder.put("a")
    now = datetime.now(UTC)
    async with MailboxReader(server) as reader:
        before = await reader.fetch_since(Cursor(folder=folder.name))
        folder.renumber()
        old = imaplib.Time2Internaldate(now - timedelta(days=400))
        folder._client.append(folder.name, "", old, b"Subject: old\r\n\r\n")
        folder.put("a", "b")
        some, none = [
            await reader.fetch_since(before.cursor, begun=moment)
            for moment in (now, now + timedelta(days=9))
        ]

    assert (["a", "b"], []) == (subjects(some), subjects(none))
    assert some.cursor.last_uid == none.cursor.last_uid


async def test_gaps_are_asked_for_again(server: ImapAccount, folder: Folder) -> None:
    folder.put("a", "b", "c")
    async with MailboxReader(server) as reader:
        whole = await reader.fetch_since(Cursor(folder=folder.name))
        lost, gone = whole.messages[0].uid, whole.messages[1].uid
        folder.remove(gone)
        folder.put("d")
        batch = await reader.fetch_since(structs.replace(whole.cursor, gaps=(lost, gone)))

    assert ["a", "d"] == subjects(batch)
    assert () == batch.cursor.gaps


async def test_a_message_the_server_does_not_give_becomes_a_gap(
    server: ImapAccount, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.put("a", "b")
    async with MailboxReader(server) as reader:
        texts = reader._session.texts
        refused: list[int] = []

        def first_is_refused(
            uids: list[int], *, headers_only: bool
        ) -> tuple[dict[int, bytes], MailboxError | None]:
            refused.append(uids[0])
            found, broken = texts(uids, headers_only=headers_only)
            return {uid: text for uid, text in found.items() if uid != uids[0]}, broken

        monkeypatch.setattr(reader._session, "texts", first_is_refused)
        first = await reader.fetch_since(Cursor(folder=folder.name))
        monkeypatch.undo()
        second = await reader.fetch_since(first.cursor)

    assert (["b"], tuple(refused)) == (subjects(first), first.cursor.gaps)
    assert (["a"], ()) == (subjects(second), second.cursor.gaps)


async def test_what_the_database_lacks_is_fetched_by_number(
    server: ImapAccount, folder: Folder
) -> None:
    folder.put("a", "b", "c")
    async with MailboxReader(server) as reader:
        whole = await reader.fetch_since(Cursor(folder=folder.name))
        listed = await reader.list_uids(whole.cursor)
        batch = await reader.fetch_uids(whole.cursor, [listed[1], 10**6])

    assert [one.uid for one in whole.messages] == list(listed)
    assert ["b"] == subjects(batch)
    assert whole.cursor == batch.cursor


async def test_of_a_large_message_the_headers_are_read(server: ImapAccount, folder: Folder) -> None:
    folder.put("big", size=5000)
    async with MailboxReader(server, largest=1000) as reader:
        batch = await reader.fetch_since(Cursor(folder=folder.name))

    message = batch.messages[0]
    assert (["big"], True) == (subjects(batch), message.headers_only)
    assert b"xxx" not in message.raw
    assert message.size > 5000


@asynccontextmanager
async def cutting(account: ImapAccount, after: int) -> AsyncIterator[ImapAccount]:
    """A wire to the server that is cut after so many bytes from it."""

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = after
        source, sink = await asyncio.open_connection(account.host, account.port)

        async def up() -> None:
            while data := await reader.read(65536):
                sink.write(data)

        task = asyncio.ensure_future(up())
        try:
            while left > 0 and (data := await source.read(min(left, 65536))):
                writer.write(data)
                await writer.drain()
                left -= len(data)
        except ConnectionError:
            pass
        finally:
            task.cancel()
            sink.close()
            writer.close()

    wire = await asyncio.start_server(run, "127.0.0.1", 0)
    async with wire:
        yield structs.replace(account, port=wire.sockets[0].getsockname()[1])


@pytest.mark.parametrize(("after", "whole"), [(30_000, ["a"]), (60_000, ["a", "b"])])
async def test_a_cut_within_a_message_moves_the_cursor_only_before_it(
    server: ImapAccount, folder: Folder, after: int, whole: list[str]
) -> None:
    folder.put("a", "b", "c", size=25_000)
    async with cutting(server, after) as wire, MailboxReader(wire) as reader:
        batch = await reader.fetch_since(Cursor(folder=folder.name))
    async with MailboxReader(server) as reader:
        rest = await reader.fetch_since(batch.cursor)

    assert whole == subjects(batch)
    assert batch.problem
    assert batch.more
    assert ["a", "b", "c"] == subjects(batch) + subjects(rest)


async def test_a_cut_within_the_first_message_moves_nothing(
    server: ImapAccount, folder: Folder
) -> None:
    folder.put("a", size=25_000)
    async with cutting(server, 10_000) as wire, MailboxReader(wire) as reader:
        with pytest.raises(MailboxError, match="cannot be read"):
            await reader.fetch_since(Cursor(folder=folder.name))
        with pytest.raises(MailboxError, match="closed"):
            await reader.fetch_since(Cursor(folder=folder.name))


async def test_new_mail_ends_the_wait(server: ImapAccount, folder: Folder) -> None:
    async with MailboxReader(server) as reader:
        waiting = asyncio.ensure_future(reader.wait(folder.name, seconds=10))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(folder.put, "a")
        begun = time.monotonic()
        assert await waiting
        batch = await reader.fetch_since(Cursor(folder=folder.name))

    assert time.monotonic() - begun < 3
    assert ["a"] == subjects(batch)


async def test_a_line_that_comes_in_pieces_is_one_line(server: ImapAccount, folder: Folder) -> None:
    async with MailboxReader(server) as reader:
        session = reader._session
        session.idle_start(folder.name)
        here, there = socket.socketpair()
        with here, there:
            client = session._open.client
            before = client.sock, client.file
            client.sock, client.file = here, here.makefile("rb")
            assert (False, False) == session.idle_poll()
            there.sendall(b"* 7 EXI")
            later = asyncio.get_running_loop().call_later(0.05, there.sendall, b"STS\r\n")
            assert (True, True) == await asyncio.to_thread(session.idle_poll)
            assert later.when()
            client.file.close()
            client.sock, client.file = before
        session.drop()


async def test_a_wait_ends_with_its_time(server: ImapAccount, folder: Folder) -> None:
    async with MailboxReader(server) as reader:
        assert not await reader.wait(folder.name, seconds=0.2)


async def test_a_wait_can_be_stopped(server: ImapAccount, folder: Folder) -> None:
    stop = asyncio.Event()
    async with MailboxReader(server) as reader:
        waiting = asyncio.ensure_future(reader.wait(folder.name, seconds=30, stop=stop))
        await asyncio.sleep(0.1)
        stop.set()
        assert not await asyncio.wait_for(waiting, 3)
        assert () == (await reader.fetch_since(Cursor(folder=folder.name))).messages


async def test_a_cancelled_wait_ends_at_once(server: ImapAccount, folder: Folder) -> None:
    async with MailboxReader(server) as reader:
        waiting = asyncio.ensure_future(reader.wait(folder.name, seconds=30))
        await asyncio.sleep(0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(waiting, 3)


async def test_who_gives_up_while_it_connects_leaves_no_connection(
    server: ImapAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = MailboxReader(server)
    begun, connect = threading.Event(), Session._connect
    made: list[BaseMailBox] = []

    def slow(session: Session) -> BaseMailBox:
        begun.set()
        time.sleep(0.1)
        made.append(connect(session))
        return made[-1]

    monkeypatch.setattr(Session, "_connect", slow)
    opening = asyncio.ensure_future(reader.__aenter__())
    await asyncio.to_thread(begun.wait)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    async with asyncio.timeout(3):
        while not made or made[0].client.sock.fileno() >= 0:  # noqa: ASYNC110 - of a thread
            await asyncio.sleep(0.01)


async def test_a_connection_that_closes_ends_the_wait(server: ImapAccount, folder: Folder) -> None:
    async with cutting(server, 2_000) as wire, MailboxReader(wire) as reader:
        with pytest.raises(MailboxError):  # noqa: PT012 - whenever it is noticed
            for _ in range(200):
                await reader.wait(folder.name, seconds=0.05)


async def test_folders_are_listed(server: ImapAccount, folder: Folder) -> None:
    async with MailboxReader(server) as reader:
        assert {"INBOX", folder.name} <= set(await reader.list_folders())


async def test_a_wrong_password_is_the_fault_of_the_account(server: ImapAccount) -> None:
    reader = MailboxReader(structs.replace(server, password="wrong"))

    with pytest.raises(MailboxError, match="password") as caught:
        await reader.__aenter__()
    assert caught.value.account_at_fault
    assert "wrong" not in caught.value.message
    assert "пароль" not in repr(server)


async def test_a_missing_folder_is_named(server: ImapAccount) -> None:
    async with MailboxReader(server) as reader:
        with pytest.raises(MailboxError, match="no folder `Nowhere`") as caught:
            await reader.fetch_since(Cursor(folder="Nowhere"))
        assert caught.value.account_at_fault
        with pytest.raises(InvalidError):
            await reader.fetch_since(Cursor(folder="a\r\nx LOGOUT"))


async def test_nobody_listens(server: ImapAccount) -> None:
    reader = MailboxReader(structs.replace(server, port=free_port()))

    with pytest.raises(MailboxError, match="cannot be reached") as caught:
        await reader.__aenter__()
    assert not caught.value.account_at_fault


async def test_a_server_that_says_nothing(server: ImapAccount) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        reader = MailboxReader(structs.replace(server, port=port, timeout=0.2))
        with pytest.raises(MailboxError, match="cannot be reached"):
            await reader.__aenter__()


async def test_a_password_never_goes_out_in_the_clear(server: ImapAccount) -> None:
    with pytest.raises(ConfigError, match="unencrypted"):
        await MailboxReader(structs.replace(server, host="mx.example.net")).__aenter__()
