from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from crmkit.crm import Crm
from crmkit.model.context import Principal
from crmkit.plugin.events import PageEvent
from crmkit.records.filters import Filter
from crmkit.records.query import ListQuery, count_records

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.model.context import Context

    Make = Callable[..., Awaitable[int]]
    Login = Callable[..., Awaitable[Context]]

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def at_noon(ctx: Context, zone: str = "UTC") -> Context:
    person = ctx.principal
    moved = Principal(person.user_id, person.name, person.role, person.teams, time_zone=zone)
    return replace(ctx, principal=moved, clock=lambda: NOW)


def _titles(answer: dict[str, Any]) -> dict[str, list[str]]:
    return {
        section.name: [item.title for item in section.items]
        for section in answer.get("sections", ())
    }


async def test_agenda_parts_overdue_today_and_later(make: Make, act_as: Login) -> None:
    anna = at_noon(await act_as("seller"))
    for subject, hours in (("late", -1), ("soon", 3), ("next week", 160)):
        await make(
            "crm.activity", subject=subject, due_at=NOW + timedelta(hours=hours), owner=anna.user_id
        )
    await make("crm.activity", subject="some day", owner=anna.user_id)
    await make("crm.activity", subject="done", done_at=NOW, owner=anna.user_id)
    await make("crm.activity", subject="a note", kind="note", owner=anna.user_id)
    expected = {"overdue": ["late"], "today": ["soon"], "later": ["next week", "some day"]}
    assert expected == _titles(await Crm().agenda(PageEvent(anna)))


async def test_today_ends_at_midnight_of_the_reader(make: Make, act_as: Login) -> None:
    anna = await act_as("seller")
    evening = datetime(2026, 11, 24, 20, tzinfo=UTC)
    await make("crm.activity", subject="call", due_at=evening, owner=anna.user_id)
    assert {"today": ["call"]} == _titles(await Crm().agenda(PageEvent(at_noon(anna))))
    moscow_plus = at_noon(anna, "Asia/Vladivostok")
    assert {"later": ["call"]} == _titles(
        await Crm().agenda(PageEvent(replace(moscow_plus, clock=lambda: NOW)))
    )


async def test_agenda_hides_what_the_reader_may_not_see(make: Make, act_as: Login) -> None:
    bob = await act_as("seller", name="Bob")
    anna = at_noon(await act_as("seller"))
    secret = await make("crm.company", name="Secret", owner=bob.user_id)
    await make("crm.activity", subject="his", due_at=NOW, owner=bob.user_id)
    await make("crm.activity", subject="mine", due_at=NOW, owner=anna.user_id, company=secret)
    answer = await Crm().agenda(PageEvent(anna, "all"))
    visible = anna.principal.role.scope("crm.activity", "read") == "all"
    shown = {"today": ["his", "mine"] if visible else ["mine"]}
    assert shown == _titles(answer)
    if anna.principal.role.scope("crm.company", "read") != "all":
        assert "" == answer["sections"][0].items[-1].record


async def test_each_loose_end_counts_what_its_list_shows(
    admin: Context, make: Make, act_as: Login
) -> None:
    anna = at_noon(await act_as("seller"))
    company = await make("crm.company", name="Kan-code", owner=anna.user_id)
    whole = await make(
        "crm.opportunity",
        name="whole",
        owner=anna.user_id,
        company=company,
        engage_date=NOW.date(),
        amount=Decimal(5),
    )
    await make("crm.activity", subject="call", due_at=NOW, opportunity=whole, owner=anna.user_id)
    await make("crm.opportunity", name="bare", owner=anna.user_id)
    await make("crm.lead", name="lead", owner=anna.user_id)
    answer = await Crm().page_context(PageEvent(anna))
    assert {
        "Opportunities without a company": "1",
        "Opportunities not engaged yet": "1",
        "Opportunities without an amount": "1",
        "Opportunities without a next step": "1",
        "Leads without a next step": "1",
    } == {end.label: end.count for end in answer["loose_ends"]}
    for end in answer["loose_ends"]:
        entity, _mark, query = end.url.removeprefix("/").partition("?")
        filters = tuple(Filter(*pair.removeprefix("f=").split(":", 2)) for pair in query.split("&"))
        plan = admin.site.entity(entity)
        assert 1 == (await count_records(anna, plan, ListQuery(filters=filters))).number, end.url


async def test_funnel_adds_up_only_the_currency_of_the_site(make: Make, act_as: Login) -> None:
    anna = at_noon(await act_as("seller"))
    for amount, currency in ((100, "USD"), (50, ""), (7, "EUR")):
        await make(
            "crm.opportunity",
            name="deal",
            amount=Decimal(amount),
            currency=currency,
            owner=anna.user_id,
        )
    answer = await Crm().page_context(PageEvent(anna))
    first = answer["funnel"][0]
    assert ("Prospecting", "3", "$150") == (first.label, first.count, first.sum)
    assert [("3", "in progress"), ("$150", "in the pipeline"), ("$30", "likely")] == list(
        answer["figures"]
    )


@pytest.mark.parametrize(("scope", "name"), [("mine", "Kan-code"), ("all", "Anna Snelling")])
async def test_leaders_are_clients_of_mine_or_sellers_of_all(
    make: Make, act_as: Login, scope: str, name: str
) -> None:
    anna = at_noon(await act_as("seller"))
    company = await make("crm.company", name="Kan-code", owner=anna.user_id)
    await make(
        "crm.opportunity",
        name="deal",
        stage="won",
        amount=Decimal(500),
        close_date=NOW.date(),
        company=company,
        owner=anna.user_id,
    )
    answer = await Crm().page_context(PageEvent(anna, scope))
    assert [(name, "$500", 100.0)] == list(answer["leaders"])


async def test_timeline_shows_activities_newest_first(
    admin: Context, make: Make, act_as: Login
) -> None:
    anna = at_noon(await act_as("seller"))
    company = await make("crm.company", name="Kan-code", owner=anna.user_id)
    for subject, hours in (("old", -2), ("new", -1)):
        await make(
            "crm.activity",
            subject=subject,
            kind="call",
            company=company,
            owner=anna.user_id,
            done_at=NOW + timedelta(hours=hours),
        )
    event = PageEvent(anna, entity=admin.site.entity("crm.company"), record_id=company)
    lines = await Crm().timeline(event)
    assert ["Call: new", "Call: old"] == [line.what for _at, line in lines]
