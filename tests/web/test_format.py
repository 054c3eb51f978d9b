from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from crmkit.web.format import format_long_date, format_money, format_number

if TYPE_CHECKING:
    from crmkit.model.context import Context


@pytest.mark.parametrize(
    ("language", "amount", "expected"),
    [
        ("en", "5482", "$5,482"),
        ("en", "5482.50", "$5,482.50"),
        ("en", "-5482.50", "-$5,482.50"),
        ("ru", "10005534", "10\xa0005\xa0534\xa0$"),
        ("ru", "5482.50", "5\xa0482,50\xa0$"),
    ],
)
def test_money_is_written_as_the_reader_does_and_cents_only_where_there_are(
    admin: Context, language: str, amount: str, expected: str
) -> None:
    reader = replace(admin, principal=replace(admin.principal, language=language))
    assert expected == format_money(reader, Decimal(amount), "USD")


def test_a_day_has_its_weekday(admin: Context) -> None:
    assert "Tuesday, 24 November" == format_long_date(admin, date(2026, 11, 24))


def test_a_number_keeps_all_its_places_and_none_that_are_empty(admin: Context) -> None:
    shown = [format_number(admin, Decimal(n)) for n in ("0.004567", "1234.500000", "7.0000", "-2")]
    assert ["0.004567", "1,234.5", "7", "-2"] == shown


@pytest.mark.parametrize(
    ("currency", "amount", "expected"),
    [
        ("KWD", "1.234", "KWD1.234"), ("KWD", "1.2", "KWD1.200"), ("JPY", "1000", "¥1,000"),
        ("CLF", "1.2345", "CLF1.2345"), ("IQD", "0.125", "IQD0.125"), ("AFN", "10.5", "AFN10.50"),
    ],
)  # fmt: skip
def test_money_has_the_places_of_iso_4217(
    admin: Context, currency: str, amount: str, expected: str
) -> None:
    assert expected == format_money(admin, Decimal(amount), currency).replace("\xa0", "")
