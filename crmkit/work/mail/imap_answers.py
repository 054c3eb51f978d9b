"""What a server says of a message, as a value."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")
_FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")
_LENGTH = re.compile(rb"\{(\d+)\}$")
_UID = re.compile(rb"\bUID (\d+)")


class Fetched(Struct, frozen=True, kw_only=True):
    r"""A message as the server gave it."""

    folder: str
    uid: int
    raw: bytes
    #: `\Seen`, `\Answered`, ...
    flags: tuple[str, ...]
    #: UTC; when the server got it. None when it does not say.
    received_at: datetime | None
    #: Bytes on the server.
    size: int
    #: Larger than was asked for: `raw` holds the headers only.
    headers_only: bool = False


def find_size(facts: bytes) -> int | None:
    """Find the size of a message, None when the server says nothing of it."""
    found = _SIZE.search(facts)
    return int(found[1]) if found else None


def find_flags(facts: bytes) -> tuple[str, ...]:
    """Find the flags of a message."""
    flags = _FLAGS.search(facts)
    return tuple(flags[1].decode("ascii", "replace").split()) if flags else ()


def find_facts(told: Iterable[object]) -> dict[int, bytes]:
    """Answer what was said of each message, by number; news about others are left out."""
    found = {}
    for one in told:
        if isinstance(one, bytes) and (named := _UID.search(one)) and _SIZE.search(one):
            found[int(named[1])] = one
    return found


def find_literals(told: Sequence[object]) -> dict[int, bytes]:
    """Answer the texts of messages by number, the whole ones.

    Servers mix news about others into an answer, and a connection may end within a text.
    """
    found = {}
    for number, one in enumerate(told):
        if not isinstance(one, tuple):
            continue
        after = told[number + 1] if number + 1 < len(told) else b""
        named = _UID.search(one[0]) or (_UID.search(after) if isinstance(after, bytes) else None)
        length = _LENGTH.search(one[0])
        if named and length and int(length[1]) == len(one[1]):
            found[int(named[1])] = bytes(one[1])
    return found


def find_date(facts: bytes) -> datetime | None:
    """Find the moment the server got a message, in UTC; None when it says none."""
    found = re.search(rb'INTERNALDATE "([^"]{1,40})"', facts)
    if found is None:
        return None
    text = found[1].decode("ascii", "replace").strip()
    with suppress(ValueError):
        return datetime.strptime(text, "%d-%b-%Y %H:%M:%S %z").astimezone(UTC)
    return None
