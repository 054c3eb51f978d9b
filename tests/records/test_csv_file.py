from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmkit.errors import InvalidError
from crmkit.records.csv_file import neutralise, read_csv, revive

#: What sheets, parsers and people stumble over.
AWKWARD = st.text(
    alphabet=st.one_of(
        st.sampled_from("=+-@'\"`,;|\t\r\n {}%\\\u00a0\u202e\ufeff€ß"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
    ),
    max_size=30,
)


@given(AWKWARD)
@example("=1+1")
@example("'=1+1")
@example("''@x")
@example("'quoted'")
def test_a_neutral_text_is_no_formula_and_comes_back(text: str) -> None:
    neutral = neutralise(text)
    assert not neutral.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert text == revive(neutral)


@given(st.lists(st.tuples(AWKWARD, AWKWARD), min_size=1, max_size=5))
def test_what_csv_writes_is_read_back(rows: list[tuple[str, str]]) -> None:
    kept = [row for row in rows if any(cell.strip() for cell in row)]
    text = io.StringIO()
    csv.writer(text).writerows([("one", "two, three"), *rows])

    file = read_csv(text.getvalue().encode())

    assert ("one", "two, three") == file.columns
    assert kept == [row.cells for row in file.rows]


def test_only_a_file_with_a_byte_order_mark_loses_the_sign_before_formulas() -> None:
    ours, other = read_csv("\ufeffa\n'=1".encode()), read_csv(b"a\n'=1")
    assert ["=1"] == ours.values("a")
    assert ["'=1"] == other.values("a")


@pytest.mark.parametrize("letter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_outside_quotes(letter: str) -> None:
    file = read_csv(f'"a, b; c, d"{letter}e\n1{letter}2\n'.encode())
    assert ("a, b; c, d", "e") == file.columns


def test_rows_know_the_line_they_begin_on() -> None:
    file = read_csv(b'a,b\n"x\ny",1\n\n2,3\n4\n')
    assert [2, 5] == [row.line for row in file.rows]
    assert [(6, ("4",))] == [(row.line, row.cells) for row in file.ragged]


def test_a_column_that_is_not_there_is_named_with_those_that_are() -> None:
    file = read_csv(b"a,b\n1,2\n")
    with pytest.raises(InvalidError, match=r"no column `c`. It has: a, b\."):
        file.values("c")


def test_an_encoding_chosen_by_hand_must_fit() -> None:
    data = "name\nMüller".encode("cp1252")
    with pytest.raises(InvalidError, match="Line 2 is not utf-8"):
        read_csv(data, encoding="utf-8")
    assert ["Müller"] == read_csv(data, encoding="cp1252").values("name")
