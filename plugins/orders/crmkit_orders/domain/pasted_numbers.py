"""Numbers as people write them, with marks of currency and unit beside them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

# Narrow and wide blanks that stand between thousands, and apostrophes that do.
_GROUPS = str.maketrans(dict.fromkeys("\u00a0\u2007\u2009\u202f", " ") | {"\u2019": "'"})
_NUMBER = re.compile(r"[0-9]{1,3}(?:[ .,'][0-9]{3})*(?:[.,][0-9]+)?|[0-9]+(?:[.,][0-9]+)?")
_WHOLE = re.compile(r"[0-9]+|[0-9]{1,3}(?:[ .,'][0-9]{3})+")
_DIGIT = re.compile(r"[0-9]")
_GROUP = 3

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
    plain = text.translate(_GROUPS).strip()
    first = _DIGIT.search(plain)
    if first is None:
        return None
    begin, end = first.start(), len(plain)
    while not "0" <= plain[end - 1] <= "9":
        end -= 1
    body = plain[begin:end]
    before, after = plain[:begin].strip(), plain[end:].strip()
    sign = before[-1:] in {"-", "\u2212"}
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


def decimal_mark(bodies: Iterable[str]) -> str:
    """Answer the decimal mark of numbers that stand together, by those that leave no doubt.

    Returns:
        "," or "."; "" when none of them tells, or they contradict each other.
    """
    marks = {_sure_mark(body) for body in bodies} - {""}
    return marks.pop() if len(marks) == 1 else ""


def _sure_mark(body: str) -> str:
    """Answer the decimal mark a number proves: its own, or the other than that of its groups."""
    last = max(body.rfind(","), body.rfind("."))
    if last < 0:
        return ""
    mark, other = body[last], "." if body[last] == "," else ","
    if other in body:
        return mark
    if body.count(mark) > 1:
        return other
    head, tail = body[:last], body[last + 1 :]
    is_grouped = " " in head or "'" in head
    is_sure = is_grouped or len(tail) != _GROUP or len(head) > _GROUP or head.startswith("0")
    return mark if is_sure else ""


def read_number(body: str, mark: str) -> Decimal | None:
    """Answer the value of a number; None when it can be read in two ways, or not at all.

    "1,234" is 1234 where the decimal mark is a point and 1.234 where it is a comma. Taking the
    wrong one would be wrong by a thousand, so without a mark nobody decides.

    Args:
        mark: Decimal mark of the numbers around, from `decimal_mark`; "" is unknown.
    """
    last = max(body.rfind(","), body.rfind("."))
    own = ""
    if last >= 0:
        own = _sure_mark(body) or mark
        if not own:
            return None
    whole, fraction = body, ""
    if last >= 0 and body[last] == own:
        whole, fraction = body[:last], body[last + 1 :]
    if not _WHOLE.fullmatch(whole):
        return None
    digits = re.sub(r"[^0-9]", "", whole)
    return Decimal(f"{digits}.{fraction}" if fraction else digits)
