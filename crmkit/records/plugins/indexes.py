"""Indexes of what lists are declared to be sorted, filtered and searched by.

Migrations hold none of them: a field becomes filterable by a line of its declaration, by another
plugin or by the company, and the index follows when the site starts.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import asyncpg

from crmkit.model.list_filter import OPERATORS

if TYPE_CHECKING:
    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan
    from crmkit.plugin.site import Site

_LONGEST = 63  # bytes of a name in PostgreSQL
#: What the names of these indexes end with, and those of no others.
OURS = r"_(sort_idx|find_idx|ext_[0-9a-f]{12})$"


def index_name(plugin: str, tablename: str, field: Field, end: str = "ext") -> str:
    """Answer the name of a field's index: the plugin's prefix, at most 63 bytes.

    Args:
        end: "sort", "find", or "ext" for a field in the column `custom`.
    """
    name = f"{tablename}_{field.name}_{end}_idx"
    if end != "ext" and len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(f"{tablename} {field.name} {end}".encode()).hexdigest()[:12]
    return f"{plugin}_ext_{digest}"


def wanted_indexes(site: Site) -> dict[str, tuple[str, str]]:
    """Answer name to table and definition of the indexes that the lists of a Site need."""
    found: dict[str, tuple[str, str]] = {}
    for plan in site.entities.values():
        for field in plan.fields.values():
            found |= _of_field(plan, field)
    return found


def _of_field(plan: EntityPlan, field: Field) -> dict[str, tuple[str, str]]:
    table = plan.tablename
    if field.is_custom:
        if not field.filterable:
            return {}
        owner = field.name.split(".")[1]
        name = index_name("core" if owner == "user" else owner, table, field)
        return {name: _create(name, table, f"(({field.sql(table)}))")}
    found = {}
    if field.sortable and not field.has_key:
        name = index_name(plan.plugin, table, field, "sort")
        found[name] = _create(name, table, f"(({field.sort_sql(table)}), id)")
    has_find = "contains" in OPERATORS.get(field.kind, ()) and field.kind != "reference"
    if has_find and field.name in plan.filters and not field.has_key:
        name = index_name(plan.plugin, table, field, "find")
        folded = f"lower(crm_unaccent({field.sql(table)}))"
        found[name] = _create(name, table, f"USING gin (({folded}) gin_trgm_ops)")
    return found


def _create(name: str, table: str, what: str) -> tuple[str, str]:
    return table, f'CREATE INDEX IF NOT EXISTS "{name}" ON "{table}" {what}'


async def make_indexes(owner_dsn: str, site: Site) -> None:
    """Create the indexes that are missing, and drop those an enabled plugin no longer wants."""
    wanted = wanted_indexes(site)
    connection = await asyncpg.connect(owner_dsn, timeout=10)
    try:
        # Of processes that start at once, one builds them.
        await connection.execute("SELECT pg_advisory_lock(hashtext('crmkit indexes'))")
        rows = await connection.fetch(
            "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname ~ $1",
            OURS,
        )
        there = {row["indexname"] for row in rows}
        missing = [wanted[name] for name in sorted(set(wanted) - there)]
        for _table, sql in missing:
            await connection.execute(sql)
        for table in sorted({table for table, _sql in missing}):
            # Without statistics of its expression PostgreSQL takes an index for rows of all kinds.
            await connection.execute(f'ANALYZE "{table}"')
        enabled = {name for name, info in site.plugins.items() if info.is_on}
        for name in sorted(there - set(wanted)):
            if name.partition("_")[0] in enabled:
                await connection.execute(f'DROP INDEX IF EXISTS "{name}"')
    finally:
        await connection.close()


async def drop_indexes(owner_dsn: str, plugin: str) -> None:
    """Drop every such index of a plugin."""
    connection = await asyncpg.connect(owner_dsn, timeout=10)
    try:
        rows = await connection.fetch(
            "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname ~ $1",
            f"^{plugin}(_.*)?{OURS}",
        )
        for row in rows:
            await connection.execute(f'DROP INDEX IF EXISTS "{row["indexname"]}"')
    finally:
        await connection.close()
