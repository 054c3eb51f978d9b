from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from crmkit.records.bulk import Selection, bulk_edit
from crmkit.records.history import list_operations, undo_operation
from crmkit.records.read import get_record
from crmkit.records.save import save_record, trash_record

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from tests.conftest import Make


async def test_a_record_in_the_trash_does_not_stop_the_undo_of_the_others(
    admin: Context, make: Make
) -> None:
    plan = admin.site.entity("crm.company")
    kept = await make("crm.company", name="Kan-code", city="Chicago")
    trashed = await make("crm.company", name="Labdrill", city="Chicago")
    edit = await bulk_edit(admin, plan, Selection(ids=(kept, trashed)), {"city": "Austin"})
    await trash_record(admin, plan, trashed)

    result = await undo_operation(admin, edit.operation)

    assert (1, (("crm.company", trashed),)) == (result.undone, result.kept)
    assert "Chicago" == (await get_record(admin, plan, kept))["city"]


async def test_undoing_a_new_owner_keeps_a_team_that_did_not_change(
    admin: Context, make: Make
) -> None:
    plan = admin.site.entity("crm.company")
    east, west = await make("core.team", name="East"), await make("core.team", name="West")
    anna = await make("core.user", name="Anna", team=east)
    bob = await make("core.user", name="Bob", team=west)
    company = await make("crm.company", name="Kan-code", owner=anna, team=west)
    operation = await admin.db.value(
        "INSERT INTO core_operation (kind, label, cause, at) "
        "VALUES ('bulk', '', 'page', now()) RETURNING id"
    )
    await save_record(replace(admin, operation=operation), plan, company, {"owner": bob})

    await undo_operation(admin, operation)

    stored = await get_record(admin, plan, company)
    assert (anna, west) == (stored["owner"], stored["team"])


async def test_an_amount_of_few_digits_goes_back(admin: Context, make: Make) -> None:
    deal = await make("crm.opportunity", name="GTX", amount=Decimal("1.5"))
    await admin.save("crm.opportunity", deal, amount=Decimal("2.5"))
    operation = (await list_operations(admin))[0].id
    assert () == (await undo_operation(admin, operation)).kept
    assert Decimal("1.5") == (await admin.get("crm.opportunity", deal))["amount"]
