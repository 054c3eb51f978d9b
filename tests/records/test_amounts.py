"""Amounts have the places of their currency at every door."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
import pytest
from babel.numbers import list_currencies
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit import find_currency_places
from crmkit.errors import InvalidError
from crmkit.model.money import amount_text, fit_amount
from crmkit.records.csv_file import read_csv
from crmkit.records.exports import export_csv
from crmkit.records.history import list_changes, list_operations, undo_operation
from crmkit.records.import_plan import ImportPlan
from crmkit.records.imports import run_import
from crmkit.records.query import ListQuery, group_records
from crmkit.records.save import create_record, save_record
from crmkit.records.values import parse_decimal
from crmkit.web.format import format_money

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.model.context import Context

    Make = Callable[..., Awaitable[int]]

DEAL = "crm.opportunity"
_SETTINGS = settings(max_examples=150, deadline=None, print_blob=False, derandomize=True)
CURRENCIES = tuple(sorted(c for c in list_currencies() if find_currency_places(c) is not None))
#: What is typed to what is kept, by currency.
KEPT = (
    ("EUR", "10", "10.00"), ("USD", "0.5", "0.50"), ("JPY", "1000", "1000"),
    ("KWD", "1.234", "1.234"), ("KWD", "7", "7.000"), ("CLF", "1.2345", "1.2345"),
    ("IQD", "0.125", "0.125"), ("AFN", "10.5", "10.50"),
)  # fmt: skip


async def _exported(ctx: Context, *, machine: bool) -> list[str]:
    query = ListQuery(columns=("amount",))
    plan = ctx.site.entity(DEAL)
    data = b"".join([p async for p in export_csv(ctx, plan, query, machine=machine)])
    lines = data.decode("utf-8-sig").split()[1:]
    return [line.rpartition(",")[2] for line in lines]


async def test_an_amount_keeps_what_its_currency_needs_and_is_exported_so(
    admin: Context, make: Make, same_connection: None
) -> None:
    for currency, typed, _kept in KEPT:
        await make(DEAL, name=currency, amount=Decimal(typed), currency=currency)
    kept = [text for _currency, _typed, text in KEPT]
    rows = await admin.db.rows("SELECT amount FROM crm_opportunity ORDER BY id")
    assert kept == [str(row["amount"]) for row in rows]
    assert kept == await _exported(admin, machine=True) == await _exported(admin, machine=False)


async def test_what_is_stored_with_other_places_is_exported_in_those_of_its_currency(
    admin: Context, make: Make, same_connection: None
) -> None:
    for currency, stored in (("JPY", "1000.00"), ("EUR", "10.0000"), ("EUR", "10.0050")):
        deal = await make(DEAL, name="GTX", currency=currency)
        await admin.db.execute(
            "UPDATE crm_opportunity SET amount = $2 WHERE id = $1", deal, Decimal(stored)
        )
    # What a currency does not have is not hidden.
    assert ["1000", "10.00", "10.005"] == await _exported(admin, machine=True)


@pytest.mark.parametrize(
    ("currency", "amount"), [("EUR", "1.005"), ("JPY", "1.5"), ("KWD", "1.2345"), ("CLF", "1E-5")]
)
async def test_digits_that_a_currency_has_not_are_refused_beside_the_field(
    admin: Context, make: Make, currency: str, amount: str
) -> None:
    plan = admin.site.entity(DEAL)
    with pytest.raises(InvalidError) as refused:
        await make(DEAL, name="GTX", amount=Decimal(amount), currency=currency)
    assert ["amount"] == list(refused.value.problems)
    assert currency in refused.value.problems["amount"]
    deal = await make(DEAL, name="GTX", amount=Decimal(1), currency=currency)
    with pytest.raises(InvalidError):
        await save_record(admin, plan, deal, {"amount": Decimal(amount)})


async def test_a_currency_that_cannot_hold_the_amount_is_refused(
    admin: Context, make: Make
) -> None:
    plan = admin.site.entity(DEAL)
    deal = await make(DEAL, name="GTX", amount=Decimal("10.50"), currency="EUR")
    with pytest.raises(InvalidError) as refused:
        await save_record(admin, plan, deal, {"currency": "JPY"})
    assert "JPY" in refused.value.problems["amount"]
    await save_record(admin, plan, deal, {"currency": "KWD"})
    await save_record(admin, plan, deal, {"currency": "JPY", "amount": Decimal("11.00")})
    assert "11" == str(await admin.db.value("SELECT amount FROM crm_opportunity"))
    for operation in [each.id for each in await list_operations(admin)][:2]:
        assert () == (await undo_operation(admin, operation)).kept
    row = await admin.db.row("SELECT amount, currency FROM crm_opportunity")
    assert row is not None
    assert (Decimal("10.50"), "EUR") == (row["amount"], row["currency"])


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1E+16"])
async def test_no_amount_is_endless_or_no_number(admin: Context, make: Make, amount: str) -> None:
    with pytest.raises(InvalidError) as refused:
        await make(DEAL, name="GTX", amount=Decimal(amount), currency="EUR")
    assert ["amount"] == list(refused.value.problems)


async def test_the_journal_tells_no_change_where_only_zeros_differ(
    admin: Context, make: Make
) -> None:
    plan = admin.site.entity(DEAL)
    deal = await make(DEAL, name="GTX", amount=Decimal("10.00"), currency="EUR")
    for same in ("10", "10.0", "10.0000"):
        assert 1 == await save_record(admin, plan, deal, {"amount": Decimal(same)})
    await save_record(admin, plan, deal, {"amount": Decimal(12)})
    changes = await list_changes(admin, plan, deal)
    found = [(c.before.get("amount"), c.after.get("amount")) for c in changes]
    assert [("10.00", "12.00"), (None, "10.00")] == found


async def test_an_import_refuses_the_row_whose_amount_does_not_fit(admin: Context) -> None:
    file = read_csv(b"n,a,c\nA,1.234,KWD\nB,1.234,EUR\nC,15,JPY\nD,1.5,JPY\n")
    wanted = ImportPlan({"n": "name", "a": "amount", "c": "currency"})
    report = await run_import(admin, admin.site.entity(DEAL), file, wanted)
    assert 2 == report.created
    assert [(3, "a"), (5, "a")] == [(each.line, each.column) for each in report.refused]
    assert "EUR" in report.refused[0].reason
    rows = await admin.db.rows("SELECT amount FROM crm_opportunity ORDER BY id")
    assert ["1.234", "15"] == [str(row["amount"]) for row in rows]


async def test_without_a_currency_that_of_the_site_counts(admin: Context) -> None:
    yen = replace(admin, config=msgspec.structs.replace(admin.config, currency="JPY"))
    plan = admin.site.entity(DEAL)
    with pytest.raises(InvalidError):
        await create_record(yen, plan, {"name": "GTX", "amount": Decimal("1.5")})
    await create_record(yen, plan, {"name": "GTX", "amount": Decimal(2)})
    assert "2" == str(await admin.db.value("SELECT amount FROM crm_opportunity"))


@_SETTINGS
@given(st.integers(-(10**19), 10**19), st.sampled_from(CURRENCIES), st.integers(0, 6))
def test_what_fits_is_written_with_its_places_and_read_as_the_same(
    units: int, currency: str, more: int
) -> None:
    places = find_currency_places(currency)
    assert places is not None
    amount = Decimal(units).scaleb(-places)
    wider = amount.quantize(Decimal(1).scaleb(-places - more)) if abs(units) < 10**18 else amount
    fitted = fit_amount(wider, currency)
    assert fitted is not None
    assert (amount, -places) == (fitted, fitted.as_tuple().exponent)
    assert format(fitted, "f") == amount_text(wider, currency) == amount_text(fitted, currency)
    assert fit_amount(amount + Decimal(5).scaleb(-places - 1), currency) is None


@settings(_SETTINGS, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(units=st.integers(-(10**12), 10**12), currency=st.sampled_from(CURRENCIES))
def test_no_digit_is_lost_where_money_is_read_aloud(
    admin: Context, units: int, currency: str
) -> None:
    places = find_currency_places(currency) or 0
    amount = Decimal(units).scaleb(-places)
    shown = format_money(admin, amount, currency).replace("\N{MINUS SIGN}", "-")
    digits = "".join(letter for letter in shown if letter in "-.0123456789")
    assert amount == parse_decimal(digits.strip("."))


async def test_a_group_adds_up_only_what_is_in_the_currency_of_the_site(
    admin: Context, make: Make
) -> None:
    for amount, currency in (("1.50", "USD"), ("2", "USD"), ("7.125", "KWD")):
        await make(DEAL, name="GTX", amount=Decimal(amount), currency=currency)
    groups = await group_records(admin, admin.site.entity(DEAL), ListQuery(), "stage", "amount")
    assert [(3, "3.50")] == [(each.count, str(each.total)) for each in groups]
