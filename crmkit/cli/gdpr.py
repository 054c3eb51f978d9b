"""`crmkit gdpr`: what is held on a person, and erasing it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import rich_click as click
import structlog

from crmkit.cli import _SITE, _commands, _run
from crmkit.cli.opening import open_site
from crmkit.records.personal import erase_person, export_person

if TYPE_CHECKING:
    from pathlib import Path

_NUMBER = click.IntRange(1, 2**63 - 1)


@_commands.group()
def gdpr() -> None:
    """Export or erase what the site holds on a person."""


@gdpr.command()
@_SITE
@click.argument("entity")
@click.argument("number", type=_NUMBER)
def export(site: Path, entity: str, number: int) -> None:
    """Write all that is held on record NUMBER of ENTITY, such as crm.person 42, as JSON."""
    # Standard output is the answer alone, also when a hook is slow or a plugin is left out.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

    async def work() -> None:
        async with open_site(site) as opened:
            found = await export_person(opened.context(), opened.site.entity(entity), number)
            click.echo(json.dumps(found, ensure_ascii=False, indent=2))

    _run(work())


@gdpr.command()
@_SITE
@click.argument("entity")
@click.argument("number", type=_NUMBER)
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(site: Path, entity: str, number: int, *, yes: bool) -> None:
    """Erase all that is held on record NUMBER of ENTITY, for good; say what is kept."""
    if not yes:
        click.echo(f"This erases {entity} {number} for good; no undo brings it back.", err=True)
        if click.prompt(f"Type {number} to go on", err=True) != str(number):
            click.echo("Nothing was erased.", err=True)
            sys.exit(1)

    async def work() -> None:
        async with open_site(site) as opened:
            done = await erase_person(opened.context(), opened.site.entity(entity), number)
            click.echo("Erased.")
            for each in done.kept:
                click.echo(f"Kept: {each}")

    _run(work())
