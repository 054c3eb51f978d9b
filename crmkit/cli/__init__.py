"""The command `crmkit`."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import rich_click as click

from crmkit.errors import CrmkitError, InvalidError

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["main"]

Result = TypeVar("Result")

_SITE = click.option(
    "--site",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder of the site; default is the current one.",
)


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    try:
        return asyncio.run(work)
    except CrmkitError as error:
        _fail(error)


def _fail(error: CrmkitError) -> NoReturn:
    click.echo(error.message, err=True)
    if isinstance(error, InvalidError):
        for name, problem in error.problems.items():
            click.echo(f"  {name}: {problem}" if name else f"  {problem}", err=True)
    sys.exit(1)


class _Commands(click.RichGroup):
    """The commands of crmkit, and below the id of each plugin those of the plugin."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = super().get_command(ctx, cmd_name)
        if found is not None or not cmd_name.isalnum():
            return found
        from crmkit.cli.of_plugins import PluginCommands  # noqa: PLC0415 - reads the site

        return PluginCommands(cmd_name)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def _commands() -> None:
    """A CRM that starts with one command and grows by plugins.

    Commands of a plugin are run as `crmkit ID COMMAND`.
    """


@_commands.command()
@_SITE
@click.option("--host", help="Address to listen on; default from crmkit.toml.")
@click.option("--port", type=click.IntRange(0, 65535), help="TCP port; 0 for any free one.")
@click.option("--safe", is_flag=True, help="Start the core alone, without any plugin.")
@click.option("--without", multiple=True, metavar="ID", help="Leave a plugin out; repeatable.")
@click.option("--no-work", is_flag=True, help="Leave jobs to `crmkit worker`.")
@click.option("--reload", is_flag=True, help="Begin anew when code changes, for development.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Processes that share the port; default from crmkit.toml, else 1.",
)
@click.option("--socket", "shared", type=(int, int), hidden=True, help="The port, taken already.")
@click.option("--quiet", is_flag=True, hidden=True, help="Another worker tells the address.")
def serve(  # noqa: PLR0913 - the options of a server
    site: Path,
    host: str | None,
    port: int | None,
    *,
    safe: bool,
    without: tuple[str, ...],
    no_work: bool,
    reload: bool,
    workers: int | None,
    shared: tuple[int, int] | None,
    quiet: bool,
) -> None:
    """Serve the site; makes it first where there is none."""
    words = ["--safe"] if safe else []
    words += ["--no-work"] if no_work else []
    words += [word for name in without for word in ("--without", name)]
    if reload:
        from crmkit.cli.reloading import serve_reloading  # noqa: PLC0415 - for development

        words += ["--site", str(site), *(("--host", host) if host else ())]
        words += ["--port", str(port)] if port is not None else []
        sys.exit(serve_reloading(site, words))
    from crmkit.cli.serving import serve_site  # noqa: PLC0415 - the web stack is heavy
    from crmkit.config import ServeOptions, load_config  # noqa: PLC0415

    try:
        options = ServeOptions(safe=safe, without=without, working=not no_work, quiet=quiet)
        number = 1 if shared is not None else workers or load_config(site).server.workers
        if number > 1:
            from crmkit.cli.workers import serve_many  # noqa: PLC0415

            sys.exit(serve_many(site, host, port, number, words))
        serve_site(site, host, port, options, shared)
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
@click.option("--yes", is_flag=True, help="Also apply what drops tables or columns.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.argument("plugin", default="")
@click.argument("target", default="")
def migrate(site: Path, plugin: str, target: str, *, plan: bool, yes: bool, as_json: bool) -> None:
    """Bring the schema up to date, or that of PLUGIN to TARGET, the name of its last migration."""
    from crmkit.cli.migrating import migrate_site  # noqa: PLC0415

    async def work() -> None:
        lines = await migrate_site(site, plugin, target, plan=plan, may_destroy=yes)
        click.echo(json.dumps(lines) if as_json else "\n".join(lines) or "Nothing to do.")

    _run(work())


def main() -> None:
    """Run the command line."""
    from crmkit.cli import (  # noqa: PLC0415 - they add commands
        acting,  # noqa: F401
        approvals,  # noqa: F401
        data,  # noqa: F401
        deadlines,  # noqa: F401
        gdpr,  # noqa: F401
        hours,  # noqa: F401
        inspecting,  # noqa: F401
        jobs,  # noqa: F401
        mail,  # noqa: F401
        merging,  # noqa: F401
        metrics,  # noqa: F401
        new,  # noqa: F401
        plugins,  # noqa: F401
        seeding,  # noqa: F401
        tokens,  # noqa: F401
        users,  # noqa: F401
        webhooks,  # noqa: F401
    )

    _commands()
