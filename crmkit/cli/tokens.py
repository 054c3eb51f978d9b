"""`crmkit token`: tokens of the API from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from crmkit.access.tokens import DEFAULT_DAYS, list_tokens, make_token, revoke_token
from crmkit.cli import _SITE, _commands, _run
from crmkit.cli.opening import open_site
from crmkit.cli.users import find_user

if TYPE_CHECKING:
    from pathlib import Path


@_commands.group()
def token() -> None:
    """Make, list and revoke tokens of the JSON API."""


@token.command()
@_SITE
@click.argument("email")
@click.option("--name", required=True, help="What uses it, such as Warehouse.")
@click.option("--days", default=DEFAULT_DAYS, show_default=True, help="Until it ends.")
@click.option("--read-only", is_flag=True, help="It may read and nothing else.")
@click.option("--entity", "entities", multiple=True, help="crm.person or crm.*; default is all.")
def create(
    site: Path, email: str, name: str, days: int, entities: tuple[str, ...], *, read_only: bool
) -> None:
    """Make a token that acts as EMAIL and print it; it is shown only now."""

    async def work() -> None:
        async with open_site(site) as opened:
            user_id = await find_user(opened, email)
            made = await make_token(
                opened.db, user_id, name, days=days, read_only=read_only, patterns=entities
            )
            click.echo(made.secret)

    _run(work())


@token.command(name="list")
@_SITE
@click.argument("email")
def show(site: Path, email: str) -> None:
    """List the tokens of EMAIL: number, name, rights, entities, last use, end."""

    async def work() -> None:
        async with open_site(site) as opened:
            for each in await list_tokens(opened.db, await find_user(opened, email)):
                rights = "read" if each.read_only else "read and write"
                used = f"used {each.used_at:%Y-%m-%d}" if each.used_at else "never used"
                entities = " ".join(each.patterns) or "all"
                until = f"until {each.expires_at:%Y-%m-%d}"
                click.echo("\t".join((str(each.id), each.name, rights, entities, used, until)))

    _run(work())


@token.command()
@_SITE
@click.argument("number", type=click.IntRange(1, 2**63 - 1))
def revoke(site: Path, number: int) -> None:
    """End the token with that NUMBER at once."""

    async def work() -> None:
        async with open_site(site) as opened:
            await revoke_token(opened.db, number)
            click.echo("The token has ended.")

    _run(work())
