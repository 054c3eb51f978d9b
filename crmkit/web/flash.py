"""Messages that outlive one redirect, in a cookie signed by the session."""

from __future__ import annotations

import base64
import binascii
import hmac

import msgspec

from crmkit.web.services import sign
from crmkit.web.views import Flash

FLASH_COOKIE = "crmkit_flash"


def pack_flash(session: str, flash: Flash) -> str:
    """Answer the value of the cookie."""
    body = base64.urlsafe_b64encode(msgspec.json.encode(flash)).decode()
    return f"{body}.{sign(session, body)}"


def unpack_flash(session: str, cookie: str) -> tuple[Flash, ...]:
    """Answer the message; nothing when it was not signed by this session."""
    body, _, mac = cookie.partition(".")
    if not session or not hmac.compare_digest(mac.encode(), sign(session, body).encode()):
        return ()
    try:
        return (msgspec.json.decode(base64.urlsafe_b64decode(body), type=Flash),)
    except (binascii.Error, msgspec.MsgspecError):
        return ()
