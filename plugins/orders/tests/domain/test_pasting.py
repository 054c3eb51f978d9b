from __future__ import annotations

import time
from decimal import Decimal

import pytest
from crmkit_orders.domain import pasting
from crmkit_orders.domain.matching import SIMILAR
from crmkit_orders.domain.pasting import KnownProduct, PastedLine, match_lines, parse_lines
from hypothesis import given, settings
from hypothesis import strategies as st

_SETTINGS = settings(max_examples=60, deadline=None, print_blob=False, derandomize=True)
# Names as they stand in public sales data, where orders write the second one "GTXPro".
NAMES = (
    *("GTX Basic", "GTX Pro", "MG Special", "MG Advanced", "GTX Plus Pro"),
    *("GTX Plus Basic", "GTK 500"),
)
PRODUCTS = [KnownProduct(number, f"A-{number:03}", name) for number, name in enumerate(NAMES)]


def only(text: str) -> PastedLine:
    (line,) = parse_lines(text)
    return line


def said(text: str) -> list[tuple[str, str, str | None, str | None]]:
    """Code, name, quantity and price of each line."""
    return [
        (
            line.code,
            line.name,
            None if line.quantity is None else str(line.quantity),
            None if line.unit_price is None else str(line.unit_price),
        )
        for line in parse_lines(text)
    ]


@pytest.mark.parametrize(
    ("text", "quantity"),
    [
        ("2 x GTX Pro", "2"),
        ("2x GTX Pro", "2"),
        ("2 × GTX Pro", "2"),
        ("GTX Pro x3", "3"),
        ("GTX Pro - 3 pcs", "3"),
        ("GTX Pro — 3 шт.", "3"),
        ("3 шт. GTX Pro", "3"),
        ("GTX Pro (3 pcs.)", "3"),
        ("GTX Pro: 2,5", "2.5"),
        ("GTX Pro, 3 pieces", "3"),
        ("- GTX Pro 2", "2"),
        ("1) GTX Pro - 4", "4"),
        ("> 2 GTX Pro", "2"),
        ("1\u2009000 GTX Pro", "1000"),
        ("1 000 шт GTX Pro", "1000"),
        ("  gtxpro   2 ", "2"),
    ],
)
def test_lines_of_a_mail_are_understood(text: str, quantity: str) -> None:
    line = only(text)
    (match,) = match_lines([line], PRODUCTS)
    assert (Decimal(quantity), "", 1, "name") == (
        line.quantity,
        line.problem,
        match.product_id,
        match.how,
    )


@pytest.mark.parametrize(
    "price", ["@ 4821,50", "по 4 821,50 руб.", "at $4,821.50", "@ 4821.50 EUR"]
)
def test_a_line_of_a_mail_may_name_the_price(price: str) -> None:
    assert [("", "GTX Pro", "2", "4821.50")] == said(f"2 x GTX Pro {price}")


@pytest.mark.parametrize("name", [*NAMES, "GTXPro"])
@pytest.mark.parametrize("form", ["2 x {}", "{} - 2 pcs", "{} 2", "2 {}", "{}\t2", "{};2"])
def test_names_of_sales_data_match_in_every_form(name: str, form: str) -> None:
    (match,) = match_lines(parse_lines(form.format(name)), PRODUCTS)
    wanted = NAMES.index("GTX Pro" if name == "GTXPro" else name)
    assert (wanted, "name", Decimal(2)) == (match.product_id, match.how, match.line.quantity)


def test_a_number_that_belongs_to_the_name_is_no_quantity() -> None:
    (match,) = match_lines(parse_lines("GTK 500"), PRODUCTS)
    assert (6, None, pasting.NO_QUANTITY) == (
        match.product_id,
        match.line.quantity,
        match.line.problem,
    )


def test_a_line_that_names_two_products_is_left_to_a_person() -> None:
    products = [*PRODUCTS, KnownProduct(90, "", "GTK")]
    (match,) = match_lines(parse_lines("GTK 500"), products)
    assert (None, "", {6, 90}) == (match.product_id, match.how, set(match.candidates))


CELL = (
    st.text("abcdefgäéЖжя '\"<=;,.", min_size=1, max_size=20)
    .map(str.strip)
    .filter(lambda text: any(letter.isalpha() for letter in text))
)
ROW = st.tuples(
    st.integers(0, 999).map(lambda number: f"A-{number}"),
    CELL.map(lambda text: f"Product {text}"),
    st.integers(1, 10**7).map(lambda number: Decimal(number).scaleb(-2)),
    st.integers(0, 10**8).map(lambda number: Decimal(number).scaleb(-2)),
)
HEADINGS = (
    ("SKU", "Item", "Qty", "Unit price"),
    ("Артикул", "Наименование товара", "Кол-во, шт", "Цена (руб.)"),
)


def quoted(cell: str) -> str:
    doubled = cell.replace('"', '""')
    return f'"{doubled}"'


@_SETTINGS
@given(
    st.lists(ROW, min_size=1, max_size=6),
    st.permutations(range(4)),
    st.sampled_from(HEADINGS),
    st.sampled_from("\t;,"),
    st.sampled_from(((",", "."), (".", ","), ("\u202f", ","), ("", "."))),
)
def test_rows_of_a_spreadsheet_come_back_in_any_order_of_columns(
    rows: list[tuple[str, str, Decimal, Decimal]],
    order: list[int],
    heading: tuple[str, ...],
    separator: str,
    marks: tuple[str, str],
) -> None:
    thousands, point = marks

    def written(number: Decimal) -> str:
        return f"{number:,.2f}".translate({ord(","): thousands, ord("."): point})

    cells = [(code, name, written(number), written(price)) for code, name, number, price in rows]
    text = "\r\n".join(
        separator.join(quoted(row[place]) for place in order) for row in (heading, *cells)
    )

    lines = parse_lines(text)

    assert rows == [(line.code, line.name, line.quantity, line.unit_price) for line in lines]
    assert {""} == {line.problem for line in lines}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "GTX Pro\t2\nMG Special\t1,5",
            [("", "GTX Pro", "2", None), ("", "MG Special", "1.5", None)],
        ),
        ("2\tGTX Pro\t4821", [("", "GTX Pro", "2", "4821")]),
        ("GTX Pro\t$4,821.00\t2", [("", "GTX Pro", "2", "4821.00")]),
        ("A-001\tGTX Pro\t2\tшт\t9,50", [("A-001", "GTX Pro", "2", "9.50")]),
        ("10045\tGTX Pro\t2", [("10045", "GTX Pro", "2", None)]),
        (
            "1\tA\t5\n2\tB\t6\n3\tC\t7",
            [("", "A", "5", None), ("", "B", "6", None), ("", "C", "7", None)],
        ),
        (
            "GTX Pro,2,4821\nMG Special,1,55",
            [("", "GTX Pro", "2", "4821"), ("", "MG Special", "1", "55")],
        ),
        ("1,5 kg Nails", [("", "Nails", "1.5", None)]),
        ('19" rack\t2', [("", '19" rack', "2", None)]),
    ],
)
def test_rows_without_a_heading_are_guessed(
    text: str, expected: list[tuple[str, str, str | None, str | None]]
) -> None:
    assert expected == said(text)


def test_what_can_be_read_in_two_ways_is_not_guessed_but_neighbours_may_tell() -> None:
    assert [pasting.TWO_WAYS] == [line.problem for line in parse_lines("GTX Pro\t1,234")]
    assert ["1234", "2.5"] == [row[2] for row in said("GTX Pro\t1,234\nMG Special\t2.5")]
    assert ["1.234", "2.5"] == [row[2] for row in said("GTX Pro\t1,234\nMG Special\t2,5")]
    assert ["0.125"] == [row[2] for row in said("GTX Pro\t0,125")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Hello, please send", pasting.NO_QUANTITY),
        ("GTX Pro\t-2", pasting.NOT_POSITIVE),
        ("GTX Pro\t0", pasting.NOT_POSITIVE),
        ("GTX Pro\t0.00001", pasting.NOT_POSITIVE),
        ("Item\tQty\nGTX Pro\tmany", pasting.NO_NUMBER),
        ("Item\tQty\tPrice\nGTX Pro\t1\tfree", pasting.NO_PRICE),
        ("Item\tQty\tPrice\n\t1\t5", pasting.NO_PRODUCT),
        ("x" * 201, pasting.TOO_LONG),
    ],
)
def test_what_is_not_understood_stays_with_a_problem(text: str, problem: str) -> None:
    line = only(text)
    assert (problem, True) == (line.problem, len(line.text) <= pasting.MOST_CHARACTERS)


def test_after_500_lines_one_says_that_there_are_more() -> None:
    lines = parse_lines("2 x GTX Pro\n\n" * 600)
    assert (501, pasting.TOO_MANY, 1001) == (len(lines), lines[-1].problem, lines[-1].number)
    assert {""} == {line.problem for line in lines[:-1]}


@pytest.mark.parametrize(
    "text",
    [
        "O'Brien <3",
        "=1+1",
        "שלום 3 יח",
        "\u202e2 x GTX Pro",
        "🙂 2",
        "👩\u200d🚀 x 2",
        "' OR 1=1 --",
        "{name} {0} %s",
        "\x00\x0b\u2028\ud800",
        '"',
        "\t\t\t",
        ";;;",
        "²³½ ٣ x",
        "",
    ],
)
def test_strange_but_legitimate_lines_never_fail(text: str) -> None:
    for line in match_lines(parse_lines(f"{text}\n{text}\t{text}"), PRODUCTS):
        assert line.line.text in text + "\n" + text + "\t" + text


@_SETTINGS
@given(st.text(max_size=300) | st.text("0123 .,;\t\n\"x-шт@по'", max_size=300))
def test_any_text_comes_back_line_by_line(text: str) -> None:
    lines = match_lines(parse_lines(text), PRODUCTS)
    numbers = [line.line.number for line in lines]
    assert numbers == sorted(set(numbers))
    for line in lines:
        assert line.line.quantity is None or line.line.quantity > 0
        assert line.line.problem or line.line.quantity is not None


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "1 ",
        "1,",
        "1.000 ",
        "1,000",
        " ",
        "\t",
        ";",
        '"',
        "> ",
        "x ",
        "(",
        "- ",
        "по ",
        "\n",
        "1 x a\n",
    ],
)
@pytest.mark.parametrize("length", [200, 50_000])
def test_no_text_takes_long(piece: str, length: int) -> None:
    text = (piece * length)[:length]
    lines = "\n".join([text[:200]] * 250)

    begin = time.process_time()
    match_lines(parse_lines(text), PRODUCTS)
    if length == 200:
        match_lines(parse_lines(lines), PRODUCTS)

    assert time.process_time() - begin < 1


def test_a_code_goes_before_a_name_and_may_stand_in_place_of_it() -> None:
    products = [KnownProduct(1, "B-1", "A-1"), KnownProduct(2, "A-1", "Other")]
    coded, named = match_lines(parse_lines("Code\tItem\tQty\na 1\t\t1\nA-1\tA-1\t1"), products)
    (free,) = match_lines(parse_lines("2 x b-1"), products)
    assert (None, "") == (coded.product_id, coded.how)  # a hyphen is part of a code
    assert [(2, "code"), (1, "code")] == [(each.product_id, each.how) for each in (named, free)]


def test_names_match_without_case_blanks_and_accents() -> None:
    products = [KnownProduct(1, "", "Crème Brûlée"), KnownProduct(2, "", "Ёлка зелёная")]
    found = match_lines(parse_lines("2 x CREME  BRULEE\n3 шт. елка Зеленая"), products)
    assert [(1, "name"), (2, "name")] == [(each.product_id, each.how) for each in found]


def test_a_misspelt_name_is_similar_and_another_product_is_not() -> None:
    misspelt, other, nothing = match_lines(
        parse_lines("2 x MG Advancd\n2 x GTK 600\n2 x Umbrella"), PRODUCTS
    )
    assert (3, "similar", (3,)) == (misspelt.product_id, misspelt.how, misspelt.candidates)
    assert [(None, ""), (None, "")] == [(each.product_id, each.how) for each in (other, nothing)]
    assert 85 == SIMILAR


def test_of_two_equal_products_none_is_chosen() -> None:
    products = [
        KnownProduct(1, "", "Lamp"),
        KnownProduct(2, "", "lamp"),
        KnownProduct(3, "", "Camera X1"),
    ]
    products.append(KnownProduct(4, "", "Camera X2"))
    same, near = match_lines(parse_lines("2 x Lamp\n2 x Camera X3"), products)
    assert [(None, "", (1, 2)), (None, "", (3, 4))] == [
        (each.product_id, each.how, each.candidates) for each in (same, near)
    ]
