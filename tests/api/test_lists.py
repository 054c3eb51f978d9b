"""Lists of the API understand what the lists of pages understand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crmkit.db.engine import Database
    from tests.api.conftest import Api, Make

_URL = "/api/v1/crm.company"


async def test_pages_lead_through_all_rows_and_back(api: Api, make: Make) -> None:
    names = [f"Company {number}" for number in range(7)]
    for name in names:
        await make("crm.company", name=name)
    client = await api()
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = (await client.get(_URL, params={"limit": "3", "sort": "name", **after})).json()
        seen += [row["name"] for row in page["rows"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert names == seen
    back = (
        await client.get(_URL, params={"limit": "3", "sort": "name", "before": page["prev"]})
    ).json()
    assert names[3:6] == [row["name"] for row in back["rows"]]


async def test_filters_search_columns_and_count(api: Api, make: Make) -> None:
    await make("crm.company", name="Kan-code", city="Berlin")
    await make("crm.company", name="Labdrill", city="Paris")
    client = await api()
    for query, expected in {
        "f=name:contains:kan": ["Kan-code"],
        "q=lab": ["Labdrill"],
        "sort=-name": ["Labdrill", "Kan-code"],
    }.items():
        page = (await client.get(f"{_URL}?{query}&columns=city&count=true")).json()
        assert expected == [row["name"] for row in page["rows"]]
        assert {"id", "version", "trashed_at", "name", "city"} == set(page["rows"][0])
        assert {"number": len(expected), "capped": False} == page["count"]


@pytest.mark.parametrize(
    "query",
    [
        "after=tampered", "after=WyJ4IiwxXQ", "before=WyJcdTAwMDAiLDFd&sort=created_at",
        "after=WyJ4IiwxXQ&sort=founded", "after=", "after=a&before=b", "limit=0", "limit=201",
        "limit=x", "limit=²", "sort=none", "columns=none", "f=none:is:1", "f=name:none:1",
        "f=employees:over:1e999999", "q=" + "x" * 201, "f=name:is:a&" * 20 + "f=name:is:b",
        "count=all", "trashed=1", "column=name", "group=owner",
    ],
)  # fmt: skip
async def test_a_parameter_that_does_not_fit_is_told(api: Api, query: str) -> None:
    client = await api()
    answer = await client.get(f"{_URL}?{query}")
    if query == "after=WyJ4IiwxXQ":  # a name to begin after, though nobody issued it
        assert 200 == answer.status_code
        return
    assert 422 == answer.status_code, answer.text
    assert answer.json()["error"]["message"].endswith(".")


async def test_a_nul_in_the_address_is_400(api: Api) -> None:
    client = await api()
    for query in ("q=%00", "f=name:contains:%00", "%00=1"):
        assert 400 == (await client.get(f"{_URL}?{query}")).status_code


async def test_the_trash_is_for_who_may_delete(api: Api, make: Make, db: Database) -> None:
    await make("crm.company", name="Thrown")
    await db.execute("UPDATE crm_company SET trashed_at = now()")
    client = await api()
    assert ["Thrown"] == [
        row["name"] for row in (await client.get(f"{_URL}?trashed=true")).json()["rows"]
    ]
    assert [] == (await client.get(_URL)).json()["rows"]
    assert 403 == (await (await api("read-only")).get(f"{_URL}?trashed=true")).status_code


async def test_a_page_of_100_rows_asks_as_often_as_one_of_10(
    api: Api, make: Make, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await api()
    await client.get(_URL)  # the first use of a token is noted
    company = await make("crm.company", name="Kan-code")
    real, asked = db._call, []

    async def count(method: str, sql: str, *rest: object, **more: object) -> object:
        asked.append(sql)
        return await real(method, sql, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(db, "_call", count)
    found = []
    for number in (10, 90):
        await db.execute(
            "INSERT INTO crm_opportunity (name, company) SELECT 'R' || n, $2 "
            "FROM generate_series(1, $1::int) n",
            number,
            company,
        )
        asked.clear()
        page = await client.get("/api/v1/crm.opportunity?limit=200&count=true")
        found.append((len(page.json()["rows"]), len(asked)))
    assert [(10, 3), (100, 3)] == found
