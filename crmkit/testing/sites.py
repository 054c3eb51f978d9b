"""Whole sites for tests, each with a folder and a database of its own."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx

from crmkit.access.sessions import open_session
from crmkit.config import Config
from crmkit.records.plugins.rows import system_context
from crmkit.records.plugins.start import prepare_site, rebuild_site
from crmkit.records.working import make_worker
from crmkit.testing.server import drop_database
from crmkit.web.app import create_app
from crmkit.web.services import sign
from crmkit.web.site_host import fitting
from crmkit.web.translate import translating

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from crmkit.db.engine import Database
    from crmkit.model.context import Context
    from crmkit.plugin.site import Site

#: Where the address of the server of the run stands; the workers of a run share it.
DSN = "CRMKIT_TEST_DSN"
_SCHEMA = """
SELECT concat_ws(' ', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                 CASE WHEN a.attnotnull THEN 'not null' END, pg_get_expr(d.adbin, d.adrelid))
                 AS line
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'S', 'p')
UNION ALL
SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT concat_ws(' ', conrelid::regclass::text, conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid AND c.relnamespace = 'public'::regnamespace
WHERE NOT tgisinternal
UNION ALL
SELECT concat('function ', p.oid::regprocedure::text) FROM pg_proc p
WHERE pronamespace = 'public'::regnamespace
ORDER BY 1
"""
_MANIFEST = 'id = "{0}"\nname = "{1}"\nversion = "1.0.0"\ncrmkit = ">=1,<2"\n'
_numbers = itertools.count()
_TEMPLATE = "crmkit_template"


@dataclass
class Running:
    """A site that was started."""

    site: Site
    db: Database
    config: Config
    dsn: str
    #: The Site before plugins were left out of it, which the next one is built from: a serving
    #: process leaves them out until it is started again, a test mends them.
    whole: Site | None = None

    @property
    def ctx(self) -> Context:
        """The context of the command line."""
        return system_context(self.config, self.db, self.site)

    async def client(self, role: str = "administrator") -> httpx.AsyncClient:
        """Answer a signed-in client of a new user; pages are those of the present Site."""
        app = create_app(self.site, self.db, self.config, owner_dsn=self.dsn)
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        user = await self.db.value(
            "INSERT INTO core_user (name, role) VALUES ('Anna Snelling', $1) RETURNING id", role
        )
        session = await open_session(self.db, user, "127.0.0.1", "test")
        client.cookies.set("crmkit", session.token)
        client.headers["X-CSRF-Token"] = sign(session.token, "csrf")
        return client

    async def work(self) -> int:
        """Run the jobs that are due, and those that they queue; answer how many attempts it was.

        Timers are due by the clock of the database.
        """
        texts = translating(self.config.language)
        async with make_worker(self.config, self.dsn, lambda: self.site, 1, texts) as worker:
            return await worker.run_due()

    def fit(self) -> None:
        """Leave out plugins whose routes do not fit, as the host does."""
        self.whole = self.site
        self.site = fitting(self.config, self.site)

    async def rebuild(self) -> Running:
        """Take up what was switched."""
        self.site = await rebuild_site(self.config, self.db, self.whole or self.site)
        self.whole = None
        return self

    async def tables(self) -> tuple[str, ...]:
        """Answer the names of all tables but those that say which plugins there are.

        Jobs are left out as well: a switch parks them.
        """
        rows = await self.db.rows(
            "SELECT relname FROM pg_class WHERE relkind = 'r' "
            "AND relnamespace = 'public'::regnamespace "
            "AND relname <> ALL('{core_plugin,core_generation,core_migration,core_job}') ORDER BY 1"
        )
        return tuple(row["relname"] for row in rows)

    async def digest(self, *tables: str) -> dict[str, str]:
        """Answer a digest of the rows of tables; default all but those that count and log."""
        names = tables or await self.tables()
        return {
            name: await self.db.value(
                f"SELECT md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '')) "  # noqa: S608 - of the catalogue
                f'FROM "{name}" t'
            )
            for name in names
        }

    async def schema(self) -> list[str]:
        """Answer each table, column, index, constraint and trigger as the catalogue says it."""
        rows = await self.db.rows(_SCHEMA)
        return [row["line"] for row in rows]


@dataclass
class Place:
    """A site's folder and database; `start` may be called again."""

    folder: Path
    dsn: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def plugins(self) -> Path:
        """Where its own plugins lie."""
        return self.folder / "plugins"

    def add(self, source: Path) -> Path:
        """Copy a plugin into the site, its tests and compiled code left out."""
        left_out = shutil.ignore_patterns("__pycache__", "tests", ".*")
        target = self.plugins / source.name
        return Path(shutil.copytree(source, target, dirs_exist_ok=True, ignore=left_out))

    def write(self, name: str, code: str = "", manifest: str = "", **migrations: str) -> Path:
        """Write a plugin: code after the imports, migrations by file name without `.sql`."""
        folder = self.plugins / name
        (folder / "migrations").mkdir(parents=True, exist_ok=True)
        (folder / "plugin.toml").write_text(manifest or _MANIFEST.format(name, name.capitalize()))
        (folder / "__init__.py").write_text(
            "from crmkit import *\nfrom crmkit.model.columns import Name, Number\n\n"
            + (code or f"class {name.capitalize()}(Plugin):\n    pass\n")
        )
        for file, text in migrations.items():
            (folder / "migrations" / f"{file.removeprefix('m')}.sql").write_text(text)
        return folder

    @asynccontextmanager
    async def start(self, **more: Any) -> AsyncIterator[Running]:  # noqa: ANN401 - of prepare_site
        """Start the site as `crmkit serve` does."""
        config = Config(folder=self.folder, **self.options)
        site, db = await prepare_site(config, self.dsn, self.dsn, **more)
        try:
            yield Running(site, db, config, self.dsn)
        finally:
            await db.close()


async def _make_template(connection: asyncpg.Connection, dsn: str) -> None:
    """Make the database that all others of a server are copied from, once.

    It is one of a site that was started: copying it takes a tenth of migrating anew.
    """
    exists = "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)"
    if await connection.fetchval(exists, _TEMPLATE):
        return
    # Processes of one run share the server.
    await connection.execute("SELECT pg_advisory_lock(hashtext($1))", _TEMPLATE)
    try:
        if await connection.fetchval(exists, _TEMPLATE):
            return
        part = f"{_TEMPLATE}_part"
        await drop_database(connection, part)
        await connection.execute(f'CREATE DATABASE "{part}"')
        with tempfile.TemporaryDirectory() as folder:
            started = dsn.replace(f"/{_TEMPLATE}", f"/{part}")
            _site, db = await prepare_site(Config(folder=Path(folder)), started, started)
            await db.close()
        await connection.execute(f'ALTER DATABASE "{part}" RENAME TO "{_TEMPLATE}"')
    finally:
        await connection.execute("SELECT pg_advisory_unlock(hashtext($1))", _TEMPLATE)


@asynccontextmanager
async def new_place(
    folder: Path, server: str = "", *, is_new: bool = False
) -> AsyncIterator[Place]:
    """An empty site: a folder, and a new database.

    Args:
        server: Address of a server's owner role; "" is the server of the run.
        is_new: Nothing was ever in it, for what looks at the first migration.
    """
    name = f"crmkit_site_{os.getpid()}_{next(_numbers)}"
    owner = server or os.environ[DSN]
    head, _, tail = owner.rpartition("/crmkit")
    connection = await asyncpg.connect(owner)
    if is_new:
        await connection.execute(f'CREATE DATABASE "{name}"')
    else:
        await _make_template(connection, f"{head}/{_TEMPLATE}{tail}")
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{_TEMPLATE}"')
    (folder / "plugins").mkdir()
    try:
        yield Place(folder, f"{head}/{name}{tail}")
    finally:
        try:
            await drop_database(connection, name)
        finally:
            await connection.close()
