"""`crmkit mail`: accounts and folders are told, reading is asked for, a test leaves or says why."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from tests.sites import crmkit, run
from tests.work.mail.test_reading import Folder, server
from tests.work.test_mail_flow import account, mail_site, person, raw, site_of

if TYPE_CHECKING:
    from crmkit.testing.sites import Running
    from crmkit.work.mail.accounts import ImapAccount

imap = server
__all__ = ["mail_site", "site_of"]
pytestmark = pytest.mark.long


async def test_mailboxes_on_the_command_line(
    site_of: Running, imap: ImapAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRMKIT_DATABASE_URL", site_of.dsn)
    place = site_of.config.folder

    async def told(*words: str) -> str:
        return await asyncio.to_thread(crmkit, place, "mail", *words)

    assert [] == json.loads(await told("status", "--json"))
    refused = await asyncio.to_thread(run, place, "mail", "send-test", "a@example.com")
    assert (1, True) == (refused.returncode, "No account sends notices" in refused.stderr)
    number = await account(await person(site_of), imap=imap, shared="1", sends_notices="1")
    await site_of.ctx.enqueue("core.read_mailbox", {"account": number})
    await site_of.work()
    folder = Folder(imap, "Unused")
    folder._client.append("INBOX", "", "", raw("By the command"))
    folder.close()
    assert "reads them now" in await told("read")
    assert "read already" in await told("read")
    await site_of.work()
    (status,) = json.loads(await told("status", "--json"))
    assert ("desk@example.org", 1, "") == (status["address"], status["received"], status["error"])
    (inbox,) = json.loads(await told("folders", "--json"))
    assert ("INBOX", 1, 0, 1, 0, 0) == tuple(
        inbox[name] for name in ("folder", "received", "matched", "unmatched", "errors", "behind")
    )
    assert "waits for a worker" in await told("send-test", "a@example.com")
    assert 1 == await site_of.db.value("SELECT count(*) FROM core_message WHERE automatic")
