"""Opens a site: settings, database server, schema, declarations."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crmkit.access.core import ADMINISTRATOR, read_site, site_of
from crmkit.cli.site_server import SiteServer
from crmkit.config import Config, load_config
from crmkit.db.engine import Database
from crmkit.db.migrations import migrate
from crmkit.model.context import Context, Principal
from crmkit.plugin.site import CORE_MIGRATIONS
from crmkit.plugin.stored import first_choice
from crmkit.records.plugins.start import prepare_site, rebuild_site
from crmkit.records.store import RecordStore
from crmkit.web.translate import translating

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection
    from pathlib import Path

    from crmkit.db.migrations import Migration
    from crmkit.plugin.site import Site


@dataclass
class Opened:
    """A site that is open; `owner_dsn` is the address of the owner of its tables."""

    config: Config
    db: Database
    site: Site
    owner_dsn: str
    pending: tuple[str, ...] = ()

    def context(self, cause: str = "command") -> Context:
        """Answer the context of the person at this machine, who may do everything.

        It speaks the language of the site, in which plugins that are switched on name what they
        bring.
        """
        principal = Principal(None, "", self.site.roles[ADMINISTRATOR])
        return Context(
            self.db, self.site, self.config, principal, cause=cause, store=RecordStore(),
            translate=translating(self.config.language)(self.site),
        )  # fmt: skip

    async def rebuild(self) -> None:
        """Build the Site again, for instance after a custom field was added."""
        self.site = await rebuild_site(self.config, self.db, self.site)


@asynccontextmanager
async def open_site(
    folder: Path,
    *,
    migrating: bool = True,
    safe: bool = False,
    without: Collection[str] = (),
) -> AsyncIterator[Opened]:
    """Open the site of a folder, migrate it, and close everything at the end.

    Args:
        migrating: False leaves the schema as it is and names what is missing in `pending`.
        safe: Open it with the core alone.
        without: Ids of plugins to leave out.

    Raises:
        ConfigError: crmkit.toml cannot be used.
        DatabaseStartError: The database does not start or answer.
        MigrationError: The core's schema cannot be brought up to date.
    """
    config = load_config(folder)
    server = SiteServer(config)
    try:
        addresses = server.start()
        if migrating:
            site, db = await prepare_site(
                config, addresses.owner, addresses.app, safe=safe, without=without
            )
            missing: list[Migration] = []
        else:
            site, db, missing = await _look(config, addresses.owner, addresses.app)
        try:
            names = tuple(f"{each.plugin} {each.name}" for each in missing)
            yield Opened(config, db, site, addresses.owner, names)
        finally:
            await db.close()
    finally:
        server.stop()


async def _look(
    config: Config, owner_dsn: str, app_dsn: str
) -> tuple[Site, Database, list[Migration]]:
    """Open a site as it is, and answer the migrations it lacks."""
    site = site_of(config, first_choice(config.plugins.enabled))
    missing = await migrate(owner_dsn, [CORE_MIGRATIONS], plan=True)
    db = Database(app_dsn, timeout=config.database.timeout)
    await db.open()
    if missing:
        return site, db, missing
    try:
        site = await read_site(config, db)
        return site, db, await migrate(owner_dsn, site.sources, plan=True, blocked={})
    except BaseException:
        await db.close()
        raise
