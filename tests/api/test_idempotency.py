"""TRUST X4: a repeated write has one effect and one answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest

from crmkit.access.tokens import make_token
from crmkit.web.app import create_app

if TYPE_CHECKING:
    from crmkit.config import Config
    from crmkit.db.engine import Database
    from crmkit.plugin.site import Site
    from tests.api.conftest import Api, Make

_URL = "/api/v1/crm.company"
_KEY = {"Idempotency-Key": "order-17"}


async def _count(db: Database) -> int:
    found: int = await db.value("SELECT count(*) FROM crm_company")
    return found


async def test_a_repeated_write_is_answered_as_the_first(api: Api, db: Database) -> None:
    client = await api()
    first = await client.post(_URL, json={"name": "Kan-code"}, headers=_KEY)
    again = await client.post(_URL, json={"name": "Kan-code"}, headers=_KEY)

    assert (201, 201) == (first.status_code, again.status_code)
    assert (first.text, first.headers["location"]) == (again.text, again.headers["location"])
    assert "true" == again.headers["idempotency-replayed"]
    assert "idempotency-replayed" not in first.headers
    assert 1 == await _count(db)


async def test_a_key_is_good_for_one_request_of_one_person(api: Api, db: Database) -> None:
    client, other = await api(), await api()
    made = await client.post(_URL, json={"name": "Kan-code"}, headers=_KEY)
    refused = await client.post(_URL, json={"name": "Other"}, headers=_KEY)
    elsewhere = await client.post("/api/v1/crm.person", json={"name": "Kan-code"}, headers=_KEY)
    mine = await other.post(_URL, json={"name": "Kan-code"}, headers=_KEY)
    assert [201, 422, 422, 201] == [each.status_code for each in (made, refused, elsewhere, mine)]
    assert 2 == await _count(db)


async def test_a_refusal_is_repeated_too(api: Api, make: Make, db: Database) -> None:
    record = await make("crm.company", name="Before")
    client = await api()
    sent = {"json": {"name": "After", "version": 7}, "headers": _KEY}
    first = await client.patch(f"{_URL}/{record}", **sent)  # type: ignore[arg-type]
    await db.execute("UPDATE crm_company SET version = 7")
    again = await client.patch(f"{_URL}/{record}", **sent)  # type: ignore[arg-type]
    assert (409, 409) == (first.status_code, again.status_code)
    assert first.text == again.text
    broken = {"content": b"{", "headers": {**_KEY, "Idempotency-Key": "b"}}
    for _try in range(2):
        broken["headers"]["Content-Type"] = "application/json"  # type: ignore[index]
        answer = await client.post(_URL, **broken)  # type: ignore[arg-type]
        assert 400 == answer.status_code


async def test_a_delete_is_repeated(api: Api, make: Make) -> None:
    record = await make("crm.company", name="Before")
    client = await api()
    for _try in range(2):
        answer = await client.delete(f"{_URL}/{record}", headers=_KEY)
        assert (204, b"") == (answer.status_code, answer.content)
    journal = await client.get(f"{_URL}/{record}")
    assert 2 == journal.json()["version"]


async def test_a_key_is_forgotten_after_a_day(api: Api, db: Database) -> None:
    client = await api()
    await client.post(_URL, json={"name": "Kan-code"}, headers=_KEY)
    await db.execute("UPDATE core_idempotency SET at = now() - interval '25 hours'")
    assert 201 == (await client.post(_URL, json={"name": "Later"}, headers=_KEY)).status_code
    assert 2 == await _count(db)
    assert 1 == await db.value("SELECT count(*) FROM core_idempotency")


@pytest.mark.parametrize("key", ["", "a b", "x" * 201])
async def test_a_key_is_a_short_word(api: Api, key: str) -> None:
    client = await api()
    answer = await client.post(_URL, json={"name": "x"}, headers={"Idempotency-Key": key})
    assert 400 == answer.status_code


async def test_parallel_use_of_a_key_has_one_effect(
    pool: Database, site: Site, config: Config
) -> None:
    """Outside the transaction of tests: two connections, and a second application."""
    user = await pool.value(
        "INSERT INTO core_user (name, role) VALUES ('Anna Snelling', 'administrator') RETURNING id"
    )
    token = await make_token(pool, user, "test")
    headers = {**_KEY, "Authorization": f"Bearer {token.secret}"}

    def client() -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=create_app(site, pool, config))  # type: ignore[arg-type]
        return httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers)

    try:
        name = {"name": "Parallel Kan-code"}
        callers = client()
        answers = await asyncio.gather(*(callers.post(_URL, json=name) for _ in range(6)))
        later = await client().post(_URL, json=name)
        statuses = [each.status_code for each in answers]
        made = {each.text for each in (*answers, later) if each.status_code == 201}
        assert {201, 409} >= set(statuses)
        assert 201 == later.status_code
        assert 1 == len(made)
        assert 1 == await pool.value(
            "SELECT count(*) FROM crm_company WHERE name = 'Parallel Kan-code'"
        )
    finally:
        for table in ("core_journal", "core_search"):
            await pool.execute(f"DELETE FROM {table} WHERE entity = 'crm.company'")
        await pool.execute("DELETE FROM crm_company WHERE name = 'Parallel Kan-code'")
        await pool.execute("DELETE FROM core_operation WHERE user_id = $1", user)
        await pool.execute("DELETE FROM core_idempotency")
        await pool.execute("DELETE FROM core_user WHERE id = $1", user)
