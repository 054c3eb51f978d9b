"""What is known of a message once it is read."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """What a message is; the first that fits, in this order."""

    BOUNCE = "bounce"
    AUTO_REPLY = "auto_reply"
    CALENDAR = "calendar"
    LIST = "list"
    PERSON = "person"


class Note(Struct, frozen=True):
    """Something that was wrong with a message, and what was assumed instead."""

    #: Where: `header Date`, `part 2.1`.
    place: str
    #: English.
    text: str


class Address(Struct, frozen=True):
    """Somebody in a header."""

    #: Decoded, "" when there is none.
    name: str
    #: Lower case with the domain in ASCII (RFC 5890); to compare with.
    address: str
    #: The address as it was typed.
    typed: str


class Attachment(Struct, frozen=True):
    """A part that is not the text of the message."""

    #: Decoded, without folders and control characters; never empty.
    name: str
    #: `type/subtype`, lower case.
    media_type: str
    #: Without angle brackets, "" when there is none.
    content_id: str
    #: Shown inside the HTML, not among the attachments.
    inline: bool
    content: bytes

    @property
    def size(self) -> int:
        """Decoded bytes."""
        return len(self.content)


class CalendarPart(Struct, frozen=True):
    """An invitation or an answer to one (RFC 5546)."""

    #: `REQUEST`, `REPLY`, `CANCEL`, ...; `PUBLISH` where the part names none.
    method: str
    #: Of the first component, "" when there is none.
    uid: str
    #: The whole of it.
    text: str


class FailedRecipient(Struct, frozen=True):
    """Somebody a message of ours did not reach (RFC 3464)."""

    address: str
    #: `failed` or `delayed`.
    action: str
    #: Enhanced status code, `5.1.1`; "" when the report names none.
    status: str
    #: What the server said, at most 500 characters.
    diagnostic: str


class Bounce(Struct, frozen=True):
    """A report that a message did not arrive."""

    recipients: tuple[FailedRecipient, ...]
    #: Of the message that did not arrive, "" when the report does not quote it.
    original_id: str

    @property
    def permanent(self) -> bool:
        """Whether trying again is of no use for at least one recipient."""
        return any(
            failed.action == "failed" and not failed.status.startswith("4.")
            for failed in self.recipients
        )


class ParsedMessage(Struct, frozen=True, kw_only=True):
    """A message as it was understood; what was guessed stands in `notes`."""

    #: Without angle brackets; a digest of the message where the header is missing.
    message_id: str
    #: Ids without angle brackets, oldest first.
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    #: UTC; None when missing or impossible.
    date: datetime | None
    from_: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    subject: str
    #: What people read: text/plain, else made from the HTML; lines end with \\n.
    text: str
    #: As it came, NOT safe to show: `clean_html` first. "" when there is none.
    html: str
    attachments: tuple[Attachment, ...]
    calendar: tuple[CalendarPart, ...]
    kind: Kind
    #: Set when `kind` is `bounce`.
    bounce: Bounce | None
    #: List-Id without brackets, "" when it comes from no list.
    list_id: str
    #: Why an answer may go in circles; never answer automatically when there is one.
    loop_signs: tuple[str, ...]
    notes: tuple[Note, ...]


class Limits(Struct, frozen=True, kw_only=True):
    """How much of a message is read; what is beyond is left out with a note."""

    #: Bytes of the message.
    raw: int = 50_000_000
    #: Bytes of all parts together, decoded.
    decoded: int = 50_000_000
    #: Characters of the text, and of the HTML.
    text: int = 2_000_000
    #: Characters of one header.
    header: int = 20_000
    #: Multiparts inside each other.
    depth: int = 20
    #: Parts in all.
    parts: int = 500
    #: Addresses of one header, ids of a chain.
    entries: int = 500


class Own(Struct, frozen=True, kw_only=True):
    """Who we are, to recognise our own messages when they come back."""

    #: Domains of the Message-IDs we make, lower case.
    domains: frozenset[str] = frozenset()
    #: Addresses of our mailboxes, normalised.
    addresses: frozenset[str] = frozenset()


class Notes:
    """Collects what was wrong; a flaw found a hundred times is told once."""

    def __init__(self) -> None:
        self._notes: dict[tuple[str, str], None] = {}

    def add(self, place: str, text: str) -> None:
        """Write one down."""
        if len(self._notes) < _MOST_NOTES:
            self._notes[place, text] = None

    def all(self) -> tuple[Note, ...]:
        """Answer all in the order they were found."""
        return tuple(Note(place, text) for place, text in self._notes)


_MOST_NOTES = 100
