"""`crmkit <id> <command>`: commands that plugins bring."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click
from click.globals import get_current_context

from crmkit.cli import _SITE, _fail, _run
from crmkit.cli.opening import open_site
from crmkit.errors import CrmkitError
from crmkit.records.journal import one_operation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.model.context import Context
    from crmkit.plugin.site import Site


@dataclass(frozen=True)
class CommandSite:
    """What a command of a plugin gets by `@click.pass_obj`: the site it is run for."""

    folder: Path

    def run(self, work: Callable[[Context], Awaitable[None]]) -> None:
        """Open the site, do the work with every right as one operation, and close it.

        What it changed can be undone in the history. A refusal ends the command with its sentence
        and exit code 1; nothing is written then.
        """
        name = get_current_context().command_path.partition(" ")[2]

        async def opened() -> None:
            async with (
                open_site(self.folder) as site,
                one_operation(site.context(), "command", name) as ctx,
            ):
                await work(ctx)

        _run(opened())


class PluginCommands(click.RichGroup):
    """The commands of one plugin; the site says which there are."""

    def __init__(self, plugin: str) -> None:
        super().__init__(name=plugin, help=f"Commands of the plugin {plugin}.", callback=_nothing)
        self._plugin = plugin
        self._found: dict[str, click.Command] | None = None
        _SITE(self)
        # Known also while `--help` asks which commands there are.
        self.params[-1].is_eager = True

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Answer the names of the plugin's commands."""
        return sorted(self._read(ctx))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Answer a command of the plugin."""
        return self._read(ctx).get(cmd_name)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's
        """Hand the site over to the command."""
        ctx.obj = CommandSite(ctx.params["site"])
        return super().invoke(ctx)

    def _read(self, ctx: click.Context) -> dict[str, click.Command]:
        if self._found is None:
            site = _look(ctx.params.get("site") or Path())
            self._found = {
                str(each.name): each
                for plugin, each in site.contributions["commands"]
                if plugin == self._plugin
            }
            if not self._found:
                self._refuse(ctx, site)
        return self._found

    def _refuse(self, ctx: click.Context, site: Site) -> None:
        info = site.plugins.get(self._plugin)
        if info is None:
            # As for any other word that is no command.
            ctx.fail(f"No such command '{self._plugin}'.")
        state = "brings no commands" if info.is_on else f"is not on: {info.reason or info.state}"
        ctx.fail(f"The plugin {info.manifest.name} {state}.")


def _look(folder: Path) -> Site:
    async def read() -> Site:
        async with open_site(folder, migrating=False) as opened:
            return opened.site

    try:
        return asyncio.run(read())
    except CrmkitError as error:
        _fail(error)


def _nothing(**_options: Any) -> None:  # noqa: ANN401
    """The options are for the commands."""
