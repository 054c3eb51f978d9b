"""`crmkit serve`: database first, then the heavy imports, then the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from crmkit.cli.site_server import SiteServer, make_site
from crmkit.config import load_config

if TYPE_CHECKING:
    from pathlib import Path


def serve_site(folder: Path, host: str | None, port: int | None) -> None:
    """Serve until a signal ends it.

    Raises:
        CrmkitError: Settings, database, schema or port do not allow it.
    """
    if make_site(folder):
        click.echo(f"Made a new site in {folder.resolve()}.")
    config = load_config(folder)
    server = SiteServer(config)
    try:
        # PostgreSQL starts while these are imported.
        from crmkit.web.host import serve  # noqa: PLC0415

        addresses = server.start()
        server.keep_alive()
        serve(
            config,
            addresses.owner,
            addresses.app,
            host or config.server.host,
            config.server.port if port is None else port,
        )
    finally:
        server.stop()
