"""Small values used in declarations."""

from __future__ import annotations

import msgspec


def N_(text: str) -> str:  # noqa: N802 - the name translators' tools look for
    """Mark a text for translation where it is declared; it is translated when shown."""
    return text


class Choice(msgspec.Struct, frozen=True):
    """A value one may choose: stored key, English label, hue 1 to 8."""

    value: str
    label: str
    hue: int = 8


def initials(name: str) -> str:
    """Answer one or two letters for an avatar: "Anna Snelling" is "AS"."""
    words = [word for word in name.split() if word[0].isalnum()]
    if not words:
        return "?"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()
