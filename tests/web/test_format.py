from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from crmkit.web.format import format_long_date, format_money

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
