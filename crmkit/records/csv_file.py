"""Reads a CSV file whatever its encoding and delimiter, and names what is wrong with it."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from typing import TYPE_CHECKING, Protocol

import msgspec
from charset_normalizer import from_bytes

from crmkit.errors import InvalidError
from crmkit.model.values import N_, Sentence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Lines(Protocol):
    """The csv module's reader, which has no public type."""

    @property
    def line_num(self) -> int:
        """Lines read so far."""

    def __iter__(self) -> Iterator[list[str]]:
        """Go through the rows."""


_MOST_BYTES = 50 * 1024 * 1024
_LONGEST_LINE = 1024 * 1024
_LONGEST_CELL = 1_000_000
_DELIMITERS = ",;\t|"
_SAMPLE = 64 * 1024
#: A sheet runs a cell that begins with one of these as a formula.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_QUOTED = re.compile(r'"[^"]*"')
#: How files begin that people take for tables, and what they are.
_MAGIC = (
    (b"PK\x03\x04", N_("an Excel workbook or an archive")),
    (b"\xd0\xcf\x11\xe0", N_("an old Excel workbook")),
    (b"\x89PNG", N_("a picture")),
    (b"\xff\xd8\xff", N_("a picture")),
    (b"GIF8", N_("a picture")),
    (b"%PDF", N_("a PDF document")),
)
_EMPTY = N_("The file is empty: its first line must name the columns.")
_NUL = N_("The file holds NUL characters; it is no CSV text. Save it as CSV UTF-8.")
#: Encodings of sheets besides UTF-8, likeliest first.
ENCODINGS = ("cp1252", "cp1251", "cp1250", "koi8_r")


def neutralise(text: str) -> str:
    """Answer a text that no sheet runs as a formula; `revive` undoes it."""
    return f"'{text}" if _FORMULA.match(text) else text


def revive(text: str) -> str:
    """Undo `neutralise`."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


class CsvRow(msgspec.Struct, frozen=True):
    """A row with the line of the file it begins on, the heading being line 1."""

    line: int
    cells: tuple[str, ...]


class CsvFile(msgspec.Struct, frozen=True):
    """A file that was read.

    Attributes:
        ragged: Rows whose number of cells differs from the heading's.
    """

    columns: tuple[str, ...]
    rows: tuple[CsvRow, ...]
    encoding: str
    delimiter: str
    ragged: tuple[CsvRow, ...] = ()

    def column(self, name: str) -> int:
        """Answer the place of a column.

        Raises:
            InvalidError: The file has no such column; names those it has.
        """
        try:
            return self.columns.index(name)
        except ValueError:
            text = N_("The file has no column `{name}`. It has: {columns}.")
            raise _refused(text, name=name, columns=", ".join(self.columns)) from None

    def values(self, name: str) -> list[str]:
        """Answer a column's cells, row by row."""
        place = self.column(name)
        return [row.cells[place] for row in self.rows]


def _refused(text: str, **places: str) -> InvalidError:
    return InvalidError(Sentence(text, **places))


def read_csv(data: bytes, *, encoding: str = "") -> CsvFile:
    """Read a file.

    Texts of a file with a byte order mark lose the ' that an export put before formulas.

    Args:
        encoding: As the reader chose it; empty finds it: BOM, UTF-8, else the likeliest.

    Raises:
        InvalidError: The file is too large, no text, or its heading cannot be used.
    """
    if len(data) > _MOST_BYTES:
        raise _refused(N_("The file is larger than 50 MB. Split it and import the parts."))
    if not data.strip():
        raise _refused(_EMPTY)
    for magic, what in _MAGIC:
        if data.startswith(magic):
            told = N_(
                "The file is {what}, no CSV. Open it in its program and save it as CSV UTF-8."
            )
            raise _refused(told, what=Sentence(what))
    longest = max((len(line) for line in data.split(b"\n")), default=0)
    if longest > _LONGEST_LINE:
        told = N_(
            "The file has a line of {n} bytes; no table has. Save it as CSV, with a line for each "
            "row."
        )
        raise _refused(told, n=f"{longest:,}")
    text, used = _decode(data, encoding)
    if "\x00" in text:
        raise _refused(_NUL)
    delimiter = _delimiter(text[:_SAMPLE])
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        heading = [revive(cell.strip()) for cell in next(reader, [])]
        check_heading(heading)
        return _read_rows(reader, tuple(heading), used, delimiter)
    except csv.Error as error:
        told = N_("Line {line} cannot be read: {why}.")
        raise _refused(told, line=str(reader.line_num), why=str(error)) from error


def _read_rows(reader: Lines, heading: tuple[str, ...], encoding: str, delimiter: str) -> CsvFile:
    rows: list[CsvRow] = []
    ragged: list[CsvRow] = []
    is_ours = encoding == "utf-8-sig"
    line = reader.line_num + 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            found = CsvRow(line, tuple(map(revive, cells)) if is_ours else tuple(cells))
            (rows if len(cells) == len(heading) else ragged).append(found)
        line = reader.line_num + 1
    return CsvFile(heading, tuple(rows), encoding, delimiter, tuple(ragged))


def _decode(data: bytes, encoding: str) -> tuple[str, str]:
    for bom, name in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(bom):
            return _strictly(data, name), name
    if b"\x00" in data and encoding not in _WIDE:
        raise _refused(_NUL)
    if encoding:
        return _strictly(data, encoding), encoding
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        best = from_bytes(data[:_SAMPLE], cp_isolation=list(ENCODINGS)).best()
        if best is None:
            line = data[: error.start].count(b"\n") + 1
            told = N_(
                "Line {line} is not UTF-8 and no other encoding fits. Save the file as CSV UTF-8."
            )
            raise _refused(told, line=str(line)) from error
        return _strictly(data, best.encoding), best.encoding


_WIDE = frozenset({"utf-16", "utf-16-le", "utf-16-be"})


def _strictly(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except (LookupError, UnicodeError) as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        line = data[:start].count(b"\n") + 1
        told = N_(
            "Line {line} is not {encoding}. Choose another encoding or save the file as CSV UTF-8."
        )
        raise _refused(told, line=str(line), encoding=encoding) from error


def _delimiter(sample: str) -> str:
    first = _QUOTED.sub("", sample).split("\n", 1)[0]
    counts = Counter(letter for letter in first if letter in _DELIMITERS)
    return counts.most_common(1)[0][0] if counts else ","


def check_heading(heading: Sequence[str]) -> None:
    """Refuse a heading whose columns cannot be told apart.

    Raises:
        InvalidError: Names the column.
    """
    if not any(heading):
        raise _refused(_EMPTY)
    for place, name in enumerate(heading, 1):
        if not name:
            told = N_("Column {place} has no heading. Name it in the first line.")
            raise _refused(told, place=str(place))
        if heading.count(name) > 1:
            told = N_("The heading `{name}` stands twice. Rename one of the columns.")
            raise _refused(told, name=name)
