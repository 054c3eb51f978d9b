"""What a plugin hides is hidden by every way: also as a title, a filter, a search, a panel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crmkit.errors import ForbiddenError, HookFailedError, UnavailableError
from crmkit.plugin.dispatch import MOST_FAILURES, Dispatcher
from crmkit.plugin.events import AccessEvent, PageEvent, QueryEvent
from crmkit.plugin.hookspecs import Plugin
from crmkit.plugin.sql import Sql
from crmkit.records.exports import export_csv
from crmkit.records.filters import Filter
from crmkit.records.query import ListQuery, count_records, group_records, list_records
from crmkit.records.related import list_related
from crmkit.records.search import search_records

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.model.context import Context

    Make = Callable[..., Awaitable[int]]
    With = Callable[..., Context]


class _Secret(Plugin):
    """Hides companies whose city is Area 51."""

    def filter_query(self, event: QueryEvent) -> Sql | None:
        if event.entity.name != "crm.company":
            return None
        return Sql(f"{event.alias}.city <> ${event.first}::text", ("Area 51",))


@pytest.mark.usefixtures("same_connection")
async def test_the_title_of_a_hidden_record_is_shown_nowhere(
    make: Make, with_plugins: With
) -> None:
    company = await make("crm.company", name="Kan-secret", city="Area 51")
    deal = await make("crm.opportunity", name="Deal", company=company)
    ctx = with_plugins(secret=_Secret())
    plan = ctx.site.entity("crm.opportunity")
    (row,) = (await list_records(ctx, plan, ListQuery(columns=("name", "company")))).rows
    assert None is row["company__title"]
    assert None is (await ctx.get("crm.opportunity", deal))["company__title"]
    assert [""] == [
        group.title for group in await group_records(ctx, plan, ListQuery(), "company", "amount")
    ]
    guess = ListQuery(filters=(Filter("company", "contains", "secret"),))
    assert 0 == (await count_records(ctx, plan, guess)).number
    exported = b"".join([part async for part in export_csv(ctx, plan, ListQuery())])
    assert b"Deal" in exported
    assert b"Kan-secret" not in exported


class _Closed(Plugin):
    """Denies to read companies at all."""

    async def check_access(self, event: AccessEvent) -> bool | None:
        return False if (event.entity.name, event.verb) == ("crm.company", "read") else None


async def test_a_denied_entity_is_left_out_of_what_stands_beside(
    make: Make, with_plugins: With
) -> None:
    owner = await make("crm.company", name="Kan-code")
    await make("crm.company", name="Kan-child", parent=owner)
    ctx = with_plugins(closed=_Closed())
    assert [] == await search_records(ctx, "kan")
    person = await make("crm.person", name="Nina", company=owner)
    related = await list_related(ctx, ctx.site.entity("crm.person"), person)
    assert "crm.company" not in {each.plan.name for each in related}
    with pytest.raises(ForbiddenError):
        await ctx.count("crm.company")
    with pytest.raises(ForbiddenError):
        await ctx.rows("crm.company")


class _Misnumbered(Plugin):
    def filter_query(self, event: QueryEvent) -> Sql | None:
        return Sql(f"{event.alias}.id <> $1", (7,))


async def test_a_condition_that_names_anothers_argument_is_refused(
    make: Make, with_plugins: With
) -> None:
    await make("crm.company", name="Kan-code")
    with pytest.raises(HookFailedError, match="`wrong`"):
        await search_records(with_plugins(secret=_Secret(), wrong=_Misnumbered()), "kan")


class _Reads(Plugin):
    async def agenda(self, event: PageEvent) -> dict[str, int] | None:
        raise UnavailableError("a guard does not load")


async def test_who_meets_a_guard_is_not_silenced_for_it(admin: Context) -> None:
    hooks = Dispatcher({"reads": _Reads()})
    for _ in range(MOST_FAILURES):
        assert [] == await hooks.collect("agenda", PageEvent(admin))
    assert [] == list(hooks.silenced())
