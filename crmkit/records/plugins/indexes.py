"""Expression indexes of the fields that plugins add, so that filtering is as fast as a column."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from crmkit.model.field import Field
    from crmkit.plugin.site import Site

_MARK = "_ext_"


def index_name(plugin: str, tablename: str, field: Field) -> str:
    """Answer the name of a field's index: the plugin's prefix, at most 63 bytes."""
    digest = hashlib.sha256(f"{tablename} {field.name}".encode()).hexdigest()[:12]
    return f"{plugin}{_MARK}{digest}"


def wanted_indexes(site: Site) -> dict[str, str]:
    """Answer name and definition of the index of each filterable field of a plugin."""
    found = {}
    for plan in site.entities.values():
        for added in site.extensions.of(plan.name):
            for each in added.extension.fields:
                field = plan.fields[f"custom.{added.plugin}.{each.name}"]
                if not field.filterable:
                    continue
                name = index_name(added.plugin, plan.tablename, field)
                expression = field.sql(plan.tablename)
                found[name] = (
                    f'CREATE INDEX IF NOT EXISTS "{name}" ON "{plan.tablename}" (({expression}))'
                )
    return found


async def make_indexes(owner_dsn: str, site: Site) -> None:
    """Create the indexes that are missing, and drop those an enabled plugin no longer wants."""
    wanted = wanted_indexes(site)
    connection = await asyncpg.connect(owner_dsn, timeout=10)
    try:
        rows = await connection.fetch(
            "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname ~ $1",
            f"^[a-z][a-z0-9]*{_MARK}[0-9a-f]{{12}}$",
        )
        there = {row["indexname"] for row in rows}
        for name in sorted(set(wanted) - there):
            await connection.execute(wanted[name])
        enabled = {name for name, info in site.plugins.items() if info.is_on}
        for name in sorted(there - set(wanted)):
            if name.partition(_MARK)[0] in enabled:
                await connection.execute(f'DROP INDEX IF EXISTS "{name}"')
    finally:
        await connection.close()


async def drop_indexes(owner_dsn: str, plugin: str) -> None:
    """Drop every such index of a plugin."""
    connection = await asyncpg.connect(owner_dsn, timeout=10)
    try:
        rows = await connection.fetch(
            "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname ~ $1",
            f"^{plugin}{_MARK}[0-9a-f]{{12}}$",
        )
        for row in rows:
            await connection.execute(f'DROP INDEX IF EXISTS "{row["indexname"]}"')
    finally:
        await connection.close()
