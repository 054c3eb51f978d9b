"""What is new in an answer: the quote below it and the signature cut off."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

from msgspec import Struct

from crmkit.work.mail.quote_marks import (
    BAR,
    FAREWELL,
    FIELD,
    FROM,
    INTRODUCES,
    LINE,
    MARK,
    QUOTE,
    SENT_FROM,
    WHEN_OR_WHO,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_LINES = 20_000
_LONGEST_LINE = 1000
_LONGEST_SIGNATURE = 12
_SHORT_LINE = 70
_DATE = re.compile(r"\d{4}|\d[:.]\d\d")
#: Said after the farewell: a postscript, a question.
_SPEAKS = re.compile(r"^\s*(?:p\.? ?s\b|п\.? ?с\b|пс\b|зы\b)|\?\s*$", re.IGNORECASE)
_ENDS = re.compile(r"[.!?]\s*$")


class SplitReply(Struct, frozen=True):
    """An answer in its three parts; joined by empty lines they say all that was said."""

    #: What the person wrote now.
    new: str
    #: What was quoted, with what introduces it.
    quoted: str
    #: Name, position, telephone; "Sent from my iPhone".
    signature: str

    def __iter__(self) -> Iterator[str]:
        """Unpack as new, quoted, signature."""
        return iter((self.new, self.quoted, self.signature))


def split_reply(text: str) -> SplitReply:
    """Split the text of an answer.

    When in doubt a line is new: showing a quote twice costs a glance, losing a sentence costs a
    client. An answer between the quoted lines is new as a whole, with its quote, since one is not
    to be understood without the other; and so is a message that would have nothing new in it.

    Args:
        text: As `ParsedMessage.text`.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > _MOST_LINES:
        return SplitReply(text.strip("\n"), "", "")
    cut = _find_quote(lines)
    head, quote = lines[:cut], lines[cut:]
    sign = _find_signature(head)
    new, signature = _join(head[:sign]), _join(head[sign:])
    quoted = _join(quote)
    if not new:
        # Only a quote, or only a signature: forwarded without a word.
        return SplitReply(_join(head) or quoted, quoted if _join(head) else "", "")
    return SplitReply(new, quoted, signature)


def _find_quote(lines: list[str]) -> int:
    """Answer the index of the first quoted line; the number of lines when there is none."""
    marked = [index for index, line in enumerate(lines) if QUOTE.match(line)]
    pure = _find_pure(lines, marked)
    for index, line in enumerate(lines):
        if len(line) > _LONGEST_LINE or not line.strip():
            continue
        if BAR.match(line) or _is_header_block(lines, index):
            return _above_bar(lines, index)
        if QUOTE.match(line):
            if index >= pure:
                return index
        elif _introduces(lines, index):
            # Some mailers quote without marks, so without any below all of it is a quote.
            after = bisect_right(marked, index)
            if after == len(marked) or marked[after] >= pure:
                return index
    return len(lines)


def _find_pure(lines: list[str], marked: list[int]) -> int:
    """Answer from where on marked lines are a quote that nobody answers in or below."""
    if not marked:
        return len(lines)
    last = marked[-1]
    below = [line for line in lines[last + 1 :] if line.strip()]
    if below and not MARK.match(below[0]) and not _is_footer(below):
        return len(lines)
    for index in range(last, -1, -1):
        line = lines[index]
        if line.strip() and not QUOTE.match(line) and not _is_wrapped(lines, index):
            return index + 1
    return 0


def _above_bar(lines: list[str], index: int) -> int:
    """Take the line of underscores above Outlook's block along."""
    while index and (not lines[index - 1].strip() or LINE.match(lines[index - 1])):
        index -= 1
    return index


def _is_header_block(lines: list[str], index: int) -> bool:
    """Say whether a block `From: ... Sent: ... To: ...` begins here."""
    if not FROM.match(lines[index]):
        return False
    near = [line for line in lines[index + 1 : index + 9] if line.strip()][:5]
    return sum(bool(FIELD.match(line[:_LONGEST_LINE])) for line in near) >= 2  # noqa: PLR2004


def _introduces(lines: list[str], index: int) -> bool:
    """Say whether `On ... wrote:` begins here; mailers break it into up to three lines."""
    if QUOTE.match(lines[index]):
        return False
    # A sentence above an introduction is no part of it.
    most = 3 if _DATE.search(lines[index]) and not _ENDS.search(lines[index]) else 1
    told = ""
    for line in lines[index : index + most]:
        if not line.strip() or QUOTE.match(line):
            return False
        told = f"{told} {line.strip()}".strip()
        if len(told) > _LONGEST_LINE:
            return False
        # All of them end so, and the pattern is slow on what does not.
        if told.endswith(":") and INTRODUCES.search(told):
            return bool(WHEN_OR_WHO.search(told))
    return False


def _is_wrapped(lines: list[str], index: int) -> bool:
    """Say whether a line without mark is the end of a marked one that a mailer broke."""
    before = lines[index - 1] if index else ""
    return bool(QUOTE.match(before)) and len(before) > 60 and len(lines[index]) < 20  # noqa: PLR2004


def _is_footer(below: list[str]) -> bool:
    """Say whether a list or a program wrote what is below."""
    return bool(re.match(r"\s*_{5,}|\s*-{5,}", below[0])) or all(map(SENT_FROM.match, below))


def _find_signature(lines: list[str]) -> int:
    """Answer the index of the first line of the signature; the number of lines when none."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    for index in range(end - 1, max(-1, end - 1 - _LONGEST_SIGNATURE * 2), -1):
        if MARK.match(lines[index]) or SENT_FROM.match(lines[index][:200]):
            return index
    for index in range(max(1, end - _LONGEST_SIGNATURE), end):
        rest = [line for line in lines[index + 1 : end] if line.strip()]
        plain = all(len(one) < _SHORT_LINE and not _SPEAKS.search(one) for one in rest)
        if plain and FAREWELL.match(lines[index][:200]):
            return index
    return len(lines)


def _join(lines: list[str]) -> str:
    return "\n".join(lines).strip("\n ").rstrip()
