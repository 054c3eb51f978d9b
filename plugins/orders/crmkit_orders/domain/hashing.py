"""A fingerprint of what somebody saw when they accepted it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from crmkit import N_
from crmkit_orders.domain.errors import DocumentError
from crmkit_orders.domain.money import EXACT, check_number


def shown_hash(document: Mapping[str, Any]) -> str:
    """Answer the SHA-256 of a document as it was shown, 64 hexadecimal digits.

    The document is written as canonical JSON: keys in the order of their code points, no spaces,
    UTF-8. Decimals become texts without zeros at the end ("1.5"), so that 1.50 from a column and
    1.5 from a computation are the same; dates are ISO 8601, moments in UTC with microseconds.
    Texts count exactly, letter by letter.

    Args:
        document: Keys are texts; values are None, bool, int, text, Decimal, date, aware datetime,
            and mappings, lists and tuples of these.

    Raises:
        DocumentError: It holds something else, such as a float or a moment without a zone.

    Source:
        Order rule "stores ... a hash of what was shown"; the form follows RFC 8785, without its
        floating numbers, which money must not pass through.
    """
    try:
        text = json.dumps(
            _canonical(document),
            ensure_ascii=False,
            allow_nan=False,
            sort_keys=True,
            separators=(",", ":"),
        )
        return hashlib.sha256(text.encode()).hexdigest()
    except UnicodeEncodeError as error:
        raise DocumentError(N_("A text holds half a character, which cannot be stored.")) from error


def _canonical(value: object) -> object:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise DocumentError(N_("A key of the document is no text."))
        return {key: _canonical(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(part) for part in value]
    return _text(value)


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        check_number(value)
        # Not in the context of the caller, which would round after 28 digits.
        short = value.normalize(EXACT)
        return f"{short.copy_abs() if short.is_zero() else short:f}"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise DocumentError(N_("{moment} has no time zone."), moment=value)
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    kind = type(value).__name__
    raise DocumentError(N_("A value of the kind {kind} has no canonical form."), kind=kind)
