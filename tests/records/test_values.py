from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidError
from crmkit.records.actions import decode_input, find_action, read_amounts
from crmkit.records.filters import Filter
from crmkit.records.query import ListQuery, list_records
from crmkit.records.save import create_record
from crmkit.records.values import (
    ValueProblem,
    _email,
    file_marks,
    parse_decimal,
    parse_values,
    read_number,
)
from crmkit.web.translate import catalogue

if TYPE_CHECKING:
    from crmkit.model.context import Context


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("0,125", "0.125"),
        ("-0,125", "-0.125"),
        ("1,234", "1234"),
        ("1,5", "1.5"),
        ("1 234,56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
    ],
)
def test_a_comma_sets_thousands_apart_only_where_it_can(typed: str, expected: str) -> None:
    assert Decimal(expected) == parse_decimal(typed)


@pytest.mark.parametrize("typed", ["1_000", "NaN", "Infinity", "١٢", "1.2.3", "-", "abc"])
def test_what_is_no_number_to_people_is_refused(typed: str) -> None:
    with pytest.raises(ValueProblem):
        parse_decimal(typed)


@pytest.mark.parametrize(
    ("language", "currency", "typed", "expected"),
    [
        ("en", "EUR", "1,234", "1234"),
        ("ru", "EUR", "1,234", "1.234"),
        ("ru", "KWD", "1,234", "1.234"),
        ("en", "KWD", "1,234", "can be read as 1234 or as 1.234"),
        ("en", "KWD", "-1,234", "can be read as -1234 or as -1.234"),
        ("en", "KWD", "1.234", "1.234"),
        ("ru", "KWD", "1.234", "1.234"),
        ("en", "KWD", "1,234.5", "1234.5"),
        ("en", "KWD", "12,34", "12.34"),
        ("ru", "EUR", "1\u202f234,5", "1234.5"),
        ("ru", "EUR", "12\u00a0345", "12345"),
        ("en", "EUR", "1\u2009234", "1234"),
        ("en", "EUR", "12\u2019345.5", "12345.5"),
        ("en", "USD", "-$1,234.50", "-1234.50"),
        ("ru", "EUR", "\u22121 234,5 €", "-1234.5"),
        ("en", "EUR", "1 23", "is not a number"),
        ("ru", "EUR", "1,2,3", "is not a number"),
        ("en", "EUR", "1" * 15, "is too large"),
    ],
)
async def test_an_amount_is_read_as_its_reader_writes_it_and_never_wrong_by_a_thousand(
    admin: Context, language: str, currency: str, typed: str, expected: str
) -> None:
    reader = replace(admin, principal=replace(admin.principal, language=language))
    if not expected[-1].isdecimal() or "read" in expected:
        with pytest.raises(InvalidError, match=expected):
            read_number(reader, typed, currency)
        return
    assert Decimal(expected) == read_number(reader, typed, currency)


async def test_the_currency_of_a_form_says_how_its_amounts_are_read(admin: Context) -> None:
    plan = admin.site.entity("crm.opportunity")
    assert Decimal(1234) == parse_values(admin, plan, {"amount": "1,234"})["amount"]
    for raw, currency in (({"currency": "KWD"}, ""), ({}, "KWD")):
        with pytest.raises(InvalidError) as refused:
            parse_values(admin, plan, {"amount": "1,234", **raw}, currency)
        assert "1.234" in refused.value.problems["amount"]


async def test_the_numbers_of_a_column_say_what_its_marks_are(admin: Context) -> None:
    for texts, typed, expected in (
        (("12,50", "1.234"), "1.234", "1234"),
        (("12.50", "1,234"), "1,234", "1234"),
        (("1.234", "2.345"), "1.234", "1.234"),
        (("12,50", "12.50", "n/a"), "1,234", "1234"),
    ):
        marks = file_marks(admin, texts)
        assert Decimal(expected) == parse_decimal(typed, marks), texts


async def test_a_filter_that_others_open_is_read_in_one_way_only(admin: Context) -> None:
    plan = admin.site.entity("crm.opportunity")
    for typed in ("1234.5", "1234,5", "1 234,5"):
        assert [] == (await list_records(admin, plan, ListQuery(filters=(_over(typed),)))).rows
    with pytest.raises(InvalidError, match=r"can be read as 1234 or as 1\.234"):
        await list_records(admin, plan, ListQuery(filters=(_over("1,234"),)))


def _over(amount: str) -> Filter:
    return Filter("amount", "over", amount)


async def test_what_an_action_asks_for_is_typed_as_in_a_form_and_kept_as_programs_read_it(
    admin: Context,
) -> None:
    convert = find_action(admin.site.entity("crm.lead"), "convert")
    russian = replace(admin, principal=replace(admin.principal, language="ru"))
    for reader, typed in ((russian, "1 234,5"), (admin, "1,234.5"), (admin, "1234.5")):
        data: Any = decode_input(reader, convert, {"amount": typed})
        assert Decimal("1234.5") == data.amount
    # Who approves it may write numbers otherwise.
    assert {"amount": "1.234"} == read_amounts(russian, convert, {"amount": "1,234"})
    with pytest.raises(InvalidError) as refused:
        decode_input(admin, convert, {"amount": "much"})
    assert ["amount"] == list(refused.value.problems)


async def test_no_english_reaches_a_russian_reader_of_a_wrong_form(admin: Context) -> None:
    russian = replace(admin, translate=catalogue("ru").gettext)
    plan = admin.site.entity("crm.opportunity")
    wrong = {
        "name": "x" * 999, "company": "several", "stage": "nowhere", "amount": "much",
        "close_date": "soon", "probability": "likely", "created_at": "", "currency": "dollars",
    }  # fmt: skip
    with pytest.raises(InvalidError) as typed:
        parse_values(russian, plan, wrong)
    with pytest.raises(InvalidError) as saved:
        await create_record(russian, plan, {"name": "", "company": 999, "stage": "won", "x": 1})

    assert set(wrong) == set(typed.value.problems)
    assert {"name", "company", "amount", "x"} == set(saved.value.problems)
    for error in (typed.value, saved.value):
        for text in (error.message, *error.problems.values()):
            examples = re.sub(r"\b(USD|\S+@\S+|\d\S*)\b", "", text)
            assert not re.search(r"[A-Za-z]{3}", examples), text


_PARTS = st.text(alphabet="aZ9.-_+'\"@ <>()[]:é\n\\xn", max_size=12)


@given(
    text=st.one_of(
        st.builds("{}@{}".format, _PARTS, _PARTS),
        st.builds(
            "{}@{}".format,
            st.from_regex(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,70}", fullmatch=True),
            st.sampled_from(
                ["kan.example", "KAN.example", "kan", "xn--a.example", "müll.example", "a..example",
                 "test", "localhost", "[1.2.3.4]", "-a.example", "a.example.",
                 f"{'a' * 64}.example"]
            ),
        ),
    )
)  # fmt: skip
def test_an_address_is_judged_as_by_the_library(text: str) -> None:
    try:
        validate_email(text, check_deliverability=False, allow_smtputf8=True)
        fits = True
    except EmailNotValidError:
        fits = False
    assert fits == _is_email(text)


def _is_email(text: str) -> bool:
    try:
        _email(None, None, text)  # type: ignore[arg-type]
    except ValueProblem:
        return False
    return True
