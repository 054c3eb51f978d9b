"""The command `crmkit`."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from crmkit.errors import CrmkitError, InvalidError

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["main"]

_SITE = click.option(
    "--site",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder of the site; default is the current one.",
)


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(work)
    except CrmkitError as error:
        _fail(error)


def _fail(error: CrmkitError) -> None:
    click.echo(error.message, err=True)
    if isinstance(error, InvalidError):
        for name, problem in error.problems.items():
            click.echo(f"  {name}: {problem}" if name else f"  {problem}", err=True)
    sys.exit(1)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def _commands() -> None:
    """A CRM that starts with one command and grows by plugins."""


@_commands.command()
@_SITE
@click.option("--host", help="Address to listen on; default from crmkit.toml.")
@click.option("--port", type=click.IntRange(0, 65535), help="TCP port; 0 for any free one.")
def serve(site: Path, host: str | None, port: int | None) -> None:
    """Serve the site; makes it first where there is none."""
    from crmkit.cli.serving import serve_site  # noqa: PLC0415 - the web stack is heavy

    try:
        serve_site(site, host, port)
    except CrmkitError as error:
        _fail(error)


@_commands.command()
@_SITE
def init(site: Path) -> None:
    """Make a site in the folder and its database."""
    from crmkit.cli.opening import open_site  # noqa: PLC0415
    from crmkit.cli.site_server import make_site  # noqa: PLC0415

    async def work() -> None:
        made = make_site(site)
        async with open_site(site):
            click.echo("The site is ready." if made else "The site was there already.")

    _run(work())


@_commands.command()
@_SITE
@click.option("--plan", is_flag=True, help="Only say what would be applied.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def migrate(site: Path, *, plan: bool, as_json: bool) -> None:
    """Bring the schema up to date."""
    from crmkit.access.core import site_of  # noqa: PLC0415
    from crmkit.cli.site_server import SiteServer  # noqa: PLC0415
    from crmkit.config import load_config  # noqa: PLC0415
    from crmkit.db.migrations import migrate as run  # noqa: PLC0415

    async def work() -> None:
        config = load_config(site)
        server = SiteServer(config)
        try:
            sources = site_of(config).sources
            applied = await run(server.start().owner, sources, plan=plan)
        finally:
            server.stop()
        names = [f"{each.plugin} {each.name}" for each in applied]
        if as_json:
            click.echo(json.dumps(names))
        else:
            click.echo("\n".join(names) or "Nothing to do.")

    _run(work())


def main() -> None:
    """Run the command line."""
    from crmkit.cli import data, inspecting, tokens, users  # noqa: F401, PLC0415 - they add commands

    _commands()
