"""What a failed attempt means: whether it is worth another, when, and what is written down."""

from __future__ import annotations

import random
import re
from datetime import timedelta

from crmkit.errors import (
    CrmkitError,
    ForbiddenError,
    HookFailedError,
    InvalidError,
    NotFoundError,
    PluginError,
)

_FIRST_SECONDS = 5.0
_LONGEST_SECONDS = 3600.0
_FACTOR = 3
_LONGEST_TEXT = 1000
#: Rules that refuse today refuse tomorrow; the rest, such as a service that is away, may pass.
_FINAL = (InvalidError, ForbiddenError, NotFoundError, PluginError)
_SECRETS = (
    # The password of an address: scheme://user:password@host.
    (re.compile(r"(://[^\s/:@]*:)[^\s@]+@"), r"\1***@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+"), r"\1 ***"),
    (
        re.compile(
            r"(?i)([\w-]*(?:password|passwd|secret|token|api[_-]?key|authorization)[\w-]*"
            r"[\"']?\s*[:=]\s*[\"']?)(?!(?:bearer|basic)\b)[^\s\"'&,;]+"
        ),
        r"\1***",
    ),
)


class LeaseLostError(CrmkitError):
    """The job was given to another worker meanwhile; nothing of this attempt stands."""


def is_final(error: BaseException) -> bool:
    """Say whether trying again is of no use."""
    return isinstance(error, _FINAL) and not isinstance(error, HookFailedError)


def wait_before(attempt: int) -> timedelta:
    """Answer the time after a failed attempt: from 5 seconds threefold up to an hour.

    Half of it is drawn by lot, so that what failed together does not come back together.
    """
    whole = min(_FIRST_SECONDS * _FACTOR ** min(attempt - 1, 10), _LONGEST_SECONDS)
    return timedelta(seconds=whole * random.uniform(0.5, 1.0))  # noqa: S311 - no secret


def text_of(error: BaseException) -> str:
    """Answer what an administrator reads; passwords and tokens in it are left out."""
    if isinstance(error, CrmkitError):
        problems = " ".join(f"{k}: {v}." for k, v in getattr(error, "problems", {}).items())
        text = f"{error.message} {problems}".strip()
    else:
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text.replace("\0", "")[:_LONGEST_TEXT]
