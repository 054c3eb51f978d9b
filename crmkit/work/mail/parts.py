"""The parts of a message: what is its text, what hangs on it."""

from __future__ import annotations

import quopri
import re
from email.message import Message
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import unquote

from msgspec import Struct, structs

from crmkit.work.mail.charsets import decode_text, storable
from crmkit.work.mail.headers import Headers, decode_base64, decode_words
from crmkit.work.mail.html_text import html_to_text
from crmkit.work.mail.parsed import Attachment
from crmkit.work.mail.tnef import unpack
from crmkit.work.mail.tree import (
    UNCHANGED,
    decode_uu,
    disposition,
    media_type,
    param,
    parse_tree,
    raw_body,
    read_calendar,
    safe_name,
    unflow,
)

if TYPE_CHECKING:
    from crmkit.work.mail.parsed import CalendarPart, Limits, Notes

_EXTENSIONS = {
    "text/plain": "txt",
    "text/html": "html",
    "text/calendar": "ics",
    "text/vcard": "vcf",
    "message/rfc822": "eml",
    "application/pdf": "pdf",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
}
_TNEF = {"application/ms-tnef", "application/vnd.ms-tnef"}
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,100}/[a-z0-9.+-]{1,100}")
_BOUNDARY = re.compile(rb"^--([^\s-][^\r\n]{0,68})[ \t]*\r?$", re.MULTILINE)


class Piece(Struct):
    """Text of a part, as plain text and as HTML; what it does not have is empty."""

    text: str = ""
    html: str = ""


class Parts:
    """Walks the parts of one message.

    Attributes:
        reports: Fields of delivery reports (RFC 3464): one message for each block.
        originals: Headers of messages that are quoted whole, or by their headers.
    """

    def __init__(self, limits: Limits, notes: Notes) -> None:
        self._limits = limits
        self._notes = notes
        self._left = limits.decoded
        self._count = 0
        self.attachments: list[Attachment] = []
        self.calendar: list[CalendarPart] = []
        self.reports: list[Message] = []
        self.originals: list[Message] = []
        self.text = ""
        self.html = ""
        self._packed = Piece()

    def read(self, message: Message) -> None:
        """Read all parts; the text, the attachments and the rest are attributes afterwards."""
        piece = self._part(message, "1", 0)
        if not piece.text.strip() and not piece.html.strip():
            piece = self._packed
        self.html = piece.html[: self._limits.text]
        text = piece.text if piece.text.strip() else html_to_text(self.html)
        self.text = _tidy_text(text[: self._limits.text])
        if len(piece.html) > self._limits.text or len(text) > self._limits.text:
            self._notes.add("text", "The text is too long; its end was left out.")
        shown = unquote(self.html)
        self.attachments = [
            structs.replace(one, inline=bool(one.content_id) and f"cid:{one.content_id}" in shown)
            for one in self.attachments
        ]

    def _part(self, part: Message, path: str, depth: int) -> Piece:
        self._count += 1
        if self._count > self._limits.parts or depth > self._limits.depth:
            self._notes.add(f"part {path}", "There are too many parts; the rest was left out.")
            return Piece()
        kind = media_type(part)
        # Of one part the library would decode the text here, by any name of a charset.
        payload = part.get_payload() if part.is_multipart() else None
        if kind == "message/delivery-status" and isinstance(payload, list):
            self.reports += [block for block in payload if isinstance(block, Message)]
            return Piece()
        if kind.startswith("message/") and isinstance(payload, list):
            self._forwarded(part, [p for p in payload if isinstance(p, Message)], path)
            return Piece()
        if isinstance(payload, list):
            return self._multi(kind, [p for p in payload if isinstance(p, Message)], path, depth)
        if kind.startswith("multipart/"):
            return self._lost_boundary(part, path, depth)
        return self._leaf(part, kind, path)

    def _multi(self, kind: str, children: list[Message], path: str, depth: int) -> Piece:
        if kind == "multipart/encrypted":
            self._notes.add(f"part {path}", "The message is encrypted; it cannot be read here.")
        pieces = [
            self._part(child, f"{path}.{number}", depth + 1)
            for number, child in enumerate(children, 1)
        ]
        if kind == "multipart/alternative":
            # The richest comes last (RFC 2046, 5.1.4), and text made from HTML never wins.
            plain = [piece.text for piece in pieces if piece.text.strip() and not piece.html]
            other = [piece.text for piece in pieces if piece.text.strip()]
            rich = [piece.html for piece in pieces if piece.html.strip()]
            return Piece((plain or other or [""])[0], (rich or [""])[-1])
        return join_pieces(pieces)

    def _lost_boundary(self, part: Message, path: str, depth: int) -> Piece:
        """Find the boundary of a multipart that does not name it, or names another."""
        body = raw_body(part)
        found = _BOUNDARY.search(body)
        if found is None:
            self._notes.add(f"part {path}", "There is no boundary; it was read as text.")
            return self._leaf(part, "text/plain", path)
        self._notes.add(f"part {path}", "The boundary is not the one named; it was found.")
        head = b'Content-Type: multipart/mixed; boundary="' + found[1].replace(b'"', b"") + b'"\n\n'
        again = parse_tree(head + body[found.start() :], self._limits, self._notes)
        if not again.is_multipart():
            return self._leaf(part, "text/plain", path)
        return self._part(again, path, depth + 1)

    def _leaf(self, part: Message, kind: str, path: str) -> Piece:
        data = self._content(part, f"part {path}")
        charset = param(part, "charset")
        name = self._name(part, path)
        attached = disposition(part) == "attachment"
        if kind in {"text/calendar", "application/ics"}:
            text = decode_text(data, charset or "utf-8", self._notes, f"part {path}")
            self.calendar.append(read_calendar(text, param(part, "method")))
            attached = attached or bool(name)
        elif (
            kind in {"text/plain", "text/html", "text/enriched"}
            and not attached
            and not (
                name and self._count > 2  # noqa: PLR2004 - the first text may have a name
            )
        ):
            text = decode_text(data, charset, self._notes, f"part {path}")
            if kind == "text/html":
                return Piece(html=text.replace("\r\n", "\n"))
            if param(part, "format").lower() == "flowed":
                text = unflow(text, delsp=param(part, "delsp").lower() == "yes")
            return Piece(text=text.replace("\r\n", "\n").replace("\r", "\n"))
        elif kind in {"text/rfc822-headers", "message/rfc822-headers"}:
            self.originals.append(parse_tree(data, self._limits, self._notes))
            return Piece()
        if kind.startswith("text/calendar") and not attached:
            return Piece()
        if (kind in _TNEF or name.lower() == "winmail.dat") and self._unpacks(data, path):
            return Piece()
        self._attach(part, kind, data, name, path)
        return Piece()

    def _attach(self, part: Message, kind: str, data: bytes, name: str, path: str) -> None:
        if not data and not name:
            return
        if kind in {"application/pkcs7-mime", "application/x-pkcs7-mime"}:
            self._notes.add(f"part {path}", "The part is signed or encrypted (S/MIME); kept as is.")
        self._add(kind, data, name, str(part.get("Content-ID") or ""))

    def _add(self, kind: str, data: bytes, name: str, content_id: str) -> None:
        number = len(self.attachments) + 1
        name = name or f"attachment-{number}.{_EXTENSIONS.get(kind, 'bin')}"
        cid = re.sub(r"[\s<>]+", "", content_id)[:500]
        self.attachments.append(Attachment(name, kind, storable(cid), inline=False, content=data))

    def _unpacks(self, data: bytes, path: str) -> bool:
        """Attach what Outlook packed; say whether it could be unpacked."""
        try:
            found = unpack(data)
        except ValueError as error:
            told = f"Outlook packed the attachments (TNEF), and {error}; kept as it is."
            self._notes.add(f"part {path}", told)
            return False
        # Most have their text beside it too.
        self._packed = Piece(found.text, found.html)
        for file in found.files[: self._limits.parts]:
            kind = file.media_type.strip().lower()
            kind = kind if _MEDIA_TYPE.fullmatch(kind) else "application/octet-stream"
            self._add(kind, file.content, safe_name(storable(file.name)), file.content_id)
        return True

    def _forwarded(self, part: Message, payload: list[Message], path: str) -> None:
        inner = payload[0] if payload else Message()
        if not inner.keys() and "base64" in str(part.get("Content-Transfer-Encoding", "")).lower():
            data = decode_base64(raw_body(inner), self._notes, f"part {path}")
            inner = parse_tree(data, self._limits, self._notes)
        self.originals.append(inner)
        try:
            data = inner.as_bytes(policy=UNCHANGED)
        except Exception:  # noqa: BLE001 - a stranger's headers in a generator of others
            data = b""
            self._notes.add(f"part {path}", "The forwarded message cannot be written out.")
        data = self._take(data, f"part {path}")
        subject = Headers(inner, self._limits, self._notes, f"part {path}").text("Subject")
        name = self._name(part, path) or safe_name(f"{subject or 'message'}.eml")
        self._attach(part, "message/rfc822", data, name, path)

    def _name(self, part: Message, path: str) -> str:
        name = param(part, "filename", "Content-Disposition") or param(part, "name")
        return safe_name(decode_words(name, self._notes, f"part {path}"))

    def _content(self, part: Message, place: str) -> bytes:
        data = raw_body(part)
        encoding = str(part.get("Content-Transfer-Encoding") or "").strip().lower()
        if encoding.startswith("base64"):
            data = decode_base64(data, self._notes, place)
        elif encoding.startswith("quoted-printable"):
            data = quopri.decodestring(data)
        elif encoding in {"x-uuencode", "uuencode", "x-uue", "uue"}:
            data = decode_uu(data, self._notes, place)
        elif encoding not in {"", "7bit", "8bit", "binary"}:
            self._notes.add(place, f"The encoding `{storable(encoding)[:40]}` is unknown.")
        return self._take(data, place)

    def _take(self, data: bytes, place: str) -> bytes:
        if len(data) > self._left:
            self._notes.add(place, "The message is too large; this part was left out.")
            return b""
        self._left -= len(data)
        return data


def join_pieces(pieces: list[Piece]) -> Piece:
    """Join what is shown one below the other; HTML when one of them is."""
    told = [piece for piece in pieces if piece.text.strip() or piece.html.strip()]
    if len(told) <= 1:
        return told[0] if told else Piece()
    texts = [piece.text if piece.text.strip() else html_to_text(piece.html) for piece in told]
    if not any(piece.html for piece in told):
        return Piece("\n\n".join(text.strip("\n") for text in texts))
    rich = [piece.html or f"<pre>{escape(piece.text)}</pre>" for piece in told]
    return Piece("\n\n".join(text.strip("\n") for text in texts), "\n".join(rich))


def _tidy_text(text: str) -> str:
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return "\n".join(lines).strip("\n")
