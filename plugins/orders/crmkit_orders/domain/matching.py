"""Which product a pasted line means."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec
from rapidfuzz import fuzz, process

if TYPE_CHECKING:
    from collections.abc import Iterable

#: From 0 to 100, of rapidfuzz's `ratio` on folded names: below it nothing is similar. At 85 one
#: wrong letter in seven passes, and "GTK 500" is not "GTK 600".
SIMILAR = 85
MOST_CANDIDATES = 5

How: TypeAlias = Literal["code", "name", "similar", ""]


class KnownProduct(msgspec.Struct, frozen=True):
    """A product that lines are matched with."""

    id: int
    #: "" is none.
    code: str
    name: str


class Match(msgspec.Struct, frozen=True):
    """A product that was found, how, and whom else it could be."""

    product_id: int | None
    how: How
    candidates: tuple[int, ...] = ()


def fold(text: str) -> str:
    """Answer what counts of a name: no case, blanks, accents or invisible letters."""
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(
        letter
        for letter in letters
        if not letter.isspace() and unicodedata.category(letter) not in {"Mn", "Cf", "Cc"}
    )


class Products:
    """Products by code and by name, folded once."""

    def __init__(self, products: Iterable[KnownProduct]) -> None:
        self._codes: dict[str, list[int]] = defaultdict(list)
        self._names: dict[str, list[int]] = defaultdict(list)
        for product in products:
            self._codes[fold(product.code)].append(product.id)
            self._names[fold(product.name)].append(product.id)
        self._codes.pop("", None)
        self._names.pop("", None)
        self._similar: dict[str, Match] = {}

    def find_exact(self, code: str, name: str) -> Match:
        """Match by code, then by name; a name may be a code as well.

        Several products of one code or name are candidates, and none is chosen.
        """
        wanted_code, wanted_name = fold(code), fold(name)
        tries: tuple[tuple[How, list[int]], ...] = (
            ("code", self._codes.get(wanted_code, [])),
            ("code", self._codes.get(wanted_name, [])),
            ("name", self._names.get(wanted_name, [])),
            ("name", self._names.get(wanted_code, [])),
        )
        for how, found in tries:
            if len(found) == 1:
                return Match(found[0], how, (found[0],))
            if found:
                return Match(None, "", tuple(found[:MOST_CANDIDATES]))
        return Match(None, "")

    def find_similar(self, name: str) -> Match:
        """Match by similarity; the best one has to be better than all others."""
        wanted = fold(name)
        if wanted not in self._similar:
            self._similar[wanted] = self._look_for(wanted)
        return self._similar[wanted]

    def _look_for(self, wanted: str) -> Match:
        if not wanted:
            return Match(None, "")
        best = process.extract(
            wanted,
            list(self._names),
            scorer=fuzz.ratio,
            score_cutoff=SIMILAR,
            limit=MOST_CANDIDATES,
        )
        candidates = [number for name, _score, _ in best for number in self._names[name]]
        top = [
            number for name, score, _ in best if score == best[0][1] for number in self._names[name]
        ]
        found = tuple(candidates[:MOST_CANDIDATES])
        return Match(top[0], "similar", found) if len(top) == 1 else Match(None, "", found)
