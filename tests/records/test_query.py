from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from crmkit.records.query import ListQuery, list_records, list_statement

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from tests.conftest import Make

_LISTED = [
    ("crm.opportunity", "stage"),
    ("crm.opportunity", "amount"),
    ("crm.opportunity", "close_date"),
    ("crm.opportunity", "updated_at"),
    ("crm.company", "city"),
    ("crm.activity", "due_at"),
]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", ["name", "stage", "amount", "close_date", "created_at"])
async def test_pages_in_a_row_are_the_whole_list_in_both_directions(
    admin: Context,
    make: Make,
    sort: str,
    descending: bool,  # noqa: FBT001
) -> None:
    plan = admin.site.entity("crm.opportunity")
    for number in range(11):
        day = date(2026, 1, 1 + number % 3) if number % 2 else None
        amount = number % 4 or None
        await make("crm.opportunity", name=f"{number % 2}É", amount=amount, close_date=day)

    def page(token: str = "", limit: int = 3, *, backwards: bool = False) -> ListQuery:
        return ListQuery(
            sort=sort, descending=descending, token=token, limit=limit, backwards=backwards
        )

    whole = [row["id"] for row in (await list_records(admin, plan, page(limit=99))).rows]
    pages = [await list_records(admin, plan, page())]
    while pages[-1].next_token:
        pages.append(await list_records(admin, plan, page(pages[-1].next_token)))
    back = [pages[-1]]
    while back[-1].prev_token:
        back.append(await list_records(admin, plan, page(back[-1].prev_token, backwards=True)))

    assert 11 == len(set(whole))
    assert whole == [row["id"] for each in pages for row in each.rows]
    assert whole == [row["id"] for each in reversed(back) for row in each.rows]


@pytest.mark.parametrize(("entity", "sort"), _LISTED)
async def test_a_listed_column_is_sorted_by_an_index(
    admin: Context, entity: str, sort: str
) -> None:
    plan = admin.site.entity(entity)
    await admin.db.execute("SET LOCAL enable_seqscan = off")
    await admin.db.execute("SET LOCAL enable_bitmapscan = off")
    await admin.db.execute("SET LOCAL enable_sort = off")
    for descending in (False, True):
        text, args = await list_statement(admin, plan, ListQuery(sort=sort, descending=descending))
        rows = await admin.db.rows(f"EXPLAIN {text}", *args)
        assert f"{plan.tablename}_{sort}_sort_idx" in "\n".join(row[0] for row in rows)


async def test_a_page_reads_a_record_once_until_something_is_written(
    admin: Context, make: Make
) -> None:
    team = await make("core.team", name="Central")
    page = admin.for_page()
    assert "Central" == (await page.get("core.team", team))["name"]
    await admin.db.execute("UPDATE core_team SET name = 'East' WHERE id = $1", team)
    assert "Central" == (await page.get("core.team", team))["name"]
    assert "East" == (await page.get("core.team", team, "edit"))["name"]
    assert "East" == (await admin.get("core.team", team))["name"]
    await page.save("core.team", team, name="West")
    assert "West" == (await page.get("core.team", team))["name"]
