from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from crmkit.errors import InvalidError, NotFoundError, StaleVersionError
from crmkit.records.filters import Filter
from crmkit.records.history import undo_operation
from crmkit.records.query import ListQuery, list_records
from crmkit.records.read import get_record
from crmkit.records.steps import finish_step, next_steps, write_step

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from tests.conftest import Login, Make


async def test_the_open_step_due_first_is_next(admin: Context, make: Make) -> None:
    plan = admin.site.entity("crm.company")
    company = await make("crm.company", name="Labdrill")
    now = admin.now()
    for subject, days, done in (("late", 9, None), ("first", 2, None), ("done", 1, now)):
        due = now + timedelta(days=days)
        await make("crm.activity", subject=subject, due_at=due, done_at=done, company=company)
    await make("crm.activity", subject="undated", company=company)
    assert "first" == (await next_steps(admin, plan, [company]))[company].title


async def test_a_step_the_reader_may_not_see_is_not_told(
    admin: Context, make: Make, act_as: Login
) -> None:
    bob = await act_as("seller", name="Bob")
    anna = await act_as("seller")
    if anna.principal.role.scope("crm.activity", "read") == "all":
        pytest.skip("sellers read every activity here")
    plan = admin.site.entity("crm.company")
    company = await make("crm.company", name="Labdrill", owner=anna.user_id)
    await make(
        "crm.activity", subject="secret", due_at=admin.now(), company=company, owner=bob.user_id
    )
    assert {} == await next_steps(anna, plan, [company])
    assert [company] == list(await next_steps(bob, plan, [company]))


async def test_records_without_a_next_step_can_be_listed(admin: Context, make: Make) -> None:
    plan = admin.site.entity("crm.lead")
    bare = await make("crm.lead", name="bare")
    planned = await make("crm.lead", name="planned")
    await make("crm.activity", subject="call", due_at=admin.now(), lead=planned)
    for op, expected in (("empty", bare), ("filled", planned)):
        query = ListQuery(filters=(Filter("next_step", op),))
        assert [expected] == [row["id"] for row in (await list_records(admin, plan, query)).rows]
    with pytest.raises(InvalidError):
        await list_records(admin, plan, ListQuery(filters=(Filter("next_step", "is", "1"),)))


async def test_a_finished_step_can_be_opened_again(admin: Context, make: Make) -> None:
    plan = admin.site.entity("crm.activity")
    task = await make("crm.activity", subject="call", due_at=admin.now())
    operation = await finish_step(admin, plan, task, 1)
    assert (await get_record(admin, plan, task))["done_at"] is not None
    await undo_operation(admin, operation)
    assert (await get_record(admin, plan, task))["done_at"] is None


async def test_a_step_changed_meanwhile_is_not_finished(admin: Context, make: Make) -> None:
    plan = admin.site.entity("crm.activity")
    task = await make("crm.activity", subject="call")
    await finish_step(admin, plan, task, 1)
    with pytest.raises(StaleVersionError):
        await finish_step(admin, plan, task, 1)


async def test_only_steps_can_be_finished(admin: Context, make: Make) -> None:
    company = await make("crm.company", name="Labdrill")
    with pytest.raises(NotFoundError):
        await finish_step(admin, admin.site.entity("crm.company"), company)


async def test_a_call_is_done_when_written_and_a_task_is_open(admin: Context, make: Make) -> None:
    company = await make("crm.company", name="Labdrill")
    plan, target = admin.site.entity("crm.company"), admin.site.entity("crm.activity")
    call = await write_step(admin, plan, company, "call", "Reached Tom\nHe wants two parts.")
    task = await write_step(admin, plan, company, "task", "Send it", {"due_at": "2026-12-01T09:00"})
    stored = await get_record(admin, target, call)
    assert ("Reached Tom", "He wants two parts.") == (stored["subject"], stored["body"])
    assert stored["done_at"] is not None
    assert company == stored["company"]
    assert (await get_record(admin, target, task))["done_at"] is None


async def test_an_empty_or_unknown_step_is_refused(admin: Context, make: Make) -> None:
    plan = admin.site.entity("crm.company")
    company = await make("crm.company", name="Labdrill")
    with pytest.raises(InvalidError):
        await write_step(admin, plan, company, "note", "  ")
    with pytest.raises(NotFoundError):
        await write_step(admin, plan, company, "fax", "Hello")
