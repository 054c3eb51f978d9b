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
from crmkit.records.store import RecordStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from crmkit.plugin.site import Site


@dataclass
class Opened:
    """A site that is open."""

    config: Config
    db: Database
    site: Site
    pending: tuple[str, ...] = ()
    #: Address of the role that may change the schema.
    owner_dsn: str = ""

    def context(self, cause: str = "command") -> Context:
        """Answer the context of the person at this machine, who may do everything."""
        principal = Principal(None, "", self.site.roles[ADMINISTRATOR])
        return Context(self.db, self.site, self.config, principal, cause=cause, store=RecordStore())

    async def rebuild(self) -> None:
        """Build the Site again, for instance after a custom field was added."""
        self.site = await read_site(self.config, self.db)


@asynccontextmanager
async def open_site(folder: Path, *, migrating: bool = True) -> AsyncIterator[Opened]:
    """Open the site of a folder, migrate it, and close everything at the end.

    Args:
        migrating: False leaves the schema as it is and names what is missing in `pending`.

    Raises:
        ConfigError: crmkit.toml cannot be used.
        DatabaseStartError: The database does not start or answer.
        MigrationError: The schema cannot be brought up to date.
    """
    config = load_config(folder)
    server = SiteServer(config)
    try:
        addresses = server.start()
        site = site_of(config)
        missing = await migrate(addresses.owner, site.sources, plan=not migrating)
        settings = config.database
        db = Database(
            addresses.app,
            pool_min=settings.pool_min,
            pool_max=settings.pool_max,
            timeout=settings.timeout,
        )
        await db.open()
        try:
            opened = Opened(config, db, site, owner_dsn=addresses.owner)
            if migrating or not missing:
                await opened.rebuild()
            else:
                opened.pending = tuple(f"{each.plugin} {each.name}" for each in missing)
            yield opened
        finally:
            await db.close()
    finally:
        server.stop()
