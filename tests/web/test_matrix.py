"""TRUST A1, A3: every route by every principal, with the digest of all tables around refusals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from crmkit.access.tokens import make_token
from crmkit.web.app import create_app
from crmkit.web.policy import PUBLIC, list_routes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from crmkit.config import Config
    from crmkit.db.engine import Database
    from crmkit.plugin.site import Site

    Browse = Callable[[str], Awaitable[httpx.AsyncClient]]
    Make = Callable[..., Awaitable[int]]

PRINCIPALS = (
    "", "disabled", "read-only", "seller", "manager", "administrator", "token", "read token",
    "scoped token", "disabled token",
)  # fmt: skip
#: Token principals are administrators' tokens, limited so.
LIMITS: dict[str, dict[str, Any]] = {
    "token": {},
    "read token": {"read_only": True},
    "scoped token": {"patterns": ["crm.person"]},
    "disabled token": {},
}
#: Tables that a mere visit may write: the log of sessions and of failures.
TRACES = {"core_session", "core_limit", "core_token", "core_feed"}


async def digest(db: Database) -> dict[str, str]:
    tables = await db.rows(
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    )
    names = sorted({row["table_name"] for row in tables} - TRACES)
    parts = [
        f"SELECT '{name}' AS name, coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') "
        f'AS sum FROM "{name}" t'
        for name in names
    ]
    return {row["name"]: row["sum"] for row in await db.rows(" UNION ALL ".join(parts))}


async def visit(browse: Browse, db: Database, principal: str) -> httpx.AsyncClient:
    if principal in LIMITS:
        client = await browse("administrator")
        user = await db.value("SELECT max(id) FROM core_user")
        token = await make_token(db, user, "test", **LIMITS[principal])
        client.cookies.clear()
        client.headers["Authorization"] = f"Bearer {token.secret}"
        if principal == "disabled token":
            await db.execute("UPDATE core_user SET active = false WHERE id = $1", user)
        return client
    if principal != "disabled":
        return await browse(principal)
    client = await browse("seller")
    await db.execute(
        "UPDATE core_user SET active = false WHERE id = (SELECT max(id) FROM core_user)"
    )
    return client


def address(path: str, record: int) -> str:
    """Fill the places of a route: this record of opportunities, its field `name`."""
    path = path.replace("{entity:str}", "crm.opportunity").replace("{name:str}", "name")
    path = re.sub(r"\{\w+:int\}", str(record), path)
    return re.sub(r"\{\w+:str\}", "nobody-issued-this", path)


@pytest.mark.parametrize("principal", PRINCIPALS)
async def test_no_route_fails_and_a_refusal_changes_nothing(
    site: Site, db: Database, config: Config, browse: Browse, make: Make, principal: str
) -> None:
    record = await make("crm.opportunity", name="Somebody else's")
    client = await visit(browse, db, principal)
    after = await digest(db)
    for route in list_routes(create_app(site, db, config)):
        if route.path == "/logout":
            continue
        before = after

        answer = await client.request(route.method, address(route.path, record))

        after = await digest(db)
        assert answer.status_code < 500, (route.method, route.path, answer.status_code)
        is_page = not route.path.startswith("/api/")
        is_nobody = principal in {"", "disabled", "disabled token"}
        if (is_nobody or (principal in LIMITS and is_page)) and route.policy != PUBLIC:
            assert answer.status_code in {303, 401, 403, 405}, (route.path, answer.status_code)
            assert before == after, (route.method, route.path)
        elif answer.status_code >= 400 or principal in {"read-only", "read token"}:
            assert before == after, (route.method, route.path)
        if principal == "scoped token" and "{entity:str}" in route.path:
            assert answer.status_code >= 300, route.path


@pytest.mark.parametrize("principal", ["seller", "manager"])
async def test_anothers_record_is_not_there_by_any_route(
    site: Site, db: Database, config: Config, browse: Browse, make: Make, principal: str
) -> None:
    record = await make("crm.opportunity", name="Somebody else's")
    client = await browse(principal)
    before = await digest(db)
    for route in list_routes(create_app(site, db, config)):
        if "{entity:str}" not in route.path or ":int}" not in route.path:
            continue
        form = {"name": "Mine", "version": "1"}
        sent: dict[str, Any] = {"data": form}
        if route.path.startswith("/api/"):
            sent = {"json": {**form, "version": 1}}

        answer = await client.request(route.method, address(route.path, record), **sent)

        assert answer.status_code in {403, 404, 405, 409, 422}, (route.path, answer.status_code)
        assert "Somebody else" not in answer.text, route.path
        assert before == await digest(db), (route.method, route.path)
