"""Order lines as people write them in a mail: "2 x GTX Pro", "GTX Pro - 3 pcs"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from crmkit_orders.domain.pasted_numbers import TIMES, find_written

if TYPE_CHECKING:
    from collections.abc import Iterator

_BULLET = re.compile(r"[>\-–—*•·▪]+ +|>+|[0-9]{1,3}[.)] +")
_SPACES = re.compile(r"[ \t\f\v]+")
_EDGES = " \t,;:.-–—="
_PRICE_WORDS = frozenset({"@", "по", "at", "à", "je"})
_MOST_WORDS = 4  # of a quantity: "1 000 pcs." has three


class Reading(msgspec.Struct, frozen=True):
    """One way to read a line."""

    name: str
    #: As it is written; "" is none.
    quantity: str = ""
    price: str = ""


def readings_of(text: str) -> tuple[Reading, ...]:
    """Answer the ways to read a line that have a quantity, the likeliest first.

    A quantity with a mark ("2 x", "3 pcs") goes before a bare one, one in front before one behind.
    """
    words = _words_of(text)
    words, price = _split_price(words)
    found = dict.fromkeys(
        Reading(name, quantity, price)
        for quantity, rest in _quantities(words)
        if (name := _name_of(rest))
    )
    return tuple(found)


def name_of(text: str) -> str:
    """Answer a line without bullets, as one name."""
    return " ".join(_words_of(text))


def _words_of(text: str) -> list[str]:
    plain = _SPACES.sub(" ", text).strip()
    for _ in range(_MOST_WORDS):
        bullet = _BULLET.match(plain)
        if bullet is None:
            break
        plain = plain[bullet.end() :].strip()
    return plain.split(" ") if plain else []


def _split_price(words: list[str]) -> tuple[list[str], str]:
    for place in range(len(words) - 1, 0, -1):
        if words[place].casefold() in _PRICE_WORDS:
            price = " ".join(words[place + 1 :])
            written = find_written(price)
            if written is not None and written.kind != "quantity":
                return words[:place], price
    return words, ""


def _quantities(words: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Give each quantity at an edge, and the words beside it."""
    lengths = range(1, min(_MOST_WORDS, len(words) - 1) + 1)
    for kind, counts in (("quantity", lengths), ("", lengths[:1])):
        for is_front in (True, False):
            for count in counts:
                part = words[:count] if is_front else words[-count:]
                rest = words[count:] if is_front else words[:-count]
                quantity = " ".join(part).strip(" (),;")
                written = find_written(quantity)
                if written is None or written.kind != kind or written.is_negative:
                    continue
                if not re.match(r"0[0-9]", written.body):  # "000" is the end of "5 000"
                    yield quantity, rest


def _name_of(words: list[str]) -> str:
    while words and words[0].casefold() in TIMES:
        words = words[1:]
    while words and words[-1].casefold() in TIMES:
        words = words[:-1]
    return " ".join(words).lstrip(_EDGES + ")").rstrip(_EDGES + "(")
