"""`crmkit merge`: two records of one entity become one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from crmkit.cli import _SITE, _commands, _run
from crmkit.cli.opening import open_site
from crmkit.records.merge import merge_records

if TYPE_CHECKING:
    from pathlib import Path


@_commands.command()
@_SITE
@click.argument("entity")
@click.argument("kept", type=int)
@click.argument("gone", type=int)
@click.option("--take", multiple=True, metavar="FIELD", help="Take the value of GONE; repeatable.")
@click.option("--keep", multiple=True, metavar="FIELD", help="Keep it, even empty; repeatable.")
def merge(
    site: Path, entity: str, kept: int, gone: int, *, take: tuple[str, ...], keep: tuple[str, ...]
) -> None:
    """Merge the record GONE of ENTITY into the record KEPT, both by their numbers."""

    async def work() -> None:
        async with open_site(site) as opened:
            ctx = opened.context()
            choices = {**dict.fromkeys(take, "gone"), **dict.fromkeys(keep, "kept")}
            operation = await merge_records(ctx, ctx.site.entity(entity), kept, gone, choices)
        click.echo(f"{entity} {gone} is part of {kept} now. History undoes it as {operation}.")

    _run(work())
