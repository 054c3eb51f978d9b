"""Writes what the database keeps of plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.model.context import Context, Principal
from crmkit.records.store import RecordStore

if TYPE_CHECKING:
    from crmkit.config import Config
    from crmkit.db.engine import Database
    from crmkit.plugin.manifest import Manifest
    from crmkit.plugin.site import Site

_ADMINISTRATOR = "administrator"


def system_context(config: Config, db: Database, site: Site, cause: str = "plugin") -> Context:
    """Answer the context of a plugin's life hooks and of jobs: nobody's, with every right."""
    principal = Principal(None, "", site.roles[_ADMINISTRATOR])
    return Context(db, site, config, principal, cause=cause, store=RecordStore())


async def add_row(db: Database, manifest: Manifest, state: str = "enabled") -> bool:
    """Write the row of a plugin the database does not know; answer whether this call did it.

    Of several processes that start at once, one does.
    """
    made = await db.value(
        "INSERT INTO core_plugin (id, name, state, version, guards) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (id) DO NOTHING RETURNING id",
        manifest.id,
        manifest.name,
        state,
        manifest.version,
        list(manifest.guards),
    )
    return made is not None


async def set_state(db: Database, plugin: str, state: str, user_id: int | None) -> None:
    """Write the state an administrator chose; a quarantine ends with it."""
    await db.execute("DELETE FROM core_quarantine WHERE plugin = $1", plugin)
    await db.execute(
        "UPDATE core_plugin SET state = $2, reason = '', changed_at = now(), changed_by = $3 "
        "WHERE id = $1",
        plugin,
        state,
        user_id,
    )


async def set_version(db: Database, manifest: Manifest) -> None:
    """Write which code wrote a plugin's data last; what other code did wrong is forgotten."""
    await db.execute(
        "DELETE FROM core_quarantine q USING core_plugin p "
        "WHERE p.id = $1 AND q.plugin = p.id AND p.version <> $2",
        manifest.id, manifest.version,
    )  # fmt: skip
    await db.execute(
        "UPDATE core_plugin SET version = $2, name = $3, guards = $4 WHERE id = $1",
        manifest.id,
        manifest.version,
        manifest.name,
        list(manifest.guards),
    )


async def set_reasons(db: Database, site: Site) -> None:
    """Write why plugins do not serve; rows that say so already are left alone."""
    for name, info in site.plugins.items():
        await db.execute(
            "UPDATE core_plugin SET reason = $2 WHERE id = $1 AND reason <> $2",
            name,
            info.reason[:1000],
        )
