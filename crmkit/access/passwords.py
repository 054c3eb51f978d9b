"""Passwords: Argon2id in a thread, and the rules a new one must meet."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from crmkit.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHORTEST, _LONGEST = 12, 128
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

#: Beginnings that guessers try first; a password of one of these plus digits or repeats is refused.
_COMMON = (
    "password", "passwort", "пароль", "qwerty", "qwertz", "йцукен", "letmein", "welcome", "admin",
    "administrator", "iloveyou", "monkey", "dragon", "football", "baseball", "sunshine", "princess",
    "shadow", "master", "superman", "batman", "trustno", "starwars", "whatever", "computer",
    "internet", "changeme", "secret", "default", "abcdef", "abc", "asdfgh", "zxcvbn", "summer",
    "winter", "spring", "autumn", "january", "february", "march", "april", "crmkit", "company",
)  # fmt: skip


async def hash_password(password: str) -> str:
    """Answer the Argon2id hash; takes about 50 ms in a thread."""
    return await asyncio.to_thread(_hasher.hash, password)


async def verify_password(stored: str, password: str) -> bool:
    """Say whether the password fits. Without a stored hash it takes as long and says no."""
    return await asyncio.to_thread(_verify, stored or _nobody(), password) and bool(stored)


def needs_rehash(stored: str) -> bool:
    """Say whether the hash was made with older settings."""
    return _hasher.check_needs_rehash(stored)


def _verify(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password[: _LONGEST * 4])
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobody() -> str:
    return _hasher.hash("nobody has this password")


def check_password_rules(password: str, known: Sequence[str] = ()) -> None:
    """Refuse a password that guessers try first.

    Args:
        known: Name, e-mail and the like, which must not make most of it.

    Raises:
        InvalidError: Too short, too long, common, or made of what everybody knows.
    """
    problem = _problem(password, known)
    if problem:
        raise InvalidError("The password cannot be used.", {"password": problem})


def _problem(password: str, known: Sequence[str]) -> str:
    if len(password) < _SHORTEST:
        return f"has {len(password)} characters; use {_SHORTEST} or more, a few words for instance"
    if len(password) > _LONGEST:
        return f"is longer than {_LONGEST} characters; shorten it"
    folded = password.casefold()
    if len(set(folded)) < 5:  # noqa: PLR2004 - "aaaaaaaaaaaa", "121212121212"
        return "repeats the same few characters; use other ones"
    rest = folded.strip("0123456789!.?*#-_ ")
    while rest and any(rest.startswith(word) for word in _COMMON):
        word = next(word for word in _COMMON if rest.startswith(word))
        rest = rest.removeprefix(word).strip("0123456789!.?*#-_ ")
    own = [part for text in known for part in text.casefold().replace("@", " ").split()]
    for part in own:
        if len(part) > 3:  # noqa: PLR2004 - shorter parts stand in many words
            rest = rest.replace(part, "")
    if len(rest) < 4:  # noqa: PLR2004 - nothing of its own is left
        return "is one that guessers try first; use a few words that do not belong together"
    return ""
