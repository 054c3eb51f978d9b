"""copy_record and convert_record: a record is made from another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crmkit.errors import ConflictError, HookFailedError, NotFoundError
from crmkit.plugin.hookspecs import Plugin
from crmkit.records.actions import run_action
from crmkit.records.history import undo_operation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from crmkit.model.context import Context
    from crmkit.plugin.events import CopyEvent

    Make = Callable[..., Awaitable[int]]
    Login = Callable[..., Awaitable[Context]]
    With = Callable[..., Context]
    Browse = Callable[[str], Awaitable[httpx.AsyncClient]]


class _Notes(Plugin):
    """Copies the people of a company along, and remembers conversions."""

    def __init__(self) -> None:
        self.became: list[tuple[str, int]] = []

    async def copy_record(self, event: CopyEvent) -> None:
        if event.entity.name == "crm.company":
            await event.ctx.create("crm.person", name="Copied", company=event.target_id)

    async def convert_record(self, event: CopyEvent) -> None:
        self.became.append((event.target.name, event.target_id))


async def test_hook_copy_record(make: Make, with_plugins: With, act_as: Login) -> None:
    anna = await act_as("seller")
    company = await make("crm.company", name="Kan-code", city="Oslo", owner=anna.user_id)
    ctx = with_plugins(anna, notes=_Notes())
    result = await run_action(ctx, ctx.site.entity("crm.company"), "duplicate", company)
    copy = await ctx.get("crm.company", int(result.url.rsplit("/", 1)[1]))
    assert ("Kan-code (copy)", "Oslo", anna.user_id) == (copy["name"], copy["city"], copy["owner"])
    assert 1 == await ctx.db.value("SELECT count(*) FROM crm_person WHERE company = $1", copy["id"])
    await undo_operation(ctx, result.operation)
    assert 0 == await ctx.count("crm.person")
    assert 1 == await ctx.count("crm.company")


async def test_a_copy_begins_its_lifecycle_anew(make: Make, admin: Context) -> None:
    deal = await make("crm.opportunity", name="Deal", stage="prospecting", amount=5)
    await admin.save("crm.opportunity", deal, stage="won", close_date=admin.now().date())
    plan = admin.site.entity("crm.opportunity")
    made = int((await run_action(admin, plan, "duplicate", deal)).url.rsplit("/", 1)[1])
    copy = await admin.get("crm.opportunity", made)
    assert ("prospecting", None, 5) == (copy["stage"], copy["close_date"], copy["amount"])


class _Torn(Plugin):
    async def copy_record(self, event: CopyEvent) -> None:
        raise RuntimeError("boom")


async def test_a_copy_that_a_plugin_breaks_is_not_there(make: Make, with_plugins: With) -> None:
    company = await make("crm.company", name="Kan-code")
    ctx = with_plugins(torn=_Torn())
    with pytest.raises(HookFailedError):
        await run_action(ctx, ctx.site.entity("crm.company"), "duplicate", company)
    assert 1 == await ctx.count("crm.company")


async def test_who_may_not_create_or_see_cannot_copy(make: Make, act_as: Login) -> None:
    deal = await make("crm.opportunity", name="Somebody else's")
    reader, seller = await act_as("read-only"), await act_as("seller", name="Bob")
    plan = reader.site.entity("crm.opportunity")
    before = await reader.db.value("SELECT count(*) FROM crm_opportunity")
    with pytest.raises(ConflictError):
        await run_action(reader, plan, "duplicate", deal)
    with pytest.raises(NotFoundError):
        await run_action(seller, plan, "duplicate", deal)
    assert before == await reader.db.value("SELECT count(*) FROM crm_opportunity")


async def test_hook_convert_record(make: Make, with_plugins: With) -> None:
    notes = _Notes()
    ctx = with_plugins(notes=notes)
    lead = await make("crm.lead", name="Nina", company_name="Kan-code")
    await run_action(ctx, ctx.site.entity("crm.lead"), "convert", lead)
    assert {"crm.person", "crm.company", "crm.opportunity"} == {name for name, _ in notes.became}


async def test_the_page_of_a_record_offers_a_copy(make: Make, browse: Browse) -> None:
    company = await make("crm.company", name="Kan-code")
    boss, reader = await browse("administrator"), await browse("read-only")
    url = f"/crm.company/{company}/actions/duplicate"
    assert url in (await boss.get(f"/crm.company/{company}")).text
    assert url not in (await reader.get(f"/crm.company/{company}")).text
    answer = await boss.post(url)
    assert 303 == answer.status_code
    assert "Kan-code (copy)" in (await boss.get(answer.headers["location"])).text
