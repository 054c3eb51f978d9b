"""Prints how much slower pages are while the rest works: `python -m bench.busy [--inside]`.

A serving process without work of its own answers the list of companies to one visitor; a worker
process has nothing to do, then sends mail to servers that are slow, refuse, or die after the
message, works jobs and fires deadlines. With --inside the serving process does that as well.
Quiet and busy seconds take turns, so that a machine that is busy for a while is so for both. The
bar is a p95 that changes by less than 10 %.
"""

from __future__ import annotations

import asyncio
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import uvloop

from crmkit.cli.opening import open_site
from crmkit.model.job import JobOrder
from crmkit.records.plugins.rows import system_context
from crmkit.work.deadline_follow import follow_records
from crmkit.work.jobs import enqueue
from crmkit.work.mail_accounts import save_account
from crmkit.work.outbox import queue_mail

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from crmkit.model.context import Context

ROUNDS, SECONDS, MAILS, JOBS, DUE, BAR = 8, 4.0, 40, 400, 100, 0.10
_LEFT = "SELECT count(*) FROM core_job WHERE name = 'core.remove_done_jobs' AND state = 'ready'"
_REMIND = """
INSERT INTO crm_activity (subject, owner, due_at)
SELECT 'Call ' || n, (SELECT max(id) FROM core_user WHERE email = $1), now() + interval '1 day'
FROM generate_series(1, $2::int) n RETURNING id
"""
_COME = "UPDATE crm_activity SET due_at = now() + interval '0.5 seconds' WHERE id = ANY($1)"
_TOLD = """
SELECT count(*) AS made, max(extract(epoch FROM s.at - d.due_at))::float8 AS last
FROM core_deadline_step s JOIN core_deadline d ON d.id = s.deadline WHERE s.step = 'due'
"""
EMAIL, PASSWORD = "bench@example.com", "correct horse battery"


async def _slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One byte a second, as far as anybody waits for it."""
    for letter in b"220 mx.example.net ESMTP at last\r\n":
        writer.write(bytes([letter]))
        await writer.drain()
        await asyncio.sleep(1)
    await reader.readline()


async def _refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"554 nobody is welcome\r\n")
    await writer.drain()


async def _die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the whole message and die before the answer."""
    writer.write(b"220 mx.example.net ESMTP\r\n")
    async for line in reader:
        word = line.strip().upper()
        if word == b".":
            return
        writer.write(b"354 go on\r\n" if word == b"DATA" else b"250 OK\r\n" if word else b"")


async def _server(talk: Callable[..., Awaitable[None]]) -> asyncio.Server:
    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, RuntimeError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(run, "127.0.0.1", 0)


async def _accounts(ctx: Context) -> list[asyncio.Server]:
    """Make an account at each bad server; the first sends notices."""
    made = []
    for number, talk in enumerate((_slow, _refuse, _die)):
        server = await _server(talk)
        made.append(server)
        port = server.sockets[0].getsockname()[1]
        typed = {
            "address": f"desk{number}@example.org", "smtp_host": "127.0.0.1",
            "smtp_port": str(port), "smtp_tls": "plain", "shared": "1",
            "sends_notices": "1" if number == 0 else "",
        }  # fmt: skip
        await save_account(ctx, typed)
    return made


async def _reminders(ctx: Context) -> list[int]:
    """Give the visitor calls to make, each with its deadline; answer their ids."""
    rows = await ctx.db.rows(_REMIND, EMAIL, ROUNDS * DUE)
    ids = [row["id"] for row in rows]
    async with ctx.db.transaction():
        await follow_records(ctx, "crm.activity", ids)
    return ids


async def _load(ctx: Context, turn: int, due: list[int]) -> None:
    """Queue what the worker has to do in a busy turn."""
    async with ctx.db.transaction():
        await ctx.db.execute(_COME, due)
        await follow_records(ctx, "crm.activity", due)
    accounts = await ctx.db.rows("SELECT id FROM core_mail_account ORDER BY id")
    for number in range(MAILS):
        key = f"bench {turn} {number}"
        message = await queue_mail(
            ctx, to=f"p{number}@example.com", subject="Hello", text="Hello", key=key
        )
        account = accounts[number % len(accounts)]["id"]
        # Each bad server has a lane of its own, as messages written by people have.
        sql = (
            "WITH sent AS (UPDATE core_message SET account = $2 WHERE id = $1 RETURNING job) "
            "UPDATE core_job SET lane = 'mail:' || $2::bigint FROM sent WHERE id = sent.job"
        )
        await ctx.db.execute(sql, message, account)
    await enqueue(ctx, "core.remove_done_jobs", [JobOrder() for _ in range(JOBS)])


async def _visit(client: httpx.AsyncClient, seconds: float) -> list[float]:
    taken, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        answer = await client.get("/crm.company")
        taken.append((time.perf_counter() - begin) * 1000)
        if answer.status_code != 200:  # noqa: PLR2004 - what a page answers
            raise SystemExit(f"The list answered {answer.status_code}.")
        await asyncio.sleep(0.01)
    return taken


@contextmanager
def _counting() -> Iterator[None]:
    """A process of the lowest priority that counts: what any work beside the pages costs here."""
    count = "import os\nos.nice(19)\nwhile True: pass"
    process = subprocess.Popen([sys.executable, "-c", count])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def _run(folder: Path, *words: str) -> None:
    command = [sys.executable, "-m", "crmkit", *words, "--site", str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def _spawn(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "crmkit", *words, "--site", str(folder)]
    with (folder / f"{words[0]}.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


async def _sign_in(client: httpx.AsyncClient) -> None:
    for _attempt in range(100):
        try:
            await client.post("/login", data={"name": EMAIL, "password": PASSWORD})
            page = await client.get("/")
            if re.search(r'name="csrf-token"', page.text):
                return
        except httpx.HTTPError:
            pass
        await asyncio.sleep(0.2)
    raise SystemExit("The server does not answer.")


async def main() -> None:
    """Measure and say whether the bar holds."""
    folder = Path(tempfile.mkdtemp())
    _run(folder, "user", "create", EMAIL, "--name", "Bench", "--role", "administrator",
         "--password", PASSWORD)  # fmt: skip
    _run(folder, "seed", "--people", "2000", "--companies", "500", "--seed", "1")
    port = 8800 + os.getpid() % 100
    async with open_site(folder) as opened:
        ctx = system_context(opened.config, opened.db, opened.site)
        servers, calls = await _accounts(ctx), await _reminders(ctx)
        inside = "--inside" in sys.argv
        words = ("serve", "--port", str(port), *(() if inside else ("--no-work",)))
        started = [_spawn(folder, *words), *(() if inside else (_spawn(folder, "worker"),))]
        quiet, counting, busy, left = list[float](), list[float](), list[float](), 0
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                await _sign_in(client)
                await _visit(client, SECONDS)
                for turn in range(ROUNDS):
                    quiet += await _visit(client, SECONDS)
                    with _counting():
                        counting += await _visit(client, SECONDS)
                    await _load(ctx, turn, calls[turn * DUE :][:DUE])
                    busy += await _visit(client, SECONDS)
                    left += await opened.db.value(_LEFT)
                    cleared = "DELETE FROM core_job WHERE state = 'ready' OR lane LIKE 'mail:%'"
                    await opened.db.execute(cleared)
                    await asyncio.sleep(1)
            (told,) = await opened.db.rows(_TOLD)
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait(timeout=30)
            for server in servers:
                server.close()
    print(f"jobs worked {ROUNDS * JOBS - left} of {ROUNDS * JOBS}")
    print(f"deadlines told {told['made']} of {ROUNDS * DUE}, the last after {told['last']:.2f} s")
    change = _p95(busy) / _p95(quiet) - 1
    print(f"p95 quiet {_p95(quiet):.1f} ms, busy {_p95(busy):.1f} ms: {change:+.0%}; bar 10 %")
    floor = _p95(counting) / _p95(quiet) - 1
    print(f"p95 beside a process that only counts {_p95(counting):.1f} ms: {floor:+.0%}")
    print(f"p50 quiet {statistics.median(quiet):.1f} ms, busy {statistics.median(busy):.1f} ms")
    sys.exit(0 if change < BAR else 1)


if __name__ == "__main__":
    uvloop.run(main())
