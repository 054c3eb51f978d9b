from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from crmkit.errors import InvalidError, SecondPersonError, Veto
from crmkit.model.context import Principal
from crmkit.records.plugins.settings import save_settings
from crmkit.records.read import get_record
from crmkit.records.save import save_record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.model.context import Context
    from crmkit.testing.sites import Place

    Make = Callable[..., Awaitable[int]]


async def _opportunity(admin: Context, record: int) -> dict[str, Any]:
    return await get_record(admin, admin.site.entity("crm.opportunity"), record)


async def test_company_cannot_become_its_own_grandparent(admin: Context, make: Make) -> None:
    plan = admin.site.entity("crm.company")
    top = await make("crm.company", name="Northgate")
    below = await make("crm.company", name="Northgate East", parent=top)
    lowest = await make("crm.company", name="Northgate East 2", parent=below)
    with pytest.raises(Veto) as refused:
        await save_record(admin, plan, top, {"parent": lowest})
    assert {"parent"} == set(refused.value.problems)
    with pytest.raises(Veto):
        await save_record(admin, plan, top, {"parent": top})


async def test_company_may_move_below_another(admin: Context, make: Make) -> None:
    plan = admin.site.entity("crm.company")
    top = await make("crm.company", name="Northgate")
    other = await make("crm.company", name="Kan-code")
    assert 2 == await save_record(admin, plan, other, {"parent": top})


async def test_probability_follows_the_stage(admin: Context, make: Make) -> None:
    plan = admin.site.entity("crm.opportunity")
    deal = await make("crm.opportunity", name="MG Special")
    assert 20 == (await _opportunity(admin, deal))["probability"]
    await save_record(admin, plan, deal, {"stage": "negotiation"})
    assert 80 == (await _opportunity(admin, deal))["probability"]
    await save_record(admin, plan, deal, {"stage": "proposal", "probability": 75})
    assert 75 == (await _opportunity(admin, deal))["probability"]


async def test_lost_needs_a_reason_and_won_an_amount(admin: Context, make: Make) -> None:
    plan = admin.site.entity("crm.opportunity")
    deal = await make("crm.opportunity", name="MG Special")
    with pytest.raises(InvalidError) as lost:
        await save_record(admin, plan, deal, {"stage": "lost"})
    assert {"lost_reason"} == set(lost.value.problems)
    with pytest.raises(InvalidError) as won:
        await save_record(admin, plan, deal, {"stage": "won"})
    assert {"amount"} == set(won.value.problems)


async def test_a_won_deal_is_closed_today_unless_a_day_is_given(admin: Context, make: Make) -> None:
    plan = admin.site.entity("crm.opportunity")
    today = admin.now().astimezone(admin.time_zone).date()
    given = today - timedelta(days=3)
    for values, day in (({}, today), ({"close_date": given}, given)):
        deal = await make("crm.opportunity", name="MG Special", amount=Decimal(10))
        await save_record(admin, plan, deal, {"stage": "won", **values})
        assert day == (await get_record(admin, plan, deal))["close_date"]


async def test_new_lead_cannot_be_converted_at_once(admin: Context, make: Make) -> None:
    plan = admin.site.entity("crm.lead")
    lead = await make("crm.lead", name="Ada")
    with pytest.raises(InvalidError) as refused:
        await save_record(admin, plan, lead, {"state": "converted"})
    assert {"state", "person"} == set(refused.value.problems)


async def test_a_large_deal_is_won_by_a_second_person_when_the_company_wants_it(
    place: Place,
) -> None:
    async with place.start() as running:
        role = running.site.roles["administrator"]
        people = [await running.ctx.create("core.user", name=name) for name in ("Anna", "Boris")]
        anna, boris = (
            replace(running.ctx, principal=Principal(number, "", role)) for number in people
        )

        async def deal(amount: int) -> int:
            return await anna.create(
                "crm.opportunity", name="Deal", amount=amount, close_date=date(2026, 11, 26)
            )

        await anna.save("crm.opportunity", await deal(90_000), stage="won")
        await save_settings(running.ctx, "crm", {"approve_from": 50_000})
        await running.rebuild()
        anna, boris = (replace(each, site=running.site) for each in (anna, boris))
        await anna.save("crm.opportunity", await deal(49_999), stage="won")
        large = await deal(50_000)
        with pytest.raises(SecondPersonError):
            await anna.save("crm.opportunity", large, stage="won")
        await boris.save("crm.opportunity", large, stage="won")
