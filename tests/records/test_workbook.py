"""Workbooks: the first sheet as a table, and what is broken or hostile refused with its cell."""

from __future__ import annotations

import zipfile
from decimal import Decimal
from io import BytesIO

import pytest

from crmkit.errors import InvalidError
from crmkit.records.parts import MOST_ROWS, read_table
from crmkit.records.workbook import read_workbook
from crmkit.testing.workbooks import packed, workbook

_SHEET = "xl/worksheets/sheet1.xml"


def _with(data: bytes, name: str, old: str, new: str) -> bytes:
    """Answer a workbook in one file of which a text is another."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        files = {each: archive.read(each).decode() for each in archive.namelist()}
    assert old in files[name]
    return packed(files | {name: files[name].replace(old, new)})


def test_texts_and_numbers_come_as_one_reads_them() -> None:
    file = read_workbook(
        workbook([
            ["Code", "Name", "Price"],
            ["GTX-P", "GTX & Pro", Decimal("4821.5")],
            [],
            ["7", "", Decimal("1.234")],
            [12, "x", Decimal("0.30000000000000004")],
        ])
    )  # fmt: skip
    assert ("Code", "Name", "Price") == file.columns
    assert [
        (2, ("GTX-P", "GTX & Pro", "4821.5")), (4, ("7", "", "1.2340")), (5, ("12", "x", "0.3")),
    ] == [(row.line, row.cells) for row in file.rows]  # fmt: skip


def test_texts_in_pieces_and_in_their_cell_are_whole() -> None:
    data = _with(
        workbook([["Name", "Code"], ["GTX Pro", "x"]]), "xl/sharedStrings.xml",
        "<t>GTX Pro</t>",
        "<r><t>GTX </t></r><r><t>Pro</t></r><rPh><t>jee</t></rPh>",
    )  # fmt: skip
    assert ("GTX Pro", "x") == read_workbook(data).rows[0].cells
    cell = '<c r="B2" t="s"><v>3</v></c>'
    data = _with(data, _SHEET, cell, '<c r="B2" t="inlineStr"><is><t>in</t></is></c>')
    assert ("GTX Pro", "in") == read_workbook(data).rows[0].cells


def test_of_a_formula_the_value_is_taken_that_its_program_shows() -> None:
    good = workbook([["Code", "Price"], ["a", 5]])
    data = _with(good, _SHEET, "<v>5</v>", "<f>B1*2</f><v>7</v>")
    assert ("a", "7") == read_workbook(data).rows[0].cells


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["Code", "Qty"], ["a", "=1+1"]], "Cell B2 holds a formula that was never computed"),
        ([], "its first line must name the columns"),
        ([["Code", "", "Qty"], ["a", "b", 1]], "Column 2 has no heading"),
        ([["Code", "Code"], ["a", 1]], "`Code` stands twice"),
        ([["Code", "Qty"]], "no rows below it"),
        ([["Code", "Qty"], ["a", 1, "more"]], "Line 2 has 3 cells, the heading 2"),
        ([["Code"], *([["a"]] * (MOST_ROWS + 1))], "has 501 lines; 500 are taken"),
    ],
)
def test_what_is_no_table_is_refused_with_its_place(
    rows: list[list[str | int | Decimal]], said: str
) -> None:
    with pytest.raises(InvalidError, match=said):
        read_table(workbook(rows))


def test_broken_and_hostile_workbooks_are_refused() -> None:
    good = workbook([["Code", "Qty"], ["a", 1]])
    entity = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><worksheet '
    outside = _with(_with(good, _SHEET, "<worksheet ", entity), _SHEET, "<v>1</v>", "<v>&e;</v>")
    broken = (
        good[: len(good) // 2], b"PK\x03\x04" + b"\x00" * 100, packed({"a.txt": "b"}),
        _with(good, _SHEET, "</row>", ""), _with(good, _SHEET, "<v>1</v>", "<v>1e400</v>"),
        _with(good, "xl/_rels/workbook.xml.rels", "worksheets/sheet1.xml", "../../etc/passwd"),
        outside,
    )  # fmt: skip
    for data in broken:
        with pytest.raises(InvalidError, match="The workbook cannot be read"):
            read_table(data)
    error = _with(good, _SHEET, '<c r="B2"><v>1</v>', '<c r="B2" t="e"><v>#REF!</v>')
    with pytest.raises(InvalidError, match=r"Cell B2 holds the error #REF!"):
        read_table(error)
    bomb = _with(good, _SHEET, "<v>1</v>", "<v>1</v>" + " " * (16 * 1024 * 1024))
    with pytest.raises(InvalidError, match="too large when it is unpacked"):
        read_table(bomb)
    with pytest.raises(InvalidError, match="larger than 5 MB"):
        read_table(b"a" * (5 * 1024 * 1024 + 1))
