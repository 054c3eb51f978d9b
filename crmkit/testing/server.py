"""A PostgreSQL for one run, gone afterwards."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from crmkit.db.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TRIES = 50


@contextmanager
def scratch_server(settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """Start a server in a temporary folder; answers the address of its owner role.

    Args:
        settings: Of PostgreSQL, before those that suit tests.

    Raises:
        DatabaseStartError: It does not start; says why.
    """
    folder = Path(tempfile.mkdtemp(prefix="crmkit-tests-"))
    # What it holds is thrown away, so nothing need reach the disk, and nobody need tidy up: a plan
    # must not depend on whether the vacuum came by.
    server = EmbeddedServer(
        folder / "postgres",
        settings={
            "fsync": "off",
            "max_connections": "200",
            "autovacuum": "off",
            **(settings or {}),
        },
    )
    try:
        yield server.start().dsn("crmkit_owner")
    finally:
        server.erase()  # as root the database may lie below /var/lib/crmkit
        shutil.rmtree(folder, ignore_errors=True)


async def drop_database(connection: asyncpg.Connection, name: str) -> None:
    """Drop a database, whoever is connected to it; one that is not there is no error.

    Raises:
        asyncpg.InsufficientPrivilegeError: The server's own worker stayed in it for 5 s.
    """
    for rest in reversed(range(_TRIES)):
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        except asyncpg.InsufficientPrivilegeError:
            # The vacuum of the server, which its owner may not end, is there just now.
            if not rest:
                raise
            await asyncio.sleep(0.1)
        else:
            return
