"""Unpacks `winmail.dat`: what Outlook wraps text and attachments in (MS-OXTNEF).

Reads a stranger's bytes: every length is checked against what is there, nothing is copied twice,
and a message packed in a message is opened three deep.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct, field

from crmkit.work.mail.charsets import find_codec

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNATURE = b"\x78\x9f\x3e\x22"
_HEADER = 6
#: Attributes of MS-OXTNEF 2.1.3.3, without their type.
_BODY, _MAPI, _CODEPAGE = 0x800C, 0x9003, 0x9007
_RENDERING, _TITLE, _DATA, _ATTACHMENT = 0x9002, 0x8010, 0x800F, 0x9005
#: Properties of MS-OXPROPS.
_PLAIN, _HTML, _HTML_CODEPAGE = 0x1000, 0x1013, 0x3FDE
_LONG_NAME, _SHORT_NAME, _SHOWN_NAME, _TYPE, _CONTENT_ID = 0x3707, 0x3704, 0x3001, 0x370E, 0x3712
_OBJECT = 0x3701
#: Bytes that a value of a type takes; those that are missing say their length themselves.
_SIZES = {
    0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8,
    0x48: 16,
}  # fmt: skip
_EMBEDDED, _UNICODE, _MULTIPLE, _NAMED = 0x0D, 0x1F, 0x1000, 0x8000
_INTERFACE = 16
_DEEPEST = 3
_MOST = 1000
#: Numbers that are read at most: half a second's work, a hundred times what Outlook packs.
_STEPS = 500_000


class PackedFile(Struct):
    """A file as it was packed; a name or type that is not told is empty."""

    name: str = ""
    media_type: str = ""
    content_id: str = ""
    content: bytes = b""


class Unpacked(Struct):
    """What was packed: text, the same as HTML, files. What is not there is empty."""

    text: str = ""
    html: str = ""
    files: list[PackedFile] = field(default_factory=list)


class _CutError(Exception):
    """A length says more than is there, or there is more than anybody packs."""


class _Reader:
    """Takes numbers and bytes from the front; all are little-endian.

    Args:
        steps: Ends when enough numbers were read; those who read parts of a whole share it.
    """

    def __init__(self, data: memoryview, steps: Iterator[int]) -> None:
        self.data, self._at, self._steps = data, 0, steps

    def below(self, data: memoryview) -> _Reader:
        return _Reader(data, self._steps)

    def left(self) -> int:
        return len(self.data) - self._at

    def take(self, count: int) -> memoryview:
        if count > self.left():
            raise _CutError
        self._at += count
        return self.data[self._at - count : self._at]

    def number(self, size: int = 4) -> int:
        if next(self._steps, None) is None:
            raise _CutError
        return int.from_bytes(self.take(size), "little")

    def padded(self, count: int) -> memoryview:
        found = self.take(count)
        self.take(min(-count % 4, self.left()))
        return found


def unpack(data: bytes) -> Unpacked:
    """Answer what is packed in the content of a `winmail.dat`; of a broken one what can be read.

    Raises:
        ValueError: It is no TNEF, or there is nothing in it.
    """
    found = _unpack(_Reader(memoryview(data), iter(range(_STEPS))), 1)
    if not found.files and not found.text.strip() and not found.html.strip():
        raise ValueError("there is nothing in it")
    return found


def _unpack(packet: _Reader, depth: int) -> Unpacked:
    if packet.data[:4] != _SIGNATURE:
        raise ValueError("it is no TNEF")
    found, codec = Unpacked(), "cp1252"
    for name, value in _attributes(packet.below(packet.data[_HEADER:])):
        if name == _CODEPAGE:
            codec = _codec(int.from_bytes(value.data[:4], "little"))
        elif name == _BODY:
            found.text = found.text or _text(value.data, codec)
        elif name == _MAPI:
            _read_message(found, value, codec)
        elif name == _RENDERING and len(found.files) < _MOST:
            found.files.append(PackedFile())
        elif found.files:
            found.files[-1:] = _told(found.files[-1], name, value, codec, depth)
    return found


def _told(file: PackedFile, name: int, value: _Reader, codec: str, depth: int) -> list[PackedFile]:
    """Answer the file with what an attribute tells of it."""
    if name == _TITLE:
        file.name = file.name or _text(value.data, codec)
    elif name == _DATA:
        file.content = bytes(value.data)
    elif name == _ATTACHMENT:
        return _read_file(file, value, codec, depth)
    return [file]


def _attributes(reader: _Reader) -> Iterator[tuple[int, _Reader]]:
    """Yield attributes; a checksum that is wrong says nothing that the lengths do not."""
    with suppress(_CutError):
        while reader.left():
            reader.number(1)
            name = reader.number() & 0xFFFF
            value = reader.take(reader.number())
            reader.take(2)
            yield name, reader.below(value)


def _properties(reader: _Reader) -> Iterator[tuple[int, int, memoryview]]:
    """Yield properties: which, its type, its first value."""
    with suppress(_CutError):
        for _one in range(reader.number()):
            yield _property(reader)


def _property(reader: _Reader) -> tuple[int, int, memoryview]:
    kind, name = reader.number(2), reader.number(2)
    if name >= _NAMED:
        reader.take(16)
        # Named by a number, or by a text.
        reader.take(4) if reader.number() == 0 else reader.padded(reader.number())
    size = _SIZES.get(kind & ~_MULTIPLE)
    count = reader.number() if size is None or kind & _MULTIPLE else 1
    first = memoryview(b"")
    for number in range(count):
        value = reader.padded(size or reader.number())
        first = first if number else value
    return name, kind & ~_MULTIPLE, first


def _read_message(found: Unpacked, data: _Reader, codec: str) -> None:
    html, pages = memoryview(b""), codec
    for name, kind, value in _properties(data):
        if name == _PLAIN:
            found.text = _typed(kind, value, codec) or found.text
        elif name == _HTML:
            html = value
            found.html = _typed(kind, value, codec)
        elif name == _HTML_CODEPAGE:
            pages = _codec(int.from_bytes(value, "little"))
    if html and pages != codec:
        found.html = _text(html, pages)


def _read_file(file: PackedFile, data: _Reader, codec: str, depth: int) -> list[PackedFile]:
    """Answer the file with what its properties tell.

    A message in its place becomes its text, followed by the files that hang on it.
    """
    names: dict[int, str] = {}
    packed = Unpacked()
    for name, kind, value in _properties(data):
        if name in {_LONG_NAME, _SHORT_NAME, _SHOWN_NAME}:
            names[name] = _typed(kind, value, codec)
        elif name == _TYPE:
            file.media_type = _typed(kind, value, codec)
        elif name == _CONTENT_ID:
            file.content_id = _typed(kind, value, codec)
        elif name == _OBJECT:
            # An object begins with the id of its interface; the bytes of a file do not.
            inner = value[_INTERFACE:] if kind == _EMBEDDED else value
            if inner[:4] == _SIGNATURE and depth < _DEEPEST:
                packed = _unpack(data.below(inner), depth + 1)
            file.content = file.content or bytes(inner)
    told = (names.get(each, "") for each in (_LONG_NAME, _SHORT_NAME, _SHOWN_NAME))
    file.name = next(filter(None, told), file.name)
    if packed.html.strip():
        file.name, file.content = f"{file.name}.html", packed.html.encode("utf-8", "replace")
    elif packed.text.strip():
        file.name, file.content = f"{file.name}.txt", packed.text.encode("utf-8", "replace")
    return [file, *packed.files]


def _typed(kind: int, value: memoryview, codec: str) -> str:
    if kind == _UNICODE:
        return bytes(value).decode("utf-16-le", "replace").rstrip("\0")
    return _text(value, codec)


def _text(value: memoryview, codec: str) -> str:
    return bytes(value).decode(codec, "replace").rstrip("\0")


def _codec(page: int) -> str:
    return find_codec({65001: "utf-8", 20866: "koi8-r"}.get(page, f"cp{page}")) or "cp1252"
