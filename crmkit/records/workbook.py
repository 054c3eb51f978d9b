"""Reads the first sheet of an Excel workbook (XLSX) as the table that a CSV file would be.

A workbook is a zip of XML files that strangers send: sizes are looked at before anything is
unpacked, no entity is resolved, no other file is opened.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from decimal import Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING

from crmkit.errors import InvalidError
from crmkit.model.values import N_, Sentence
from crmkit.records.csv_file import CsvFile, CsvRow, check_heading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

#: Of what is unpacked of one file.
_MOST_BYTES = 16 * 1024 * 1024
_MOST_COLUMNS = 200
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_LINK = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_CELL = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
#: A sheet keeps 15 digits of a number; what stands behind them is noise of its arithmetic.
_DIGITS = Context(prec=15)
_GROUP = 3
#: What a zip or an XML file raises that is broken, enciphered or packed in a way nobody knows.
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, NotImplementedError,
    RuntimeError,
)  # fmt: skip
_BROKEN = N_(
    "The workbook cannot be read. Open it in its program and save it as XLSX or CSV UTF-8."
)


def is_workbook(data: bytes) -> bool:
    """Say whether a file begins as a workbook does."""
    return data.startswith(b"PK\x03\x04")


def read_workbook(data: bytes) -> CsvFile:
    """Read the first sheet of a workbook; its first row that is not empty names the columns.

    Numbers come with a point and without groups, so that they read in one way only in any
    language: 1.5, 1234 and, of three places, 1.2340. A date comes as the number of its day, as
    the sheet keeps it. Lines are rows of the sheet.

    Raises:
        InvalidError: It is no workbook, too large, or its heading cannot be used; or a cell holds
            an error, or a formula without the value its program shows. Names the cell.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            texts = _shared_texts(archive)
            rows = list(_rows(_unpack(archive, _first_sheet(archive)), texts))
    except _UNREADABLE as error:
        raise InvalidError(Sentence(_BROKEN)) from error
    return _table(rows)


def _unpack(archive: zipfile.ZipFile, name: str) -> bytes:
    """Answer a file of the workbook, unless it is larger than it says, or than it may be."""
    with archive.open(name) as file:
        found = file.read(_MOST_BYTES + 1)
    if len(found) > _MOST_BYTES:
        told = N_("The workbook is too large when it is unpacked. Save its sheet as CSV UTF-8.")
        raise InvalidError(Sentence(told))
    return found


def _elements(data: bytes, *names: str) -> Iterator[_Element]:
    """Go through elements, each emptied once it was looked at."""
    from lxml import etree  # noqa: PLC0415 - 10 MB, for workbooks only

    try:
        for _event, element in etree.iterparse(
            io.BytesIO(data), tag=names, resolve_entities=False, no_network=True, load_dtd=False,
            huge_tree=False, remove_comments=True, remove_pis=True,
        ):  # fmt: skip
            yield element
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    except etree.XMLSyntaxError as error:
        raise ValueError(str(error)) from error


def _first_sheet(archive: zipfile.ZipFile) -> str:
    """Answer the name of the file that holds the first sheet."""
    workbook = _unpack(archive, "xl/workbook.xml")
    link = next((each.get(_LINK, "") for each in _elements(workbook, f"{_MAIN}sheet")), "")
    links = _unpack(archive, "xl/_rels/workbook.xml.rels")
    for each in _elements(links, "{*}Relationship"):
        if each.get("Id") == link and each.get("TargetMode") != "External":
            target = str(each.get("Target", ""))
            return posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")
    raise KeyError(link)


def _shared_texts(archive: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return []
    data = _unpack(archive, "xl/sharedStrings.xml")
    return [_text_of(each) for each in _elements(data, f"{_MAIN}si")]


def _text_of(element: _Element) -> str:
    """Answer the text of an element in one or more pieces, without how it is pronounced."""
    return "".join(
        piece.text or ""
        for piece in element.iter(f"{_MAIN}t")
        if piece.getparent().tag != f"{_MAIN}rPh"
    )


def _rows(sheet: bytes, texts: list[str]) -> Iterator[tuple[int, dict[int, str]]]:
    """Answer (number, column from 0 to text) of rows in which something stands."""
    number = 0
    for row in _elements(sheet, f"{_MAIN}row"):
        number = int(row.get("r", number + 1))
        cells: dict[int, str] = {}
        place = -1
        for cell in row.iterchildren(f"{_MAIN}c"):
            place = _column(cell.get("r", ""), place + 1)
            if place >= _MOST_COLUMNS:
                told = N_("Row {row} has more than {n} columns; no table of lines has.")
                raise InvalidError(Sentence(told, row=str(number), n=str(_MOST_COLUMNS)))
            text = _cell(cell, texts).strip()
            if text:
                cells[place] = text
        if cells:
            yield number, cells


def _column(name: str, expected: int) -> int:
    """Answer the place of a cell such as "C5", from 0."""
    found = _CELL.fullmatch(name)
    if found is None:
        return expected
    place = 0
    for letter in found[1]:
        place = place * 26 + ord(letter) - ord("A") + 1
    return place - 1


def _cell(cell: _Element, texts: list[str]) -> str:
    kind, name = cell.get("t", "n"), cell.get("r", "?")
    if kind == "inlineStr":
        return _text_of(cell)
    value = cell.findtext(f"{_MAIN}v") or ""
    if not value and cell.find(f"{_MAIN}f") is not None:
        told = N_(
            "Cell {cell} holds a formula that was never computed. Open the workbook in its program "
            "and save it there."
        )
        raise InvalidError(Sentence(told, cell=name))
    if kind == "e":
        told = N_("Cell {cell} holds the error {value}. Mend it in the sheet.")
        raise InvalidError(Sentence(told, cell=name, value=value))
    if kind == "s":
        return texts[int(value)] if 0 <= int(value) < len(texts) else ""
    return _number(value) if kind == "n" and value else value


def _number(text: str) -> str:
    """Write a number of a sheet so that it can be read in one way only."""
    try:
        number = _DIGITS.create_decimal(text)
    except InvalidOperation as error:
        raise ValueError(text) from error
    if not number.is_finite() or abs(number.adjusted()) > _DIGITS.prec * 2:
        raise ValueError(text)
    written = f"{Decimal(0) if not number else number.normalize():f}"
    fraction = written.partition(".")[2]
    return f"{written}0" if len(fraction) == _GROUP else written


def _table(rows: list[tuple[int, dict[int, str]]]) -> CsvFile:
    first = rows[0][1] if rows else {}
    width = max(first, default=-1) + 1
    heading = tuple(first.get(place, "") for place in range(width))
    check_heading(heading)
    whole: list[CsvRow] = []
    ragged: list[CsvRow] = []
    for number, cells in rows[1:]:
        wide = max(width, max(cells) + 1)
        row = CsvRow(number, tuple(cells.get(place, "") for place in range(wide)))
        (whole if wide == width else ragged).append(row)
    return CsvFile(heading, tuple(whole), "xlsx", "", tuple(ragged))
