"""Mailboxes are read: each message once, on the records it belongs to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from crmkit.errors import ConfigError, UnavailableError
from crmkit.model.job import JobOrder
from crmkit.model.values import in_words
from crmkit.work.events import gathering
from crmkit.work.jobs import enqueue
from crmkit.work.mail.parsed import Own
from crmkit.work.mail.session import MailboxError
from crmkit.work.mail_accounts import MailAccount, find_account, note_health, reading
from crmkit.work.mail_folders import (
    choose_folders,
    count_stored,
    list_cursors,
    note_folder_error,
    save_cursor,
)
from crmkit.work.mail_incoming import (
    addresses_of,
    known_messages,
    store_message,
    understand,
    without_erased,
    write_links,
)
from crmkit.work.mail_links import Place, find_people
from crmkit.work.outbox import id_domain, write_message_search

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit.model.context import Context
    from crmkit.model.job import JobEvent
    from crmkit.work.mail.imap_answers import Fetched
    from crmkit.work.mail.reading import Batch, Cursor, MailboxReader

_BATCH = 200
_log = structlog.get_logger("crmkit.mail")


async def read_mailboxes(event: JobEvent) -> None:
    """Queue the reading of every mailbox, where none waits yet."""
    rows = await event.ctx.db.rows(
        "SELECT id FROM core_mail_account WHERE active AND imap_host <> ''"
    )
    await queue_reading(event.ctx, [row["id"] for row in rows])


async def queue_reading(ctx: Context, accounts: Sequence[int]) -> None:
    """Queue the reading of mailboxes; one that waits for it already is queued no second time."""
    orders = [
        JobOrder(args={"account": each}, key=str(each), lane=f"mailbox:{each}") for each in accounts
    ]
    if orders:
        await enqueue(ctx, "core.read_mailbox", orders)


async def read_mailbox(event: JobEvent) -> None:
    """Read some messages of a mailbox; messages and cursor stand together or not at all.

    What goes wrong with the server is written on the account and tried at the next minute.
    """
    ctx, number = event.ctx, int(event.args["account"])
    account = await find_account(ctx, number)
    if not account.active or not account.imap_host:
        return
    try:
        async with reading(ctx, account) as reader:
            cursors = await list_cursors(ctx, number)
            folders = await choose_folders(reader, account.folders)
            problem, more = await _read_folders(ctx, account, reader, folders, cursors)
    except (MailboxError, ConfigError) as error:
        await note_health(ctx, number, error=in_words(error.message, ctx.translate))
        return
    await note_health(ctx, number, error=problem)
    if more:
        await queue_reading(ctx, [number])


async def _read_folders(
    ctx: Context,
    account: MailAccount,
    reader: MailboxReader,
    folders: Mapping[str, bool],
    cursors: Mapping[str, Cursor],
) -> tuple[str, bool]:
    """Read some of each folder; answer what went wrong and whether there is more.

    Raises:
        MailboxError: The connection broke before anything was read.
    """
    problems, more = [], False
    for folder, is_sent in folders.items():
        try:
            # Whoever adds an account has read what is there; it begins with what comes.
            cursor = cursors.get(folder) or await reader.make_cursor(folder)
            batch = await reader.fetch_since(cursor, _BATCH, begun=account.created_at)
        except MailboxError as error:
            problems.append(in_words(error.message, ctx.translate))
            await note_folder_error(ctx, account.id, folder, problems[-1])
            if not error.account_at_fault:
                break
            continue
        await store_batch(ctx, account, batch, is_sent=is_sent)
        more = more or (batch.more and bool(batch.messages))
        if batch.problem:
            problems.append(in_words(batch.problem, ctx.translate))
            await note_folder_error(ctx, account.id, folder, problems[-1])
            break
    return " ".join(problems), more


async def store_batch(
    ctx: Context, account: MailAccount, batch: Batch, *, is_sent: bool = False
) -> list[int]:
    """Write what was fetched and how far it came; answer the numbers of what is new.

    A message that cannot be stored is left out and told of; the others do not wait for it.
    """
    folder = batch.cursor.folder
    lost: list[int] = []
    async with ctx.db.transaction():
        try:
            made = await _store(ctx, account, batch.messages, is_sent=is_sent)
        except UnavailableError:
            raise
        except Exception:  # noqa: BLE001 - whichever message it is, the others are stored
            made = []
            for each in batch.messages:
                try:
                    made += await _store(ctx, account, [each], is_sent=is_sent)
                except UnavailableError:
                    raise
                except Exception as error:  # noqa: BLE001 - as above
                    lost.append(each.uid)
                    _log.error(
                        "a message was not stored", account=account.id, folder=folder,
                        uid=each.uid, exc_info=error,
                    )  # fmt: skip
        await save_cursor(ctx, account.id, batch, is_sent=is_sent)
        await count_stored(ctx, account.id, folder, made, lost)
    return made


async def _store(
    ctx: Context, account: MailAccount, fetched: Sequence[Fetched], *, is_sent: bool
) -> list[int]:
    own = Own(
        domains=frozenset({id_domain(account)}), addresses=frozenset({account.address.lower()})
    )
    raws = [(one.raw, one.received_at) for one in fetched]
    messages = await asyncio.to_thread(understand, account.id, raws, own, is_sent=is_sent)
    made: list[int] = []
    async with ctx.db.transaction(), gathering(ctx) as inner:
        messages = await without_erased(inner, account.id, messages)
        known = await known_messages(inner, messages)
        people = await find_people(inner, addresses_of(messages, own))
        links: list[tuple[int, Place]] = []
        for each in messages:
            number = await store_message(inner, account, each, known, people, links)
            if number is not None:
                made.append(number)
        await write_links(inner, links)
        await write_message_search(inner, made)
    return made
