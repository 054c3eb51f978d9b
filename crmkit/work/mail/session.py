"""One IMAP connection, blocking, with errors that say whose fault it is."""

from __future__ import annotations

import imaplib
import re
import socket
import ssl
from contextlib import contextmanager, suppress
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

from crmkit.errors import UnavailableError
from crmkit.model.values import N_, Sentence
from crmkit.work.mail.accounts import check_secrecy, make_tls, refusal_of
from crmkit.work.mail.addresses import check_line
from crmkit.work.mail.imap_answers import find_facts, find_literals

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from imap_tools import BaseMailBox

    from crmkit.work.mail.accounts import ImapAccount

#: What is said where the connection breaks.
_NOT_REACHED = N_("{host} cannot be reached: {said}.")
_NOT_SIGNED_IN = N_("{host} cannot be signed in to: {said}.")
_NO_FOLDERS = N_("{host} cannot be asked for its folders: {said}.")
_NO_SEARCH = N_("{host} cannot be searched: {said}.")
_NOT_READ = N_("{host} cannot be read: {said}.")
_NOT_ASKED = N_("{host} cannot be asked what it can do: {said}.")
_NO_WAITING = N_("{host} cannot be waited for: {said}.")
_HAPPENS = re.compile(rb"\* \d+ (?:EXISTS|RECENT|EXPUNGE)")


class MailboxError(UnavailableError):
    """A mailbox cannot be read now.

    Attributes:
        account_at_fault: Password, certificate or folder are wrong; trying again is of no use.
    """

    def __init__(self, message: str, *, account_at_fault: bool = False) -> None:
        super().__init__(message)
        self.account_at_fault = account_at_fault


class Session:
    """A connection; one thread at a time, except `drop`."""

    def __init__(self, account: ImapAccount) -> None:
        self._account = account
        self._box: BaseMailBox | None = None
        self._told_of = ""
        self._is_abandoned = False

    def open(self) -> None:
        """Connect and sign in.

        Raises:
            MailboxError: It cannot be reached or refuses us.
            ConfigError: The password would go out in the clear.
        """
        account = self._account
        check_secrecy(account)
        check_line(account.username, "user name")
        check_line(account.password, "password")
        check_line(account.token, "token")
        with self._telling(_NOT_REACHED):
            self._box = self._connect()
            if self._is_abandoned:
                raise ConnectionAbortedError("nobody waits for it any more")
            # A command goes out in pieces, and the second would wait 40 ms for the first.
            self._box.client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        from imap_tools import MailboxLoginError  # noqa: PLC0415 - for those who read

        try:
            with self._telling(_NOT_SIGNED_IN):
                self._sign_in()
        except MailboxLoginError as error:
            self.drop()
            raise MailboxError(refusal_of(account, _short(error)), account_at_fault=True) from error

    def _sign_in(self) -> None:
        from imap_tools import MailboxLoginError  # noqa: PLC0415 - as above

        account, box = self._account, self._open
        if not account.token:
            plain = account.username.isascii() and account.password.isascii()
            sign_in = box.login if plain else box.login_utf8
            sign_in(account.username, account.password, initial_folder=None)
            return
        words = f"user={account.username}\1auth=Bearer {account.token}\1\1".encode()
        try:
            # The second time the server tells what is wrong, and wants an empty line for it.
            box.client.authenticate("XOAUTH2", lambda told: b"" if told else words)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            raise MailboxLoginError(("NO", [str(error).encode()]), "OK") from error

    def _connect(self) -> BaseMailBox:
        import imap_tools  # noqa: PLC0415 - as above

        at, timeout = (self._account.host, self._account.port), self._account.timeout
        if self._account.tls == "plain":
            return imap_tools.MailBoxUnencrypted(*at, timeout=timeout)
        context = make_tls(self._account)
        if self._account.tls == "starttls":
            return imap_tools.MailBoxStartTls(*at, timeout=timeout, ssl_context=context)
        return imap_tools.MailBox(*at, timeout=timeout, ssl_context=context)

    @property
    def _open(self) -> BaseMailBox:
        if self._box is None:
            text = N_("The connection to {host} is closed; open it again.")
            raise MailboxError(Sentence(text, host=self._account.host))
        return self._box

    @contextmanager
    def _telling(self, broken: str) -> Iterator[None]:
        """Turn what the libraries raise into one sentence; a broken connection is dropped.

        Args:
            broken: What is said of that, with {host} and {said}.
        """
        from imap_tools import ImapToolsError, MailboxLoginError  # noqa: PLC0415 - as above

        host = self._account.host
        try:
            yield
        except (MailboxLoginError, MailboxError):
            raise
        except ssl.SSLCertVerificationError as error:
            self.drop()
            text = N_(
                "The certificate of {host} is not trusted: {said}. Check the name of the server, "
                "or set ca_file to the company's authority."
            )
            raise MailboxError(
                Sentence(text, host=host, said=error.verify_message), account_at_fault=True
            ) from error
        except (imaplib.IMAP4.abort, OSError, EOFError, ValueError) as error:
            self.drop()
            raise MailboxError(Sentence(broken, host=host, said=_short(error))) from error
        except (imaplib.IMAP4.error, ImapToolsError) as error:
            text = N_("{host} refuses: {said}.")
            raise MailboxError(Sentence(text, host=host, said=_short(error))) from error

    def close(self) -> None:
        """Say goodbye and close."""
        box, self._box, self._told_of = self._box, None, ""
        if box is not None:
            with suppress(Exception):  # whatever it is, nobody waits for it any more
                box.logout()
            with suppress(Exception):
                box.client.shutdown()

    def drop(self) -> None:
        """Close at once, also while another thread waits for an answer."""
        box, self._box, self._told_of = self._box, None, ""
        if box is not None:
            with suppress(OSError):
                box.client.sock.shutdown(socket.SHUT_RDWR)
            with suppress(Exception):  # as above
                box.client.shutdown()

    def abandon(self) -> None:
        """Close at once and for good; one that another thread is opening closes itself."""
        self._is_abandoned = True
        self.drop()

    def folders(self) -> list[str]:
        """List the folders that can be selected."""
        with self._telling(_NO_FOLDERS):
            found = self._open.folder.list()
        return [one.name for one in found if "\\Noselect" not in one.flags]

    def sent_folder(self) -> str:
        """Answer the folder of sent mail, "" where the server marks none (RFC 6154)."""
        with self._telling(_NO_FOLDERS):
            found = self._open.folder.list()
        sent = (one.name for one in found if any(flag.lower() == "\\sent" for flag in one.flags))
        return next(sent, "")

    def select(self, folder: str) -> int:
        """Open a folder to read; answer its UIDVALIDITY."""
        from imap_tools import MailboxFolderSelectError  # noqa: PLC0415 - as above

        check_line(folder, "folder")
        self._told_of = ""
        with self._telling(_NO_FOLDERS):
            box = self._open
            try:
                box.folder.set(folder, readonly=True)
            except MailboxFolderSelectError as error:
                text = N_("There is no folder `{folder}` on {host}; choose another.")
                raise MailboxError(
                    Sentence(text, folder=folder, host=self._account.host), account_at_fault=True
                ) from error
            told = box.client.response("UIDVALIDITY")[1][-1]
            if isinstance(told, bytes) and told.isdigit():
                return int(told)
            # Without it nothing says whether numbers are still the same ones.
            return int(box.folder.status(folder, ["UIDVALIDITY"]).get("UIDVALIDITY", 1))

    def uids(self, first: int) -> list[int]:
        """List the numbers of messages from one on, lowest first."""
        with self._telling(_NO_SEARCH):
            # `5:*` always names the last message, also when its number is lower (RFC 3501, 6.4.8).
            told = self._open.uids(f"UID {first}:*", charset=None)
        return sorted(uid for uid in map(int, told) if uid >= first)

    def last_before(self, moment: datetime) -> int:
        """Answer the number before the first message that came on the day before or later."""
        # Months have English names, whatever the locale is: `26-Nov-2026`.
        day = "-".join(format_datetime(moment - timedelta(days=1)).split()[1:4])
        with self._telling(_NO_SEARCH):
            later = [int(uid) for uid in self._open.uids(f"SINCE {day}", charset=None)]
        return min(later) - 1 if later else max(self.uids(1), default=0)

    def facts(self, uids: Sequence[int]) -> dict[int, bytes]:
        """Answer what the server says of messages besides their text, by number."""
        with self._telling(_NOT_READ):
            _, told = self._open.client.uid(
                "FETCH", _listed(uids), "(UID FLAGS INTERNALDATE RFC822.SIZE)"
            )
        return find_facts(told)

    def texts(
        self, uids: Sequence[int], *, headers_only: bool = False
    ) -> tuple[dict[int, bytes], MailboxError | None]:
        """Fetch messages by one command, without marking them as read.

        Returns:
            The whole ones by number, and why it broke: what had arrived before that counts.
        """
        section = "BODY.PEEK[HEADER]" if headers_only else "BODY.PEEK[]"
        client = self._open.client
        client.untagged_responses.pop("FETCH", None)
        try:
            with self._telling(_NOT_READ):
                status, told = client.uid("FETCH", _listed(uids), f"(UID {section})")
        except MailboxError as error:
            return find_literals(client.untagged_responses.get("FETCH", [])), error
        if status == "OK":
            return find_literals(told), None
        if len(uids) == 1:
            return {}, None
        # It refuses all for the sake of one.
        found: dict[int, bytes] = {}
        for uid in uids:
            text, broken = self.texts([uid], headers_only=headers_only)
            found |= text
            if broken:
                return found, broken
        return found, None

    def knows_idle(self) -> bool:
        """Say whether the server tells of new mail by itself (RFC 2177)."""
        with self._telling(_NOT_ASKED):
            # What imaplib knows of it is from before signing in, when servers say less.
            told = self._open.client.capability()[1][-1]
        return b"IDLE" in bytes(told).upper().split()

    def idle_start(self, folder: str) -> socket.socket:
        """Let the server tell of a folder; answer the socket on which it does."""
        if self._told_of != folder:
            self.select(folder)
        with self._telling(_NO_WAITING):
            self._open.idle.start()  # type: ignore[no-untyped-call]
            return self._open.client.sock

    def idle_poll(self) -> tuple[bool, bool]:
        """Answer whether something happened and whether the server said anything, at once."""
        told: list[bytes] = []
        with self._telling(_NO_WAITING):
            client = self._open.client
            while _has_more(client):
                # The rest of a line may be on its way, so this may wait for it.
                told.append(bytes(client._get_line()))  # noqa: SLF001 - nothing public reads a line
        return _happened(told), bool(told)

    def idle_stop(self, folder: str) -> bool:
        """End it; answer whether something happened in the meantime."""
        with self._telling(_NO_WAITING):
            _, rest = self._open.idle.stop()  # type: ignore[no-untyped-call]
        # Opened again, the folder would not say what came between two waits.
        self._told_of = folder
        return _happened(rest)


def _has_more(client: imaplib.IMAP4) -> bool:
    """Say whether something has come that was not read, without waiting for it."""
    before = client.sock.gettimeout()
    client.sock.settimeout(0)
    try:
        return bool(client.file.peek(1))  # type: ignore[union-attr]
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    finally:
        client.sock.settimeout(before)


def _listed(uids: Sequence[int]) -> str:
    return ",".join(map(str, uids))


def _happened(lines: list[bytes]) -> bool:
    return any(_HAPPENS.match(line) for line in lines)


def _short(error: object) -> str:
    return " ".join(str(error).split())[:300].rstrip(".")
