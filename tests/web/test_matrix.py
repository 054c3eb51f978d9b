"""TRUST A1, A3: every route by every principal, with a digest of all tables around refusals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from crmkit.testing.matrix.routes import Routes, cells
from crmkit.testing.matrix.stage import changed
from crmkit.web.app import create_app
from crmkit.web.policy import list_routes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from crmkit.testing.matrix.stage import Stage

    Browse = Callable[[str], Awaitable[httpx.AsyncClient]]
    Make = Callable[..., Awaitable[int]]

PRINCIPALS = (
    "", "disabled", "read-only", "seller", "manager", "administrator", "no-rights", "crm-admin",
    "token", "read token", "scoped token", "disabled token",
)  # fmt: skip


@pytest.mark.parametrize("principal", PRINCIPALS)
async def test_every_route_answers_as_its_policy_says_and_a_refusal_changes_nothing(
    matrix: Stage, principal: str
) -> None:
    asked = list(cells(matrix, [matrix.running.site.entity("crm.opportunity")]))
    assert len({cell.route.path for cell in asked}) > 100
    routes = Routes(matrix, principal, await matrix.client(principal))
    assert [] == [each async for each in routes.problems(asked)]


def address(path: str, record: int) -> str:
    """Fill the places of a route: this record of opportunities, its field `name`."""
    path = path.replace("{entity:str}", "crm.opportunity").replace("{name:str}", "name")
    path = re.sub(r"\{\w+:int\}", str(record), path)
    return re.sub(r"\{\w+:str\}", "nobody-issued-this", path)


@pytest.mark.parametrize("principal", ["seller", "manager"])
async def test_anothers_record_is_not_there_by_any_route(
    matrix: Stage, browse: Browse, make: Make, principal: str
) -> None:
    record = await make("crm.opportunity", name="Somebody else's")
    client = await browse(principal)
    before = await matrix.digest()
    running = matrix.running
    for route in list_routes(create_app(running.site, running.db, running.config)):
        if "{entity:str}" not in route.path or "{record_id:int}" not in route.path:
            continue
        form = {"name": "Mine", "version": "1"}
        sent: dict[str, Any] = {"data": form}
        if route.path.startswith("/api/"):
            sent = {"json": {**form, "version": 1}}

        answer = await client.request(route.method, address(route.path, record), **sent)

        assert answer.status_code in {403, 404, 405, 409, 422}, (route.path, answer.status_code)
        assert "Somebody else" not in answer.text, route.path
    assert not changed(before, await matrix.digest())
