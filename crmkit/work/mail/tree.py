"""The tree of a message: bytes to parts, and what each part says of itself."""

from __future__ import annotations

import binascii
import re
from email.message import Message
from email.parser import BytesFeedParser, BytesHeaderParser
from email.policy import compat32
from email.utils import collapse_rfc2231_value
from typing import TYPE_CHECKING

from crmkit.work.mail.charsets import decode_text, storable
from crmkit.work.mail.parsed import CalendarPart, Notes

if TYPE_CHECKING:
    from crmkit.work.mail.parsed import Limits

#: Folders, control characters, and marks that turn the direction of a name (exe.gpj).
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_LONGEST_NAME = 150
_LONGEST_HEADER = 4000
#: Headers stay as they came; `email` would fold them anew.
UNCHANGED = compat32.clone(max_line_length=0)


class _Part(Message):
    _payload: object

    def as_came(self) -> bytes:
        """Answer the body undecoded; `get_payload` would read 8-bit text by its label."""
        if isinstance(self._payload, str):
            return self._payload.encode("utf-8", "surrogateescape")
        return b""


class _TooManyPartsError(Exception):
    pass


def parse_tree(raw: bytes, limits: Limits, notes: Notes) -> Message:
    """Parse bytes into parts; whatever they are, a message comes out."""
    made = 0

    def make(policy: object = None) -> Message:  # noqa: ARG001 - as the parser calls it
        nonlocal made
        made += 1
        # A report has a message for each recipient; they count as parts as well.
        if made > limits.parts * 2:
            raise _TooManyPartsError
        return _Part(policy=UNCHANGED)

    try:
        parser = BytesFeedParser(make, policy=UNCHANGED)
        parser.feed(raw)
        return parser.close()
    except (_TooManyPartsError, RecursionError):
        notes.add("message", "There are too many parts in each other; it was read as one text.")
    except Exception as error:  # noqa: BLE001 - a stranger's bytes in a parser of others
        notes.add("message", f"The parts cannot be told apart ({type(error).__name__}).")
    header, _, body = re.sub(rb"\r\n?", b"\n", raw).partition(b"\n\n")
    try:
        flat = BytesHeaderParser(_Part, policy=UNCHANGED).parsebytes(header + b"\n\n")
    except Exception:  # noqa: BLE001 - as above
        flat = _Part(policy=UNCHANGED)
    del flat["Content-Type"]
    del flat["Content-Transfer-Encoding"]
    flat.set_payload(body[: limits.text].decode("ascii", "surrogateescape"))
    return flat


def media_type(part: Message) -> str:
    """Answer the `type/subtype` of a part, text/plain where it makes no sense (RFC 2045, 5.2)."""
    _mend(part, "Content-Type")
    try:
        kind = part.get_content_type()
    except Exception:  # noqa: BLE001 - a stranger's header in a parser of others
        kind = "text/plain"
    return kind if re.fullmatch(r"[\w.+-]{1,60}/[\w.+-]{1,100}", kind, re.ASCII) else "text/plain"


def param(part: Message, name: str, header: str = "Content-Type") -> str:
    """Answer a decoded parameter of a header (RFC 2231), "" when missing or unreadable."""
    _mend(part, header)
    try:
        found = part.get_param(name, "", header)
        return storable(collapse_rfc2231_value(found)) if found else ""
    except Exception:  # noqa: BLE001 - a stranger's header in a parser of others
        return ""


def _mend(part: Message, header: str) -> None:
    """Decode 8-bit letters of a header, and cut one that would be read for a quadratic time."""
    for key, value in part.raw_items():
        text = str(value)
        if key.lower() == header.lower() and (not text.isascii() or len(text) > _LONGEST_HEADER):
            data = text[:_LONGEST_HEADER].encode("utf-8", "surrogateescape")
            part.replace_header(header, decode_text(data, "", Notes(), header))
            return


def disposition(part: Message) -> str:
    """Answer `attachment`, `inline` or another word of Content-Disposition, "" when missing."""
    return str(part.get("Content-Disposition") or "").partition(";")[0].strip().lower()


def safe_name(name: str) -> str:
    """Answer a name of a file without folders, with its ending; "" when nothing is left."""
    name = _NOT_IN_NAMES.sub("_", name.replace("\\", "/").rsplit("/", 1)[-1]).strip(" .")
    if len(name) <= _LONGEST_NAME:
        return name
    stem, dot, ending = name.rpartition(".")
    short = dot and len(ending) < 10  # noqa: PLR2004 - more is no ending
    return f"{stem[: _LONGEST_NAME - 10]}.{ending}" if short else name[:_LONGEST_NAME]


def read_calendar(text: str, method: str) -> CalendarPart:
    """Read method and uid of an invitation (RFC 5545, 3.1: folded lines are one)."""
    lines = re.sub(r"\r?\n[ \t]", "", text)
    uid = re.search(r"^UID[^:\n]*:(.+)$", lines, re.MULTILINE)
    named = re.search(r"^METHOD:\s*([A-Za-z]+)", lines, re.MULTILINE)
    found = named[1] if named else method
    return CalendarPart((found or "PUBLISH").upper(), uid[1].strip() if uid else "", text)


def unflow(text: str, *, delsp: bool) -> str:
    """Join the soft lines of format=flowed (RFC 3676, 4.1); quotes and signature stay lines."""
    out: list[str] = []
    soft = False
    for line in text.replace("\r\n", "\n").split("\n"):
        told = line.removeprefix(" ") if not line.startswith(">") else line
        if soft and not line.startswith(">") and told != "-- ":
            out[-1] = (out[-1][:-1] if delsp else out[-1]) + told
        else:
            out.append(told)
        soft = told.endswith(" ") and told != "-- " and not told.startswith(">")
    return "\n".join(out)


def raw_body(part: Message) -> bytes:
    """Answer the bytes of a part as they came."""
    return part.as_came() if isinstance(part, _Part) else b""


def decode_uu(data: bytes, notes: Notes, place: str) -> bytes:
    """Decode uuencode; broken lines are left out."""
    out = []
    for line in data.splitlines():
        if not line or line.startswith((b"begin ", b"end")):
            continue
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            notes.add(place, "A line of uuencode is broken; it was left out.")
    return b"".join(out)
