"""Counts statements where they arrive: in PostgreSQL, by pg_stat_statements."""

from __future__ import annotations

import asyncpg

_SQL = """
SELECT coalesce(sum(s.calls), 0)::bigint FROM pg_stat_statements s
JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = $1 AND s.toplevel
    AND s.query !~ '^(SELECT pg_advisory_unlock_all|CLOSE ALL|UNLISTEN|RESET ALL)'
    AND s.query !~ 'core_(job|schedule|worker)'
"""


class StatementCounter:
    """Counts what was executed in one database, BEGIN and COMMIT as well.

    Left out is what a pool sends to clean a connection that comes back, and what a worker asks
    for now and then.
    """

    def __init__(self, dsn: str, database: str) -> None:
        """Remember where; `dsn` is a superuser's in another database than the counted one."""
        self._dsn, self._database = dsn, database
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    async def open(self) -> None:
        """Connect and make the extension where it is missing."""
        self._connection = await asyncpg.connect(self._dsn)
        await self._connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")

    async def close(self) -> None:
        """Disconnect."""
        if self._connection is not None:
            await self._connection.close()

    async def read(self) -> int:
        """Answer how many statements ran so far."""
        if self._connection is None:
            raise RuntimeError("The counter is not open.")
        number: int = await self._connection.fetchval(_SQL, self._database)
        return number
