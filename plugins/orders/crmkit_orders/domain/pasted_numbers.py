"""Numbers as people write them, with marks of currency and unit beside them."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from crmkit import plain_number

_NUMBER = re.compile(r"[0-9]{1,3}(?:[ .,'][0-9]{3})*(?:[.,][0-9]+)?|[0-9]+(?:[.,][0-9]+)?")
_DIGIT = re.compile(r"[0-9]")

TIMES = frozenset({"x", "×", "х", "*"})  # the third one is Cyrillic
UNIT_WORDS = TIMES | {
    *("pc", "pcs", "piece", "pieces", "ea", "each", "unit", "units", "set", "sets", "box", "boxes"),
    *("pair", "pairs", "hour", "hours", "h", "kg", "g", "l", "m", "stk", "stück"),
    *("шт", "штук", "штука", "штуки", "ед", "единиц", "компл", "комплект", "кор", "коробка"),
    *("коробки", "уп", "упак", "пара", "пары", "час", "часа", "часов", "ч", "кг", "г", "л", "м"),
}
_MONEY_WORDS = frozenset(
    {
        *("€", "$", "£", "₽", "¥", "eur", "euro", "usd", "gbp", "rub", "chf", "jpy"),
        *("р", "руб", "рублей", "рубля", "рубль"),
    }
)


class Written(msgspec.Struct, frozen=True):
    """A number as it is written."""

    #: Digits with what stands between them.
    body: str
    is_negative: bool
    #: What the mark beside it says it is; "" without a mark.
    kind: Literal["", "quantity", "price"]


def find_written(text: str) -> Written | None:
    """Answer the number a text consists of, with at most a known mark around it; else None."""
    plain = plain_number(text)
    first = _DIGIT.search(plain)
    if first is None:
        return None
    begin, end = first.start(), len(plain)
    while not "0" <= plain[end - 1] <= "9":
        end -= 1
    body = plain[begin:end]
    before, after = plain[:begin].strip(), plain[end:].strip()
    sign = before[-1:] == "-"
    before = before[:-1] if sign or before[-1:] == "+" else before
    kinds = {kind for kind in (_kind_of(before), _kind_of(after)) if kind}
    if None in {_kind_of(before), _kind_of(after)} or len(kinds) > 1:
        return None
    if not _NUMBER.fullmatch(body):
        return None
    return Written(body, sign, kinds.pop() if kinds else "")


def _kind_of(mark: str) -> Literal["", "quantity", "price"] | None:
    """Say what a mark means; None is no mark but other text."""
    word = mark.strip().strip(".:").casefold()
    if not word:
        return ""
    if word in UNIT_WORDS:
        return "quantity"
    return "price" if word in _MONEY_WORDS else None
