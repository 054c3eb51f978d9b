"""`crmkit mail`: whether mail is read and sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from crmkit.cli import _SITE, _commands, _run
from crmkit.cli.opening import open_site
from crmkit.cli.tables import AS_JSON, print_rows
from crmkit.errors import ConflictError
from crmkit.model.job import JobOrder
from crmkit.work.jobs import enqueue
from crmkit.work.mail_accounts import list_accounts
from crmkit.work.mail_answers import resend_lost
from crmkit.work.mail_folders import folder_health
from crmkit.work.mail_templates import list_templates
from crmkit.work.messages import count_messages
from crmkit.work.outbox import queue_mail

if TYPE_CHECKING:
    from pathlib import Path


@_commands.group()
def mail() -> None:
    """See how mail accounts fare, have them read now, send a test."""


@mail.command()
@_SITE
@AS_JSON
def status(site: Path, *, as_json: bool) -> None:
    """List the accounts, what was read and sent, and what went wrong last."""

    async def work() -> None:
        async with open_site(site) as opened:
            ctx = opened.context()
            counts = await count_messages(ctx)
            accounts = await list_accounts(ctx)
        rows: list[dict[str, object]] = [
            {
                "id": each.id,
                "address": each.address,
                "shared": each.owner is None,
                "read_at": each.read_at.isoformat(timespec="seconds") if each.read_at else "",
                "received": counts.get(each.id, (0, 0))[0],
                "sent_at": each.sent_at.isoformat(timespec="seconds") if each.sent_at else "",
                "sent": counts.get(each.id, (0, 0))[1],
                "receipt": each.receipt,
                "error": each.trouble,
            }
            for each in accounts
        ]
        print_rows(rows, as_json=as_json)

    _run(work())


@mail.command()
@_SITE
@AS_JSON
def folders(site: Path, *, as_json: bool) -> None:
    """List the folders of each account: what came, what lies on records, what is still to read."""

    async def work() -> None:
        async with open_site(site) as opened:
            ctx = opened.context()
            health = await folder_health(ctx)
            addresses = {each.id: each.address for each in await list_accounts(ctx)}
        rows: list[dict[str, object]] = [
            {
                "address": addresses[number],
                "folder": each.folder,
                "read_at": each.read_at.isoformat(timespec="seconds") if each.read_at else "",
                "received": each.received,
                "matched": each.matched,
                "unmatched": each.unmatched,
                "errors": each.errors,
                "behind": each.behind,
                "error": each.error,
            }
            for number, several in health.items()
            for each in several
        ]
        print_rows(rows, as_json=as_json)

    _run(work())


@mail.command()
@_SITE
def read(site: Path) -> None:
    """Let a worker read every mailbox now, not at the next minute."""

    async def work() -> None:
        async with open_site(site) as opened:
            made = await enqueue(opened.context(), "core.read_mailboxes", [JobOrder(key="now")])
        click.echo("A worker reads them now." if made else "They are read already.")

    _run(work())


@mail.command()
@_SITE
def resend(site: Path) -> None:
    """Send the notices that found no account to leave by, now that one sends notices."""

    async def work() -> None:
        async with open_site(site) as opened:
            count = await resend_lost(opened.context())
        click.echo(f"{count} are sent again." if count else "There are none.")

    _run(work())


@mail.command()
@_SITE
@AS_JSON
def templates(site: Path, *, as_json: bool) -> None:
    """List the mail templates; the settings, Mail templates, write them."""

    async def work() -> None:
        async with open_site(site) as opened:
            found = await list_templates(opened.context())
        rows: list[dict[str, object]] = [
            {"id": each.id, "name": each.name, "entity": each.entity or "any",
             "language": each.language, "subject": each.subject}
            for each in found
        ]  # fmt: skip
        print_rows(rows, as_json=as_json)

    _run(work())


@mail.command("send-test")
@_SITE
@click.argument("address")
def send_test(site: Path, address: str) -> None:
    """Send a test message to ADDRESS by the account for notices."""

    async def work() -> None:
        async with open_site(site) as opened:
            ctx = opened.context()
            if not any(each.sends_notices and each.active for each in await list_accounts(ctx)):
                raise ConflictError(
                    "No account sends notices. Mark one in the settings, Mail: `Sends notices`."
                )
            text = f"{opened.config.name} can send mail."
            key = f"test {ctx.now().isoformat()}"
            number = await queue_mail(ctx, to=address, subject=text, text=text, key=key)
        click.echo(f"Message {number} waits for a worker; `crmkit mail status` says what becomes.")

    _run(work())
