"""Opens a site: settings, database server, schema, declarations."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crmkit.access.roles import load_roles
from crmkit.config import Config, load_config
from crmkit.db.engine import Database
from crmkit.db.migrations import migrate
from crmkit.db.server import EmbeddedServer
from crmkit.model.context import Context, Principal
from crmkit.plugin.site import Site, build_site, load_custom_fields
from crmkit.records.store import RecordStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from crmkit.model.role import Role

_TOML = """\
# The settings of this site. Every key with its meaning: docs/operations/settings.md
name = "My company"
language = "en"
time_zone = "UTC"
currency = "USD"

[server]
host = "127.0.0.1"
port = 8000
"""


@dataclass
class Opened:
    """A site that is open."""

    config: Config
    db: Database
    site: Site
    roles: Mapping[str, Role]

    def context(self, cause: str = "command") -> Context:
        """Answer the context of the person at this machine, who may do everything."""
        principal = Principal(None, "", self.roles["administrator"])
        return Context(self.db, self.site, self.config, principal, cause=cause, store=RecordStore())

    async def rebuild(self) -> None:
        """Build the Site again, for instance after a custom field was added."""
        self.site = build_site(self.config.plugins.enabled, await load_custom_fields(self.db))


def make_site(folder: Path) -> bool:
    """Write crmkit.toml where there is none; answer whether it was written."""
    path = folder / "crmkit.toml"
    if path.exists():
        return False
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(_TOML, encoding="utf-8")
    return True


@dataclass
class DatabaseAddresses:
    """Where the schema is changed (owner) and where pages read and write (app)."""

    owner: str
    app: str


class SiteServer:
    """The database server of a site: its own one, or the one named in crmkit.toml."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._server: EmbeddedServer | None = None
        if not config.database.url:
            self._server = EmbeddedServer(
                config.var / "postgres", settings=config.database.settings
            )
            self._server.spawn()

    def start(self) -> DatabaseAddresses:
        """Wait until it answers.

        Raises:
            DatabaseStartError: It does not.
        """
        if self._server is None:
            return DatabaseAddresses(self._config.database.url, self._config.database.url)
        address = self._server.start()
        return DatabaseAddresses(address.dsn("crmkit_owner"), address.dsn("crmkit_app"))

    def stop(self) -> None:
        """Stop the embedded server when this process started it."""
        if self._server is not None:
            self._server.stop()


@asynccontextmanager
async def open_site(folder: Path) -> AsyncIterator[Opened]:
    """Open the site of a folder, migrate it, and close everything at the end.

    Raises:
        ConfigError: crmkit.toml cannot be used.
        DatabaseStartError: The database does not start or answer.
        MigrationError: The schema cannot be brought up to date.
    """
    config = load_config(folder)
    server = SiteServer(config)
    try:
        addresses = server.start()
        site = build_site(config.plugins.enabled)
        await migrate(addresses.owner, site.sources)
        settings = config.database
        db = Database(
            addresses.app,
            pool_min=settings.pool_min,
            pool_max=settings.pool_max,
            timeout=settings.timeout,
        )
        await db.open()
        try:
            opened = Opened(config, db, site, load_roles(config.folder / "config" / "roles.toml"))
            await opened.rebuild()
            yield opened
        finally:
            await db.close()
    finally:
        server.stop()
