"""Signatures of webhooks, those that go out and those that come in, and their secrets at rest.

Source:
    Standard Webhooks 1.0 (secrets, headers, signature, several signatures, tolerance).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from crmkit.access.sealing import seal, unseal
from crmkit.errors import InvalidError
from crmkit.model.values import N_

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.config import Config

#: For so long after a renewal the old secret holds as well.
RENEWAL = timedelta(hours=24)
#: Seconds that a moment may differ from the clock here.
TOLERANCE = 300
_PREFIX = "whsec_"
_SEALED = "sealed:"
_FEWEST, _MOST = 16, 64
#: A sender that renews its secret signs with two; more than a few are none.
_MOST_SIGNATURES = 10


def make_secret() -> str:
    """Answer a new secret of 24 random bytes."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(24)).decode()


def check_secret(text: str) -> str:
    """Answer a secret that another system made, with its prefix.

    Raises:
        InvalidError: It is not `whsec_` and the base64 of 16 to 64 bytes.
    """
    bare = text.strip().removeprefix(_PREFIX)
    try:
        size = len(base64.b64decode(bare, validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if not _FEWEST <= size <= _MOST:
        raise InvalidError(
            "A secret is whsec_ and the base64 of 16 to 64 bytes.",
            {"secret": N_("must be whsec_ and the base64 of 16 to 64 bytes")},
        )
    return _PREFIX + bare


def sign(secret: str, event_id: str, moment: int, body: bytes) -> str:
    """Answer the signature of a body, "v1,<base64 of HMAC-SHA256>".

    Args:
        moment: Seconds since 1970, as the header webhook-timestamp says.
    """
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signed = b".".join((event_id.encode(), str(moment).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def verify(
    secrets_in_force: Sequence[str], event_id: str, moment: str, told: str, body: bytes, now: float
) -> str:
    """Answer "" when one of the signatures fits and is of now, else what is wrong.

    Args:
        moment: The header webhook-timestamp.
        told: The header webhook-signature: signatures with blanks between them.
        now: Seconds since 1970.
    """
    if not event_id or not told:
        return "The headers webhook-id and webhook-signature are missing."
    if not (moment.isascii() and moment.isdigit() and len(moment) <= 12):  # noqa: PLR2004 - digits
        return "The header webhook-timestamp is no number of seconds."
    if abs(now - int(moment)) > TOLERANCE:
        return f"The header webhook-timestamp is more than {TOLERANCE // 60} minutes off."
    for secret in secrets_in_force:
        fits = sign(secret, event_id, int(moment), body).encode()
        for each in told.split(" ")[:_MOST_SIGNATURES]:
            if hmac.compare_digest(fits, each.encode()):
                return ""
    return "The signature does not fit."


def is_sealed(stored: str) -> bool:
    """Say whether a stored secret is sealed; those of earlier versions are not."""
    return stored.startswith(_SEALED)


def seal_secret(config: Config, secret: str) -> str:
    """Answer a secret as it is stored."""
    return _SEALED + base64.b64encode(seal(config, secret)).decode()


def open_secret(config: Config, stored: str) -> str:
    """Answer a secret that was stored, sealed or by an earlier version as it is.

    Raises:
        ConfigError: Another key sealed it.
    """
    if not is_sealed(stored):
        return stored
    return unseal(config, base64.b64decode(stored.removeprefix(_SEALED)))
