"""What Outlook packs into `winmail.dat` is found again; broken packets do no harm."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.work.mail.tnef import unpack

UNICODE, BINARY, OBJECT, LONG = 0x1F, 0x102, 0x0D, 0x03
BODY, MAPI, CODEPAGE = 0x2800C, 0x69003, 0x69007
RENDERING, TITLE, DATA, ATTACHMENT = 0x69002, 0x18010, 0x6800F, 0x69005


def attribute(name: int, value: bytes) -> bytes:
    level = 2 if name in {RENDERING, TITLE, DATA, ATTACHMENT} else 1
    head = struct.pack("<BII", level, name, len(value))
    return head + value + struct.pack("<H", sum(value) & 0xFFFF)


def properties(*wanted: tuple[int, int, bytes]) -> bytes:
    out = struct.pack("<I", len(wanted))
    for name, kind, value in wanted:
        out += struct.pack("<HH", kind, name)
        if kind != LONG:
            out += struct.pack("<II", 1, len(value))
        out += value + b"\0" * (-len(value) % 4)
    return out


def packet(*attributes: bytes) -> bytes:
    return b"\x78\x9f\x3e\x22\x01\x00" + b"".join(attributes)


def wide(text: str) -> bytes:
    return f"{text}\0".encode("utf-16-le")


OFFER = packet(
    attribute(CODEPAGE, struct.pack("<II", 1251, 0)),
    attribute(BODY, "Добрый день".encode("cp1251") + b"\0"),
    attribute(RENDERING, bytes(14)),
    attribute(TITLE, b"OFFER~1.PDF\0"),
    attribute(DATA, b"%PDF-1.7 offer"),
    attribute(
        ATTACHMENT,
        properties(
            (0x3707, UNICODE, wide("Предложение 42.pdf")),
            (0x370E, UNICODE, wide("application/pdf")),
        ),
    ),
    attribute(RENDERING, bytes(14)),
    attribute(TITLE, "смета.txt".encode("cp1251") + b"\0"),
    attribute(DATA, b"12 x 3"),
)


def test_files_have_their_long_names_and_types_and_the_text_its_letters() -> None:
    found = unpack(OFFER)
    assert found.text == "Добрый день"
    assert [(one.name, one.media_type, one.content) for one in found.files] == [
        ("Предложение 42.pdf", "application/pdf", b"%PDF-1.7 offer"),
        ("смета.txt", "", b"12 x 3"),
    ]


def test_html_is_read_by_the_code_page_it_names() -> None:
    body = "<p>Grüße</p>".encode()
    data = packet(
        attribute(MAPI, properties((0x1013, BINARY, body), (0x3FDE, LONG, b"\xe9\xfd\0\0")))
    )
    assert unpack(data).html == "<p>Grüße</p>"


def test_a_message_packed_in_a_message_becomes_its_text_and_its_files() -> None:
    inner = bytes(16) + OFFER
    data = packet(
        attribute(RENDERING, bytes(14)),
        attribute(ATTACHMENT, properties((0x3701, OBJECT, inner), (0x3001, UNICODE, wide("42")))),
    )
    assert [one.name for one in unpack(data).files] == [
        "42.txt", "Предложение 42.pdf", "смета.txt",
    ]  # fmt: skip


def test_messages_packed_too_deep_stay_as_they_are() -> None:
    data = OFFER
    for _level in range(60):
        data = packet(
            attribute(RENDERING, bytes(14)),
            attribute(ATTACHMENT, properties((0x3701, OBJECT, bytes(16) + data))),
        )
    [*_outer, last] = unpack(data).files
    assert last.content[:4] == b"\x78\x9f\x3e\x22"


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04", packet(), packet(attribute(RENDERING, b""))[:-1]]
)
def test_what_packs_nothing_is_named(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"no TNEF|nothing in it"):
        unpack(data)


@given(st.integers(min_value=0, max_value=len(OFFER)))
def test_a_packet_cut_anywhere_gives_what_came_before(end: int) -> None:
    try:
        found = unpack(OFFER[:end])
    except ValueError:
        return
    whole = unpack(OFFER)
    assert len(found.files) <= len(whole.files)
    assert all(one.content in {each.content, b""}
               for one, each in zip(found.files, whole.files, strict=False))  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, len(OFFER) - 1), st.integers(0, 255)), max_size=8))
def test_changed_bytes_make_no_other_error_and_no_more_data(changes: list[tuple[int, int]]) -> None:
    data = bytearray(OFFER)
    for place, value in changes:
        data[place] = value
    try:
        found = unpack(bytes(data))
    except ValueError:
        return
    assert sum(len(one.content) for one in found.files) <= len(data)


@pytest.mark.parametrize(
    "block", [struct.pack("<I", 0xFFFFFFFF), properties((0x3707, BINARY, b""))[:-4] + b"\xff" * 4]
)
def test_counts_that_lie_end_with_the_data(block: bytes) -> None:
    data = packet(attribute(RENDERING, bytes(14)), attribute(TITLE, b"a.txt\0"),
                  attribute(DATA, b"kept"), attribute(ATTACHMENT, block))  # fmt: skip
    assert [(one.name, one.content) for one in unpack(data).files] == [("a.txt", b"kept")]


def test_a_packet_of_nothing_but_small_attributes_is_given_up() -> None:
    small = attribute(0x60002, b"\0")
    last = attribute(RENDERING, bytes(14)) + attribute(DATA, b"late")
    assert unpack(packet(small * 1000, last)).files
    with pytest.raises(ValueError, match="nothing in it"):
        unpack(packet(small * 200_000, last))
