"""Runs an import behind the page, and tells the truth about it after a reload or a crash.

An import is one transaction. Its number is kept with the file before anything is written, so
that whoever looks later asks the database whether that transaction was committed.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import asyncpg
import msgspec
import structlog

from crmkit.errors import CrmkitError
from crmkit.model.values import in_words
from crmkit.records.csv_file import CsvFile, read_csv
from crmkit.records.import_fields import Matching, run_matching
from crmkit.web.translate import _
from crmkit.web.uploads import Upload, claim_run, find_upload, read_upload, save_upload

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.records.import_plan import ImportReport
    from crmkit.web.services import Services

_log = structlog.get_logger("crmkit.imports")
_SAVED_EVERY = 0.25  # seconds
_BEGINS_WITHIN = 30.0  # seconds
#: Runs of this process by token; without the reference a task could be collected.
_tasks: dict[str, asyncio.Task[None]] = {}


class _DryRunError(Exception):
    pass


async def try_matching(
    ctx: Context, entity: str, file: CsvFile, matching: Matching
) -> tuple[ImportReport, Context]:
    """Say what a matching would do, new fields included, by doing it and rolling it back."""
    found: list[tuple[Context, ImportReport]] = []
    try:
        async with ctx.db.transaction():
            found.append(await run_matching(ctx, entity, file, matching, trial=True))
            raise _DryRunError  # noqa: TRY301 - the way out of a transaction that must not stay
    except _DryRunError:
        inner, report = found[0]
        return report, inner


def start_run(
    services: Services, ctx: Context, upload: Upload, matching: Matching, rows: int
) -> None:
    """Begin a run in this process; nothing happens when one began already."""
    if upload.state in {"running", "done"} or not claim_run(ctx, upload):
        return
    begun = msgspec.structs.replace(
        upload,
        matching=matching,
        checked=None,
        state="running",
        attempt=upload.attempt + 1,
        started=time.time(),
        transaction="",
        error="",
        done=0,
        total=rows,
    )
    save_upload(ctx, begun)
    # The page's answer ends before the run does.
    task = asyncio.create_task(_run(services, replace(ctx, cause="import"), begun, matching))
    _tasks[upload.token] = task
    task.add_done_callback(lambda _task: _tasks.pop(upload.token, None))


async def _run(services: Services, ctx: Context, upload: Upload, matching: Matching) -> None:
    saved = time.monotonic()
    change = msgspec.structs.replace

    async def progress(done: int, total: int) -> None:
        nonlocal upload, saved
        if done < total and time.monotonic() - saved < _SAVED_EVERY:
            return
        saved = time.monotonic()
        upload = change(upload, done=done, total=total)
        save_upload(ctx, upload)

    try:
        data = await read_upload(ctx, upload.token)
        file = await asyncio.to_thread(read_csv, data, encoding=matching.encoding)
        async with ctx.db.transaction():
            number = await ctx.db.value("SELECT pg_current_xact_id()::text")
            upload = change(upload, transaction=number, total=len(file.rows))
            save_upload(ctx, upload)
            _inner, report = await run_matching(ctx, upload.entity, file, matching, progress)
            upload = change(upload, checked=report, done=len(file.rows))
            save_upload(ctx, upload)
        if report.fields:
            await services.renew()
        save_upload(ctx, change(upload, state="done"))
    except CrmkitError as error:
        problems = " ".join(f"{k}: {v}." for k, v in getattr(error, "problems", {}).items())
        told = f"{in_words(error.message, _)} {problems}".strip()
        save_upload(ctx, change(upload, state="failed", checked=None, error=told))
    except Exception as error:  # noqa: BLE001 - the page must tell, whatever it was
        _log.error("import failed", token=upload.token, exc_info=error)
        told = _("Something went wrong. Try again; if it happens again, tell your administrator.")
        save_upload(ctx, change(upload, state="failed", checked=None, error=told))


async def look(ctx: Context, entity: str, token: str) -> Upload:
    """Answer what became of a file, true also when the process that ran it is gone.

    Raises:
        NotFoundError: It is not this person's.
    """
    upload = find_upload(ctx, entity, token)
    if upload.state != "running" or token in _tasks:
        return upload
    state: str | None = None
    if upload.transaction:
        try:
            state = await ctx.db.value("SELECT pg_xact_status($1::text::xid8)", upload.transaction)
        except asyncpg.DataError:
            _log.info("unknown transaction", token=token)  # of a database restored since
    elif time.time() - upload.started < _BEGINS_WITHIN:
        state = "in progress"  # another process reads the file
    if state == "in progress":
        return upload
    if state == "committed":
        return msgspec.structs.replace(upload, state="done")
    return msgspec.structs.replace(upload, state="interrupted", checked=None)
