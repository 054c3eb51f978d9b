"""Small values used in declarations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable


def N_(text: str) -> str:  # noqa: N802 - the name translators' tools look for
    """Mark a text for translation where it is declared; it is translated when shown."""
    return text


class Sentence(str):
    """An English sentence that can still be said in the language of whoever reads it.

    For errors of code that does not know its reader: `Sentence(N_("{host} refuses."), host=...)`
    is the English text itself, and `in_words(text, ctx.translate)` says it. `keep_sentences` keeps
    it with a record.
    """

    __slots__ = ("places", "template")
    template: str
    places: dict[str, object]

    def __new__(cls, template: str, **places: object) -> Self:
        """Fill the places of an English text in."""
        made = super().__new__(cls, template.format(**places))
        made.template, made.places = template, places
        return made


def in_words(text: str, translate: Callable[[str], str]) -> str:
    """Say a sentence in the reader's language; any other text stays as it is."""
    if not isinstance(text, Sentence):
        return text
    places = {
        name: in_words(each, translate) if isinstance(each, str) else each
        for name, each in text.places.items()
    }
    return translate(text.template).format(**places)


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
