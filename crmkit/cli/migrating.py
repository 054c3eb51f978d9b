"""`crmkit migrate`: the schema of all enabled plugins, or of one to a chosen migration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.access.core import read_site, site_of
from crmkit.cli.site_server import SiteServer
from crmkit.config import load_config
from crmkit.db.engine import Database
from crmkit.db.migrations import Migration, list_migrations, undo
from crmkit.db.migrations import migrate as run
from crmkit.errors import MigrationError, NotFoundError
from crmkit.plugin.site import CORE_MIGRATIONS
from crmkit.plugin.stored import first_choice

if TYPE_CHECKING:
    from pathlib import Path

    from crmkit.config import Config
    from crmkit.db.migrations import MigrationSource


async def migrate_site(
    folder: Path, plugin: str, target: str, *, plan: bool, may_destroy: bool
) -> list[str]:
    """Migrate, and answer a line for each migration done, planned or blocked.

    Raises:
        NotFoundError: No enabled plugin of that id, or no such migration of it.
        MigrationError: The core cannot be migrated, or the one plugin that was named.
    """
    config = load_config(folder)
    server = SiteServer(config)
    try:
        addresses = server.start()
        done = await run(addresses.owner, [CORE_MIGRATIONS], plan=plan, may_destroy=may_destroy)
        if plan and done:
            sources = site_of(config, first_choice(config.plugins.enabled)).sources[1:]
        else:
            sources = await _sources(config, addresses.app)
        if plugin:
            return await _one(
                addresses.owner, (CORE_MIGRATIONS, *sources), plugin, target, plan=plan
            )
        blocked: dict[str, str] = {}
        done += await run(
            addresses.owner, sources, plan=plan, blocked=blocked, may_destroy=may_destroy
        )
        return [*_lines(done), *(f"{name} is blocked: {why}" for name, why in blocked.items())]
    finally:
        server.stop()


async def _sources(config: Config, dsn: str) -> tuple[MigrationSource, ...]:
    """Answer the plugins that are on, in their order."""
    db = Database(dsn, pool_min=1)
    await db.open()
    try:
        return (await read_site(config, db)).sources[1:]
    finally:
        await db.close()


async def _one(
    owner: str, sources: tuple[MigrationSource, ...], plugin: str, target: str, *, plan: bool
) -> list[str]:
    source = next((each for each in sources if each.plugin == plugin), None)
    if source is None:
        raise NotFoundError(f"No plugin `{plugin}` is on. See `crmkit plugin list`.")
    names = [each.name for each in list_migrations(source)]
    if target and target not in names:
        raise NotFoundError(f"`{plugin}` has no migration `{target}`: {', '.join(names)}.")
    if not target or plan:
        return _lines(await run(owner, [source], plan=plan))
    if plugin == CORE_MIGRATIONS.plugin:
        raise MigrationError("The core only goes forward. Restore a backup to go back.")
    undone = await undo(owner, source, target)
    return [f"undone: {each.plugin} {each.name}" for each in undone]


def _lines(migrations: list[Migration]) -> list[str]:
    return [
        f"{each.plugin} {each.name}" + (" (drops data)" if each.destroys else "")
        for each in migrations
    ]
