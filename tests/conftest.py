"""The cast and the stage: one PostgreSQL for the run, one database for each worker.

Each test runs in a transaction that is rolled back. What would happen after a commit does not
happen there.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import httpx
import pytest

from crmkit.access.core import site_of
from crmkit.access.roles import load_roles
from crmkit.access.sessions import open_session
from crmkit.config import Config
from crmkit.db.engine import Database
from crmkit.db.migrations import migrate
from crmkit.model.context import Context, Principal
from crmkit.records.plugins.indexes import make_indexes
from crmkit.records.save import create_record
from crmkit.records.store import RecordStore
from crmkit.testing.matrix.stage import Stage
from crmkit.testing.server import drop_database
from crmkit.testing.sites import DSN, Running
from crmkit.web.app import create_app
from crmkit.web.services import sign

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from crmkit.model.role import Role
    from crmkit.plugin.site import Site
    from crmkit.testing.sites import Place

    Make = Callable[..., Awaitable[int]]
    Login = Callable[..., Awaitable[Context]]
    Browse = Callable[[str], Awaitable[httpx.AsyncClient]]

_PROOF = Path(__file__).parent / "plugins"


@pytest.fixture(scope="session")
def site() -> Site:
    return site_of(Config())


@pytest.fixture(scope="session")
def config() -> Config:
    return Config(name="Northgate Hardware")


@pytest.fixture(scope="session")
def roles() -> Mapping[str, Role]:
    return load_roles(Path("none"))


@pytest.fixture(scope="session")
async def dsn() -> str:
    """An empty, migrated database of this worker."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = f"crmkit_test_{worker}"
    owner = os.environ[DSN]
    target = _named(owner, name)
    connection = await asyncpg.connect(owner)
    try:
        await drop_database(connection, name)
        await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
    site = site_of(Config())
    await migrate(target, site.sources)
    await make_indexes(target, site)
    return target


def _named(dsn: str, name: str) -> str:
    head, _, tail = dsn.rpartition("/crmkit")
    return f"{head}/{name}{tail}"


@pytest.fixture(scope="session")
async def pool(dsn: str) -> AsyncIterator[Database]:
    database = Database(dsn, pool_min=1, pool_max=8)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def db(pool: Database) -> AsyncIterator[Database]:
    """The worker's database inside a transaction that is rolled back."""

    with suppress(_RollBackError):
        async with pool.transaction():
            yield pool
            _roll_back()


@pytest.fixture
def loyalty(place: Place) -> Place:
    """An empty site with the proof plugin loyalty in its folder."""
    place.add(_PROOF / "loyalty")
    return place


class _RollBackError(Exception):
    pass


def _roll_back() -> None:
    raise _RollBackError


@pytest.fixture
def admin(db: Database, site: Site, config: Config, roles: Mapping[str, Role]) -> Context:
    """The context of the command line: everything is allowed."""
    return Context(
        db,
        site,
        config,
        Principal(None, "", roles["administrator"]),
        cause="command",
        store=RecordStore(),
    )


@pytest.fixture
def make(admin: Context) -> Make:
    """Make a record: `await make("crm.company", name="Kan-code")` answers its id."""

    async def make_record(entity: str, **values: object) -> int:
        return await create_record(admin, admin.site.entity(entity), values)

    return make_record


@pytest.fixture
def act_as(admin: Context, make: Make, roles: Mapping[str, Role]) -> Login:
    """Answer the context of a new person with a role: `await act_as("seller", team=3)`."""

    async def become(role: str, name: str = "Anna Snelling", team: int | None = None) -> Context:
        user = await make("core.user", name=name, role=role, team=team, active=True)
        teams = (team,) if team is not None else ()
        person = Principal(user, name, roles[role], teams)
        return replace(admin, principal=person, cause="page")

    return become


@pytest.fixture
def browse(site: Site, db: Database, config: Config) -> Browse:
    """Answer a signed-in client of a new user with a role; "" is nobody."""
    app = create_app(site, db, config)

    async def start(role: str = "") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        if role:
            user = await db.value(
                "INSERT INTO core_user (name, role) VALUES ('Anna Snelling', $1) RETURNING id",
                role,
            )
            session = await open_session(db, user, "127.0.0.1", "test")
            client.cookies.set("crmkit", session.token)
            client.headers["X-CSRF-Token"] = sign(session.token, "csrf")
        return client

    return start


@pytest.fixture
async def matrix(
    site: Site, db: Database, config: Config, dsn: str, same_connection: None
) -> Stage:
    """A reader among colleagues, with records of the built-in plugin around them."""
    return await Stage(Running(site, db, config, dsn), "crm").fill()


@pytest.fixture
def same_connection(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export reads on a connection of its own, where the test's rows are not to be seen."""

    async def cursor(
        sql: str, *args: object, size: int = 1000
    ) -> AsyncIterator[list[asyncpg.Record]]:
        rows = await db.rows(sql, *args)
        if rows:
            yield rows

    monkeypatch.setattr(db, "cursor", cursor)
