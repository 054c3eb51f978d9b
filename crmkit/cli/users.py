"""`crmkit user`: accounts from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from crmkit.access.password_change import set_password
from crmkit.access.passwords import check_password_rules
from crmkit.access.setup import make_link
from crmkit.cli import _SITE, _commands, _run
from crmkit.cli.opening import open_site
from crmkit.errors import ConflictError, InvalidError, NotFoundError
from crmkit.model.values import N_, Sentence
from crmkit.records.handing_over import HAND_OVER, pass_on
from crmkit.records.holding import held_by, said_of
from crmkit.records.journal import one_operation

if TYPE_CHECKING:
    from pathlib import Path

    from crmkit.access.setup import Kind
    from crmkit.cli.opening import Opened


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
            check_password_rules(password, (email, name))
            async with opened.db.transaction():
                record_id = await _make(opened, email, name, role)
                await set_password(opened.db, record_id, password)
            click.echo(f"{name} can sign in as {email}.")

    _run(work())


@user.command()
@_SITE
@click.argument("email")
@click.option("--name", required=True, help="Full name.")
@click.option("--role", default="seller", show_default=True)
def invite(site: Path, email: str, name: str, role: str) -> None:
    """Make an account and print the link by which the person chooses a password."""

    async def work() -> None:
        async with open_site(site) as opened:
            record_id = await _make(opened, email, name, role)
            click.echo(await _link(opened, "invite", record_id))

    _run(work())


@user.command()
@_SITE
@click.argument("email")
@click.option("--link", is_flag=True, help="Print a link instead of asking for the password.")
def password(site: Path, email: str, *, link: bool) -> None:
    """Set the password of EMAIL (or a sign-in name); the person's other sessions end."""

    async def work() -> None:
        async with open_site(site) as opened:
            record_id = await find_user(opened, email)
            if link:
                click.echo(await _link(opened, "reset", record_id))
                return
            typed = click.prompt("Password", hide_input=True, confirmation_prompt=True)
            await set_password(opened.db, record_id, typed)
            click.echo("The password was set; other sessions of this person have ended.")

    _run(work())


@user.command()
@_SITE
@click.argument("email")
@click.option(
    "--hand-over-to",
    metavar="EMAIL",
    help="Who takes over open records, deadlines and steps.",
)
@click.option(
    "--without-hand-over", "leave", is_flag=True, help="Leave what EMAIL holds with nobody."
)
def disable(site: Path, email: str, hand_over_to: str | None, *, leave: bool) -> None:
    """Let EMAIL no longer sign in; sessions end at once, and what is open is handed over.

    Somebody who holds nothing needs neither option.
    """
    if hand_over_to is None:
        _run(_switch(site, email, active=False, leave=leave))
    else:
        _run(_leave(site, email, hand_over_to))


@user.command()
@_SITE
@click.argument("email")
def enable(site: Path, email: str) -> None:
    """Let EMAIL sign in again."""
    _run(_switch(site, email, active=True))


async def _switch(site: Path, email: str, *, active: bool, leave: bool = False) -> None:
    async with open_site(site) as opened:
        record_id = await find_user(opened, email)
        held = {} if active else await held_by(opened.context(), record_id)
        if held and not leave:
            raise ConflictError(
                f"{email} holds: {said_of(opened.context(), held)}. Name who takes over with "
                "--hand-over-to EMAIL, or leave it with nobody by --without-hand-over."
            )
        await opened.context().save("core.user", record_id, active=active)
        click.echo(f"{email} may sign in." if active else f"{email} may no longer sign in.")
        for name, count in held.items():
            click.echo(f"  {name}: {count} with nobody who works here")


async def _leave(site: Path, email: str, to: str) -> None:
    async with open_site(site) as opened:
        record_id, taker = await find_user(opened, email), await find_user(opened, to)
        if record_id == taker:
            raise InvalidError(f"{email} cannot hand over to the same person. Name another one.")
        ctx = opened.context()
        async with one_operation(ctx, "action", HAND_OVER.label) as inner:
            counts = await pass_on(inner, record_id, taker)
            await inner.save("core.user", record_id, active=False)
        click.echo(f"{email} may no longer sign in.")
        for name, count in sorted(counts.items()):
            click.echo(f"  {name}: {count} now with {to}")


async def _make(opened: Opened, email: str, name: str, role: str) -> int:
    return await opened.context().create(
        "core.user", name=name, email=email, role=role, active=True
    )


async def find_user(opened: Opened, name: str) -> int:
    """Answer the id of who signs in with an e-mail address or a name."""
    found: int | None = await opened.db.value(
        "SELECT id FROM core_user WHERE trashed_at IS NULL AND $1 <> '' "
        "AND (lower(email) = lower($1) OR lower(login) = lower($1)) "
        "ORDER BY lower(email) = lower($1) DESC LIMIT 1",
        name,
    )
    if found is None:
        text = N_("Nobody signs in as {name}. See `crmkit export core.user`.")
        raise NotFoundError(Sentence(text, name=name))
    return found


async def _link(opened: Opened, kind: Kind, record_id: int) -> str:
    server = opened.config.server
    base = server.base_url or f"http://{server.host}:{server.port}"
    return f"{base}/setup/{await make_link(opened.db, kind, record_id)}"
