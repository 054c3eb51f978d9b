from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crmkit.records.duplicates import COMPARED, compared_value, find_duplicates

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.model.context import Context

    Make = Callable[..., Awaitable[int]]
    Login = Callable[..., Awaitable[Context]]


@pytest.mark.parametrize(
    ("kind", "typed", "expected"),
    [
        ("email", " Tom@Kan-Code.example ", "tom@kan-code.example"),
        ("email", "tom", ""),
        ("phone", "+1 (312) 555-0142", "125550142"),
        ("phone", "0142", ""),
        ("url", "https://www.Kan-Code.example/about", "kan-code.example"),
        ("url", "kan-code.example", "kan-code.example"),
        ("url", "http://[", ""),
        ("url", "kan", ""),
    ],
)
def test_values_are_compared_by_what_makes_them_the_same(
    kind: str, typed: str, expected: str
) -> None:
    assert expected == compared_value(kind, typed)


async def test_the_stored_value_is_compared_by_the_same_rule(admin: Context, make: Make) -> None:
    company = await make(
        "crm.company", name="Kan", website="https://www.kan-code.example/x", phone="312-555 01 42"
    )
    plan = admin.site.entity("crm.company")
    for typed in ({"website": "KAN-CODE.example"}, {"phone": "+13125550142"}):
        found = await find_duplicates(admin, plan, typed)
        assert [company] == [each.id for each in found.found], typed


async def test_more_reasons_come_first(admin: Context, make: Make) -> None:
    plan = admin.site.entity("crm.person")
    await make("crm.person", name="Tom Whitfield")
    both = await make("crm.person", name="Tom Whitfield", email="tom@kan.example")
    typed = {"name": "tom whitfield", "email": "TOM@kan.example"}
    found = await find_duplicates(admin, plan, typed)
    assert (both, {"same name", "email"}) == (found.found[0].id, set(found.found[0].reasons))
    assert 2 == len(found.found)


async def test_the_record_itself_and_the_trash_are_no_duplicates(
    admin: Context, make: Make
) -> None:
    plan = admin.site.entity("crm.company")
    itself = await make("crm.company", name="Kan-code")
    gone = await make("crm.company", name="Kan-code")
    await admin.trash("crm.company", gone)
    assert () == (await find_duplicates(admin, plan, {"name": "Kan-code"}, but=itself)).found


async def test_a_hidden_record_is_counted_and_not_shown(make: Make, act_as: Login) -> None:
    bob = await act_as("seller", name="Bob")
    anna = await act_as("seller")
    await make("crm.lead", name="Secret Lead", owner=bob.user_id)
    plan = anna.site.entity("crm.lead")
    found = await find_duplicates(anna, plan, {"name": "secret lead"})
    assert ((), 1) == (found.found, found.hidden)
    assert 1 == len((await find_duplicates(bob, plan, {"name": "secret lead"})).found)


async def test_each_part_is_served_by_an_index(admin: Context) -> None:
    await admin.db.execute("SET LOCAL enable_seqscan = off")
    for column in ("email", "phone", "website"):
        kind = {"website": "url"}.get(column, column)
        expression = COMPARED[kind].format(f"t.{column}")
        plan = await admin.db.rows(
            f"EXPLAIN SELECT t.id FROM crm_company t WHERE {expression} = 'x' AND t.{column} <> ''"
        )
        assert any(f"crm_company_{column}_same_idx" in row[0] for row in plan), column
