"""Which mail of a person's own account is shared with the team from the beginning."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crmkit.errors import InvalidError
from crmkit.work.mail.addresses import check_mailbox

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crmkit.work.mail_accounts import MailAccount

#: The pattern of all mail.
EVERYBODY = "*"
_MOST = 200


def read_patterns(text: str) -> list[str]:
    """Answer whom a rule names: `ann@example.com`, `example.com` with all below it, or `*`.

    `@example.com` and `*@example.com` are the domain too.

    Args:
        text: Patterns with commas, semicolons, spaces or lines between.

    Raises:
        ValueError: One of them is no such pattern, which is the message.
    """
    found = [_pattern(typed) for typed in re.split(r"[\s,;]+", text.lower()) if typed]
    if len(found) > _MOST:
        raise ValueError(f"> {_MOST}")
    return list(dict.fromkeys(found))


def _pattern(typed: str) -> str:
    if typed == EVERYBODY:
        return typed
    name, _at, domain = typed.rpartition("@")
    is_domain = name in {"", EVERYBODY}
    try:
        # In the form that addresses of messages have: the domain in ASCII.
        found = check_mailbox(f"{'any' if is_domain else name}@{domain.removeprefix('*.')}").address
    except InvalidError as error:
        raise ValueError(typed[:80]) from error
    return found.rpartition("@")[2] if is_domain else found


def is_private(account: MailAccount, addresses: Iterable[str]) -> bool:
    """Say whether only the owner of an account sees a message at first.

    Args:
        addresses: Of all who wrote or got it, in small letters; the account's own counts for
            nothing.
    """
    if account.owner is None:
        return False
    others = {each.lower() for each in addresses} - {account.address.lower()}
    is_shared = any(_matches(each, account.share_with) for each in others)
    return not is_shared or any(_matches(each, account.keep_private) for each in others)


def _matches(address: str, patterns: Iterable[str]) -> bool:
    domain = address.rpartition("@")[2]
    return any(
        pattern == EVERYBODY
        or (address == pattern if "@" in pattern else f".{domain}".endswith(f".{pattern}"))
        for pattern in patterns
    )
