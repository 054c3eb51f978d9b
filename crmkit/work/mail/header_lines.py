"""Headers as lines: folded, encoded, and never two of them made of one value."""

from __future__ import annotations

import re
from email.header import Header
from typing import TYPE_CHECKING

from crmkit.errors import InvalidError
from crmkit.work.mail.addresses import check_line

if TYPE_CHECKING:
    from crmkit.work.mail.addresses import Mailbox

#: Words that need no quotes before an address (RFC 5322, 3.2.3).
_PHRASE = re.compile(r"[\w!#$%&'*+/=?^`{|}~ -]*", re.ASCII)
_FOLD = 76


def write_line(name: str, pieces: list[str]) -> str:
    """Fold a header between its pieces, each of which stays whole."""
    out, length = f"{name}:", len(name) + 1
    for number, piece in enumerate(pieces):
        if number and length + len(piece) >= _FOLD:
            out, length = f"{out}\r\n", 0
        out += f" {piece}"
        length += len(piece) + 1
    return f"{out}\r\n"


def write_listed(pieces: list[str]) -> list[str]:
    """Put commas between pieces."""
    return [*(f"{piece}," for piece in pieces[:-1]), pieces[-1]]


def write_words(text: str, indent: int) -> str:
    """Encode a text beyond ASCII (RFC 2047); fold one that is long."""
    if text.isascii() and "=?" not in text and max(map(len, text.split() or [""])) < 500:  # noqa: PLR2004
        return write_line("", text.split(" ")).removeprefix(": ").removesuffix("\r\n")
    told = Header(text, "utf-8", maxlinelen=_FOLD - 1, header_name=" " * (indent - 2))
    return told.encode(linesep="\r\n")


def write_address(one: Mailbox) -> str:
    """Write a person into a header."""
    check_line(one.name, "name")
    check_line(one.address, "address")
    if not re.fullmatch(r"[^\s<>,;:()\"\\@]+@[^\s<>,;:()\"\\@]+", one.address):
        raise InvalidError(f"`{one.address[:100]}` is no e-mail address; check it first.")
    if not one.name:
        return one.address
    if _PHRASE.fullmatch(one.name) and "=?" not in one.name:
        return f"{one.name} <{one.address}>"
    if one.name.isascii() and "=?" not in one.name:
        quoted = re.sub(r'(["\\])', r"\\\1", one.name)
        return f'"{quoted}" <{one.address}>'
    return f"{write_words(one.name, 10)} <{one.address}>"
