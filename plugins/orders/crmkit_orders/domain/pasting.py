"""Order lines from the clipboard: rows of a spreadsheet, CSV, lines of a mail.

Nothing that was pasted vanishes: what is not understood comes out as a line with a problem.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from crmkit import N_, marks_proved, read_written
from crmkit_orders.domain.errors import AmountError
from crmkit_orders.domain.matching import How, KnownProduct, Match, Products
from crmkit_orders.domain.money import check_price, check_quantity
from crmkit_orders.domain.pasted_numbers import find_written
from crmkit_orders.domain.pasted_phrases import name_of, readings_of
from crmkit_orders.domain.pasted_tables import cells_of, guess_columns, heading_of, separator_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from crmkit import NumberMarks

__all__ = ["KnownProduct", "MatchedLine", "PastedLine", "match_lines", "parse_lines"]

MOST_LINES = 500
MOST_CHARACTERS = 200

TOO_MANY = N_("There are more than 500 lines; paste the rest on its own.")
TOO_LONG = N_("The line is longer than 200 characters; shorten it.")
NO_PRODUCT = N_("There is no product in the line.")
NO_QUANTITY = N_("There is no quantity in the line.")
NO_NUMBER = N_("The quantity is not a number.")
TWO_WAYS = N_("A number can be read in two ways; write it without a mark for thousands.")
NOT_POSITIVE = N_("The quantity must be more than 0, with up to 4 digits after the point.")
NO_PRICE = N_("The price is not a number.")


class PastedLine(msgspec.Struct, frozen=True):
    """A line as it was understood."""

    #: Of the pasted text, the first is 1; empty lines count.
    number: int
    #: The line itself, cut at 200 characters.
    text: str
    #: "" is none.
    code: str
    name: str
    #: More than 0, up to 4 places; None when there is none or it cannot be read.
    quantity: Decimal | None
    #: In the currency of the document, up to 6 places; None when there is none.
    unit_price: Decimal | None
    #: English sentence, marked for translation; "" is none.
    problem: str
    #: Whether it is a free line of a mail, where a number may belong to the name.
    is_free: bool = False


class MatchedLine(msgspec.Struct, frozen=True):
    """A line and the product it means."""

    #: As it was pasted, or read the way in which it names a product.
    line: PastedLine
    #: None blocks the confirmation of the order.
    product_id: int | None
    #: "similar" has to be confirmed by a person; "" is not found.
    how: How
    #: Ids of products, the best first, at most 5.
    candidates: tuple[int, ...]


class _Raw(msgspec.Struct, frozen=True):
    number: int
    text: str
    code: str = ""
    name: str = ""
    quantity: str = ""
    price: str = ""
    problem: str = ""
    is_free: bool = False


def parse_lines(text: str) -> tuple[PastedLine, ...]:
    """Understand pasted order lines.

    Rows have tabs, or are CSV with semicolons or commas. With a heading row, English or Russian,
    columns come in any order; without one they are guessed. Other lines are those of a mail: "2 x
    GTX Pro", "GTX Pro - 3 pcs", "GTXPro 2", "GTX Pro, 3 pcs @ 4821". Numbers have a decimal comma
    or point and thousands of any usual mark; the numbers around decide what "1,234" is, and where
    none does, it is a problem.

    At most 500 lines of 200 characters are read. Of more, one line follows that says so; a longer
    one is kept, cut, with a problem. Time grows linearly with the text.

    Returns:
        Lines that are not empty, in order, without the heading. It never raises.

    Source:
        Orders, "paste, match by code, then name; unmatched lines stay visible and block
        confirmation".
    """
    lines, too_many = _lines_of(text)
    short = [(number, line) for number, line in lines if len(line) <= MOST_CHARACTERS]
    raws = {raw.number: raw for raw in _read(short)}
    headings = {number for number, _line in short} - raws.keys()
    for number, line in lines:
        if len(line) > MOST_CHARACTERS:
            raws[number] = _Raw(number, line[:MOST_CHARACTERS], problem=TOO_LONG)
    if too_many is not None:
        number, line = too_many
        raws[number] = _Raw(number, line[:MOST_CHARACTERS], problem=TOO_MANY)
    ordered = [raws[number] for number in sorted(raws.keys() - headings)]
    marks = marks_proved(_bodies(text for raw in ordered for text in (raw.quantity, raw.price)))
    return tuple(_line(raw, marks) for raw in ordered)


def _lines_of(text: str) -> tuple[list[tuple[int, str]], tuple[int, str] | None]:
    """Answer lines that are not empty with their numbers, and the first one that is too many."""
    found: list[tuple[int, str]] = []
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        if not line.strip():
            continue
        if len(found) == MOST_LINES:
            return found, (number, line)
        found.append((number, line))
    return found, None


def _read(lines: Sequence[tuple[int, str]]) -> Iterator[_Raw]:
    """Cut lines into their parts; a heading row is left out."""
    separator = separator_of([line for _number, line in lines])
    if not separator:
        yield from (_phrase(number, line, line) for number, line in lines)
        return
    rows = [(number, line, cells_of(line, separator)) for number, line in lines]
    places = heading_of(rows[0][2])
    if places:
        rows = rows[1:]
    else:
        places = guess_columns([cells for _number, _line, cells in rows])
    for number, line, cells in rows:
        if sum(map(bool, cells)) == 1:  # a sentence between the rows
            yield _phrase(number, line, "".join(cells))
            continue
        columns = {column: cells[place] for column, place in places.items() if place < len(cells)}
        yield _Raw(
            number,
            line,
            columns.get("code", ""),
            columns.get("name", ""),
            columns.get("quantity", ""),
            columns.get("unit_price", ""),
        )


def _phrase(number: int, line: str, said: str) -> _Raw:
    for reading in readings_of(said):
        return _Raw(
            number,
            line,
            name=reading.name,
            quantity=reading.quantity,
            price=reading.price,
            is_free=True,
        )
    return _Raw(number, line, name=name_of(said), is_free=True)


def _bodies(texts: Iterable[str]) -> Iterator[str]:
    for written in map(find_written, texts):
        if written is not None:
            yield written.body


def _line(raw: _Raw, marks: NumberMarks) -> PastedLine:
    quantity, quantity_problem = _quantity(raw.quantity, marks)
    price, price_problem = _price(raw.price, marks)
    nothing = "" if raw.code or raw.name else NO_PRODUCT
    return PastedLine(
        number=raw.number,
        text=raw.text,
        code=raw.code,
        name=raw.name,
        quantity=quantity,
        unit_price=price,
        problem=raw.problem or nothing or quantity_problem or price_problem,
        is_free=raw.is_free,
    )


def _quantity(text: str, marks: NumberMarks) -> tuple[Decimal | None, str]:
    if not text:
        return None, NO_QUANTITY
    written = find_written(text)
    if written is None:
        return None, NO_NUMBER
    number = read_written(written.body, marks)
    if number is None:
        return None, TWO_WAYS
    try:
        check_quantity(number)
    except AmountError:
        return None, NOT_POSITIVE
    return (None, NOT_POSITIVE) if written.is_negative or not number else (number, "")


def _price(text: str, marks: NumberMarks) -> tuple[Decimal | None, str]:
    if not text:
        return None, ""
    written = find_written(text)
    if written is None:
        return None, NO_PRICE
    number = read_written(written.body, marks)
    if number is None:
        return None, TWO_WAYS
    try:
        check_price(number)
    except AmountError:
        return None, NO_PRICE
    return (-number if written.is_negative else number), ""


def match_lines(
    lines: Sequence[PastedLine], products: Iterable[KnownProduct]
) -> tuple[MatchedLine, ...]:
    """Find the product of each line: by code, then by name, then by similarity.

    Code and name match without regard to case, blanks and accents: "GTXPro" is "GTX Pro". What is
    at least 85 % the same (`SIMILAR`) is "similar" and has to be confirmed. In a free line a
    number may belong to the name: "GTK 500" is no 500 pieces when a product is called so; then
    the line comes back read that way. Where two products fit equally, none is chosen.

    It takes up to a second for 500 unknown names and 10,000 products: off the event loop, please.

    Returns:
        One for each line, in order.

    Source:
        Orders, "match by code, then name; unmatched lines stay visible and block confirmation".
    """
    known = Products(products)
    free = [reading for line in lines if line.is_free for reading in readings_of(line.text)]
    marks = marks_proved(_bodies(reading.quantity for reading in free))
    return tuple(_matched(line, known, marks) for line in lines)


def _matched(line: PastedLine, known: Products, marks: NumberMarks) -> MatchedLine:
    exact: dict[int, tuple[PastedLine, Match]] = {}
    unsure: list[int] = []
    for each in _ways(line, marks):
        found = known.find_exact(each.code, each.name)
        if found.product_id is not None:
            exact.setdefault(found.product_id, (each, found))
        unsure += [number for number in found.candidates if number not in unsure]
    if len(exact) == 1 and len(unsure) == 1:
        ((read, found),) = exact.values()
        return MatchedLine(read, found.product_id, found.how, found.candidates)
    if unsure:
        return MatchedLine(line, None, "", tuple(unsure[:5]))
    found = known.find_similar(line.name)
    return MatchedLine(line, found.product_id, found.how, found.candidates)


def _ways(line: PastedLine, marks: NumberMarks) -> Iterator[PastedLine]:
    """Give the line, and if it is a free one, the other ways to read it."""
    yield line
    if not line.is_free:
        return
    for reading in readings_of(line.text):
        quantity, problem = _quantity(reading.quantity, marks)
        if reading.name != line.name:
            yield msgspec.structs.replace(
                line, name=reading.name, quantity=quantity, problem=problem
            )
    if line.quantity is not None:
        whole = name_of(line.text)
        yield msgspec.structs.replace(line, name=whole, quantity=None, problem=NO_QUANTITY)
