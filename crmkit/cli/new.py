"""`crmkit new`: write the first lines of a plugin or an entity."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - click reads it

import rich_click as click

from crmkit.cli import _SITE, _commands, _fail
from crmkit.errors import CrmkitError
from crmkit.scaffold.entity import new_entity
from crmkit.scaffold.plugin import new_plugin


@_commands.group()
def new() -> None:
    """Write the first lines of a plugin or an entity."""


@new.command("plugin")
@_SITE
@click.argument("plugin_id")
def plugin_(site: Path, plugin_id: str) -> None:
    """Write the folder of a plugin, such as loyalty."""
    try:
        click.echo(f"Wrote {new_plugin(site, plugin_id)}.")
    except CrmkitError as error:
        _fail(error)


@new.command("entity")
@_SITE
@click.argument("name")
@click.argument("fields", nargs=-1, required=True)
def entity_(site: Path, name: str, fields: tuple[str, ...]) -> None:
    """Add an entity NAME, such as loyalty.points, with FIELDS such as amount:int."""
    try:
        click.echo(f"Wrote {new_entity(site, name, fields)}.")
    except CrmkitError as error:
        _fail(error)
