"""Bytes to text when the label is missing or wrong."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmkit.work.mail.parsed import Notes

#: What senders write for what Python calls otherwise. Each superset reads what the label reads,
#: and the letters that mailers put beyond it (WHATWG Encoding Standard, section 4.2).
_SUPERSETS = {
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "iso2022_jp": "iso2022_jp_ext",
    "big5": "big5hkscs",
    "koi8-r": "koi8-u",
    "tis-620": "cp874",
}
_ALIASES = {
    "ks_c_5601-1987": "cp949",
    "x-sjis": "cp932",
    "unicode-1-1-utf-7": "utf-7",
    "x-mac-cyrillic": "mac-cyrillic",
    "iso-8859-8-i": "iso8859-8",
    "x-gbk": "gb18030",
    "utf8mb4": "utf-8",
    "win1251": "cp1251",
    "ansi": "cp1252",
}
#: Python has more codecs than mail has charsets; some of these run for a quadratic time.
_NO_CHARSETS = {"idna", "punycode", "raw_unicode_escape", "unicode_escape", "undefined", "mbcs"}
_SINGLE_WESTERN = {"cp1252", "ascii", "iso8859-15", "latin-1", "iso8859-1"}
_HIGH = re.compile(rb"[\x80-\xff]")
_WORD = re.compile(rb"[A-Za-z\x80-\xff]{3,}")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
#: Letters of Russian by frequency; a wrong reading turns them into rare ones.
_COMMON = frozenset("оеаинтсрвлкмдпуя")
_SAMPLE = 4000


def storable(text: str) -> str:
    """Answer a text that PostgreSQL and UTF-8 take: no NUL, no lone surrogates."""
    return _UNSTORABLE.sub(lambda found: "" if found[0] == "\x00" else "\ufffd", text)


@lru_cache(maxsize=256)
def find_codec(label: str) -> str:
    """Find Python's name of a charset, "" when nothing reads it."""
    name = label.strip(" \t\"'").lower()
    name = re.sub(r"^(?:win|windows)[-_]?(\d{3,4})$", r"cp\1", name)
    name = re.sub(r"^cp[-_](\d{3,5})$", r"cp\1", name)
    name = _ALIASES.get(name, name)
    if not re.fullmatch(r"[a-z0-9_.:-]{1,40}", name):
        return ""
    try:
        found = codecs.lookup(name)
        b"\0\0\0\0".decode(name)  # a codec of another kind refuses
    except (LookupError, ValueError, TypeError):
        return ""
    if found.name in _NO_CHARSETS:
        return ""
    return _SUPERSETS.get(found.name, found.name)


def decode_text(data: bytes, label: str, notes: Notes, place: str) -> str:
    """Decode a text; never raises.

    Args:
        label: Charset the sender names, "" when none.
        notes: Told when the label does not fit.
        place: Where the text stands, for the note.
    """
    codec = find_codec(label) if label else "ascii"
    if not codec:
        notes.add(place, f"The charset `{label[:40]}` is unknown; it was guessed.")
    eight_bit = bool(_HIGH.search(data))
    if codec == "ascii" and not eight_bit and b"\x1b" not in data:
        return storable(data.decode("ascii"))
    if eight_bit and codec not in {"utf-8", "utf-16", "utf-32"}:
        # Text in a one-byte charset is as good as never valid UTF-8, so this label is wrong.
        told = _try(data, "utf-8")
        if told is not None:
            if label:
                notes.add(place, f"The charset is named `{label[:40]}` but is UTF-8.")
            return storable(told.removeprefix("\ufeff"))
    if codec in _SINGLE_WESTERN and eight_bit and _looks_cyrillic(data):
        codec = ""
    told = _try(data, codec) if codec and codec != "ascii" else None
    if told is None:
        codec, told = _guess(data)
        notes.add(place, f"The text does not fit its charset; it was read as {codec}.")
    return storable(told.removeprefix("\ufeff"))


def _try(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except (UnicodeError, ValueError, LookupError):
        return None


def _looks_cyrillic(data: bytes) -> bool:
    """Say whether words consist of high bytes, as no Western language writes them."""
    sample = data[:_SAMPLE]
    words = [word for word in _WORD.findall(sample) if _HIGH.search(word)]
    high = [word for word in words if len(_HIGH.findall(word)) >= len(word) - 1]
    return len(high) * 2 > len(words)


def _guess(data: bytes) -> tuple[str, str]:
    """Guess between UTF-8 with flaws, the Cyrillic charsets and the Western one."""
    sample = data[:_SAMPLE]
    if b"\x1b$" in sample:
        told = _try(data, "iso2022_jp_ext")
        if told is not None:
            return "iso-2022-jp", told
    flawed = data.decode("utf-8", "replace")
    if flawed.count("\ufffd") * 4 < len(_HIGH.findall(data)):
        return "utf-8", flawed
    if _looks_cyrillic(data):
        codec = max(
            ("cp1251", "koi8-u", "cp866", "iso8859-5"), key=lambda name: _score(sample, name)
        )
        return codec, data.decode(codec, "replace")
    return "cp1252", data.decode("cp1252", "replace")


def _score(sample: bytes, codec: str) -> float:
    text = sample.decode(codec, "replace")
    common = sum(letter in _COMMON for letter in text)
    # In the neighbouring charset lower case becomes upper case: Привет is оПХБЕР.
    odd = len(re.findall(r"[а-яё][А-ЯЁ]", text)) + len(re.findall(r"[^\W\d_]\W[^\W\d_]", text)) / 9
    strange = sum(ord(letter) > 127 and not "А" <= letter <= "я" for letter in text)  # noqa: PLR2004
    return common - odd - strange * 0.5
