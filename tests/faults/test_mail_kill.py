"""TRUST D2, D7: workers are killed while mail leaves; a slow server holds nothing up."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from email import message_from_bytes
from typing import TYPE_CHECKING

import pytest

from crmkit.testing.sites import new_place
from crmkit.work.mail_accounts import save_account
from crmkit.work.outbox import queue_mail
from tests.work.mail.test_sending import Desk, raw_server, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from crmkit.testing.sites import Running

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore:.*Session.login_data:DeprecationWarning"),
]
_MAILS, _KILLS = 300, 20


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with new_place(tmp_path) as place, place.start() as started:
        yield started


def _worker(running: Running) -> subprocess.Popen[bytes]:
    (running.config.folder / "crmkit.toml").write_text(
        f'[database]\nurl = "{running.dsn}"\n', encoding="utf-8"
    )
    command = [sys.executable, "-m", "crmkit", "worker", "--site", str(running.config.folder)]
    with (running.config.folder / "worker.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


async def _account(running: Running, port: int) -> None:
    typed = {
        "address": "desk@example.org", "smtp_host": "127.0.0.1", "smtp_port": str(port),
        "smtp_tls": "plain", "shared": "1", "sends_notices": "1",
    }  # fmt: skip
    await save_account(running.ctx, typed)


async def _until_sent(running: Running, seconds: float) -> None:
    sql = "SELECT count(*) FROM core_message WHERE state IN ('waiting', 'sending')"
    end = asyncio.get_running_loop().time() + seconds
    while await running.db.value(sql):
        assert asyncio.get_running_loop().time() < end, (
            running.config.folder / "worker.log"
        ).read_text()[-2000:]
        await asyncio.sleep(0.2)


async def test_a_killed_worker_sends_nothing_twice_and_loses_nothing(running: Running) -> None:
    """D2: what a killed worker may have sent is said to be uncertain, never sent again blindly."""
    desk = Desk(slow="0.02")
    async with serving(desk) as smtp:
        await _account(running, smtp.port)
        for number in range(_MAILS):
            await queue_mail(
                running.ctx, to=f"p{number}@example.com", subject=f"No {number}", text="Hello",
                key=f"mail {number}",
            )  # fmt: skip
        await running.db.execute("UPDATE core_job SET run_at = now()")
        chance, kills = random.Random(7), 0  # noqa: S311 - when to kill, no secret
        process = _worker(running)
        try:
            while kills < _KILLS:
                await asyncio.sleep(chance.uniform(0.8, 2.0))
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                kills += 1
                process = _worker(running)
            await _until_sent(running, 180)
        finally:
            process.terminate()
            process.wait()
    ids = Counter(
        str(message_from_bytes(each.content)["Message-ID"])
        for each in desk.kept
        if isinstance(each.content, bytes)
    )
    rows = await running.db.rows("SELECT state, count(*) AS n FROM core_message GROUP BY state")
    states = {row["state"]: row["n"] for row in rows}
    repeats = sum(count - 1 for count in ids.values())
    assert repeats <= kills, (repeats, states)
    uncertain = sum(n for state, n in states.items() if state != "sent")
    assert len(ids) + uncertain >= _MAILS, states
    assert uncertain <= kills, states


async def test_a_server_that_gives_a_byte_a_second_holds_up_no_other_work(
    running: Running,
) -> None:
    """D7: mail to it waits and is tried again, while other jobs are done at once."""

    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"2")
            await writer.drain()
            await asyncio.sleep(1)

    async with raw_server(drip) as smtp:
        await _account(running, smtp.port)
        for number in range(20):
            await queue_mail(
                running.ctx, to=f"p{number}@example.com", subject="Slow", text="Hello",
                key=f"slow {number}",
            )  # fmt: skip
        await running.db.execute("UPDATE core_job SET run_at = now()")
        process = _worker(running)
        try:
            await asyncio.sleep(4)
            job = await running.ctx.enqueue("core.remove_done_jobs", {}, key="beside")
            done = "SELECT state FROM core_job WHERE id = $1"
            for _attempt in range(60):
                if await running.db.value(done, job) == "done":
                    break
                await asyncio.sleep(0.1)
            assert "done" == await running.db.value(done, job)
        finally:
            process.kill()
            process.wait()
