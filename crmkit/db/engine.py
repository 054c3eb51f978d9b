"""The pool and the only transaction.

`Database.transaction()` is the one way to open a transaction; a nested one is a savepoint
(TRAPS C1). Inside it every statement of the same task runs on its connection, one after another
(C6, C8); a task born inside and living longer goes back to the pool (C9).
"""

from __future__ import annotations

import asyncio
import contextvars
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec

from crmkit.errors import DatabaseStartError, StorageFullError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence

    AfterCommit = Callable[[], Awaitable[None]]

_LOST = (
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.InterfaceError,
    asyncpg.AdminShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InternalClientError,  # a statement on a connection that broke under the one before
    ConnectionError,
)
#: Another transaction holds what this one wants, or each wants what the other holds.
_BUSY = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)
_PROBE_SECONDS = 5.0
_CLOSE_SECONDS = 5.0

#: Settings of each connection. A generic plan of an own-or-team list takes a thousand times
#: longer than a custom one (TRAPS R16); waiting for a lock is bounded (TRUST D5).
_SERVER_SETTINGS = {
    "application_name": "crmkit",
    "plan_cache_mode": "force_custom_plan",
    "timezone": "UTC",
    # How alike two names are that may be the same; below it the index finds a hundred times more.
    "pg_trgm.similarity_threshold": "0.5",
    "lock_timeout": "5s",
    "tcp_keepalives_idle": "10",
    "tcp_user_timeout": "10000",
}


def _full() -> StorageFullError:
    return StorageFullError("The disk of the database is full. Nothing was saved; make room on it.")


class _Transaction:
    """An open transaction of one task."""

    __slots__ = ("after_commit", "connection", "lock", "open")

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self.connection = connection
        self.lock = asyncio.Lock()
        self.open = True
        self.after_commit: list[AfterCommit] = []


async def _prepare(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    await connection.set_type_codec(
        "jsonb",
        encoder=lambda value: b"\x01" + msgspec.json.encode(value),
        decoder=lambda raw: msgspec.json.decode(raw[1:]),
        schema="pg_catalog",
        format="binary",
    )


async def _leave(_connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Give a connection back as it is.

    The driver would send `RESET ALL; UNLISTEN *; ...` first, a round trip after each statement.
    Nothing here changes a session: settings are `SET LOCAL`, locks are of the transaction, and an
    open transaction is rolled back before this is called.
    """


class Database:
    """A pool of connections to one PostgreSQL database.

    Args:
        dsn: postgresql:// address.
        pool_min: Connections kept open.
        pool_max: Most connections of this process.
        timeout: Seconds a statement may take.
        settings: Of each connection, besides those all have.
        before: Awaited before each statement.
    """

    def __init__(
        self,
        dsn: str,
        *,
        pool_min: int = 2,
        pool_max: int = 10,
        timeout: float = 15.0,
        settings: Mapping[str, str] | None = None,
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.dsn = dsn
        self._before = before
        self._settings = {**_SERVER_SETTINGS, **(settings or {})}
        self._size = (pool_min, pool_max)
        self._timeout = timeout
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._current: contextvars.ContextVar[_Transaction | None] = contextvars.ContextVar(
            "crmkit_transaction", default=None
        )

    async def open(self) -> None:
        """Open the pool.

        Raises:
            DatabaseStartError: Nothing answers within 5 seconds.
        """
        try:
            self._pool = await asyncio.wait_for(
                asyncpg.create_pool(
                    self.dsn,
                    min_size=self._size[0],
                    max_size=self._size[1],
                    command_timeout=self._timeout,
                    init=_prepare,
                    reset=_leave,
                    server_settings=self._settings,
                ),
                _PROBE_SECONDS,
            )
        except (OSError, asyncpg.PostgresError, TimeoutError) as error:
            raise DatabaseStartError(
                f"The database does not answer ({str(error) or type(error).__name__}). "
                "Check `[database] url` in crmkit.toml and that the server runs."
            ) from error

    async def close(self) -> None:
        """Close the pool; connections that do not end within 5 seconds are cut."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            await asyncio.wait_for(pool.close(), _CLOSE_SECONDS)
        except TimeoutError:
            pool.terminate()

    @property
    def in_transaction(self) -> bool:
        """Whether the calling task has a transaction open."""
        return self._transaction() is not None

    def _transaction(self) -> _Transaction | None:
        current = self._current.get()
        return current if current is not None and current.open else None

    async def _acquire(self) -> asyncpg.pool.PoolConnectionProxy[asyncpg.Record]:
        if self._pool is None:
            raise UnavailableError("The database is not open. Start crmkit again.")
        try:
            return await self._pool.acquire(timeout=self._timeout)
        except TimeoutError as error:
            raise UnavailableError("The database is busy. Try again in a moment.") from error
        except (OSError, *_LOST) as error:
            raise UnavailableError("The database does not answer. Try again soon.") from error

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        transaction = self._transaction()
        if transaction is not None:
            async with transaction.lock:
                yield transaction.connection
            return
        connection = await self._acquire()
        try:
            yield connection  # type: ignore[misc]
        finally:
            await self._release(connection)

    async def _release(self, connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record]) -> None:
        if self._pool is None:
            return
        # A connection that broke is terminated by the pool; who used it knows already.
        with suppress(*_LOST):
            await self._pool.release(connection, timeout=_CLOSE_SECONDS)

    async def _call(self, method: str, sql: str, args: Sequence[Any], *, retry: bool) -> Any:  # noqa: ANN401 - whatever the driver answers
        if self._before is not None:
            await self._before()
        try:
            async with self._connection() as connection:
                return await getattr(connection, method)(sql, *args)
        except _LOST as error:
            if not retry or self.in_transaction:
                raise UnavailableError("The database connection was lost. Try again.") from error
        except (
            asyncpg.LockNotAvailableError,
            asyncpg.DeadlockDetectedError,
            TimeoutError,
        ) as error:
            raise UnavailableError("The database is busy. Try again in a moment.") from error
        except asyncpg.DiskFullError as error:
            raise _full() from error
        # A restarted server fails each pooled connection once (TRAPS C13); reads may run again.
        return await self._call(method, sql, args, retry=False)

    async def rows(self, sql: str, *args: Any) -> list[asyncpg.Record]:  # noqa: ANN401
        """Answer all rows of a read; it may run twice when the connection was lost."""
        result: list[asyncpg.Record] = await self._call(
            "fetch", sql, args, retry=sql.lstrip()[:6].upper() == "SELECT"
        )
        return result

    async def row(self, sql: str, *args: Any) -> asyncpg.Record | None:  # noqa: ANN401
        """Answer the first row or None."""
        found = await self.rows(sql, *args)
        return found[0] if found else None

    async def value(self, sql: str, *args: Any) -> Any:  # noqa: ANN401
        """Answer the first value of the first row, None without rows."""
        found = await self.rows(sql, *args)
        return found[0][0] if found else None

    async def execute(self, sql: str, *args: Any) -> str:  # noqa: ANN401
        """Run a statement and answer the server's tag, such as "UPDATE 3"."""
        tag: str = await self._call("execute", sql, args, retry=False)
        return tag

    async def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each row of arguments."""
        async with self._connection() as connection:
            await connection.executemany(sql, rows)

    @asynccontextmanager
    async def cached_plans(self) -> AsyncIterator[None]:
        """Keep plans in a block of the open transaction whose statements find rows by their keys.

        Where thousands of rows are written, each reference of each row is looked up by a statement
        of PostgreSQL's own, which custom plans would plan anew each time: more than half of such a
        write. Lists by owner or team do not belong here.
        """
        await self.execute("SET LOCAL plan_cache_mode = 'auto'")
        yield
        await self.execute("SET LOCAL plan_cache_mode = 'force_custom_plan'")

    async def copy_rows(
        self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> None:
        """Write rows with COPY, the fastest way in."""
        async with self._connection() as connection:
            try:
                await connection.copy_records_to_table(table, columns=columns, records=rows)
            except asyncpg.DiskFullError as error:
                raise _full() from error

    async def cursor(
        self,
        sql: str,
        *args: Any,  # noqa: ANN401
        size: int = 1000,
    ) -> AsyncIterator[list[asyncpg.Record]]:
        """Answer a read in pieces of `size` rows, in a transaction of its own connection."""
        connection = await self._acquire()
        try:
            async with connection.transaction(readonly=True):
                cursor = await connection.cursor(sql, *args)
                while rows := await cursor.fetch(size):
                    yield rows
        finally:
            await self._release(connection)

    def after_commit(self, work: AfterCommit) -> None:
        """Run `work` once the outermost transaction is committed; never when it is rolled back.

        Raises:
            RuntimeError: No transaction is open.
        """
        transaction = self._transaction()
        if transaction is None:
            raise RuntimeError("after_commit needs an open transaction.")
        transaction.after_commit.append(work)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Open a transaction; inside another one, a savepoint.

        Raises:
            UnavailableError: No connection, or a lock was not to be had in 5 seconds.
        """
        outer = self._transaction()
        if outer is not None:
            kept = len(outer.after_commit)
            async with outer.lock:
                savepoint = outer.connection.transaction()
                await savepoint.start()
            try:
                yield
            except BaseException:
                del outer.after_commit[kept:]
                async with outer.lock:
                    await savepoint.rollback()
                raise
            async with outer.lock:
                await savepoint.commit()
            return
        connection = await self._acquire()
        current = _Transaction(connection)  # type: ignore[arg-type]
        token = self._current.set(current)
        try:
            async with connection.transaction():
                yield
        except asyncpg.DiskFullError as error:
            raise _full() from error
        except _LOST as error:
            raise UnavailableError("The database connection was lost. Try again.") from error
        finally:
            # Also after a failing COMMIT (TRAPS C4): the connection goes back, the task is free.
            current.open = False
            self._current.reset(token)
            await self._release(connection)
        for work in current.after_commit:
            # A fresh context: nothing of the finished transaction is inherited (TRAPS C9).
            await asyncio.get_running_loop().create_task(work(), context=contextvars.Context())  # type: ignore[arg-type]
