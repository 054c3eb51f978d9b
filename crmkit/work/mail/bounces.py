"""Reports of mail servers that a message did not arrive (RFC 3464, and the older shapes)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crmkit.work.mail.headers import Headers, normalise_address
from crmkit.work.mail.kinds import is_daemon, is_empty_path
from crmkit.work.mail.parsed import Bounce, FailedRecipient

if TYPE_CHECKING:
    from email.message import Message

    from crmkit.work.mail.parsed import Address, Limits, Notes
    from crmkit.work.mail.parts import Parts

_SUBJECT = re.compile(
    r"undeliver(?:ed|able)|failure notice|delivery (?:status notification|failure|has failed)"
    r"|mail delivery (?:failed|system)|returned mail|message not delivered|delivery incomplete"
    r"|не ?доставлен|не удалось доставить|ошибка доставки|невозможно доставить"
    r"|unzustellbar|nicht zugestellt|zustellung fehlgeschlagen",
    re.IGNORECASE,
)
_DELAYED = re.compile(
    r"delayed|will be retried|warning: message|задерж|verzögert|still being retried", re.IGNORECASE
)
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_CODE = re.compile(r"(?<![\d.#])([45]\d\d)[ -](?=\S)")
_IN_TEXT = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_ORIGINAL = re.compile(r"^\s*Message-ID:\s*<([^<>\s]{1,990})>", re.IGNORECASE | re.MULTILINE)
_SAMPLE = 20_000
_LONGEST_DIAGNOSTIC = 500
_MOST_RECIPIENTS = 200


def find_bounce(
    headers: Headers, parts: Parts, senders: tuple[Address, ...], limits: Limits, notes: Notes
) -> Bounce | None:
    """Read a report of failed or late delivery, None when the message is none.

    A report that all went well is no bounce, nor is a receipt that a message was read.
    """
    recipients = _from_report(parts.reports, limits, notes)
    if recipients is None:
        recipients = _from_text(headers, parts.text, senders, notes)
    if not recipients:
        return None
    return Bounce(tuple(recipients), _original(headers, parts, limits, notes))


def _from_report(
    blocks: list[Message], limits: Limits, notes: Notes
) -> list[FailedRecipient] | None:
    """Read the fields of a report; None when there is none of RFC 3464."""
    found: dict[str, FailedRecipient] = {}
    seen = False
    for block in blocks[: _MOST_RECIPIENTS + 1]:
        fields = Headers(block, limits, notes, "report")
        final = _address_of(fields.text("Final-Recipient"))
        address = _address_of(fields.text("Original-Recipient")) or final
        if not address:
            continue
        seen = True
        action = fields.text("Action").lower().strip()
        status = _first(_STATUS, fields.text("Status"))
        if not action:
            action = "delayed" if status.startswith("4.") else "failed"
        if action not in {"failed", "delayed"}:
            continue
        diagnostic = re.sub(r"^[\w-]+;\s*", "", fields.text("Diagnostic-Code"))
        status = status or _first(_STATUS, diagnostic)
        found[address] = FailedRecipient(address, action, status, diagnostic[:_LONGEST_DIAGNOSTIC])
    return list(found.values()) if seen else None


def _address_of(field: str) -> str:
    """Answer the address of `rfc822; someone@example.com`."""
    typed = field.partition(";")[2] or field
    found = _IN_TEXT.search(typed) or re.search(r"[^\s<>;]+@[^\s<>;]+", typed)
    return normalise_address(found[0]) if found else ""


def _from_text(
    headers: Headers, text: str, senders: tuple[Address, ...], notes: Notes
) -> list[FailedRecipient]:
    """Read what servers write that know no RFC 3464: Exim, qmail, Exchange before 2007."""
    named = headers.text("X-Failed-Recipients")
    by_server = any(is_daemon(sender.address) for sender in senders) or (is_empty_path(headers))
    subject = headers.text("Subject")
    if not named and not (by_server and _SUBJECT.search(subject)):
        return []
    sample = text[:_SAMPLE]
    # What is quoted below names others: the sender, whoever stood in copy.
    report = re.split(r"(?mi)^-{2,}.*(?:copy|original|below this line).*$|^Received:", sample)[0]
    own = {sender.address for sender in senders}
    typed = _IN_TEXT.findall(named) or _IN_TEXT.findall(report)
    addresses = list(dict.fromkeys(normalise_address(one.rstrip(".")) for one in typed))
    addresses = [one for one in addresses if one not in own and not is_daemon(one)]
    if not addresses:
        notes.add("report", "The report names nobody; it is a bounce by its sender and subject.")
        addresses = [""]
    status = _first(_STATUS, report)
    code = _first(_CODE, report)
    if not status and code:
        status = f"{code[0]}.0.0"
    late = bool(_DELAYED.search(subject)) or status.startswith("4.")
    action = "delayed" if late else "failed"
    line = next((line for line in report.splitlines() if status and _hint(status, code, line)), "")
    diagnostic = line.strip()[:_LONGEST_DIAGNOSTIC]
    # All addresses of a report in words share its one reason.
    most = _MOST_RECIPIENTS if named else 1
    return [FailedRecipient(one, action, status, diagnostic) for one in addresses[:most]]


def _hint(status: str, code: str, line: str) -> bool:
    return status in line or bool(code and code in line)


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def _original(headers: Headers, parts: Parts, limits: Limits, notes: Notes) -> str:
    for quoted in parts.originals:
        ids = Headers(quoted, limits, notes, "quoted message").ids("Message-ID")
        if ids:
            return ids[0]
    found = _ORIGINAL.search(parts.text)
    if found:
        return found[1]
    chain = headers.ids("In-Reply-To") or headers.ids("References")
    return chain[-1] if chain else ""
