"""The folder of a site and its database server; imports little, since serving begins here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crmkit.db.server import EmbeddedServer

if TYPE_CHECKING:
    from pathlib import Path

    from crmkit.config import Config

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

    def keep_alive(self) -> None:
        """Start the embedded server again whenever it dies while this process serves."""
        if self._server is not None:
            self._server.keep_alive()

    def stop(self) -> None:
        """Stop the embedded server when this process started it."""
        if self._server is not None:
            self._server.stop()
