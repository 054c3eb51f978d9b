from __future__ import annotations

import time
from typing import TYPE_CHECKING

import asyncpg
import pytest

from crmkit.db.server import processes
from crmkit.errors import DatabaseStartError

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import NewServer

LONG = "a-folder-with-a-long-name-as-people-have-them/" * 3


async def query(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_a_fresh_folder_gets_a_server_that_answers(new_server: NewServer) -> None:
    address = new_server(fresh=True).start()

    assert "crmkit_app" == await query(address.dsn("crmkit_app"), "SELECT current_user")
    assert address.password is None


async def test_the_app_role_reads_and_writes_what_the_owner_makes(new_server: NewServer) -> None:
    address = new_server().start()
    await query(address.dsn("crmkit_owner"), "CREATE TABLE t (id serial, name text)")

    insert = "INSERT INTO t (name) VALUES ('Anna') RETURNING id"
    assert 1 == await query(address.dsn("crmkit_app"), insert)


@pytest.mark.parametrize("ddl", ["CREATE TABLE u (id int)", "DROP TABLE t", "TRUNCATE t"])
async def test_the_app_role_changes_no_schema(new_server: NewServer, ddl: str) -> None:
    address = new_server().start()
    await query(address.dsn("crmkit_owner"), "CREATE TABLE t (id int)")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await query(address.dsn("crmkit_app"), ddl)


async def test_a_database_made_later_has_extensions_and_grants(new_server: NewServer) -> None:
    address = new_server().start()
    owner = address.dsn("crmkit_owner", "later")
    await query(address.dsn("crmkit_owner"), "CREATE DATABASE later")
    await query(owner, "CREATE TABLE t (id int, EXCLUDE USING gist (id WITH =))")

    assert 0 == await query(address.dsn("crmkit_app", "later"), "SELECT count(*) FROM t")
    names = "SELECT array_agg(extname::text ORDER BY extname) FROM pg_extension"
    assert ["btree_gist", "pg_trgm", "plpgsql", "unaccent"] == await query(owner, names)


async def test_defaults_are_small_and_safe(data: Path) -> None:
    from crmkit.db.server import EmbeddedServer  # noqa: PLC0415 (without the fixture's fsync)

    server = EmbeddedServer(data)
    dsn = server.start().dsn("crmkit_app")
    try:
        names = ("shared_buffers", "io_method", "max_connections", "fsync", "listen_addresses")
        values = [await query(dsn, f"SHOW {name}") for name in names]
    finally:
        server.stop()

    assert ["32MB", "sync", "100", "on", ""] == values


async def test_settings_replace_the_defaults(new_server: NewServer) -> None:
    dsn = new_server(max_connections="23").start().dsn("crmkit_app")

    assert "23" == await query(dsn, "SHOW max_connections")


def test_stopping_ends_every_process(new_server: NewServer) -> None:
    server = new_server()
    server.start()
    server.stop()

    assert [] == processes._list_processes(server.cluster)
    assert not server.is_alive()


async def test_data_survives_a_stop(new_server: NewServer) -> None:
    server = new_server()
    await query(server.start().dsn("crmkit_owner"), "CREATE TABLE t AS SELECT 42 AS id")
    server.stop()

    assert 42 == await query(server.start().dsn("crmkit_app"), "SELECT id FROM t")


def test_a_second_start_takes_under_a_second(new_server: NewServer) -> None:
    server = new_server()
    server.start()
    server.stop()
    begin = time.monotonic()
    server.start()

    assert time.monotonic() - begin < 1.0


def test_spawn_returns_at_once_and_start_waits(new_server: NewServer) -> None:
    server = new_server(fresh=True)
    begin = time.monotonic()
    server.spawn()

    assert time.monotonic() - begin < 0.1
    assert "run" == server.start().host.rsplit("/", 1)[-1]


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.2, 0.5])
def test_a_stop_while_it_starts_leaves_nothing(
    new_server: NewServer, data: Path, seconds: float
) -> None:
    server = new_server(fresh=True)
    server.spawn()
    time.sleep(seconds)
    server.stop()

    assert [] == processes._list_processes(data / "data")


def test_a_start_that_takes_too_long_is_an_error_and_goes_on(new_server: NewServer) -> None:
    server = new_server()

    with pytest.raises(DatabaseStartError, match="does not answer after 0 seconds"):
        server.start(timeout=0.0)
    assert server.start() == server.start()


@pytest.mark.parametrize("name", ['with, comma and "quotes"', "Сайт отдела продаж", LONG])
async def test_any_folder_name_works(new_server: NewServer, folder: Path, name: str) -> None:
    server = new_server(folder / name / "postgres")
    address = server.start()
    other = new_server(folder / name / "postgres")

    assert "crmkit_app" == await query(address.dsn("crmkit_app"), "SELECT current_user")
    assert len(f"{address.host}/.s.PGSQL.5432".encode()) <= 107
    assert address == other.start()
    other.stop()
    server.erase()


async def test_without_unix_sockets_a_random_password_guards_the_port(
    new_server: NewServer, data: Path
) -> None:
    address = new_server(sockets=False).start()
    adopted = new_server(sockets=False).start()

    assert adopted == address
    assert ("127.0.0.1", 43) == (address.host, len(address.password or ""))
    assert str(address.password) not in repr(address)
    assert 0o600 == (data / "password").stat().st_mode & 0o777
    assert "crmkit_app" == await query(address.dsn("crmkit_app"), "SELECT current_user")
    wrong = address.dsn("crmkit_app").replace(address.password or "", "wrong")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await query(wrong, "SELECT 1")


def test_erasing_leaves_no_file(new_server: NewServer, data: Path) -> None:
    server = new_server()
    server.start()
    server.erase()

    assert not data.exists()


def test_erasing_a_server_in_use_is_refused(new_server: NewServer) -> None:
    server, other = new_server(), new_server()
    server.start()
    other.start()

    with pytest.raises(DatabaseStartError, match="in use by others"):
        server.erase()
    assert other.is_alive()
