"""Headers to values: words, ids, addresses, dates; whatever was sent, none of it raises."""

from __future__ import annotations

import base64
import binascii
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import getaddresses, parsedate_tz
from functools import lru_cache
from typing import TYPE_CHECKING

from crmkit.work.mail.charsets import decode_text, storable
from crmkit.work.mail.parsed import Address

if TYPE_CHECKING:
    from collections.abc import Iterable
    from email.message import Message

    from crmkit.work.mail.parsed import Limits, Notes

#: RFC 2047, with what mailers add: a language (RFC 2231), blanks inside Q words.
_WORD = re.compile(r"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,20})?\?([bBqQ])\?([^?]*)\?=")
_FOLD = re.compile(r"\r?\n[ \t]*|[\r\n]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ID = re.compile(r"<([^<>]{1,990})>")
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")
_ADDRESS = re.compile(r"[^\s<>,;:\"()]+@[^\s<>,;:\"()]+")
#: Before it nobody sent mail; after it nobody will read this code.
_FIRST, _LAST = datetime(1980, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=2)


class Headers:
    """The headers of one message or part."""

    def __init__(self, message: Message, limits: Limits, notes: Notes, place: str = "") -> None:
        self._limits = limits
        self._notes = notes
        self._place = place
        self._values: dict[str, list[str]] = {}
        for name, value in message.raw_items():
            self._values.setdefault(name.lower(), []).append(str(value))

    def place(self, name: str) -> str:
        """Say where a header stands, for a note."""
        return f"{self._place} header {name}".strip()

    def raw(self, name: str) -> str:
        """Answer the first header of a name in one line, words still encoded; "" when missing."""
        found = self._values.get(name.lower())
        if not found:
            return ""
        value = found[0]
        if len(value) > self._limits.header:
            self._notes.add(self.place(name), "The header is too long; its end was left out.")
            value = value[: self._limits.header]
        value = _FOLD.sub(lambda fold: " " if fold[0][-1] in " \t" else "", value).strip()
        return self._eight_bit(value, name)

    def _eight_bit(self, value: str, name: str) -> str:
        if value.isascii():
            return value
        data = value.encode("utf-8", "surrogateescape")
        return decode_text(data, "", self._notes, self.place(name))

    def text(self, name: str) -> str:
        """Answer the first header of a name, decoded; "" when missing."""
        return decode_words(self.raw(name), self._notes, self.place(name))

    def count(self, name: str) -> int:
        """Count headers of a name."""
        return len(self._values.get(name.lower(), ()))

    def has(self, name: str) -> bool:
        """Say whether there is a header of a name."""
        return name.lower() in self._values

    def single(self, name: str) -> None:
        """Note when a header that may stand once (RFC 5322, 3.6) stands more than once."""
        if self.count(name) > 1:
            self._notes.add(self.place(name), "The header stands more than once; the first counts.")

    def ids(self, name: str) -> tuple[str, ...]:
        """Answer the message ids of a header, oldest first, each once."""
        value = self.raw(name)
        found = _ID.findall(value) or [word for word in value.split() if "@" in word]
        ids = [id_ for id_ in (clean_id(one) for one in found) if id_]
        unique = list(dict.fromkeys(ids))
        most = self._limits.entries
        # The first names the thread, the last ones the place in it.
        return tuple(unique if len(unique) <= most else [unique[0], *unique[1 - most :]])

    def addresses(self, name: str) -> tuple[Address, ...]:
        """Answer the people of a header in order."""
        value = self.raw(name)
        if not value:
            return ()
        try:
            pairs = getaddresses([value])
        except (ValueError, IndexError, TypeError, RecursionError):
            pairs = [("", address) for address in _ADDRESS.findall(value)]
            self._notes.add(self.place(name), "The header is broken; addresses were picked out.")
        found = list(self._people(pairs, name))
        if not found:
            found = [
                Address("", normalise_address(typed), typed) for typed in _ADDRESS.findall(value)
            ]
            self._notes.add(self.place(name), "The header names nobody by the rules of RFC 5322.")
        return tuple(dict.fromkeys(found))[: self._limits.entries]

    def _people(self, pairs: Iterable[tuple[str, str]], name: str) -> Iterable[Address]:
        for shown, typed in pairs:
            address = decode_words(typed, self._notes, self.place(name)).strip()
            if _ADDRESS.fullmatch(address):
                told = decode_words(shown, self._notes, self.place(name)).strip(" '\"")
                yield Address(told, normalise_address(address), address)

    def date(self, name: str, received_at: datetime | None) -> datetime | None:
        """Answer a moment in UTC, None with a note when it is missing or impossible."""
        value = re.sub(r"\s+", " ", self.text(name))
        if not value:
            self._notes.add(self.place(name), "The date is missing.")
            return None
        found = _parse_date(value)
        last = received_at + _AHEAD if received_at else _LAST
        if found is None or not _FIRST <= found <= last:
            self._notes.add(
                self.place(name), f"The date `{value[:60]}` is impossible; it was left out."
            )
            return None
        return found


def _parse_date(value: str) -> datetime | None:
    try:
        parts = parsedate_tz(value)
        if parts is None:
            found = datetime.fromisoformat(value)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        moment = datetime(*parts[:6], tzinfo=UTC)
        offset = parts[9] or 0
        # Zones beyond a day (+9999) are typing errors; the hour is nearer the truth without them.
        return moment - timedelta(seconds=offset) if abs(offset) < 86_400 else moment  # noqa: PLR2004
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def clean_id(text: str) -> str:
    """Answer a message id without brackets and blanks that folding put into it."""
    return storable(re.sub(r"[\s<>]+", "", text))[:990]


@lru_cache(maxsize=2048)
def normalise_address(typed: str) -> str:
    """Answer an address to compare with: lower case, the domain in ASCII (RFC 5890)."""
    local, _, domain = typed.strip().rpartition("@")
    domain = domain.rstrip(".").lower()
    if not domain.isascii():
        import idna  # noqa: PLC0415 - tables of a megabyte, for few addresses

        with suppress(idna.IDNAError, UnicodeError):
            domain = idna.encode(domain[:253], uts46=True).decode("ascii")
    return f"{local.lower()}@{domain}"


def decode_words(value: str, notes: Notes, place: str) -> str:
    """Decode the encoded words of a header (RFC 2047), also where they may not stand."""
    if "=?" not in value:
        return storable(_CONTROL.sub("", value))
    out: list[str] = []
    run: list[tuple[str, bytes]] = []
    end = 0
    for word in _WORD.finditer(value):
        between = value[end : word.start()]
        end = word.end()
        # Blanks between two encoded words are no part of the text.
        if between.strip() or not run:
            out += [_decode_run(run, notes, place), between]
            run = []
        charset, data = word[1].lower(), _decode_word(word[2], word[3], notes, place)
        # A letter may be cut in two by the word's end, so bytes of one charset are joined first.
        if run and run[-1][0] == charset:
            run[-1] = (charset, run[-1][1] + data)
        else:
            run.append((charset, data))
    out += [_decode_run(run, notes, place), value[end:]]
    return storable(_CONTROL.sub("", re.sub(r"[\r\n\t]+", " ", "".join(out))))


def _decode_run(run: list[tuple[str, bytes]], notes: Notes, place: str) -> str:
    return "".join(decode_text(data, charset, notes, place) for charset, data in run)


def _decode_word(encoding: str, text: str, notes: Notes, place: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    if encoding in "qQ":
        return _HEX.sub(lambda found: bytes([int(found[1], 16)]), data.replace(b"_", b" "))
    return decode_base64(data, notes, place)


def decode_base64(data: bytes, notes: Notes, place: str) -> bytes:
    """Decode base64 as far as it goes; foreign letters are skipped (RFC 2045, 6.8)."""
    data, _, after = data.partition(b"=")
    if re.search(rb"[^\s=]", after):
        notes.add(place, "There is something after its end; it was left out.")
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
    if len(letters) % 4 == 1:
        notes.add(place, "The base64 is cut off; its last letter was left out.")
        letters = letters[:-1]
    try:
        return base64.b64decode(letters + b"=" * (-len(letters) % 4))
    except binascii.Error:
        notes.add(place, "The base64 is broken; it was left out.")
        return b""
