"""Workbooks for tests of what takes files: the least that a sheet program writes."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_LINKS = "http://schemas.openxmlformats.org/package/2006/relationships"


def workbook(rows: Sequence[Sequence[str | int | Decimal]]) -> bytes:
    """Answer an XLSX file with one sheet; a text with = first is a formula never computed."""
    texts: list[str] = []
    written = []
    for number, row in enumerate(rows, 1):
        cells = "".join(_cell(value, f"{chr(65 + place)}{number}", texts)
                        for place, value in enumerate(row))  # fmt: skip
        written.append(f'<row r="{number}">{cells}</row>')
    shared = "".join(f"<si><t>{escape(text)}</t></si>" for text in texts)
    return packed({
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        '<sheet name="Lines" sheetId="1" r:id="rId7"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_LINKS}">'
        '<Relationship Id="rId7" Type="x" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/sharedStrings.xml": f'<sst xmlns="{_MAIN}">{shared}</sst>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_MAIN}"><sheetData>'
        f"{''.join(written)}</sheetData></worksheet>",
    })  # fmt: skip


def packed(files: dict[str, str]) -> bytes:
    """Answer a zip of texts, by their names."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return made.getvalue()


def _cell(value: str | int | Decimal, name: str, texts: list[str]) -> str:
    if value == "":
        return ""
    if not isinstance(value, str):
        return f'<c r="{name}"><v>{value}</v></c>'
    if value.startswith("="):
        return f'<c r="{name}"><f>{escape(value[1:])}</f></c>'
    texts.append(value)
    return f'<c r="{name}" t="s"><v>{len(texts) - 1}</v></c>'
