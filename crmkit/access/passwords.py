"""Passwords: Argon2id in a thread, and the rules a new one must meet."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from crmkit.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

_SHORTEST, _LONGEST = 12, 128
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

_COMMON = Path(__file__).with_name("common_passwords.txt")
_LEET = str.maketrans("01345@$!", "oieasasi")
_FILLING = "0123456789!.,?*#@$%&+=-_ "
_FEW_LETTERS = 5
_PHRASE = 4


async def hash_password(password: str) -> str:
    """Answer the Argon2id hash; takes about 50 ms in a thread."""
    return await asyncio.to_thread(_hasher.hash, _bytes(password))


async def verify_password(stored: str, password: str) -> bool:
    """Say whether the password fits. Without a stored hash it takes as long and says no."""
    return await asyncio.to_thread(_verify, stored or _nobody(), password) and bool(stored)


def needs_rehash(stored: str) -> bool:
    """Say whether the hash was made with older settings."""
    return _hasher.check_needs_rehash(stored)


def _bytes(password: str) -> bytes:
    """Answer the same bytes for what reads the same: keyboards differ in how they send "й"."""
    return unicodedata.normalize("NFC", password).encode(errors="surrogatepass")


def _verify(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, _bytes(password[: _LONGEST * 4]))
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
    folded = unicodedata.normalize("NFC", password).casefold()
    if len(set(folded)) < _FEW_LETTERS:  # "aaaaaaaaaaaa", "121212121212"
        return "repeats the same few characters; use other ones"
    own = {part for text in known for part in re.split(r"[\W_]+", text.casefold())}
    # Shorter parts stand in many words by chance.
    words = common_words() | {part for part in own if len(part) > 3}  # noqa: PLR2004
    if any(_is_guessable(text, words) for text in (folded, folded.translate(_LEET))):
        return "is one that guessers try first; use a few words that do not belong together"
    return ""


@cache
def common_words() -> frozenset[str]:
    """Read the words that guessed passwords are made of."""
    lines = _COMMON.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def _is_guessable(text: str, words: AbstractSet[str]) -> bool:
    """Say whether less than four characters are neither filling nor part of up to three words."""
    found = set()
    for word in sorted(words, key=len, reverse=True):
        if word in text:
            found.add(word)
            text = text.replace(word, " ")
    rest = "".join(letter for letter in text if letter not in _FILLING)
    return len(found) < _PHRASE and len(rest) < 4  # noqa: PLR2004 - nothing of its own is left
