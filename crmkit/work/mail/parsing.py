"""Bytes of a mailbox to a message one can work with; it never raises."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from crmkit.work.mail.bounces import find_bounce
from crmkit.work.mail.headers import Headers
from crmkit.work.mail.kinds import find_kind, find_loop_signs
from crmkit.work.mail.parsed import Limits, Notes, Own, ParsedMessage
from crmkit.work.mail.parts import Parts
from crmkit.work.mail.tree import parse_tree

if TYPE_CHECKING:
    from datetime import datetime

#: Headers that may stand once (RFC 5322, 3.6) and that something depends on.
_ONCE = ("From", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "Content-Type")
#: What two copies of one message have in common, whichever way each came.
_LASTING = ("From", "To", "Cc", "Date", "Subject", "In-Reply-To")
_DEFAULT = Limits()


def parse_message(
    raw: bytes,
    *,
    received_at: datetime | None = None,
    own: Own | None = None,
    limits: Limits = _DEFAULT,
) -> ParsedMessage:
    r"""Read a message.

    A message of 24 MB takes 1.8 seconds of the processor and ten times its size in memory, so call
    it in a thread. Whatever the bytes are, a message comes out; what was wrong and what was
    assumed instead stands in its `notes`.

    Args:
        raw: As a server gave it; line ends may be \r\n or \n.
        received_at: UTC; a date more than two days later is impossible.
        own: Who we are, to notice our own messages.
        limits: How much is read.

    Source:
        RFC 5322 and 2045 to 2049 (message), 2047 and 2231 (words), 3834 (automatic answers),
        3464 (delivery reports), 2919 (lists), 5546 (invitations).
    """
    notes = Notes()
    if len(raw) > limits.raw:
        notes.add("message", "The message is too large; its end was left out.")
        raw = raw[: limits.raw]
    message = parse_tree(_without_mbox_line(raw), limits, notes)
    headers = Headers(message, limits, notes)
    for name in _ONCE:
        headers.single(name)
    parts = Parts(limits, notes)
    parts.read(message)
    senders = headers.addresses("From")
    if not senders:
        notes.add("header From", "The sender is missing.")
    ids = headers.ids("Message-ID")
    message_id = ids[0] if ids else _digest(headers, parts)
    if not ids:
        notes.add("header Message-ID", "It is missing; a digest of the message stands for it.")
    bounce = find_bounce(headers, parts, senders, limits, notes)
    return ParsedMessage(
        message_id=message_id,
        in_reply_to=headers.ids("In-Reply-To"),
        references=headers.ids("References"),
        date=headers.date("Date", received_at),
        from_=senders,
        to=headers.addresses("To"),
        cc=headers.addresses("Cc"),
        reply_to=headers.addresses("Reply-To"),
        subject=headers.text("Subject").strip(),
        text=parts.text,
        html=parts.html,
        attachments=tuple(parts.attachments),
        calendar=tuple(parts.calendar),
        kind=find_kind(headers, parts, bounce, senders),
        bounce=bounce,
        list_id=_list_id(headers.text("List-Id")),
        loop_signs=find_loop_signs(headers, message_id, senders, own or Own()),
        notes=notes.all(),
    )


def _without_mbox_line(raw: bytes) -> bytes:
    """Drop what is no header at the top: the mark of an mbox, a byte order mark, empty lines."""
    raw = raw.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    if raw.startswith((b"From ", b">From ")):
        return raw.partition(b"\n")[2]
    return raw


def _digest(headers: Headers, parts: Parts) -> str:
    """Make an id that is the same for each copy of the message."""
    seal = hashlib.sha256()
    for name in _LASTING:
        seal.update(f"{name}:{headers.raw(name)}\n".encode("utf-8", "replace"))
    seal.update(parts.text.encode("utf-8", "replace"))
    seal.update(parts.html.encode("utf-8", "replace"))
    for attachment in parts.attachments:
        seal.update(attachment.content)
    return f"{seal.hexdigest()[:40]}@digest.invalid"


def _list_id(text: str) -> str:
    """Answer the id of `Friends of gardens <gardens.example.org>` (RFC 2919, 3)."""
    _, open_, rest = text.rpartition("<")
    return (rest.partition(">")[0] if open_ else text).strip().lower()
