"""Brings the schema up to date: one file after another, one transaction for each plugin.

A migration is a file `NNNN_name.sql` of plain SQL; a line `-- backwards` separates the way back.
Why SQL and not Python: docs/design-notes.md. Files run on the owner role's connection, under one
advisory lock, so any number of processes may start at once (TRAPS M1 to M3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from crmkit.errors import DatabaseStartError, MigrationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    Connection = asyncpg.Connection[asyncpg.Record]

_LOCK = 0x63726D6B  # "crmk"
_FILE = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
_BACKWARDS = re.compile(r"^-- backwards\s*$", re.MULTILINE)
_DESTROYS = re.compile(r"(?im)^\s*(DROP\s+TABLE|ALTER\s+TABLE[^;]*\bDROP\s+COLUMN)\b")
_NAMES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
CORE = "core"
_TABLE = """
CREATE TABLE IF NOT EXISTS core_migration (
    plugin text NOT NULL,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (plugin, name)
)
"""


@dataclass(frozen=True, slots=True)
class MigrationSource:
    """Where the migrations of one plugin lie."""

    plugin: str
    folder: Path
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Migration:
    """One file, or its name alone when the code no longer has it."""

    plugin: str
    name: str
    path: Path

    def script(self, *, backwards: bool = False) -> str:
        """Answer the SQL of one direction.

        Raises:
            MigrationError: The file has no way back, or more than one.
        """
        parts = _BACKWARDS.split(self.path.read_text(encoding="utf-8"))
        if len(parts) != 2:  # noqa: PLR2004 - there and back
            raise MigrationError(
                f"{self.path}: one line `-- backwards` must separate there and back."
            )
        return parts[1 if backwards else 0]

    @property
    def destroys(self) -> bool:
        """Whether it drops a table or a column, and with it what people entered."""
        return bool(_DESTROYS.search(self.script()))


def list_migrations(source: MigrationSource) -> list[Migration]:
    """List the migrations of a plugin in the order they run.

    Raises:
        MigrationError: A file name does not fit, or a number stands twice.
    """
    found: dict[str, Migration] = {}
    for path in sorted(source.folder.glob("*.sql")):
        match = _FILE.match(path.name)
        if match is None:
            raise MigrationError(f"{path}: the name must look like 0002_add_phone.sql.")
        if match[1] in found:
            raise MigrationError(f"{path}: number {match[1]} stands twice. Rename one of them.")
        found[match[1]] = Migration(source.plugin, path.stem, path)
    return list(found.values())


async def migrate(
    dsn: str,
    sources: Sequence[MigrationSource],
    *,
    plan: bool = False,
    blocked: dict[str, str] | None = None,
    may_destroy: bool = True,
) -> list[Migration]:
    """Apply what is missing.

    Args:
        dsn: Address with the owner role.
        sources: Plugins in the order of their dependencies.
        plan: Only say what would be applied.
        blocked: Gets the reason of each plugin that cannot be migrated, and the others go on; the
            core is never among them. None raises at the first.
        may_destroy: False refuses migrations that drop tables or columns.

    Returns:
        The migrations applied, in order.

    Raises:
        MigrationError: One failed (its plugin's transaction is undone), or the database has
            migrations that the code does not know.
        DatabaseStartError: The database does not answer.
    """
    try:
        connection: Connection = await asyncpg.connect(dsn, timeout=10)
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        raise DatabaseStartError(
            f"The database does not answer ({error}). Check `[database] url` in crmkit.toml."
        ) from error
    try:
        # Of several processes that start at once one migrates, the others wait and find it done.
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(_TABLE)
        applied: list[Migration] = []
        for source in sources:
            try:
                missing = await _missing(connection, source)
                if missing and not plan:
                    _check_destruction(missing, may_destroy=may_destroy)
                    await _apply(connection, missing)
            except MigrationError as error:
                if blocked is None or source.plugin == CORE:
                    raise
                blocked[source.plugin] = error.message
                continue
            applied += missing
        return applied
    finally:
        await connection.close()


def _check_destruction(missing: Sequence[Migration], *, may_destroy: bool) -> None:
    for each in missing:
        if each.destroys and not may_destroy:
            raise MigrationError(
                f"Migration {each.name} of `{each.plugin}` drops a table or a column. Make a "
                "backup, then run `crmkit migrate --yes`."
            )


async def _missing(connection: Connection, source: MigrationSource) -> list[Migration]:
    rows = await connection.fetch(
        "SELECT name FROM core_migration WHERE plugin = $1", source.plugin
    )
    done = {row["name"] for row in rows}
    known = list_migrations(source)
    unknown = sorted(done - {each.name for each in known})
    if unknown:
        raise MigrationError(
            f"The database has the migration {unknown[-1]} of `{source.plugin}`, which this code "
            "does not know: the code is older than the data. Install the newer version."
        )
    return [each for each in known if each.name not in done]


async def _apply(connection: Connection, migrations: Sequence[Migration]) -> None:
    current = migrations[0]
    try:
        async with connection.transaction():
            names = {row["relname"] for row in await connection.fetch(_NAMES)}
            for current in migrations:
                await connection.execute(current.script())
                await connection.execute(
                    "INSERT INTO core_migration (plugin, name) VALUES ($1, $2)",
                    current.plugin,
                    current.name,
                )
            if current.plugin != CORE:
                made = {row["relname"] for row in await connection.fetch(_NAMES)} - names
                _check_prefix(current, sorted(made))
    except asyncpg.PostgresError as error:
        raise MigrationError(
            f"Migration {current.name} of `{current.plugin}` failed: {error}. Nothing of this "
            "plugin was changed; mend the file or the data and run `crmkit migrate` again."
        ) from error


def _check_prefix(migration: Migration, made: Sequence[str]) -> None:
    """Names of tables and indexes are global: each plugin keeps to its own (TRAPS R11)."""
    strange = [name for name in made if not name.startswith(f"{migration.plugin}_")]
    if strange:
        raise MigrationError(
            f"Migration {migration.name} of `{migration.plugin}` makes `{strange[0]}`: its name "
            f"must begin with `{migration.plugin}_`. Nothing of this plugin was changed."
        )


async def undo(dsn: str, source: MigrationSource, until: str = "") -> list[Migration]:
    """Undo migrations of one plugin, newest first, in one transaction.

    Args:
        until: Name of the last one to keep; "" undoes all.

    Raises:
        MigrationError: A way back fails, for instance since another table refers to its own.
    """
    connection: Connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        async with connection.transaction():
            rows = await connection.fetch(
                "SELECT name FROM core_migration WHERE plugin = $1", source.plugin
            )
            done = {row["name"] for row in rows}
            undone = [
                each
                for each in reversed(list_migrations(source))
                if each.name in done and each.name > until
            ]
            for each in undone:
                await connection.execute(each.script(backwards=True))
                await connection.execute(
                    "DELETE FROM core_migration WHERE plugin = $1 AND name = $2",
                    each.plugin,
                    each.name,
                )
    except asyncpg.PostgresError as error:
        raise MigrationError(
            f"The migrations of `{source.plugin}` cannot be undone: {error}. Nothing was changed."
        ) from error
    else:
        return undone
    finally:
        await connection.close()
