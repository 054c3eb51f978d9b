"""Reads a mailbox by IMAP: what is new since a cursor, each message once, none left out."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Self, TypeVar

from msgspec import Struct, structs

from crmkit.work.mail.addresses import check_line
from crmkit.work.mail.imap_answers import Fetched, find_date, find_flags, find_size
from crmkit.work.mail.session import MailboxError, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from crmkit.work.mail.accounts import ImapAccount


Answer = TypeVar("Answer")

#: Servers end an IDLE after 30 minutes (RFC 2177).
_LONGEST_WAIT = 25 * 60.0
_MOST_GAPS = 1000
#: Bytes and messages fetched by one command; each costs a round trip.
_TOGETHER = 1_000_000
_MOST_TOGETHER = 50


class Cursor(Struct, frozen=True, kw_only=True):
    """How far a folder was read; kept by the caller in the transaction that keeps the messages."""

    folder: str = "INBOX"
    #: Of the folder as it was numbered then (RFC 3501, 2.3.1.1); 0 when it was never read.
    uid_validity: int = 0
    #: The highest number that was read.
    last_uid: int = 0
    #: Numbers below it that the server listed and did not give; asked for again each time.
    gaps: tuple[int, ...] = ()


class Batch(Struct, frozen=True, kw_only=True):
    """Some messages, and the cursor to go on from."""

    messages: tuple[Fetched, ...]
    cursor: Cursor
    #: There are more; ask again.
    more: bool = False
    #: The folder was numbered anew, so messages come again: tell them apart by Message-ID.
    restarted: bool = False
    #: Why it ended early, "" when it did not; what came before is whole and counts.
    problem: str = ""
    #: Messages that are there and were not fetched.
    behind: int = 0


class MailboxReader:
    """A connection to a mailbox; every call takes its turn and works in a thread.

        async with MailboxReader(account) as reader:
            batch = await reader.fetch_since(cursor, limit=50)

    Reading changes nothing in the mailbox: messages stay unread.
    """

    def __init__(self, account: ImapAccount, *, largest: int = 40_000_000) -> None:
        """Describe the connection.

        Args:
            largest: Bytes; of messages beyond it only the headers are read.
        """
        self._session = Session(account)
        self._largest = largest
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Connect and sign in.

        Raises:
            MailboxError: It cannot be reached or refuses us.
            ConfigError: The password would go out in the clear.
        """
        await self._run(self._session.open)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Say goodbye; never raises."""
        with suppress(MailboxError):
            await self._run(self._session.close)

    async def list_folders(self) -> list[str]:
        """List the folders that can be read, in the order of the server.

        Raises:
            MailboxError: The connection broke.
        """
        return await self._run(self._session.folders)

    async def sent_folder(self) -> str:
        """Answer the folder that the server marks as that of sent mail, "" when none is.

        Raises:
            MailboxError: The connection broke.
        """
        return await self._run(self._session.sent_folder)

    async def make_cursor(self, folder: str = "INBOX") -> Cursor:
        """Make a cursor from which only messages that come from now on are read.

        Raises:
            MailboxError: There is no such folder, or the connection broke.
        """
        check_line(folder, "folder")

        def look() -> Cursor:
            validity = self._session.select(folder)
            return Cursor(
                folder=folder,
                uid_validity=validity,
                last_uid=max(self._session.uids(1), default=0),
            )

        return await self._run(look)

    async def fetch_since(
        self, cursor: Cursor, limit: int = 50, *, begun: datetime | None = None
    ) -> Batch:
        """Fetch the messages after a cursor, lowest number first; gaps come before.

        Args:
            cursor: `Cursor(folder=...)` reads the folder from its beginning.
            limit: Messages at most.
            begun: Where the folder was numbered anew, what came more than a day before is left.

        Returns:
            Whole messages only. When the connection breaks after some of them, these, with the
            cursor behind the last one and the reason in `problem`.

        Raises:
            MailboxError: There is no such folder, or the connection broke before any message.
        """
        check_line(cursor.folder, "folder")
        return await self._run(lambda: self._since(cursor, limit, begun))

    async def fetch_uids(self, cursor: Cursor, uids: Iterable[int]) -> Batch:
        """Fetch messages by number again, as far as they exist; the cursor stays.

        For messages that are on the server and not in the database. Nothing is fetched when the
        folder was numbered anew (`restarted`).

        Raises:
            MailboxError: As `fetch_since`.
        """
        wanted = sorted(set(uids))
        return await self._run(lambda: self._again(cursor, wanted))

    async def list_uids(self, cursor: Cursor) -> tuple[int, ...]:
        """List the numbers of all messages up to the cursor, to compare with what is kept.

        Empty when the folder was numbered anew.

        Raises:
            MailboxError: As `fetch_since`.
        """

        def look() -> tuple[int, ...]:
            if self._session.select(cursor.folder) != cursor.uid_validity:
                return ()
            return tuple(uid for uid in self._session.uids(1) if uid <= cursor.last_uid)

        return await self._run(look)

    async def can_wait(self) -> bool:
        """Say whether the server tells of new mail by itself.

        Raises:
            MailboxError: The connection broke.
        """
        return await self._run(self._session.knows_idle)

    async def wait(
        self, folder: str = "INBOX", *, seconds: float = 600, stop: asyncio.Event | None = None
    ) -> bool:
        """Wait until something happens in a folder (IDLE, RFC 2177).

        Args:
            seconds: At most 25 minutes are waited.
            stop: Ends the wait within a second.

        Returns:
            Whether it is worth looking: something happened, or the server knows no IDLE and the
            time is over.

        Raises:
            MailboxError: The connection broke.
        """
        check_line(folder, "folder")
        loop = asyncio.get_running_loop()
        until = loop.time() + min(seconds, _LONGEST_WAIT)
        if not await self.can_wait():
            return not await _stopped(stop, until)
        async with self._turn:
            try:
                return await self._wait(folder, until, stop)
            except asyncio.CancelledError:
                self._session.abandon()
                raise

    async def _wait(self, folder: str, until: float, stop: asyncio.Event | None) -> bool:
        """Wait on the socket itself, so that hundreds of waits hold no thread."""
        loop = asyncio.get_running_loop()
        sock = await asyncio.to_thread(self._session.idle_start, folder)
        happened, said = await asyncio.to_thread(self._session.idle_poll)
        while not happened and not (stop and stop.is_set()) and loop.time() < until:
            ready = asyncio.Event()
            loop.add_reader(sock, ready.set)
            try:
                await _any(ready, stop, until)
            finally:
                loop.remove_reader(sock)
            if ready.is_set():
                happened, said = await asyncio.to_thread(self._session.idle_poll)
                if not said:
                    break  # the other end has closed, and the next command will say so
        return await asyncio.to_thread(self._session.idle_stop, folder) or happened

    async def _run(self, work: Callable[[], Answer]) -> Answer:
        async with self._turn:
            try:
                return await asyncio.to_thread(work)
            except asyncio.CancelledError:
                # The thread cannot be ended, but what it waits for can.
                self._session.abandon()
                raise

    def _since(self, cursor: Cursor, limit: int, begun: datetime | None) -> Batch:
        validity = self._session.select(cursor.folder)
        restarted = cursor.uid_validity not in {0, validity}
        if restarted or not cursor.uid_validity:
            cursor = Cursor(folder=cursor.folder, uid_validity=validity)
        if restarted and begun is not None:
            cursor = structs.replace(cursor, last_uid=self._session.last_before(begun))
        known = set(self._session.uids(min(cursor.gaps))) if cursor.gaps else set()
        gaps = [uid for uid in cursor.gaps if uid in known]
        cursor = structs.replace(cursor, gaps=tuple(gaps))
        fresh = [uid for uid in self._session.uids(cursor.last_uid + 1) if uid > cursor.last_uid]
        wanted = [*gaps, *fresh]
        messages, cursor, problem = self._fetch(cursor, wanted[:limit])
        behind = len(wanted) - len(messages)
        more = len(wanted) > limit or bool(problem)
        return Batch(
            messages=messages, cursor=cursor, more=more, restarted=restarted, problem=problem,
            behind=behind,
        )  # fmt: skip

    def _again(self, cursor: Cursor, uids: list[int]) -> Batch:
        if self._session.select(cursor.folder) != cursor.uid_validity:
            return Batch(messages=(), cursor=cursor, restarted=True)
        messages, _, problem = self._fetch(cursor, uids)
        return Batch(messages=messages, cursor=cursor, problem=problem)

    def _fetch(self, cursor: Cursor, uids: list[int]) -> tuple[tuple[Fetched, ...], Cursor, str]:
        """Fetch so that a break costs the message it happens in and those after it.

        Raises:
            MailboxError: It broke before any message was whole.
        """
        messages: list[Fetched] = []
        gaps = dict.fromkeys(cursor.gaps)
        last = cursor.last_uid
        facts = self._session.facts(uids) if uids else {}
        broken: MailboxError | None = None
        for several in _commands(uids, facts, self._largest):
            headers_only = (find_size(facts.get(several[0], b"")) or 0) > self._largest
            # Of what the server says nothing of, nobody knows how large it is.
            given = [uid for uid in several if uid in facts]
            texts, broken = (
                self._session.texts(given, headers_only=headers_only) if given else ({}, None)
            )
            for uid in several:
                if uid in texts:
                    gaps.pop(uid, None)
                    messages.append(
                        Fetched(
                            folder=cursor.folder, uid=uid, raw=texts[uid],
                            flags=find_flags(facts[uid]),
                            received_at=find_date(facts[uid]),
                            size=find_size(facts[uid]) or 0,
                            headers_only=headers_only,
                        )
                    )  # fmt: skip
                elif broken:
                    break
                else:
                    gaps[uid] = None
                last = max(last, uid)
            if broken:
                break
        if broken and not messages:
            raise broken
        kept = tuple(gaps)[-_MOST_GAPS:]
        problem = broken.message if broken else ""
        return tuple(messages), structs.replace(cursor, last_uid=last, gaps=kept), problem


async def _any(ready: asyncio.Event, stop: asyncio.Event | None, until: float) -> None:
    """Wait for one of two, or for a moment of the loop's clock."""
    tasks = [asyncio.ensure_future(one.wait()) for one in (ready, stop) if one]
    try:
        left = max(0.0, until - asyncio.get_running_loop().time())
        await asyncio.wait(tasks, timeout=left, return_when="FIRST_COMPLETED")
    finally:
        for one in tasks:
            one.cancel()


async def _stopped(stop: asyncio.Event | None, until: float) -> bool:
    """Wait for a moment; answer whether it was stopped before."""
    await _any(asyncio.Event(), stop, until)
    return stop is not None and stop.is_set()


def _commands(uids: list[int], facts: dict[int, bytes], largest: int) -> Iterator[list[int]]:
    """Divide numbers among commands: small messages together, each large one alone."""
    several: list[int] = []
    size = 0
    for uid in uids:
        more = find_size(facts.get(uid, b"")) or 0
        is_alone = more > largest
        if several and (is_alone or size + more > _TOGETHER or len(several) == _MOST_TOGETHER):
            yield several
            several, size = [], 0
        several.append(uid)
        size += more
        if is_alone:
            yield several
            several, size = [], 0
    if several:
        yield several
