"""Folders of a mailbox: each with its own cursor, its counts and its errors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from crmkit.model.values import Sentence
from crmkit.work.inbox import store_batch
from crmkit.work.mail.imap_answers import Fetched
from crmkit.work.mail.reading import Batch, Cursor, MailboxReader
from crmkit.work.mail.session import Session
from crmkit.work.mail_accounts import find_account
from crmkit.work.mail_folders import FolderHealth, folder_health
from crmkit.work.mail_incoming import store_message
from tests.sites import free_port
from tests.work.mail.test_reading import Folder, server
from tests.work.test_mail_flow import account, links, mail_site, message, person, raw, site_of

if TYPE_CHECKING:
    from typing import Any

    import pytest

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running
    from crmkit.work.mail.accounts import ImapAccount

imap = server
__all__ = ["mail_site", "site_of"]


async def read(running: Running, number: int) -> dict[str, FolderHealth]:
    """Read an account now and answer how its folders fare."""
    await running.ctx.enqueue("core.read_mailbox", {"account": number})
    await running.work()
    return {one.folder: one for one in (await folder_health(running.ctx)).get(number, [])}


async def start(running: Running, imap: ImapAccount, *folders: str) -> tuple[Context, int]:
    """Answer somebody with an account of which these folders are read."""
    ctx = await person(running)
    number = await account(ctx, imap=imap)
    await running.db.execute(
        "UPDATE core_mail_account SET folders = $2 WHERE id = $1", number, list(folders)
    )
    return ctx, number


async def test_each_folder_has_a_cursor_and_counts(site_of: Running, imap: ImapAccount) -> None:
    ctx, number = await start(site_of, imap, "INBOX", "Orders", "Nowhere")
    orders = Folder(imap, "Orders")
    await ctx.create("crm.person", name="Anna", email="anna@example.com")
    await read(site_of, number)
    orders._client.append("INBOX", "", "", raw("One"))
    for subject, sender in (("Two", "anna@example.com"), ("Three", "who@example.net")):
        orders._client.append("Orders", "", "", raw(subject, sender))
    # The same message in another folder is the same message.
    orders._client.append("Orders", "", "", raw("One"))
    orders.close()
    health = await read(site_of, number)
    counts = {
        name: (one.received, one.matched, one.unmatched, one.behind) for name, one in health.items()
    }
    assert {"INBOX": (1, 1, 0, 0), "Orders": (2, 1, 1, 0), "Nowhere": (0, 0, 0, 0)} == counts
    assert (0, 2) == (health["Orders"].errors, health["Nowhere"].errors)
    assert "no folder `Nowhere`" in health["Nowhere"].error
    assert "no folder `Nowhere`" in (await find_account(ctx, number)).error


async def test_what_goes_wrong_is_written_in_the_language_of_the_site(
    site_of: Running, imap: ImapAccount
) -> None:
    _ctx, number = await start(site_of, imap, "Nowhere")
    russian = replace(site_of, config=msgspec.structs.replace(site_of.config, language="ru"))
    assert "нет папки «Nowhere»" in (await read(russian, number))["Nowhere"].error


async def test_an_early_end_and_no_way_in_are_told_in_the_language_of_the_site(
    site_of: Running, imap: ImapAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx, number = await start(site_of, imap, "INBOX")
    russian = replace(site_of, config=msgspec.structs.replace(site_of.config, language="ru"))
    fetch = MailboxReader.fetch_since

    async def ended(self: MailboxReader, *given: Any, **more: Any) -> Batch:  # noqa: ANN401 - as the method
        problem = Sentence("{host} refuses: {said}.", host="127.0.0.1", said="later")
        return msgspec.structs.replace(await fetch(self, *given, **more), problem=problem)

    with monkeypatch.context() as patch:
        patch.setattr(MailboxReader, "fetch_since", ended)
        health = await read(russian, number)
    assert "Сервер 127.0.0.1 отказывает: later." == health["INBOX"].error
    assert "Сервер 127.0.0.1 отказывает: later." == (await find_account(ctx, number)).error
    await site_of.db.execute(
        "UPDATE core_mail_account SET imap_port = $2 WHERE id = $1", number, free_port()
    )
    await read(russian, number)
    assert "Сервер 127.0.0.1 недоступен" in (await find_account(ctx, number)).error


async def test_what_was_sent_elsewhere_is_found_by_the_mark_of_its_folder(
    site_of: Running, imap: ImapAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx, number = await start(site_of, imap)
    monkeypatch.setattr(Session, "sent_folder", lambda _: "Outgoing")
    anna = await ctx.create("crm.person", name="Anna", email="anna@example.com")
    sent = Folder(imap, "Outgoing")
    assert {"INBOX", "Outgoing"} == set(await read(site_of, number))
    sent._client.append("Outgoing", "", "", raw("By telephone", "desk@example.org",
                                                Cc="anna@example.com"))  # fmt: skip
    sent.close()
    health = await read(site_of, number)
    assert (1, True) == (health["Outgoing"].received, health["Outgoing"].is_sent)
    (row,) = await site_of.db.rows("SELECT id FROM core_message")
    found = await message(site_of, row["id"])
    assert ("out", "sent", False) == (found["direction"], found["state"], found["answerable"])
    assert [("crm.person", anna)] == await links(site_of, row["id"])


def test_the_folder_of_sent_mail_is_known_by_its_flag(
    imap: ImapAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(imap)
    session.open()
    listed = [("OK", [b'(\\HasNoChildren) "/" INBOX', b'(\\HasNoChildren \\Sent) "/" "Gesendet"'])]
    monkeypatch.setattr(session._open.client, "_simple_command", lambda *_: ("OK", [b"done"]))
    monkeypatch.setattr(session._open.client, "_untagged_response", lambda *_: listed[0])
    assert "Gesendet" == session.sent_folder()
    listed[0] = ("OK", listed[0][1][:1])
    assert "" == session.sent_folder()
    monkeypatch.undo()
    session.close()


async def test_a_message_that_cannot_be_stored_holds_up_no_other(
    site_of: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = await person(site_of)
    number = await account(ctx)

    async def choosy(*given: Any) -> int | None:  # noqa: ANN401 - as the function it stands for
        if "poison" in given[2].parsed.subject:
            raise ValueError("poison")
        return await store_message(*given)

    monkeypatch.setattr("crmkit.work.inbox.store_message", choosy)
    fetched = tuple(
        Fetched(folder="INBOX", uid=uid, raw=raw(subject), flags=(), received_at=None, size=1)
        for uid, subject in enumerate(("one", "poison", "three"), 1)
    )
    cursor = Cursor(uid_validity=1, last_uid=3)
    batch = Batch(messages=fetched, cursor=cursor)
    made = await store_batch(site_of.ctx, await find_account(ctx, number), batch)
    (health,) = (await folder_health(ctx))[number]
    assert (2, 2, 1) == (len(made), health.received, health.errors)
    assert "UID 2" in health.error
