"""A message of ours as the bytes that are sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape
from typing import TYPE_CHECKING

from msgspec import Struct

from crmkit.errors import InvalidError, LimitError
from crmkit.work.mail.addresses import Mailbox, check_line
from crmkit.work.mail.header_lines import write_address, write_line, write_listed, write_words
from crmkit.work.mail.tree import safe_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import MIMEPart

#: Servers refuse lines of more than 998 letters (RFC 5322, 2.1.1), so a chain is cut.
_MOST_REFERENCES = 20
_LONGEST_SUBJECT = 500
_MOST_RECIPIENTS = 100
_ID = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]{1,300}@[\x21-\x3b\x3d\x3f-\x7e]{1,255}")
_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,100}")
#: Text beyond ASCII is encoded: not each server takes 8-bit lines.
_POLICY = SMTP.clone(cte_type="7bit")


class File(Struct, frozen=True):
    """A file that goes along."""

    name: str
    #: `type/subtype`; anything else is sent as `application/octet-stream`.
    media_type: str
    content: bytes
    #: Name by which the HTML shows it: `<img src="cid:logo">`; "" for an attachment.
    content_id: str = ""


class Draft(Struct, frozen=True, kw_only=True):
    """What a person, or an automation, wants to send."""

    sender: Mailbox
    to: Sequence[Mailbox] = ()
    cc: Sequence[Mailbox] = ()
    #: Get the message and stand in no header of it.
    bcc: Sequence[Mailbox] = ()
    reply_to: Sequence[Mailbox] = ()
    subject: str
    text: str
    #: Already clean; "" sends text only.
    html: str = ""
    #: Appended to the text after `-- ` (RFC 3676, 4.3), and to the HTML.
    signature: str = ""
    files: Sequence[File] = ()
    #: From `make_message_id`, without brackets.
    message_id: str
    #: Aware; the moment it is written.
    date: datetime
    in_reply_to: str = ""
    #: Of the message that is answered, oldest first; that message's own id is added.
    references: Sequence[str] = ()
    #: An automation wrote it: no machine shall answer (RFC 3834, 5).
    automatic: bool = False
    #: Address that ends a subscription by one POST (RFC 8058); "" for none.
    unsubscribe_url: str = ""
    #: Page on which the receiver, signed in, ends it; "" for none.
    stop_url: str = ""
    #: Bytes the whole may have; servers usually take 25 MB.
    largest: int = 25_000_000


class Composed(Struct, frozen=True):
    """A message ready for `send`."""

    #: Lines end with CRLF, Bcc is not in it.
    content: bytes
    sender: str
    #: All who get it, each once.
    recipients: tuple[str, ...]
    message_id: str


def compose(draft: Draft) -> Composed:
    """Write a message.

    Raises:
        InvalidError: A subject or name with a line break, nobody to send to, an id or address that
            cannot stand in a header; the sentence names it.
        LimitError: Larger than `largest`, or more than 100 recipients.

    Source:
        RFC 5322 and 2045 (form), 2047 and 2231 (letters beyond ASCII), 6532 (addresses beyond
        ASCII), 3834 (automatic), 2369 and 8058 (unsubscribe).
    """
    recipients = tuple(dict.fromkeys(one.address for one in (*draft.to, *draft.cc, *draft.bcc)))
    if not recipients:
        raise InvalidError("The message has no recipient; name at least one.", {"to": "is empty"})
    if len(recipients) > _MOST_RECIPIENTS:
        raise LimitError(f"A message goes to at most {_MOST_RECIPIENTS} people; send a mailing.")
    if sum(len(file.content) for file in draft.files) > draft.largest:
        raise _too_large(draft.largest)
    for one in draft.bcc:
        write_address(one)
    content = "".join(_headers(draft)).encode("utf-8") + _body(draft).as_bytes()
    if len(content) > draft.largest:
        raise _too_large(draft.largest)
    return Composed(content, draft.sender.address, recipients, draft.message_id)


def _too_large(largest: int) -> LimitError:
    size = f"{largest / 1_000_000:g} MB"
    return LimitError(f"The message is larger than {size}; send links instead of some files.")


def _headers(draft: Draft) -> Iterator[str]:
    """Write the headers.

    Not by the module `email`: it encodes ids of more than 78 letters as words, and nobody finds
    the conversation again.
    """
    subject = check_line(draft.subject.strip(), "subject")
    if len(subject) > _LONGEST_SUBJECT:
        raise InvalidError(f"The subject is longer than {_LONGEST_SUBJECT} characters; shorten it.")
    if draft.date.tzinfo is None:
        raise InvalidError("The date of a message needs its zone.")
    yield write_line("From", [write_address(draft.sender)])
    for name, people in (("To", draft.to), ("Cc", draft.cc), ("Reply-To", draft.reply_to)):
        if people:
            yield write_line(name, write_listed([write_address(one) for one in people]))
    if not draft.to and not draft.cc:
        yield write_line("To", ["undisclosed-recipients:;"])
    yield f"Subject: {write_words(subject, len('Subject: '))}\r\n"
    yield write_line("Date", [format_datetime(draft.date)])
    yield write_line("Message-ID", [f"<{_check_id(draft.message_id)}>"])
    chain = _chain(draft)
    if chain:
        yield write_line("In-Reply-To", [f"<{chain[-1]}>"])
        yield write_line("References", [f"<{one}>" for one in chain])
    if draft.automatic:
        yield write_line("Auto-Submitted", ["auto-replied" if chain else "auto-generated"])
        # Exchange reads no RFC 3834 but this (MS-OXCMAIL, 2.2.3.2.14).
        yield write_line("X-Auto-Response-Suppress", ["All"])
    if draft.unsubscribe_url:
        yield write_line("List-Unsubscribe", [f"<{_check_url(draft.unsubscribe_url)}>"])
        yield write_line("List-Unsubscribe-Post", ["List-Unsubscribe=One-Click"])
    elif draft.stop_url:
        yield write_line("List-Unsubscribe", [f"<{_check_url(draft.stop_url)}>"])


def _check_id(id_: str) -> str:
    if not _ID.fullmatch(id_):
        raise InvalidError(f"{id_[:100]!r} is no Message-ID; make one with make_message_id.")
    return id_


def _check_url(url: str) -> str:
    if not re.fullmatch(r"https?://[\x21-\x3b\x3d\x3f-\x7e]{1,900}", url):
        raise InvalidError(f"`{url[:100]}` is no address for unsubscribing; it begins with https.")
    return url


def _chain(draft: Draft) -> list[str]:
    """Answer the ids of the conversation, the answered one last (RFC 5322, 3.6.4).

    Ids of others may be strange; those that cannot stand in a header are left out, since an
    answer must not fail on what somebody else wrote.
    """
    ids = [one.strip("<> ") for one in (*draft.references, draft.in_reply_to)]
    known = list(dict.fromkeys(one for one in reversed(ids) if _ID.fullmatch(one)))[::-1]
    if len(known) <= _MOST_REFERENCES:
        return known
    return [known[0], *known[1 - _MOST_REFERENCES :]]


def _body(draft: Draft) -> EmailMessage:
    """Make the parts: text, HTML with its images, attachments."""
    message = EmailMessage(policy=_POLICY)
    text = draft.text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    signature = draft.signature.replace("\r\n", "\n").strip("\n")
    message.set_content(f"{text}\n\n-- \n{signature}\n" if signature else f"{text}\n")
    if draft.html:
        message.add_alternative(draft.html + _signature_html(signature) + "\n", subtype="html")
        rich = message.get_body(("html",))
        for file in draft.files:
            if file.content_id and rich is not None:
                _check_id(f"{file.content_id}@x")
                _add(rich, file, "inline")
    for file in draft.files:
        if not (draft.html and file.content_id):
            _add(message, file, "attachment")
    return message


def _signature_html(signature: str) -> str:
    if not signature:
        return ""
    lines = "<br>".join(escape(line) for line in signature.split("\n"))
    return f'<div class="crmkit-signature">-- <br>{lines}</div>'


def _add(message: MIMEPart, file: File, disposition: str) -> None:
    kind = file.media_type.lower()
    # Parts of these types would be read as messages of their own.
    if not _TYPE.fullmatch(kind) or kind.startswith(("multipart/", "message/")):
        kind = "application/octet-stream"
    main, _, sub = kind.partition("/")
    name = safe_name(file.name) or "attachment.bin"
    put = message.add_related if disposition == "inline" else message.add_attachment
    cid = f"<{file.content_id}>" if disposition == "inline" else None
    put(file.content, main, sub, filename=name, disposition=disposition, cid=cid)
