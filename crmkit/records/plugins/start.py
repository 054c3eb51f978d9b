"""The one way a site starts: core schema, choice, build, plugins' schemas, their life hooks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from packaging.version import Version

from crmkit.access.core import site_of
from crmkit.db.engine import Database
from crmkit.db.migrations import migrate
from crmkit.errors import CrmkitError
from crmkit.plugin.events import LifeEvent
from crmkit.plugin.site import CORE_MIGRATIONS, Choice
from crmkit.plugin.stored import read_choice
from crmkit.records.plugins.indexes import make_indexes
from crmkit.records.plugins.rows import add_row, set_reasons, set_version, system_context

if TYPE_CHECKING:
    from collections.abc import Collection

    from crmkit.config import Config
    from crmkit.plugin.manifest import Manifest
    from crmkit.plugin.site import Site, StoredPlugin


async def prepare_site(
    config: Config,
    owner_dsn: str,
    app_dsn: str,
    *,
    safe: bool = False,
    without: Collection[str] = (),
) -> tuple[Site, Database]:
    """Bring schema and plugins of a site up to date, and answer what is to be served.

    Args:
        owner_dsn: Address of the owner of the tables.
        app_dsn: Address for reading and writing records.
        safe: Start the core alone; nothing is written on plugins.
        without: Ids of plugins to leave out of this start.

    A plugin that cannot start is left out with its reason; the rest is answered.

    Raises:
        DatabaseStartError: The database does not answer.
        MigrationError: The core's schema cannot be brought up to date.
        ConfigError: config/roles.toml cannot be used.
    """
    core = site_of(config, Choice(enabled=frozenset()))
    await migrate(owner_dsn, [CORE_MIGRATIONS], may_destroy=False)
    settings = config.database
    db = Database(
        app_dsn,
        pool_min=settings.pool_min,
        pool_max=settings.pool_max,
        timeout=settings.timeout,
    )
    await db.open()
    try:
        if safe:
            return core, db
        return await _Start(config, owner_dsn, db, frozenset(without)).run(), db
    except BaseException:
        await db.close()
        raise


async def rebuild_site(config: Config, db: Database, old: Site) -> Site:
    """Build a site anew after its plugins, settings or fields changed; migrates nothing.

    What a start left out, it leaves out as well.
    """
    if old.choice.enabled == frozenset() and not old.choice.with_defaults:
        return old  # started safe
    kept = {
        name: reason
        for name, reason in old.choice.blocked.items()
        if name not in old.choice.stored or old.choice.stored[name].state == "enabled"
    }
    choice = await read_choice(db, config.plugins.enabled, kept)
    # Imports and planning take long enough to be felt by requests under way.
    return await asyncio.to_thread(site_of, config, choice)


class _Start:
    """One start; `blocked` grows while plugins turn out not to fit."""

    def __init__(
        self, config: Config, owner_dsn: str, db: Database, without: frozenset[str]
    ) -> None:
        self._config = config
        self._owner = owner_dsn
        self._db = db
        self._blocked = dict.fromkeys(without, "It was left out of this start (`--without`).")

    async def run(self) -> Site:
        choice = await read_choice(self._db, self._config.plugins.enabled)
        site = self._build(choice)
        self._check_ages(site, choice)
        await self._ask_upgrades(self._build(choice), choice)
        site = self._build(choice)
        await migrate(self._owner, site.sources, blocked=self._blocked, may_destroy=False)
        site = self._build(choice)
        await self._finish(site, choice)
        site = self._build(await read_choice(self._db, self._config.plugins.enabled))
        await make_indexes(self._owner, site)
        await set_reasons(self._db, site)
        return site

    def _build(self, choice: Choice) -> Site:
        return site_of(self._config, msgspec.structs.replace(choice, blocked=dict(self._blocked)))

    def _check_ages(self, site: Site, choice: Choice) -> None:
        for manifest in _enabled(site):
            stored = choice.stored.get(manifest.id)
            if stored and stored.version and Version(stored.version) > Version(manifest.version):
                self._blocked[manifest.id] = (
                    f"Its data were written by version {stored.version}, this is "
                    f"{manifest.version}: the code is older than the data. Install the newer one."
                )

    async def _ask_upgrades(self, site: Site, choice: Choice) -> None:
        for manifest in _enabled(site):
            stored = choice.stored.get(manifest.id)
            if _is_older(stored, manifest):
                await self._hook(site, manifest, "before_upgrade", stored.version if stored else "")

    async def _finish(self, site: Site, choice: Choice) -> None:
        """Install what is new and carry over what is older, each with its row in one commit."""
        for manifest in _enabled(site):
            stored = choice.stored.get(manifest.id)
            if stored is None or _is_older(stored, manifest):
                await self._hook(
                    site, manifest, "after_upgrade" if stored else "install",
                    stored.version if stored else "",
                )  # fmt: skip

    async def _hook(self, site: Site, manifest: Manifest, hook: str, version: str) -> None:
        event = LifeEvent(system_context(self._config, self._db, site), manifest.id, version)
        try:
            async with self._db.transaction():
                if hook == "install" and not await add_row(self._db, manifest):
                    return  # another process that starts did it
                await site.hooks.ask(manifest.id, hook, event)
                if hook == "after_upgrade":
                    await set_version(self._db, manifest)
        except CrmkitError as error:
            self._blocked[manifest.id] = f"`{hook}` refused: {error.message}"


def _enabled(site: Site) -> list[Manifest]:
    return [info.manifest for info in site.plugins.values() if info.is_on]


def _is_older(stored: StoredPlugin | None, manifest: Manifest) -> bool:
    if stored is None or not stored.version:
        return False
    return Version(stored.version) < Version(manifest.version)
