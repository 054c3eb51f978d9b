"""`crmkit user`: accounts from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from crmkit.access.passwords import check_password_rules, hash_password
from crmkit.cli import _SITE, _commands, _run
from crmkit.cli.opening import open_site
from crmkit.errors import InvalidError
from crmkit.records.save import create_record

if TYPE_CHECKING:
    from pathlib import Path


@_commands.group()
def user() -> None:
    """Make accounts, set passwords, disable people."""


@user.command()
@_SITE
@click.argument("email")
@click.option("--name", required=True, help="Full name.")
@click.option("--role", default="seller", show_default=True)
@click.password_option(help="At least 12 characters; asked for when not given.")
def create(site: Path, email: str, name: str, role: str, password: str) -> None:
    """Make an account that can sign in."""

    async def work() -> None:
        async with open_site(site) as opened:
            if role not in opened.roles:
                raise InvalidError(f"There is no role `{role}`: {', '.join(opened.roles)}.")
            check_password_rules(password, (email, name))
            ctx = opened.context()
            async with opened.db.transaction():
                values = {"name": name, "email": email, "role": role, "active": True}
                record_id = await create_record(ctx, opened.site.entity("core.user"), values)
                await opened.db.execute(
                    "UPDATE core_user SET password_hash = $2 WHERE id = $1",
                    record_id,
                    await hash_password(password),
                )
            click.echo(f"{name} can sign in as {email}.")

    _run(work())
