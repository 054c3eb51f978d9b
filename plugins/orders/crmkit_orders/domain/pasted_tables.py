"""Rows pasted from a spreadsheet: which separator, which column is what."""

from __future__ import annotations

import csv
import unicodedata
from typing import TYPE_CHECKING, TypeAlias

from crmkit_orders.domain.pasted_numbers import UNIT_WORDS, find_written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Row: TypeAlias = "list[str]"

_HEADINGS: Mapping[str, frozenset[str]] = {
    "code": frozenset(
        {"code", "sku", "article", "articleno", "itemno", "itemnumber", "itemcode", "partnumber"}
        | {"productcode", "productno", "артикул", "код", "кодтовара", "арт"}
    ),
    "name": frozenset(
        {"name", "product", "productname", "item", "itemname", "description", "title", "goods"}
        | {"товар", "наименование", "наименованиетовара", "название", "номенклатура", "продукт"}
        | {"описание", "позиция"}
    ),
    "quantity": frozenset(
        {"quantity", "qty", "count", "pcs", "pieces", "количество", "колво", "колич", "шт", "qnty"}
    ),
    "unit_price": frozenset(
        {"price", "unitprice", "priceperunit", "цена", "ценазаед", "ценазаединицу", "ценазашт"}
        | {"priceeach"}
    ),
}
_KNOWN = 2  # columns a heading row names
_CODE_DIGITS = 4
_NUMBERED = 3  # rows from which 1, 2, 3 is a numbering


def separator_of(lines: Sequence[str]) -> str:
    """Answer what separates the cells of most lines; "" when they are no table."""
    for separator in ("\t", ";", ","):
        if heading_of(cells_of(next(iter(lines), ""), separator)):
            return separator
    for separator in ("\t", ";"):
        wide = sum(_width(line, separator) > 1 for line in lines)
        if wide and wide * 2 >= len(lines):
            return separator
    rows = [cells_of(line, ",") for line in lines]
    if not rows or min(map(len, rows)) < _KNOWN:
        return ""
    # A comma is also in numbers and between words: only what looks like a table throughout.
    widths = {len(row) for row in rows}
    if len(widths) > 1 or (widths == {_KNOWN} and any(map(_has_decimal_comma, lines))):
        return ""
    numbers = [place for place in range(len(rows[0])) if _is_numeric(rows, place, share=1)]
    return "," if numbers and len(numbers) < len(rows[0]) else ""


def _width(line: str, separator: str) -> int:
    return sum(bool(cell) for cell in cells_of(line, separator))


def _has_decimal_comma(line: str) -> bool:
    return any(
        line[place - 1 : place].isdigit() and line[place + 1 : place + 2].isdigit()
        for place, letter in enumerate(line)
        if letter == ","
    )


def cells_of(line: str, separator: str) -> Row:
    """Cut a line into stripped cells; quotes hold one together, and "" in them is a quote."""
    try:
        cells = next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:  # a quote is a letter here: 19" rack
        cells = line.split(separator)
    return [cell.strip() for cell in cells]


def heading_of(row: Row) -> dict[str, int]:
    """Answer column to place when a row is a heading that names two columns at least."""
    places: dict[str, int] = {}
    for place, cell in enumerate(row):
        word = _heading_word(cell)
        for column, words in _HEADINGS.items():
            if word in words:
                places.setdefault(column, place)
    return places if len(places) >= _KNOWN else {}


def _heading_word(cell: str) -> str:
    """Answer the letters of a heading, without what stands in brackets or behind a comma."""
    for edge in "([,":
        cell = cell.partition(edge)[0]
    letters = unicodedata.normalize("NFC", cell).casefold()
    return "".join(letter for letter in letters if letter.isalnum())


def guess_columns(rows: Sequence[Row]) -> dict[str, int]:
    """Answer column to place for rows without a heading, by what stands in the cells.

    Texts are code and name, or a name; numbers are quantity and price in this order, unless marks
    such as "pcs" and "EUR" say otherwise. A leading column 1, 2, 3 is a numbering.
    """
    width = max((len(row) for row in rows), default=0)
    numbers, texts = [], []
    for place in range(width):
        if _is_numeric(rows, place, share=0.5):
            numbers.append(place)
        elif any(cell.casefold().strip(".") not in UNIT_WORDS for cell in _filled(rows, place)):
            texts.append(place)
    places = _texts(rows, texts)
    if len(numbers) > 1 and (not texts or numbers[0] < texts[0]):
        leading = _filled(rows, numbers[0])
        if not texts or ("code" not in places and all(map(_is_code, leading))):
            places["code"] = numbers.pop(0)
        elif len(leading) >= _NUMBERED and leading == [str(n + 1) for n in range(len(leading))]:
            numbers.pop(0)
    return places | _numbers(rows, numbers)


def _texts(rows: Sequence[Row], texts: list[int]) -> dict[str, int]:
    if len(texts) > 1:
        first, second = (_filled(rows, place) for place in texts[:2])
        if all(map(_is_code_word, first)):
            return {"code": texts[0], "name": texts[1]}
        if all(map(_is_code_word, second)):
            return {"code": texts[1], "name": texts[0]}
    return {"name": texts[0]} if texts else {}


def _numbers(rows: Sequence[Row], numbers: list[int]) -> dict[str, int]:
    places: dict[str, int] = {}
    kinds = {place: _kinds(rows, place) for place in numbers}
    for column, kind in (("unit_price", "price"), ("quantity", "quantity")):
        marked = [place for place in numbers if kind in kinds[place]]
        if marked:
            places[column] = marked[0]
            numbers = [place for place in numbers if place != marked[0]]
    for column in ("quantity", "unit_price"):
        if column not in places and numbers:
            places[column] = numbers.pop(0)
    return places


def _kinds(rows: Sequence[Row], place: int) -> set[str]:
    found = (find_written(cell) for cell in _filled(rows, place))
    return {written.kind for written in found if written is not None}


def _is_numeric(rows: Sequence[Row], place: int, share: float) -> bool:
    cells = _filled(rows, place)
    numeric = sum(find_written(cell) is not None for cell in cells)
    return bool(cells) and (numeric > len(cells) * share or numeric == len(cells))


def _filled(rows: Sequence[Row], place: int) -> list[str]:
    return [row[place] for row in rows if place < len(row) and row[place]]


def _is_code(cell: str) -> bool:
    is_long = len(cell) >= _CODE_DIGITS or (len(cell) > 1 and cell.startswith("0"))
    return cell.isdigit() and is_long


def _is_code_word(cell: str) -> bool:
    return " " not in cell and any(letter.isdigit() for letter in cell)
