"""A reader among colleagues, and a record of every entity in each ring around the reader."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import msgspec

from crmkit.access.sessions import open_session
from crmkit.access.tokens import make_token
from crmkit.model.context import Principal
from crmkit.model.role import VERBS, Right, Ring, Role
from crmkit.testing.samples import Samples
from crmkit.testing.sites import Running
from crmkit.web.app import create_app
from crmkit.web.services import sign

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from crmkit.db.engine import Database
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

#: Begins every text by which a record is known wherever it shows.
MARK = "Zyxw"
#: Written by a mere visit: sessions, limits, when a token was used, and that a bulk left all out.
_TRACES = frozenset({"core_session", "core_limit", "core_token", "core_feed", "core_operation"})
_MARKED = frozenset({"text", "textarea"})
#: Roles of the matrix besides those of the site.
EXTRA = (
    Role("no-rights", "No rights"),
    Role("seller-own", "Seller of own records", tuple(Right("*", v, "own") for v in VERBS[:4])),
    Role("reviewer", "Reviewer", tuple(Right("*", v, "all") for v in VERBS[:-1])),
)  # fmt: skip
#: Limits of tokens, which are an administrator's.
TOKENS: dict[str, dict[str, Any]] = {
    "token": {},
    "read token": {"read_only": True},
    "scoped token": {"patterns": ["crm.person"]},
    "disabled token": {},
}


class _UndoneError(Exception):
    """Rolls a transaction back."""


@asynccontextmanager
async def undone(db: Database) -> AsyncIterator[None]:
    """Roll back what happens inside."""
    try:
        async with db.transaction():
            yield
            raise _UndoneError  # noqa: TRY301 - the way a transaction is left
    except _UndoneError:
        pass


@asynccontextmanager
async def one_connection(db: Database) -> AsyncIterator[None]:
    """Let exports read on the connection of the test, where its rows are to be seen."""

    async def cursor(sql: str, *args: object, size: int = 1000) -> AsyncIterator[list[Any]]:  # noqa: ARG001
        rows = await db.rows(sql, *args)
        if rows:
            yield rows

    db.cursor = cursor  # type: ignore[method-assign]
    try:
        yield
    finally:
        del db.cursor


class Staged(NamedTuple):
    """A record on the stage, and the text it is known by; "" where no text of it can be."""

    id: int
    mark: str


class Stage:
    """A site with the reader, a mate of the reader's team and a stranger of another.

    Attributes:
        running: The site, with the roles of the matrix besides its own.
        reader: Id of the reader, whose role is exchanged for each round.
        records: Those made so far, by entity and ring.
    """

    def __init__(self, running: Running, *plugins: str) -> None:
        roles = {**running.site.roles, **{role.name: role for role in EXTRA}}
        for plugin in plugins:
            name = f"{plugin}-admin"
            rights = [Right(f"{plugin}.*", verb, "all") for verb in VERBS]
            roles[name] = Role(name, name, (*rights, Right("core.*", "read", "all")))
        site = msgspec.structs.replace(running.site, roles=roles)
        self.running = Running(site, running.db, running.config, running.dsn)
        self.reader = 0
        self._plugins = plugins
        self._owners: dict[Ring, tuple[int | None, int | None]] = {}
        self._samples = Samples(self.running.ctx, site)
        self.records: dict[tuple[str, Ring], Staged] = {}
        self._app: Any = create_app(site, running.db, running.config, owner_dsn=running.dsn)

    @property
    def db(self) -> Database:
        """Its database."""
        return self.running.db

    @property
    def entities(self) -> list[EntityPlan]:
        """The entities of its plugins."""
        plans = self.running.site.entities.values()
        return [plan for plan in plans if plan.plugin in self._plugins]

    async def fill(self) -> Stage:
        """Let people and teams enter."""
        north, south = [
            await self.db.value("INSERT INTO core_team (name) VALUES ($1) RETURNING id", name)
            for name in ("North of the matrix", "South of the matrix")
        ]
        self.reader, mate, stranger = [
            await self._person(name, "seller", team)
            for name, team in (("Anna Reader", north), ("Tom Mate", north), ("Sue Far", south))
        ]
        self._owners = {
            "own": (self.reader, north), "team": (mate, north), "other": (stranger, south),
            "unowned": (None, None),
        }  # fmt: skip
        return self

    async def _person(self, name: str, role: str, team: int | None = None) -> int:
        sql = "INSERT INTO core_user (name, role, team) VALUES ($1, $2, $3) RETURNING id"
        return int(await self.db.value(sql, name, role, team))

    async def record(self, plan: EntityPlan, ring: Ring) -> Staged:
        """Answer the record of an entity in a ring; a part is where its whole is.

        The part itself says it is the reader's: only its whole decides.
        """
        key = (plan.name, ring)
        if key not in self.records:
            fixed = {}
            if plan.part_of is not None:
                whole = self.running.site.entity(plan.part_of.entity)
                fixed[plan.part_of.column] = (await self.record(whole, ring)).id
            number = await self._samples.make(plan.name, **fixed)
            self._samples.forget(plan.name, number)
            owner, team = self._owners["own" if plan.part_of is not None else ring]
            sql = f'UPDATE "{plan.tablename}" SET owner = $2, team = $3 WHERE id = $1'  # noqa: S608
            await self.db.execute(sql, number, owner, team)
            self.records[key] = Staged(number, await self._mark(plan, number, ring))
        return self.records[key]

    def known(self, plan: EntityPlan, ring: Ring) -> Staged:
        """Answer a record that was made before, such as the whole of a part."""
        return self.records[plan.name, ring]

    async def _mark(self, plan: EntityPlan, number: int, ring: Ring) -> str:
        """Write a text into the record that stands nowhere else."""
        fields = [plan.title_field, *plan.fields.values()]
        free = [f for f in fields if f.kind in _MARKED and not f.is_custom and not f.choices]
        if not free:
            return ""
        mark = f"{MARK}{ring.capitalize()}{plan.name.replace('.', '').replace('_', '')}{number}e"
        mark = mark[-free[0].max_length :] if free[0].max_length else mark
        table, column = plan.tablename, free[0].name
        sql = f'UPDATE "{table}" SET "{column}" = $2 WHERE id = $1'  # noqa: S608 - declared
        await self.db.execute(sql, number, mark)
        found = "UPDATE core_search SET title = $3 WHERE entity = $1 AND record = $2"
        await self.db.execute(found, plan.name, number, mark)
        return mark

    def context_of(self, role: str) -> Context:
        """Answer the context of the reader in a role."""
        _owner, team = self._owners["own"]
        teams = (team,) if team is not None else ()
        roles = self.running.site.roles
        return replace(
            self.running.ctx, principal=Principal(self.reader, "Anna Reader", roles[role], teams)
        )

    async def as_reader(self, role: str) -> httpx.AsyncClient:
        """Answer a browser of the reader in a role."""
        await self.db.execute("UPDATE core_user SET role = $2 WHERE id = $1", self.reader, role)
        return await self._browser(self.reader)

    async def client(self, principal: str) -> httpx.AsyncClient:
        """Answer a browser, or a program with a token, of somebody new; "" is nobody.

        Args:
            principal: A role, one of `TOKENS`, "disabled" or "".
        """
        if not principal:
            return self._blank()
        role = "administrator" if principal in TOKENS else principal
        user = await self._person("Nina Visitor", "seller" if role == "disabled" else role)
        if principal in TOKENS:
            token = await make_token(self.db, user, "test", **TOKENS[principal])
            client = self._blank()
            client.headers["Authorization"] = f"Bearer {token.secret}"
        else:
            client = await self._browser(user)
        if principal.startswith("disabled"):
            await self.db.execute("UPDATE core_user SET active = false WHERE id = $1", user)
        return client

    def _blank(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self._app)
        return httpx.AsyncClient(transport=transport, base_url="http://localhost")

    async def _browser(self, user: int) -> httpx.AsyncClient:
        client = self._blank()
        session = await open_session(self.db, user, "127.0.0.1", "test")
        client.cookies.set("crmkit", session.token)
        client.headers["X-CSRF-Token"] = sign(session.token, "csrf")
        return client

    @property
    def app(self) -> Any:  # noqa: ANN401 - Litestar, which testing need not name
        """The application whose pages are asked for."""
        return self._app

    async def digest(self) -> dict[str, str]:
        """Answer a digest of every table but those that a mere visit writes."""
        rows = await self.db.rows(
            "SELECT table_name AS name FROM information_schema.tables "
            "WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1"
        )
        parts = [
            f"SELECT '{name}' AS name, coalesce(md5(string_agg(md5(t::text), '' "  # noqa: S608
            f"ORDER BY md5(t::text))), '') AS sum FROM \"{name}\" t"
            for name in self._tables(rows)
        ]
        return {row["name"]: row["sum"] for row in await self.db.rows(" UNION ALL ".join(parts))}

    def _tables(self, rows: list[Any]) -> Iterator[str]:
        yield from sorted({row["name"] for row in rows} - _TRACES)


def changed(before: dict[str, str], after: dict[str, str]) -> str:
    """Answer the names of tables whose rows differ, "" for none."""
    return ", ".join(name for name in before if before[name] != after.get(name))
