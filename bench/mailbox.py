"""Prints how fast a mailbox is taken in: `python -m bench.mailbox`.

10,000 messages are parsed, matched with 1,000 people, stored and made searchable, in the batches
of the job; a mail server is not asked. The bar is 60 s.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from crmkit.testing.server import scratch_server
from crmkit.testing.sites import DSN, new_place
from crmkit.work.inbox import store_batch
from crmkit.work.mail.imap_answers import Fetched
from crmkit.work.mail.reading import Batch, Cursor
from crmkit.work.mail_accounts import find_account, save_account

MESSAGES, PEOPLE, BATCH, BAR = 10_000, 1_000, 200, 60.0
_TEXT = "Good day,\r\n\r\nthe offer suits us.\r\n\r\nOn Mon, 2 Nov 2026, Desk wrote:\r\n> An offer"


def _raw(number: int) -> bytes:
    return (
        f"From: p{number % PEOPLE}@example.com\r\nTo: desk@example.org\r\nSubject: Offer {number}"
        f"\r\nMessage-ID: <{number}@example.com>\r\n\r\n{_TEXT}\r\n"
    ).encode()


async def _measure() -> float:
    folder = Path(tempfile.mkdtemp())
    async with new_place(folder) as place, place.start() as running:
        ctx = running.ctx
        for number in range(PEOPLE):
            await ctx.create("crm.person", name=f"P {number}", email=f"p{number}@example.com")
        typed = {"address": "desk@example.org", "smtp_host": "localhost", "shared": "1"}
        account = await find_account(ctx, await save_account(ctx, typed))
        begin = time.perf_counter()
        for first in range(1, MESSAGES + 1, BATCH):
            fetched = tuple(
                Fetched(folder="INBOX", uid=uid, raw=_raw(uid), flags=(), received_at=None, size=1)
                for uid in range(first, first + BATCH)
            )
            cursor = Cursor(uid_validity=1, last_uid=first + BATCH - 1)
            await store_batch(ctx, account, Batch(messages=fetched, cursor=cursor))
        seconds = time.perf_counter() - begin
        stored = await ctx.db.value("SELECT count(*) FROM core_message_link")
        if stored != MESSAGES:
            raise SystemExit(f"{stored} of {MESSAGES} messages lie on a record.")
        return seconds


def main() -> None:
    """Measure and say whether the bar holds."""
    with scratch_server() as dsn:
        os.environ[DSN] = dsn
        seconds = asyncio.run(_measure())
    print(f"{MESSAGES} messages in {seconds:.1f} s, {MESSAGES / seconds:.0f} a second")
    sys.exit(seconds > BAR)


if __name__ == "__main__":
    main()
