"""Ids of our messages, in which an answer names the record it belongs to, signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING

from msgspec import Struct

from crmkit.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Iterable

#: 80 bits: nobody guesses one, and an id stays below the 64 letters that some servers keep.
_SEAL_BYTES = 10
_ENTITY = re.compile(r"[a-z][a-z0-9_]{0,30}\.[a-z][a-z0-9_]{0,30}")
_ID = re.compile(
    r"r\.([a-z0-9_]{1,31})\.([a-z0-9_]{1,31})\.([0-9]{1,19})\.([a-z2-7]{16})\.([a-z2-7]{16})"
    r"@([a-z0-9.-]{1,253})",
    re.IGNORECASE,
)
_TAG = re.compile(r"\[#([0-9]{1,19})-([a-z2-7]{16})\]", re.IGNORECASE)


class Thread(Struct, frozen=True):
    """The record a conversation belongs to."""

    #: `helpdesk.ticket`.
    entity: str
    record: int


def make_message_id(secret: bytes, domain: str, thread: Thread | None = None) -> str:
    """Make an id for a message of ours, without angle brackets.

    Args:
        secret: Of the site, at least 16 bytes; the same for making and reading.
        domain: Of the site, ASCII.
        thread: What an answer belongs to; None makes an id that says nothing.

    Raises:
        InvalidError: The domain, the entity or the secret cannot be used.
    """
    domain = domain.lower()
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?", domain):
        raise InvalidError(f"`{domain[:60]}` cannot stand in a Message-ID; name a domain in ASCII.")
    unique = _letters(secrets.token_bytes(_SEAL_BYTES))
    if thread is None:
        return f"m.{unique}@{domain}"
    if not _ENTITY.fullmatch(thread.entity) or not 0 < thread.record < 2**63:
        raise InvalidError(f"`{thread.entity[:60]}` {thread.record} is no record.")
    seal = _seal(secret, "id", thread, unique)
    return f"r.{thread.entity}.{thread.record}.{unique}.{seal}@{domain}"


def find_thread(secret: bytes, ids: Iterable[str]) -> Thread | None:
    """Find the record an answer belongs to, None when no id is ours or its seal is false.

    Args:
        ids: In-Reply-To first, then References from the newest to the oldest.
    """
    for id_ in ids:
        found = _ID.fullmatch(id_.strip("<> "))
        if found is None:
            continue
        thread = Thread(f"{found[1]}.{found[2]}".lower(), int(found[3]))
        if _is_seal(secret, "id", thread, found[4].lower(), found[5]):
            return thread
    return None


def make_tag(secret: bytes, thread: Thread) -> str:
    """Make the mark `[#42-...]` of a subject, for programs that drop References."""
    return f"[#{thread.record}-{_seal(secret, 'tag', thread, '')}]"


def find_tag(secret: bytes, subject: str, entity: str) -> Thread | None:
    """Find the record whose mark a subject bears, None when there is none or it is false."""
    for found in _TAG.finditer(subject[:2000]):
        thread = Thread(entity, int(found[1]))
        if _is_seal(secret, "tag", thread, "", found[2]):
            return thread
    return None


def _is_seal(secret: bytes, use: str, thread: Thread, unique: str, told: str) -> bool:
    return hmac.compare_digest(_seal(secret, use, thread, unique), told.lower())


def _seal(secret: bytes, use: str, thread: Thread, unique: str) -> str:
    if len(secret) < 16:  # noqa: PLR2004 - as the docstring says
        raise InvalidError("The secret of the site is shorter than 16 bytes; make a new one.")
    # The domain is not sealed: a site that moves goes on knowing the answers to its old mail.
    told = f"mail:{use}:{thread.entity}:{thread.record}:{unique}".encode()
    return _letters(hmac.new(secret, told, hashlib.sha256).digest()[:_SEAL_BYTES])


def _letters(data: bytes) -> str:
    return base64.b32encode(data).decode("ascii").lower()
