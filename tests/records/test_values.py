from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidError
from crmkit.records.save import create_record
from crmkit.records.values import ValueProblem, _email, parse_decimal, parse_values
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
