"""`crmkit plugin`: see, switch, archive and purge plugins."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import rich_click as click
import structlog

from crmkit.cli import _SITE, _commands, _run
from crmkit.cli.opening import open_site
from crmkit.cli.tables import AS_JSON, print_rows
from crmkit.errors import InvalidError
from crmkit.records.plugins.archive import archive_plugin, restore_archive
from crmkit.records.plugins.demo import add_demo
from crmkit.records.plugins.impact import Impact, impact_of
from crmkit.records.plugins.purge import purge_plugin
from crmkit.records.plugins.quarantine import resume_plugin
from crmkit.records.plugins.switch import disable_plugin, enable_plugin

if TYPE_CHECKING:
    from collections.abc import Iterator

_ID = click.argument("plugin_id")
_STATES = ("enabled", "disabled", "archived", "purged")


@_commands.group()
def plugin() -> None:
    """See which plugins there are, switch them on and off, archive and purge their data."""


@plugin.command("list")
@_SITE
@AS_JSON
def list_(site: Path, *, as_json: bool) -> None:
    """List plugins with their state and, when one does not serve, the reason."""

    async def work() -> None:
        async with open_site(site, migrating=False) as opened:
            known = opened.site.plugins
            rows = [
                {"id": name, "version": info.manifest.version, "name": info.manifest.name,
                 "state": info.state, "reason": info.reason or " ".join(info.notices)}
                for name, info in known.items()
            ]  # fmt: skip
            rows += [
                {"id": name, "version": "", "name": "", "state": "failed", "reason": reason}
                for name, reason in opened.site.failed.items()
                if name not in known
            ]
        print_rows(rows, as_json=as_json)

    _run(work())


@plugin.command()
@_SITE
@_ID
@click.option("--from", "archive", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Bring the data of an archive back.")  # fmt: skip
def enable(site: Path, plugin_id: str, archive: Path | None) -> None:
    """Switch PLUGIN_ID on; a serving site takes it up within a second."""

    async def work() -> None:
        async with open_site(site) as opened:
            ctx = opened.context()
            built = await enable_plugin(ctx, plugin_id, opened.owner_dsn)
            name = built.plugins[plugin_id].manifest.name
            click.echo(f"{name} is on.")
            if archive is not None:
                await opened.rebuild()
                number = await restore_archive(
                    opened.context(), plugin_id, archive, opened.owner_dsn
                )
                click.echo(f"{number:,} rows came back.")

    _run(work())


@plugin.command()
@_SITE
@_ID
def disable(site: Path, plugin_id: str) -> None:
    """Switch PLUGIN_ID off; its data stay."""

    async def work() -> None:
        async with open_site(site) as opened:
            await disable_plugin(opened.context(), plugin_id)
            click.echo(f"{opened.site.plugins[plugin_id].manifest.name} is off. Its data stay.")

    _run(work())


@plugin.command()
@_SITE
@_ID
def demo(site: Path, plugin_id: str) -> None:
    """Write the sample records of PLUGIN_ID; one operation of the history, undone there."""

    async def work() -> None:
        async with open_site(site) as opened:
            operation = await add_demo(opened.context(), plugin_id)
            click.echo(f"Sample records written; operation {operation} of the history.")

    _run(work())


@plugin.command()
@_SITE
@_ID
def resume(site: Path, plugin_id: str) -> None:
    """Call again what of PLUGIN_ID failed too often and was silenced."""

    async def work() -> None:
        async with open_site(site) as opened:
            parts = await resume_plugin(opened.context(), plugin_id)
            name = opened.site.plugins[plugin_id].manifest.name
            said = ", ".join(parts) or "nothing was silenced"
            click.echo(f"{name} is resumed: {said}.")

    _run(work())


@plugin.command()
@_SITE
@_ID
@click.option("--to", type=click.Choice(_STATES), help="Default: the other of on and off.")
@AS_JSON
def impact(site: Path, plugin_id: str, to: str | None, *, as_json: bool) -> None:
    """Say what switching PLUGIN_ID would change; nothing happens."""

    async def work() -> None:
        async with open_site(site) as opened:
            info = opened.site.plugins.get(plugin_id)
            on = info is not None and info.is_on
            target = to or ("disabled" if on else "enabled")
            found = await impact_of(opened.context(), plugin_id, target)
        if as_json:
            click.echo(msgspec.json.encode({"to": target, **msgspec.to_builtins(found)}))
        else:
            click.echo("\n".join(_lines(found, target)))

    _run(work())


@plugin.command()
@_SITE
@click.argument("plugin")
@AS_JSON
def check(site: Path, plugin: str, *, as_json: bool) -> None:
    """Try PLUGIN (an id, or the path of a folder) on empty sites of its own, with all faults.

    Manifest, tables against migrations, each page for each role, every hook misbehaving, off,
    archived and back, purged, three processes at once. Your site is not touched.
    """
    # Only this command needs a second server.
    from crmkit.testing.check import check_plugin  # noqa: PLC0415
    from crmkit.testing.server import scratch_server  # noqa: PLC0415

    def tell(name: str) -> None:
        if not as_json:
            click.echo(f"{name} ...", err=True)

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))

    async def work() -> None:
        with scratch_server() as server:
            found = await check_plugin(plugin, server, site, tell)
        if as_json:
            click.echo(msgspec.json.encode(found))
        else:
            for each in found:
                click.echo(f"{'wrong' if each.problems else 'ok   '}  {each.check}")
                for problem in each.problems:
                    click.echo(f"       {problem}")
        if any(each.problems for each in found):
            raise SystemExit(1)

    _run(work())


def _lines(found: Impact, to: str) -> Iterator[str]:
    yield f"To make {found.plugin} {to}:"
    if found.obstacle:
        yield f"  not possible: {found.obstacle}"
    if found.menu:
        yield f"  menu: {', '.join(found.menu)}"
    for each in found.additions:
        yield f"  {each}"
    for table in found.tables:
        yield f"  table {table.name}: {table.rows:,} rows"
    if found.values:
        yield f"  values in {found.values:,} records of others"
    if found.rights:
        yield f"  rights: {', '.join(found.rights)}"
    for hook, number in found.counts.items():
        yield f"  {hook.replace('_', ' ')}: {number}"
    if found.views:
        yield f"  saved views: {found.views}"
    if to == "purged":
        yield "  All of this would be removed, after an archive was written."


@plugin.command()
@_SITE
@_ID
def archive(site: Path, plugin_id: str) -> None:
    """Write the data of PLUGIN_ID, which must be off, to a file and remove its tables."""

    async def work() -> None:
        async with open_site(site) as opened:
            path = await archive_plugin(opened.context(), plugin_id, opened.owner_dsn)
            click.echo(f"Archived to {path}.")

    _run(work())


@plugin.command()
@_SITE
@_ID
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge(site: Path, plugin_id: str, *, yes: bool) -> None:
    """Remove PLUGIN_ID with all its data, after an archive was written."""

    async def work() -> None:
        async with open_site(site) as opened:
            found = await impact_of(opened.context(), plugin_id, "purged")
            click.echo("\n".join(_lines(found, "purged")))
            typed = plugin_id if yes else click.prompt("Type the plugin's id to go on")
            if typed != plugin_id:
                raise InvalidError("That is another id; nothing was removed.")
            path = await purge_plugin(opened.context(), plugin_id, opened.owner_dsn)
            click.echo(f"Purged. The archive is {path}.")

    _run(work())
