"""Links that work without login: what they lead to is signed, so nothing has to be kept of them."""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING

from crmkit.access.sealing import site_secret

if TYPE_CHECKING:
    from crmkit.model.context import Context

#: Hexadecimal digits of a signature: 128 bits, which nobody guesses by asking.
_DIGITS = 32
_TOKEN = re.compile(r"^([A-Za-z0-9-]{1,80})\.([0-9a-f]{32})$")


def sign_link(ctx: Context, use: str, subject: str) -> str:
    """Answer a token that proves what it names: the last part of an address.

    Args:
        use: What the link is for, such as "orders.quote"; a token of one use is none of another.
        subject: What it leads to: letters, digits and dashes, such as "42-1", whose second number
            is counted up to end all links given so far.
    """
    return f"{subject}.{_signature(ctx, use, subject)}"


def read_link(ctx: Context, use: str, token: str) -> str | None:
    """Answer what a token names; None when it is not one of ours for that use."""
    found = _TOKEN.match(token)
    if found is None or not hmac.compare_digest(found[2], _signature(ctx, use, found[1])):
        return None
    return found[1]


def _signature(ctx: Context, use: str, subject: str) -> str:
    key = site_secret(ctx.config, f"link {use}")
    return hmac.new(key, subject.encode(), "sha256").hexdigest()[:_DIGITS]
