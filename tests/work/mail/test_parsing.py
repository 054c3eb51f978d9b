"""Awkward messages; what each is to be read as stands in messages/expected.json."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from crmkit.work.mail.parsed import Limits, Own, ParsedMessage
from crmkit.work.mail.parsing import parse_message

FOLDER = Path(__file__).parent / "messages"
EXPECTED: dict[str, dict[str, Any]] = json.loads((FOLDER / "expected.json").read_text("utf-8"))
RECEIVED = datetime(2026, 3, 5, tzinfo=UTC)
OWN = Own(domains=frozenset({"crm.example.org"}), addresses=frozenset({"desk@example.org"}))


def read(name: str) -> ParsedMessage:
    raw = (FOLDER / f"{name}.eml").read_bytes()
    return parse_message(raw, received_at=RECEIVED, own=OWN)


def people(found: tuple[Any, ...]) -> list[list[str]]:
    return [[one.name, one.address] for one in found]


def plain(message: ParsedMessage) -> dict[str, Any]:
    """Answer what expectations are compared with."""
    bounce = message.bounce
    return {
        "message_id": message.message_id,
        "kind": message.kind.value,
        "subject": message.subject,
        "text": message.text,
        "html": message.html,
        "from": people(message.from_),
        "to": people(message.to),
        "cc": people(message.cc),
        "reply_to": people(message.reply_to),
        "date": message.date.isoformat() if message.date else None,
        "in_reply_to": list(message.in_reply_to),
        "references": list(message.references),
        "calendar": [[one.method, one.uid] for one in message.calendar],
        "list_id": message.list_id,
        "loop": list(message.loop_signs),
        "notes": [f"{note.place}: {note.text}" for note in message.notes],
        "bounce": bounce
        and {
            "recipients": [[one.address, one.action, one.status] for one in bounce.recipients],
            "original": bounce.original_id,
        },
    }


def attachments(message: ParsedMessage, wanted: list[list[Any]]) -> list[list[Any]]:
    """Answer the attachments; where no size is expected, none is compared."""
    found = [[a.name, a.media_type, a.inline, a.size] for a in message.attachments]
    return [
        row[:3] + ([None] if n < len(wanted) and wanted[n][3] is None else row[3:])
        for n, row in enumerate(found)
    ]


def check(message: ParsedMessage, key: str, wanted: Any) -> None:  # noqa: ANN401 - of JSON
    values = plain(message)
    if key == "attachments":
        assert wanted == attachments(message, wanted)
    elif key == "attachment_count":
        assert wanted == len(message.attachments)
    elif key == "from_address":
        assert wanted in [one.address for one in message.from_]
    elif key == "to_count":
        assert wanted == len(message.to)
    elif key == "id_digest":
        assert message.message_id.endswith("@digest.invalid")
    elif key == "same_id_as":
        assert read(wanted).message_id == message.message_id
    elif key == "references_first":
        assert wanted == message.references[0]
        assert len(message.references) <= Limits().entries
    elif key.endswith("_has"):
        told = values[key.removesuffix("_has")]
        text = told if isinstance(told, str) else "\n".join(told)
        assert [] == [
            part for part in ([wanted] if isinstance(wanted, str) else wanted) if part not in text
        ], text[:2000]
    else:
        assert wanted == values[key]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_message_is_read_as_expected(name: str) -> None:
    message = read(name)

    for key, wanted in EXPECTED[name].items():
        check(message, key, wanted)
    # Neither PostgreSQL nor UTF-8 takes all that Python calls a text.
    told = "".join([repr(plain(message)), *(one.name for one in message.attachments)])
    assert "\x00" not in told
    told.encode("utf-8")


def test_every_message_has_an_expectation_and_none_is_missing() -> None:
    assert set(EXPECTED) == {path.stem for path in FOLDER.glob("*.eml")}
    assert len(EXPECTED) >= 120


def test_lines_may_end_either_way() -> None:
    raw = (FOLDER / "mixed-of-alternative.eml").read_bytes()

    assert plain(parse_message(raw)) == plain(parse_message(raw.replace(b"\r\n", b"\n")))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=2000))
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    parse_message(raw)


@pytest.mark.long
@settings(max_examples=4000, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(sorted(FOLDER.glob("*.eml"))),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.binary(max_size=20)), max_size=8),
)
def test_no_damage_to_a_real_message_makes_it_raise(
    path: Path, damages: list[tuple[float, float, bytes]]
) -> None:
    raw = path.read_bytes()[:20_000]
    for at, length, put in damages:
        begin = int(at * len(raw))
        raw = raw[:begin] + put + raw[begin + int(length * 100) :]

    repr(plain(parse_message(raw))).encode("utf-8")


_BITS = [
    b"From: ", b"To: ", b"Subject: ", b"Content-Type: ", b"Content-Disposition: ", b"Date: ",
    b"multipart/mixed; boundary=b", b"message/rfc822", b"message/delivery-status", b"text/html",
    b"text/calendar", b"; charset=", b"; name*0*=", b"=?utf-8?B?", b"?=", b"\r\n", b"\r\n\r\n",
    b"--b\r\n", b"--b--", b"<a@example.com>", b"(", b'"', b"\xd0", b"\xff", b"\x00", b"<div>",
    b"Content-Transfer-Encoding: base64\r\n", b"Message-ID: ", b"Final-Recipient: ", b":", b";",
]  # fmt: skip


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(_BITS), max_size=60))
@example([b'Content-Type: text/html; charset="\0"\r\n\r\n', b"\xff"])
def test_no_mixture_of_headers_makes_it_raise(bits: list[bytes]) -> None:
    repr(plain(parse_message(b"".join(bits)))).encode("utf-8")


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("name", ["mixed-of-alternative", "bounce-postfix", "related-inline"])
def test_a_cut_message_is_read_as_far_as_it_goes(name: str, cut: float) -> None:
    raw = (FOLDER / f"{name}.eml").read_bytes()

    parse_message(raw[: int(len(raw) * cut)])


def test_a_message_beyond_the_limits_is_read_in_part() -> None:
    raw = b"Subject: Big\r\n\r\n" + b"x" * 10_000

    message = parse_message(raw, limits=Limits(raw=5_000, decoded=20_000, text=1_000))

    assert 1_000 == len(message.text)
    assert ["message", "text"] == [note.place for note in message.notes if "too" in note.text]


def test_parts_beyond_the_decoded_size_are_left_out() -> None:
    raw = (FOLDER / "mixed-attachment.eml").read_bytes()

    message = parse_message(raw, limits=Limits(decoded=15))

    assert "Hello plain" == message.text
    assert b"" == message.attachments[0].content
    assert any("left out" in note.text for note in message.notes)


@pytest.mark.parametrize(
    "raw",
    [
        b"From: " + b"(" * 100_000,
        b"From: " + b"a@b.c, " * 50_000,
        b"Subject: " + b"=?" * 100_000,
        b"References: " + b"<" * 200_000,
        b"Content-Type: text/plain" + b"; a=b" * 50_000 + b"\r\n\r\nx",
        b"Content-Type: text/html\r\n\r\n" + b"<div>" * 100_000,
        b"Content-Type: text/html\r\n\r\n" + b"<a style='" + b"display " * 50_000 + b"'>",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 50_000,
        b"X: y\r\n" * 100_000,
    ],
    ids=range(9),
)  # fmt: skip
def test_a_message_made_to_take_long_does_not(raw: bytes) -> None:
    begun = time.process_time()

    parse_message(raw)

    assert time.process_time() - begun < 2
