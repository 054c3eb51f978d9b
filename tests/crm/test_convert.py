from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from crmkit.errors import ConflictError, InvalidError, NotFoundError
from crmkit.model.role import VERBS, Right, Role
from crmkit.records.actions import run_action
from crmkit.records.history import undo_operation
from crmkit.records.read import get_record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.model.context import Context

    Make = Callable[..., Awaitable[int]]
    Login = Callable[..., Awaitable[Context]]


async def _lead(make: Make, **values: object) -> int:
    known = {"name": "Tom Whitfield", "company_name": "Kan-code", "email": "tom@kan-code.example"}
    return await make("crm.lead", **{**known, **values})


async def test_a_lead_becomes_person_company_and_opportunity(admin: Context, make: Make) -> None:
    plan = admin.site.entity("crm.lead")
    lead = await _lead(make)
    call = await make("crm.activity", subject="call", lead=lead)
    result = await run_action(admin, plan, "convert", lead, {"amount": "5482.50"})
    stored = await get_record(admin, plan, lead)
    assert "converted" == stored["state"]
    deal = await admin.get("crm.opportunity", stored["opportunity"])
    assert f"/crm.opportunity/{stored['opportunity']}" == result.url
    assert (Decimal("5482.50"), "Kan-code") == (deal["amount"], deal["company__title"])
    assert ("Kan-code", "Tom Whitfield") == (deal["name"], deal["person__title"])
    activity = await admin.get("crm.activity", call)
    assert (stored["person"], stored["opportunity"]) == (
        activity["person"],
        activity["opportunity"],
    )


async def test_known_company_and_person_are_taken(admin: Context, make: Make) -> None:
    company = await make("crm.company", name="KAN-CODE")
    person = await make("crm.person", name="T. Whitfield", email="Tom@kan-code.example")
    lead = await _lead(make)
    await run_action(admin, admin.site.entity("crm.lead"), "convert", lead)
    stored = await admin.get("crm.lead", lead)
    assert person == stored["person"]
    deal = await admin.get("crm.opportunity", stored["opportunity"])
    assert company == deal["company"]


async def test_a_hidden_company_is_not_linked(make: Make, act_as: Login) -> None:
    bob = await act_as("seller", name="Bob")
    # Sellers see every company unless a site's roles say otherwise.
    anna = await act_as("seller")
    kept = (each for each in anna.principal.role.rights if each.pattern != "crm.company")
    rights = (*kept, *(Right("crm.company", verb, "own") for verb in VERBS))
    role = Role("own", "Own", rights)
    anna = replace(anna, principal=replace(anna.principal, role=role))
    hidden = await make("crm.company", name="Kan-code", owner=bob.user_id)
    lead = await _lead(make, owner=anna.user_id)
    await run_action(anna, anna.site.entity("crm.lead"), "convert", lead)
    stored = await anna.get("crm.lead", lead)
    deal = await anna.get("crm.opportunity", stored["opportunity"])
    assert hidden != deal["company"]


async def test_a_lead_is_converted_once(admin: Context, make: Make) -> None:
    plan = admin.site.entity("crm.lead")
    lead = await _lead(make)
    await run_action(admin, plan, "convert", lead)
    with pytest.raises(ConflictError):
        await run_action(admin, plan, "convert", lead)


async def test_conversion_can_be_undone_as_one(admin: Context, make: Make) -> None:
    plan = admin.site.entity("crm.lead")
    lead = await _lead(make)
    result = await run_action(admin, plan, "convert", lead)
    made = await admin.get("crm.lead", lead)
    await undo_operation(admin, result.operation)
    stored = await admin.get("crm.lead", lead)
    assert ("new", None, None) == (stored["state"], stored["person"], stored["opportunity"])
    assert (await admin.get("crm.opportunity", made["opportunity"]))["trashed_at"] is not None


@pytest.mark.parametrize("raw", [{"amount": "many"}, {"amount": "-1"}, {"owner": "1"}])
async def test_input_that_does_not_fit_is_refused(
    admin: Context, make: Make, raw: dict[str, str]
) -> None:
    lead = await _lead(make)
    with pytest.raises(InvalidError) as refused:
        await run_action(admin, admin.site.entity("crm.lead"), "convert", lead, raw)
    assert set(raw) == set(refused.value.problems)
    assert "new" == (await admin.get("crm.lead", lead))["state"]


async def test_nobody_converts_what_is_not_theirs(make: Make, act_as: Login) -> None:
    anna = await act_as("seller")
    lead = await _lead(make)
    reader = await act_as("read-only")
    for ctx in (anna, reader):
        with pytest.raises(NotFoundError):
            await run_action(ctx, ctx.site.entity("crm.lead"), "convert", lead)
