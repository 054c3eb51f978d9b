"""Compares declared tables with the database, and writes what a migration lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crmkit.db.ddl import (
    add_column_sql,
    column_type,
    create_table_sql,
    is_unique,
    make_unique_sql,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from piccolo.table import Table

    from crmkit.db.engine import Database

#: As the catalogue names the types that declarations use.
_SAME = {"bigint": "int8", "integer": "int4", "smallint": "int2", "boolean": "bool"}
#: Columns that alone are unique for all rows.
_UNIQUE = """
SELECT c.relname, a.attname FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid AND c.relnamespace = 'public'::regnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
WHERE i.indisunique AND i.indisvalid AND i.indnkeyatts = 1 AND i.indpred IS NULL
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a declared table has and the database has not, or has otherwise; `sql` repairs it."""

    table: str
    text: str
    sql: str = ""


async def compare_schema(db: Database, tables: Iterable[type[Table]]) -> list[Difference]:
    """Answer the differences between declarations and the migrated database, by table."""
    rows = await db.rows(
        "SELECT table_name, column_name, udt_name, numeric_scale FROM information_schema.columns "
        "WHERE table_schema = 'public' ORDER BY table_name, ordinal_position"
    )
    stored: dict[str, dict[str, tuple[str, int | None]]] = {}
    for row in rows:
        kind = (row["udt_name"], row["numeric_scale"])
        stored.setdefault(row["table_name"], {})[row["column_name"]] = kind
    unique = {(row["relname"], row["attname"]) for row in await db.rows(_UNIQUE)}
    found = []
    for table in tables:
        found += _compare(table, stored.get(table._meta.tablename), unique)  # noqa: SLF001
    return found


def _compare(
    table: type[Table],
    stored: dict[str, tuple[str, int | None]] | None,
    unique: set[tuple[str, str]],
) -> list[Difference]:
    name = table._meta.tablename  # noqa: SLF001
    if stored is None:
        return [Difference(name, "is not in the database", create_table_sql(table))]
    found = []
    for column in table._meta.columns:  # noqa: SLF001
        column_name = str(column._meta.name)  # noqa: SLF001
        kind, scale = stored.get(column_name, (None, None))
        wanted = column_type(column)
        if kind is None:
            text = f"has no column `{column_name}`"
            found.append(Difference(name, text, add_column_sql(table, column)))
        elif kind != _SAME.get(wanted, wanted):
            text = f"`{column_name}` is {kind} in the database and {wanted} in the declaration"
            found.append(Difference(name, text))
        elif getattr(column, "kind", "") == "money" and scale is not None:
            text = f"`{column_name}` has {scale} places in the database, whatever its currency has"
            sql = f"ALTER TABLE {name} ALTER COLUMN {column_name} TYPE numeric;\n"
            found.append(Difference(name, text, sql))
        elif is_unique(column) and (name, column_name) not in unique:
            text = f"`{column_name}` is not unique in the database"
            found.append(Difference(name, text, make_unique_sql(name, column)))
        elif hasattr(column, "target") and not is_unique(column) and (name, column_name) in unique:
            # By hand: it may be an index, or a constraint that something else relies on.
            text = f"`{column_name}` is unique in the database and not in the declaration"
            found.append(Difference(name, text))
    return found
