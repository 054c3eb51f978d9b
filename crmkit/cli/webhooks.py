"""`crmkit webhooks`: who is told of events, who tells, their secrets, what is sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from crmkit.cli import _SITE, _commands, _run
from crmkit.cli.opening import open_site
from crmkit.cli.tables import AS_JSON, print_rows
from crmkit.errors import NotFoundError
from crmkit.work.events import event_names
from crmkit.work.hooks import list_hooks, renew_address, renew_hook
from crmkit.work.incoming_hooks import run_call_again
from crmkit.work.webhook_calls import send_again, send_test
from crmkit.work.webhooks import edit_webhook, list_webhooks, renew_secret

if TYPE_CHECKING:
    from pathlib import Path

    from crmkit.model.context import Context

_INCOMING = click.option("--incoming", is_flag=True, help="Of those that other systems tell.")


@_commands.group()
def webhooks() -> None:
    """See and edit webhooks, send a test, send again what failed, renew secrets."""


@webhooks.command("list")
@_SITE
@_INCOMING
@AS_JSON
def list_(site: Path, *, incoming: bool, as_json: bool) -> None:
    """List those that are told of events, and how they fare."""

    async def work() -> None:
        async with open_site(site) as opened:
            ctx = opened.context()
            rows = await (_incoming(ctx) if incoming else _outgoing(ctx))
        print_rows(rows, as_json=as_json)

    _run(work())


async def _outgoing(ctx: Context) -> list[dict[str, object]]:
    return [
        {
            "id": each.id,
            "name": each.name,
            "url": each.url,
            "events": " ".join(each.events),
            "active": each.active,
            "failures": each.failures,
            "paused_until": (
                each.paused_until.isoformat(timespec="seconds") if each.paused_until else ""
            ),
        }
        for each in await list_webhooks(ctx)
    ]


async def _incoming(ctx: Context) -> list[dict[str, object]]:
    return [
        {
            "id": each.id,
            "name": each.name,
            "signed": each.signed,
            "active": each.active,
            "received": each.received,
            "last_at": each.last_at.isoformat(timespec="seconds") if each.last_at else "",
        }
        for each in await list_hooks(ctx)
    ]


async def _check(ctx: Context, number: int) -> None:
    if number not in [each.id for each in await list_webhooks(ctx)]:
        raise NotFoundError(f"There is no webhook {number}. `crmkit webhooks list` shows them.")


@webhooks.command()
@_SITE
@click.argument("number", type=int)
def test(site: Path, number: int) -> None:
    """Send a test to the webhook NUMBER."""

    async def work() -> None:
        async with open_site(site) as opened:
            ctx = opened.context()
            await _check(ctx, number)
            await send_test(ctx, number)
        click.echo("A worker sends it; the log of the webhook says what becomes of it.")

    _run(work())


@webhooks.command()
@_SITE
@click.option("--name", help="What it is called.")
@click.option("--url", help="Address that is told.")
@click.option("--event", "events", multiple=True, help="What it is told of; all of it; repeatable.")
@click.argument("number", type=click.IntRange(0, 2**63 - 1))
def edit(
    site: Path, number: int, *, name: str | None, url: str | None, events: tuple[str, ...]
) -> None:
    """Tell another address or of other events; what is not given stays, and so does the secret."""
    if name is None and url is None and not events:
        raise click.UsageError("Give --name, --url or --event: nothing would be changed.")

    async def work() -> None:
        async with open_site(site) as opened:
            ctx = opened.context()
            await _check(ctx, number)
            old = next(each for each in await list_webhooks(ctx) if each.id == number)
            await edit_webhook(
                ctx, number, old.name if name is None else name, old.url if url is None else url,
                events or old.events, list(event_names(ctx.site)),
            )  # fmt: skip
        click.echo("Saved.")

    _run(work())


@webhooks.command()
@_SITE
@_INCOMING
@click.option("--at-once", is_flag=True, help="With --incoming: the old secret ends now.")
@click.argument("number", type=click.IntRange(0, 2**63 - 1))
def renew(site: Path, number: int, *, incoming: bool, at_once: bool) -> None:
    """Make a new secret for the webhook NUMBER and print it; for a day the old one holds as well.

    An incoming one that is told without signatures gets a new address; the old one ends.
    """
    if at_once and not incoming:
        raise click.UsageError("--at-once is for --incoming: to sign with both harms nobody.")

    async def work() -> None:
        async with open_site(site) as opened:
            ctx = opened.context()
            if not incoming:
                await _check(ctx, number)
                click.echo(await renew_secret(ctx, number))
                return
            hook = next((each for each in await list_hooks(ctx) if each.id == number), None)
            if hook is None:
                text = "There is no webhook {n}. `crmkit webhooks list --incoming` shows them."
                raise NotFoundError(text.format(n=number))
            if hook.signed:
                click.echo(await renew_hook(ctx, number, keeps=not at_once))
            else:
                click.echo(f"/hooks/{await renew_address(ctx, number)}")

    _run(work())


@webhooks.command()
@_SITE
@_INCOMING
@click.argument("number", type=click.IntRange(0, 2**63 - 1))
@click.argument("call", type=click.IntRange(0, 2**63 - 1), required=False)
def replay(site: Path, number: int, call: int | None, *, incoming: bool) -> None:
    """Send CALL of the webhook NUMBER again, or all that failed or lost their job.

    With --incoming NUMBER is that of a message received, and plugins hear of it again.
    """
    if incoming and call is not None:
        raise click.UsageError("With --incoming give the number of the message alone.")

    async def work() -> None:
        async with open_site(site) as opened:
            ctx = opened.context()
            if incoming:
                await run_call_again(ctx, number)
                click.echo("It is run again.")
                return
            await _check(ctx, number)
            count = await send_again(ctx, number, call)
        click.echo(f"{count} to be sent again.")

    _run(work())
