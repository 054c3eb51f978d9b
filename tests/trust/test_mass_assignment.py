"""TRUST A5: what no form shows cannot be written by sending it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from crmkit.testing.matrix.assignment import Assignment, forbidden

if TYPE_CHECKING:
    from crmkit.db.engine import Database
    from crmkit.plugin.site import Site
    from crmkit.testing.matrix.stage import Stage
    from tests.trust.conftest import Samples, SignIn

_REFUSED = {303, 400, 403, 404, 405, 409, 422}


async def stored(db: Database, site: Site, entity: str, record: int) -> dict[str, Any]:
    row = await db.row(f'SELECT * FROM "{site.entity(entity).tablename}" WHERE id = $1', record)
    return dict(row) if row is not None else {}


@pytest.mark.parametrize("entity", ["crm.person", "crm.opportunity"])
async def test_no_door_takes_a_field_that_no_form_shows(matrix: Stage, entity: str) -> None:
    assignment = Assignment(matrix, await matrix.client("administrator"))
    plan = matrix.running.site.entity(entity)
    assert len(forbidden(plan)) > 12
    assert [] == [each async for each in assignment.at_once(plan)]


@pytest.mark.long
@pytest.mark.parametrize("role", ["administrator", "seller"])
async def test_no_door_takes_such_a_field_alone(matrix: Stage, role: str) -> None:
    assignment = Assignment(matrix, await matrix.client(role))
    for plan in matrix.entities:
        assert [] == [each async for each in assignment.one_by_one(plan)]


@pytest.mark.parametrize("role", ["administrator", "seller"])
async def test_no_write_route_of_the_core_takes_a_field_that_no_form_shows(
    site: Site, db: Database, samples: Samples, sign_in: SignIn, role: str
) -> None:
    client, _ = await sign_in(role)
    tried = 0
    for entity, record in samples.items():
        plan = site.entity(entity)
        before = await stored(db, site, entity, record)
        number = await db.value(f'SELECT count(*) FROM "{plan.tablename}"')
        url = f"/{entity}/{record}"
        for name, text in forbidden(site.entity(entity)).items():
            version = {"version": str(before["version"])} if name != "version" else {}
            sent = {plan.title: "Sample", **version, name: text}
            for path, form in (
                (f"{url}/edit", sent),
                (f"{url}/move", {**version, name: text, "to": "none"}),
                (f"{url}/board-move", {**version, name: text, "to": "none"}),
                (f"{url}/field/{name.replace('/', '')}", {**version, name: text}),
                (f"/{entity}/bulk", {"ids": str(record), "action": f"set-{name}",
                                     f"set-{name}.{name}": text}),
            ):  # fmt: skip
                answer = await client.post(path, data=form)
                tried += 1
                assert answer.status_code in _REFUSED, (path, name, answer.status_code)
                assert before == await stored(db, site, entity, record), (path, name)
            if name != "version":  # a new form has none to compare with: it is ignored
                answer = await client.post(f"/{entity}/new", data={plan.title: "New", name: text})
                assert answer.status_code in {403, 422}, (entity, name, answer.status_code)
        assert number == await db.value(f'SELECT count(*) FROM "{plan.tablename}"'), entity
    assert tried > 300


async def test_a_version_of_a_new_record_does_not_stick(
    site: Site, db: Database, sign_in: SignIn
) -> None:
    client, _ = await sign_in("administrator")
    for entity, plan in site.entities.items():
        title = {plan.title: f"Version of {entity}", "version": "990001"}
        answer = await client.post(f"/{entity}/new", data=title | {"role": "seller"})
        if answer.status_code == 303:
            assert 1 == await db.value(f'SELECT max(version) FROM "{plan.tablename}"')


@pytest.mark.parametrize("role", ["seller", "manager", "read-only"])
async def test_nobody_becomes_administrator_by_a_form(
    db: Database, sign_in: SignIn, role: str
) -> None:
    client, me = await sign_in(role)
    for path in (
        f"/core.user/{me}/edit",
        f"/core.user/{me}/field/role",
        f"/core.user/{me}/move",
        "/core.user/new",
        "/settings/account",
        "/settings/theme",
    ):
        form = {"role": "administrator", "name": "Mallory", "version": "1", "theme": "dark"}
        answer = await client.post(path, data=form)
        assert answer.status_code < 500, path
    bulk = {"action": "set-role", "set-role.role": "administrator", "ids": str(me)}
    await client.post("/core.user/bulk", data=bulk)

    assert role == await db.value("SELECT role FROM core_user WHERE id = $1", me)
    assert 0 == await db.value("SELECT count(*) FROM core_user WHERE role = 'administrator'")
