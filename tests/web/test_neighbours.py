"""The records beside one in the list somebody came from: its filter, order and rights, no more."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from crmkit.model.context import Principal
from crmkit.model.role import Right, Role
from crmkit.records.filters import Filter
from crmkit.records.neighbours import find_neighbours
from crmkit.records.query import ListQuery, list_records
from crmkit.records.save import trash_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

    from crmkit.db.engine import Database
    from crmkit.model.context import Context
    from tests.conftest import Make
    from tests.web.conftest import Browse

_ARROW = re.compile(r'href="([^"]*)" aria-label="(Previous|Next) \([KJ]\)"')


def _arrows(page: httpx.Response) -> dict[str, str]:
    return {name: url.replace("&amp;", "&") for url, name in _ARROW.findall(page.text)}


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", ["name", "amount", "close_date", "created_at"])
async def test_one_after_another_is_the_whole_list(
    admin: Context,
    make: Make,
    sort: str,
    descending: bool,  # noqa: FBT001
) -> None:
    plan = admin.site.entity("crm.opportunity")
    for number in range(7):
        day = date(2026, 1, 1 + number % 3) if number % 2 else None
        await make("crm.opportunity", name=f"{number % 2}É", amount=number % 4 or None,
                   close_date=day)  # fmt: skip
    query = ListQuery(sort=sort, descending=descending, limit=99)
    whole = [row["id"] for row in (await list_records(admin, plan, query)).rows]
    beside = [await find_neighbours(admin, plan, query, number) for number in whole]
    assert [None, *whole[:-1]] == [each.before for each in beside]
    assert [*whole[1:], None] == [each.after for each in beside]


async def test_nobody_is_led_to_what_the_list_does_not_show_him(admin: Context, make: Make) -> None:
    user = await make("core.user", name="Anna Snelling", role="seller", active=True)
    role = Role("own", "Own", (Right("crm.company", "read", "own"),))
    seller = replace(admin, principal=Principal(user, "Anna Snelling", role))
    mine, _others, gone, last = [
        await make("crm.company", name=f"Firm {n}", sector="retail", owner=owner)
        for n, owner in ((1, user), (2, None), (3, user), (4, user))
    ]
    unlike = await make("crm.company", name="Firm 1a", sector="medical", owner=user)
    plan = admin.site.entity("crm.company")
    await trash_record(admin, plan, gone)
    query = ListQuery(sort="name", filters=(Filter("sector", "is", "retail"),))
    assert (None, last) == await find_neighbours(seller, plan, query, mine)
    assert (mine, None) == await find_neighbours(seller, plan, query, last)
    # What was changed may have left the list: its place in it stays.
    assert (mine, last) == await find_neighbours(seller, plan, query, unlike)


async def test_a_record_shows_the_next_one_of_the_list_one_came_from(
    browse: Browse, make: Make
) -> None:
    first, second, third = [
        await make("crm.company", name=name, sector=sector)
        for name, sector in (("Acme", "retail"), ("Bolt", "medical"), ("Cane", "retail"))
    ]
    client = await browse("administrator")
    url = "/crm.company?f=sector:is:retail&sort=-name"
    base = str(client.base_url).rstrip("/")
    page = await client.get(f"/crm.company/{third}", headers={"Referer": f"{base}{url}"})
    named = quote("f=sector:is:retail&sort=-name", safe="")
    assert {"Next": f"/crm.company/{first}"} == {
        name: each.partition("?list=")[0] for name, each in _arrows(page).items()
    }
    assert 'href="/crm.company?f=sector%3Ais%3Aretail&amp;sort=-name"' in page.text
    page = await client.get(_arrows(page)["Next"])
    assert [f"/crm.company/{third}"] == [each.partition("?")[0] for each in _arrows(page).values()]
    # A form of the record leads back to it, and the list is still known.
    headers = {"Referer": f"{base}/crm.company/{third}?list={named}"}
    assert "Next" in _arrows(await client.get(f"/crm.company/{third}", headers=headers))
    plain = await client.get(f"/crm.company/{second}?list=")
    assert {"Previous", "Next"} == set(_arrows(plain))


async def test_who_came_from_elsewhere_is_shown_no_list_and_a_bad_one_is_none(
    browse: Browse, make: Make
) -> None:
    companies = [await make("crm.company", name=name) for name in ("Acme", "Bolt")]
    client = await browse("administrator")
    base = str(client.base_url).rstrip("/")
    path = f"/crm.company/{companies[0]}"
    for came in ("/", "/crm.person", "/crm.company/board", f"/crm.company/{companies[1]}", path):
        page = await client.get(path, headers={"Referer": f"{base}{came}"})
        assert {} == _arrows(page), came
    stranger = {"Referer": "https://example.org/crm.company"}
    assert {} == _arrows(await client.get(path, headers=stranger))
    for query in ("sort=none", "f=none:is:1", "f=revenue:over:x", "group=sector"):
        page = await client.get(f"{path}?list={quote(query)}")
        assert 200 == page.status_code
        assert {} == _arrows(page), query


async def test_the_records_beside_one_cost_one_statement(
    browse: Browse, make: Make, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    companies = [await make("crm.company", name=name) for name in ("Acme", "Bolt", "Cane")]
    client = await browse("administrator")
    path = f"/crm.company/{companies[1]}"
    await client.get(path)
    sent: list[str] = []
    call = db._call

    async def counted(method: str, sql: str, args: Sequence[Any], *, retry: bool) -> Any:  # noqa: ANN401
        sent.append(sql)
        return await call(method, sql, args, retry=retry)

    monkeypatch.setattr(db, "_call", counted)
    await client.get(path)
    few = len(sent)
    sent.clear()
    assert {"Previous", "Next"} == set(_arrows(await client.get(f"{path}?list=sort%3Dname")))
    assert few + 1 == len(sent)
