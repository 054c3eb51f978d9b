"""The floor shows the same rows as crmkit, or the distance to it would mean nothing."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from bench.floor.app import make_app
from bench.floor.pages import PAGE_SIZE, Pages
from crmkit.access.sessions import open_session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from crmkit.db.engine import Database
    from tests.conftest import Make

PEOPLE = PAGE_SIZE + 5


class Connected:
    """The calls of a pool, inside the test's transaction."""

    def __init__(self, db: Database) -> None:
        self.fetch, self.fetchrow, self.fetchval = db.rows, db.row, db.value


@pytest.fixture
async def team(make: Make) -> int:
    return await make("core.team", name="North")


@pytest.fixture
async def seller(make: Make, team: int) -> int:
    return await make("core.user", name="Anna Snelling", role="seller", team=team)


@pytest.fixture
async def client(db: Database, seller: int) -> AsyncIterator[httpx.AsyncClient]:
    pages: Any = Pages(Connected(db))  # type: ignore[arg-type]
    session = await open_session(db, seller, "127.0.0.1", "test")
    transport = httpx.ASGITransport(app=make_app(pages))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        client.cookies.set("crmkit", session.token)
        yield client


@pytest.fixture
async def people(make: Make, seller: int, team: int) -> list[int]:
    company = await make("crm.company", name="Kan-code")
    made = []
    for number in range(PEOPLE):
        owner = {"owner": seller} if number % 2 else {"team": team}
        made.append(await make("crm.person", name=f"Zoe {number:02}", company=company, **owner))
    await make("crm.person", name="Zoe of somebody else")
    return made


async def test_nobody_reads_without_a_session(client: httpx.AsyncClient) -> None:
    client.cookies.clear()

    assert 401 == (await client.get("/list")).status_code


async def test_pages_of_the_list_hold_own_and_team_rows_once(
    client: httpx.AsyncClient, people: list[int]
) -> None:
    first = await client.get("/list")
    link = re.search(r'id="page-next" href="([^"]*)"', first.text)
    assert link
    second = await client.get(unescape(link[1]))

    ids = [re.findall(r'id="row-(\d+)"', page.text) for page in (first, second)]
    assert [PAGE_SIZE, PEOPLE - PAGE_SIZE] == [len(each) for each in ids]
    assert people == [int(number) for each in ids for number in each]
    assert "Kan-code" in first.text
    assert "gzip" == first.headers["content-encoding"]


async def test_filter_and_search_find_a_part_of_the_name(
    client: httpx.AsyncClient, people: list[int]
) -> None:
    found = await client.get("/list", params={"q": "E 07"})
    hits = await client.get("/search", params={"q": "E 07"})

    assert [str(people[7])] == re.findall(r'id="row-(\d+)"', found.text)
    assert [str(people[7])] == re.findall(r"record\?id=(\d+)", hits.text)


async def test_a_record_shows_calls_and_changes(
    client: httpx.AsyncClient, people: list[int], make: Make
) -> None:
    await make("crm.activity", subject="Asked for prices", kind="call", person=people[1])

    page = await client.get("/record", params={"id": people[1]})

    assert "<h1>Zoe 01</h1>" in page.text
    assert "Asked for prices" in page.text
    assert "create" in page.text


async def test_a_new_person_is_compared_and_written_with_history_and_search_row(
    client: httpx.AsyncClient, people: list[int], db: Database
) -> None:
    typed = {"name": "Zoe 07", "email": "z@x.example", "phone": "+49 30 1234567", "city": "Kiel"}

    similar = await client.post("/similar", data=typed)
    made = await client.post("/new", data=typed)

    assert f"record?id={people[7]}" in similar.text
    assert 303 == made.status_code
    record = int(made.headers["location"].partition("=")[2])
    for table in ("core_journal", "core_search"):
        assert 1 == await db.value(
            f"SELECT count(*) FROM {table} WHERE entity = 'crm.person' AND record = $1", record
        )
