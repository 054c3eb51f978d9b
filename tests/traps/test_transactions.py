"""TRAPS section 1: transactions and connections."""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

import crmkit
from crmkit.access.core import Core, site_of
from crmkit.config import Config
from crmkit.db.engine import Database
from crmkit.errors import DatabaseStartError, StaleVersionError, UnavailableError
from crmkit.model.people import User
from crmkit.plugin.dispatch import Dispatcher
from crmkit.plugin.events import PageEvent
from crmkit.plugin.hookspecs import Plugin
from crmkit.plugin.site import build_site
from crmkit.records.filters import Filter
from crmkit.records.query import ListQuery, list_statement
from crmkit.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.model.context import Context
    from crmkit.plugin.site import Site

    Make = Callable[..., Awaitable[int]]


class _WrongError(Exception):
    """What a test raises itself."""


async def _fail(db: Database) -> None:
    async with db.transaction():
        await db.execute("INSERT INTO trap_row (id) VALUES (2)")
        raise _WrongError


async def test_nested_failure_rolls_back(scratch: Database) -> None:
    """TRAPS C1: a caught failure of an inner transaction leaves none of its writes."""
    async with scratch.transaction():
        await scratch.execute("INSERT INTO trap_row (id) VALUES (1)")
        with pytest.raises(_WrongError):
            await _fail(scratch)
    assert [1] == [row["id"] for row in await scratch.rows("SELECT id FROM trap_row")]


def test_dependency_opens_no_transaction(site: Site, db: Database, config: Config) -> None:
    """TRAPS C2: no handler is given anything by injection, so nothing there opens one."""
    app = create_app(site, db, config)
    handlers = [each for route in app.routes for each in getattr(route, "route_handlers", ())]
    assert handlers
    assert {} == app.dependencies
    assert [] == [each for each in handlers if each.resolve_dependencies()]


async def _read_and_write(db: Database, all_have_read: asyncio.Barrier) -> None:
    async with db.transaction():
        number = await db.value("SELECT number FROM trap_row WHERE id = 1")
        await all_have_read.wait()
        await db.execute("UPDATE trap_row SET number = $1 WHERE id = 1", number + 1)


async def test_lost_update(admin: Context, make: Make) -> None:
    """TRAPS C3: of two saves that began from one version the second is refused."""
    company = await make("crm.company", name="Kan-code", employees=1)
    version = (await admin.get("crm.company", company))["version"]
    await admin.save("crm.company", company, version=version, employees=2)
    with pytest.raises(StaleVersionError):
        await admin.save("crm.company", company, version=version, employees=3)
    assert 2 == (await admin.get("crm.company", company))["employees"]


async def test_lost_update_control(scratch: Database) -> None:
    """TRAPS C3, the control: without version and lock three of four are lost."""
    await scratch.execute("INSERT INTO trap_row (id) VALUES (1)")
    barrier = asyncio.Barrier(4)
    await asyncio.gather(*(_read_and_write(scratch, barrier) for _ in range(4)))
    assert 1 == await scratch.value("SELECT number FROM trap_row")


async def test_commit_failure_frees_connection(scratch: Database) -> None:
    """TRAPS C4: a COMMIT that fails gives the connection back and ends the transaction."""
    for _ in range(6):
        with pytest.raises(asyncpg.UniqueViolationError):
            async with scratch.transaction():
                await scratch.execute("INSERT INTO trap_row (id, once) VALUES (1, 1), (2, 1)")
        assert not scratch.in_transaction
    assert 0 == await scratch.value("SELECT count(*) FROM trap_row")


async def _swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(4096):
        pass
    writer.close()


async def test_black_hole_answers_503(dsn: str) -> None:
    """TRAPS C5: a server that takes the connection and says nothing is given up in time."""
    with tempfile.TemporaryDirectory() as folder:
        silent = await asyncio.start_unix_server(_swallow, f"{folder}/.s.PGSQL.5432")
        db = Database(f"postgresql:///x?host={folder}", pool_min=1, pool_max=1, timeout=1.0)
        begin = time.monotonic()
        with pytest.raises(DatabaseStartError):
            await db.open()
        assert 10 > time.monotonic() - begin
        silent.close()
    slow = Database(dsn, pool_min=1, pool_max=1, timeout=0.5)
    await slow.open()
    begin = time.monotonic()
    with pytest.raises(UnavailableError):
        await slow.value("SELECT pg_sleep(20)")
    assert 10 > time.monotonic() - begin
    assert 1 == await slow.value("SELECT 1")
    await slow.close()


async def test_second_acquire_refused(dsn: str) -> None:
    """TRAPS C6: inside a transaction no statement asks the pool for a second connection."""
    db = Database(dsn, pool_min=1, pool_max=1, timeout=2.0)
    await db.open()
    async with db.transaction():
        assert 1 == await db.value("SELECT 1")
        async with db.transaction():
            assert 2 == await db.value("SELECT 2")
    await db.close()


def test_batch_is_not_used() -> None:
    """TRAPS C7: Piccolo's batch() swallows exceptions; nobody calls it."""
    folder = Path(crmkit.__file__).parent
    found = [path for path in folder.rglob("*.py") if re.search(r"\.batch\(", path.read_text())]
    assert [] == found


async def test_gather_in_transaction(scratch: Database) -> None:
    """TRAPS C8: statements that run at once in a transaction wait for one another."""
    async with scratch.transaction():
        found = await asyncio.gather(*(scratch.value("SELECT $1::int", n) for n in range(8)))
    assert list(range(8)) == found


async def test_task_outlives_transaction(scratch: Database) -> None:
    """TRAPS C9: a task born in a transaction and living longer takes a connection of its own."""
    go = asyncio.Event()

    async def later() -> int:
        await go.wait()
        found: int = await scratch.value("SELECT 7")
        return found

    async with scratch.transaction():
        task = asyncio.create_task(later())
        await asyncio.sleep(0)
    go.set()
    assert 7 == await task


class _Broken(Plugin):
    async def agenda(self, event: PageEvent) -> None:
        await event.ctx.db.execute("SELECT no_such_column FROM core_user")


async def test_failing_hook_keeps_save(admin: Context, make: Make) -> None:
    """TRAPS C10: SQL that fails in an isolated hook does not poison the transaction around it."""
    hooks = Dispatcher({"broken": _Broken()})
    async with admin.db.transaction():
        company = await make("crm.company", name="Kept")
        assert [] == await hooks.collect("agenda", PageEvent(admin))
        assert "Kept" == (await admin.get("crm.company", company))["name"]


async def test_pool_size_bounded(scratch: Database) -> None:
    """TRAPS C11: forty transactions at once share four connections."""
    most = 0

    async def work() -> None:
        nonlocal most
        async with scratch.transaction():
            open_now = await scratch.value(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'crmkit' "
                "AND pid <> pg_backend_pid() AND query LIKE '%trap_row%'"
            )
            most = max(most, open_now)
            await scratch.execute("SELECT count(*) FROM trap_row")

    await asyncio.gather(*(work() for _ in range(40)))
    assert 4 >= most


async def test_unreachable_database_fails_fast() -> None:
    """TRAPS C12: making a Database connects to nothing, opening it fails within 5 s."""
    db = Database("postgresql://nobody@127.0.0.1:1/none")
    begin = time.monotonic()
    with pytest.raises(DatabaseStartError, match=r"crmkit\.toml"):
        await db.open()
    assert 6 > time.monotonic() - begin


async def test_restart_under_load(scratch: Database, dsn: str) -> None:
    """TRAPS C13: reads whose connections are cut run once more, a write says it was lost."""
    reads = [asyncio.create_task(scratch.value("SELECT 5 FROM pg_sleep(0.6)")) for _ in range(3)]
    write = asyncio.create_task(
        scratch.execute("INSERT INTO trap_row (id) SELECT 9 FROM pg_sleep(0.6)")
    )
    await asyncio.sleep(0.2)
    owner = await asyncpg.connect(dsn)
    cut = await owner.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'crmkit' AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
    )
    assert 4 == len(cut)
    assert [5] * 3 == await asyncio.gather(*reads)
    with pytest.raises(UnavailableError):
        await write
    assert 0 == await owner.fetchval("SELECT count(*) FROM trap_row")
    await owner.close()


def test_two_sites_in_one_process() -> None:
    """TRAPS C14: declarations are bound to no engine, and Sites share nothing that changes."""
    first = site_of(Config(name="First"))
    second = build_site(Core({"administrator": first.roles["administrator"]}))
    assert 1 < len(first.roles)
    assert ["administrator"] == list(second.roles)
    assert first.entity("core.user").fields["role"] != second.entity("core.user").fields["role"]
    assert User._meta._db is None


async def test_statement_count_stable(admin: Context) -> None:
    """TRAPS C15: values are arguments, so one view is one statement whatever is looked for."""
    plan = admin.site.entity("crm.opportunity")
    texts = set()
    for number in range(20):
        ctx = replace(admin, principal=replace(admin.principal, user_id=number))
        filters = (Filter("amount", "over", str(number)), Filter("close_date", "older", "9"))
        query = ListQuery(filters=filters, search=f"x{number}")
        texts.add((await list_statement(ctx, plan, query))[0])
    assert 1 == len(texts)


def test_the_address_of_the_run_is_a_socket(dsn: str) -> None:
    """The embedded server of the tests listens on no port (TRUST P1)."""
    assert parse_qs(urlsplit(dsn).query)["host"][0].startswith("/")
