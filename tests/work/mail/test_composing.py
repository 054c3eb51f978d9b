from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from crmkit.errors import InvalidError, LimitError
from crmkit.work.mail.addresses import Mailbox, check_mailbox
from crmkit.work.mail.composing import Composed, Draft, File, compose
from crmkit.work.mail.parsed import Kind, Own, ParsedMessage
from crmkit.work.mail.parsing import parse_message
from crmkit.work.mail.tokens import Thread, find_tag, find_thread, make_message_id, make_tag

SECRET = b"0123456789abcdef"
TICKET = Thread("helpdesk.ticket", 42)
DESK = Mailbox("Desk", "desk@example.org")
ANNA = Mailbox("Anna Snelling", "anna@example.com")
BASE = Draft(
    sender=DESK,
    to=[ANNA],
    subject="Order 42",
    text="Hello Anna",
    message_id="m.1@crm.example.org",
    date=datetime(2026, 3, 3, 9, 15, tzinfo=UTC),
)


def made(**change: Any) -> Composed:  # noqa: ANN401 - fields of a draft
    return compose(structs.replace(BASE, **change))


def back(**change: Any) -> ParsedMessage:  # noqa: ANN401 - as above
    message = parse_message(made(**change).content)
    assert () == message.notes
    return message


def test_what_was_written_is_read_again() -> None:
    message = back(cc=[Mailbox("Ольга Петрова", "olga@example.org")], reply_to=[DESK])

    assert "Order 42" == message.subject
    assert "Hello Anna" == message.text
    assert ["Desk"] == [one.name for one in message.from_]
    assert [("Anna Snelling", "anna@example.com")] == [(o.name, o.address) for o in message.to]
    assert ["Ольга Петрова"] == [one.name for one in message.cc]
    assert ["desk@example.org"] == [one.address for one in message.reply_to]
    assert datetime(2026, 3, 3, 9, 15, tzinfo=UTC) == message.date
    assert "m.1@crm.example.org" == message.message_id


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "Заказ № 42",
        "Очень длинная тема письма, " * 12,
        "a long subject in English " * 15,
        "x" * 500,
        "=?utf-8?Q?not_a_word?=",
        "two  blanks",
        "😀 grüße",
    ],
)
def test_a_subject_is_read_again(subject: str) -> None:
    content = made(subject=subject).content

    assert subject.strip() == parse_message(content).subject
    assert max(map(len, content.split(b"\r\n"))) < 998


@pytest.mark.parametrize(
    "name",
    ["Snelling, Anna", 'Anna "Ann" Snelling', "Петрова, Ольга", "a@b.example", "Ann\\e",
     "Очень длинное имя " * 10, "(Anna)", "=?utf-8?Q?x?=", "Grüße <b>"],
)  # fmt: skip
def test_a_name_is_read_again(name: str) -> None:
    message = back(to=[Mailbox(name.strip(), "anna@example.com"), DESK])

    assert [name.strip(), "Desk"] == [one.name for one in message.to]
    assert ["anna@example.com", "desk@example.org"] == [one.address for one in message.to]


def test_text_html_images_and_files_find_their_places() -> None:
    message = back(
        text="Привет",
        html='<p>Привет <img src="cid:logo"></p>',
        signature="Desk\n<b>Example</b>",
        files=[
            File("logo.png", "image/png", b"png", content_id="logo"),
            File("Счёт № 42.pdf", "application/pdf", b"%PDF"),
            File("../odd\r\nname.exe", "no type", b"x"),
            File("letter.eml", "message/rfc822", b"From: x"),
        ],
    )

    assert "Привет\n\n--\nDesk\n<b>Example</b>" == message.text
    assert "&lt;b&gt;Example" in message.html
    assert [
        ("logo.png", "image/png", True, b"png"),
        ("Счёт № 42.pdf", "application/pdf", False, b"%PDF"),
        ("odd__name.exe", "application/octet-stream", False, b"x"),
        ("letter.eml", "application/octet-stream", False, b"From: x"),
    ] == [(a.name, a.media_type, a.inline, a.content) for a in message.attachments]


def test_only_ascii_and_crlf_go_on_the_wire() -> None:
    content = made(text="Привет\n" * 100, subject="Привет", html="<p>Привет</p>").content

    content.decode("ascii")
    assert content.count(b"\n") == content.count(b"\r\n")


def test_bcc_gets_it_and_stands_nowhere() -> None:
    composed = made(bcc=[Mailbox("", "secret@example.com"), ANNA])

    assert ("anna@example.com", "secret@example.com") == composed.recipients
    assert b"secret" not in composed.content


def test_only_bcc_names_nobody() -> None:
    message = parse_message(made(to=[], bcc=[ANNA]).content)

    assert () == message.to


def test_an_address_beyond_ascii_goes_as_it_is() -> None:
    message = back(to=[check_mailbox("анна@пример.example.com")])

    assert "анна@xn--e1afmkfd.example.com" == message.to[0].address


def test_an_answer_continues_the_conversation() -> None:
    ids = [f"{'long-' * 20}{n}@example.com" for n in range(60)]

    message = back(in_reply_to=ids[-1], references=[*ids[:-1], "broken id", "<>"])

    assert (ids[-1],) == message.in_reply_to
    assert (ids[0], *ids[-19:]) == message.references


def test_automatic_mail_says_so() -> None:
    message = back(automatic=True, unsubscribe_url="https://crm.example.org/off/1")

    assert Kind.AUTO_REPLY == message.kind
    assert (
        b"List-Unsubscribe: <https://crm.example.org/off/1>"
        in made(unsubscribe_url="https://crm.example.org/off/1").content
    )


_INJECTIONS = ["\r\nBcc: x@example.net", "\nBcc: x@example.net", "\r", "\x00", "\x85", "\u2028x",
               "\x0b", "\r\n\r\n<script>"]  # fmt: skip


@pytest.mark.parametrize("bad", _INJECTIONS)
@pytest.mark.parametrize(
    "field", ["subject", "name", "address", "sender", "id", "reference", "cid", "url", "bcc"]
)
def test_no_line_break_begins_another_header(field: str, bad: str) -> None:
    changes: dict[str, dict[str, Any]] = {
        "subject": {"subject": f"Order{bad}x"},
        "name": {"to": [Mailbox(f"Anna{bad}", "anna@example.com")]},
        "address": {"to": [Mailbox("", f"anna@example.com{bad}")]},
        "sender": {"sender": Mailbox(f"Desk{bad}", "desk@example.org")},
        "id": {"message_id": f"a@b{bad}"},
        "reference": {"in_reply_to": f"a@b{bad}x"},
        "cid": {"html": "<p>", "files": [File("a", "a/b", b"", content_id=f"a{bad}")]},
        "url": {"unsubscribe_url": f"https://example.org/{bad}"},
        "bcc": {"bcc": [Mailbox("", f"anna@example.com{bad}")]},
    }
    change = changes[field]
    if field == "reference":
        assert b"In-Reply-To" not in made(**change).content
        return

    with pytest.raises(InvalidError):
        made(**change)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80), st.text(max_size=40), st.text(max_size=40))
def test_no_text_makes_a_header(subject: str, name: str, file: str) -> None:
    try:
        composed = made(
            subject=subject, to=[Mailbox(name, "anna@example.com")], files=[File(file, "a/b", b"")]
        )
    except (InvalidError, UnicodeEncodeError):
        return
    head = composed.content.partition(b"\r\n\r\n")[0]
    names = [line.partition(b":")[0] for line in head.split(b"\r\n") if line[:1] not in b" \t"]
    assert {b"From", b"To", b"Subject", b"Date", b"Message-ID", b"MIME-Version"} >= {
        one for one in names if not one.startswith(b"Content-")
    }


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"to": []}, "no recipient"),
        ({"to": [Mailbox("", f"p{n}@example.com") for n in range(101)]}, "at most 100"),
        ({"subject": "x" * 501}, "longer than 500"),
        ({"date": datetime(2026, 3, 3)}, "needs its zone"),  # noqa: DTZ001 - that is the mistake
        ({"files": [File("a", "a/b", b"x" * 2000)], "largest": 1000}, "larger than"),
        ({"message_id": "no id"}, "no Message-ID"),
    ],
)
def test_what_cannot_be_sent_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises((InvalidError, LimitError), match=told):
        made(**change)


@pytest.mark.parametrize(
    "address", ["", "anna", "anna@", "@example.com", "anna@@example.com", "a b@example.com",
                "anna@example", "anna@exa mple.com", "Anna <anna@example.com>",
                "anna@example.com\nBcc: x@example.net", "a" * 70 + "@example.com", "a@[127.0.0.1]"],
)  # fmt: skip
def test_a_wrong_address_is_named(address: str) -> None:
    with pytest.raises(InvalidError, match=r"address|one line"):
        check_mailbox(address)


def test_an_address_is_normalised() -> None:
    assert Mailbox("Anna", "Anna@xn--bcher-kva.example.com") == check_mailbox(
        "Anna@BÜCHER.example.com", " Anna\u202e"
    )


def test_an_id_of_ours_names_its_record() -> None:
    id_ = make_message_id(SECRET, "CRM.example.org", TICKET)

    assert id_.startswith("r.helpdesk.ticket.42.")
    assert TICKET == find_thread(SECRET, ["other@example.com", id_])
    assert TICKET == find_thread(SECRET, [f"<{id_.upper()}>"])
    assert id_ != make_message_id(SECRET, "crm.example.org", TICKET)
    assert Own(domains=frozenset({"crm.example.org"})).domains == {id_.rpartition("@")[2]}


@pytest.mark.parametrize("change", [("42", "43"), ("ticket", "thing"), ("r.", "m.")])
def test_a_changed_id_names_nothing(change: tuple[str, str]) -> None:
    id_ = make_message_id(SECRET, "crm.example.org", TICKET)

    assert find_thread(SECRET, [id_.replace(*change, 1)]) is None
    assert find_thread(b"another secret of 16", [id_]) is None


def test_an_id_without_record_names_none() -> None:
    assert find_thread(SECRET, [make_message_id(SECRET, "crm.example.org")]) is None


def test_a_tag_in_the_subject_names_its_record() -> None:
    tag = make_tag(SECRET, TICKET)

    assert TICKET == find_tag(SECRET, f"AW: Order {tag.upper()}", "helpdesk.ticket")
    assert find_tag(SECRET, tag.replace("42", "43"), "helpdesk.ticket") is None
    assert find_tag(SECRET, tag, "crm.lead") is None
    # A tag is no id: who sees one must not be able to make the other.
    assert tag[5:21] not in make_message_id(SECRET, "crm.example.org", TICKET)


@pytest.mark.parametrize(
    ("secret", "domain", "thread"),
    [
        (b"short", "crm.example.org", TICKET),
        (SECRET, "a b", TICKET),
        (SECRET, "x>\r\ny", TICKET),
        (SECRET, "crm.example.org", Thread("Bad Name", 1)),
        (SECRET, "crm.example.org", Thread("crm.person", 0)),
    ],
)
def test_an_id_that_cannot_be_made_is_refused(secret: bytes, domain: str, thread: Thread) -> None:
    with pytest.raises(InvalidError):
        make_message_id(secret, domain, thread)
