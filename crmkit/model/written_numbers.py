"""Numbers as people write them: which mark is the decimal one, and what can be read in two ways."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from babel.numbers import get_decimal_symbol, get_group_symbol

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Narrow and wide blanks that stand between thousands, apostrophes that do, and the minus sign.
_PLAIN = str.maketrans(
    dict.fromkeys("\u00a0\u2007\u2009\u202f", " ") | {"\u2019": "'", "\u2212": "-"}
)
_WHOLE = re.compile(r"[0-9]+|[0-9]{1,3}(?:[ .,'][0-9]{3})+")
_DIGITS = re.compile(r"[0-9]*")
_GROUP = 3


class NumberMarks(NamedTuple):
    """What comma and point are where a number does not say it itself, such as "1,234".

    Attributes:
        decimal: Marks that stand before the fraction.
        group: Marks that stand between thousands. One in neither is not known.
    """

    decimal: str = ""
    group: str = ""


UNKNOWN, COMMA, POINT = NumberMarks(), NumberMarks(",", "."), NumberMarks(".", ",")


@lru_cache(maxsize=64)
def marks_of(language: str) -> NumberMarks:
    """Answer the marks of a language, such as "ru"."""
    group = get_group_symbol(language)
    return NumberMarks(get_decimal_symbol(language), group if group in {",", "."} else "")


def plain_number(text: str) -> str:
    """Answer a text with its blanks, apostrophes and minus as a keyboard has them."""
    return text.translate(_PLAIN).strip()


def marks_proved(bodies: Iterable[str]) -> NumberMarks:
    """Answer the marks of numbers that stand together, by those that leave no doubt.

    Returns:
        `COMMA` or `POINT`, by the decimal mark; `UNKNOWN` when none of them tells, or they
        contradict each other.
    """
    proved = {_sure_mark(body) for body in bodies} - {""}
    if len(proved) != 1:
        return UNKNOWN
    return COMMA if proved == {","} else POINT


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


def read_written(body: str, marks: NumberMarks) -> Decimal | None:
    """Answer the value of a number; None when it can be read in two ways, or not at all.

    "1,234" is 1234 where the decimal mark is a point and 1.234 where it is a comma. Taking the
    wrong one would be wrong by a thousand, so without marks nobody decides.

    Args:
        body: Without a sign.
        marks: Of the numbers around, or of who wrote it.
    """
    last = max(body.rfind(","), body.rfind("."))
    whole, fraction = body, ""
    if last >= 0:
        mark = body[last]
        own = _sure_mark(body) or (mark if mark in marks.decimal else "")
        if not own and mark not in marks.group:
            return None
        if mark == own:
            whole, fraction = body[:last], body[last + 1 :]
    if not _WHOLE.fullmatch(whole) or not _DIGITS.fullmatch(fraction):
        return None
    digits = re.sub(r"[^0-9]", "", whole)
    return Decimal(f"{digits}.{fraction}" if fraction else digits)
