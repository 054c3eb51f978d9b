"""Work with many records behind its page: progress, an end on demand, and the truth afterwards.

A run is one transaction. Its row is brought up to date outside of it, by a watcher, so that every
process sees how far it is; that it is done is written inside of it, so that it is true exactly
when the work is. When the process is gone, the database says what became of the transaction.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import msgspec
import structlog

from crmkit.errors import ConflictError, CrmkitError, NotFoundError
from crmkit.model.values import N_
from crmkit.records.bulk import BulkResult, Meter, Selection, select_ids

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

#: What a run does, counting in the meter.
Work = Callable[[Meter], Awaitable[BulkResult]]
#: From so many records on, work goes on behind the page.
LARGE = 200
_WATCH_SECONDS = 0.25
_BEGINS_WITHIN = timedelta(seconds=30)
_WRITES_WITHIN = 0.3  # seconds from the end of its transaction to the row that says so
_KEPT_DAYS = 30
_MOST_SKIPPED = 1000
_log = structlog.get_logger("crmkit.runs")
#: Runs of this process; without the reference a task could be collected.
_tasks: set[asyncio.Task[None]] = set()


@dataclass(slots=True)
class _Running:
    """What a run and its watcher tell each other."""

    meter: Meter = field(default_factory=Meter)
    transaction: str = ""
    wants_end: bool = False
    #: Its row says by which transaction it is known, or it ended before.
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it stands.

    Attributes:
        state: running, done, failed, cancelled, or interrupted: its process is gone.
        skipped: Record and reason of those left as they were, the first thousand.
        left_out: How many were left as they were.
        error: Why it failed.
        started_at: Aware, in UTC.
    """

    id: int
    entity: str
    label: str
    state: str
    done: int
    total: int
    changed: int
    operation: int | None
    skipped: tuple[tuple[int, str], ...]
    left_out: int
    error: str
    started_at: datetime


async def is_large(ctx: Context, plan: EntityPlan, selection: Selection) -> bool:
    """Say whether a selection is too large to be worked while somebody waits."""
    if selection.query is None:
        return len(selection.ids) > LARGE
    return len(await select_ids(ctx, plan, selection, LARGE + 1)) > LARGE


async def start_run(ctx: Context, plan: EntityPlan, label: str, work: Work) -> int:
    """Begin work behind the page and answer the run's number.

    Args:
        label: English; what is done, translated when shown.
        work: Does it inside the run's transaction, counting in the meter.

    Raises:
        ConflictError: The person has a run with these records under way.
    """
    await ctx.db.execute(
        "DELETE FROM core_run WHERE started_at < now() - make_interval(days => $1)", _KEPT_DAYS
    )
    for other in await list_runs(ctx):
        if other.state == "running" and other.entity == plan.name and ctx.user_id is not None:
            raise ConflictError(
                ctx.translate(N_("Another run with these records is under way. Wait for its end."))
            )
    number: int = await ctx.db.value(
        "INSERT INTO core_run (user_id, entity, label) VALUES ($1, $2, $3) RETURNING id",
        ctx.user_id, plan.name, label,
    )  # fmt: skip
    # The page's answer ends before the run does.
    now = _Running()
    task = asyncio.create_task(_run(ctx, number, work, now))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    # From then on everybody sees whether it goes on, also when this process is killed.
    await now.begun.wait()
    return number


async def _run(ctx: Context, number: int, work: Work, now: _Running) -> None:
    this = asyncio.current_task()
    state, error = "failed", ""
    try:
        async with ctx.db.transaction():
            now.transaction = await ctx.db.value("SELECT pg_current_xact_id()::text")
            # What the watcher writes must be seen at once, so it is outside of this transaction.
            watching = _watch(ctx, number, now, this)
            watcher = asyncio.create_task(watching, context=contextvars.Context())
            result = await work(now.meter)
            now.ended.set()
            await watcher
            await _finish(ctx, number, now.meter, result)
    except asyncio.CancelledError:
        if not now.wants_end:
            raise  # the process ends; who looks later learns it from the database
        state = "cancelled"
    except CrmkitError as refused:
        problems = " ".join(f"{k}: {v}." for k, v in getattr(refused, "problems", {}).items())
        error = f"{refused.message} {problems}".strip()
    except Exception as failed:  # noqa: BLE001 - the page must tell, whatever it was
        _log.error("run failed", run=number, exc_info=failed)
        error = ctx.translate(
            N_("Something went wrong. Try again; if it happens again, tell your administrator.")
        )
    else:
        return
    finally:
        now.begun.set()
        now.ended.set()
    await ctx.db.execute(
        "UPDATE core_run SET state = $2, error = $3, ended_at = now() WHERE id = $1",
        number, state, error,
    )  # fmt: skip


async def _finish(ctx: Context, number: int, meter: Meter, result: BulkResult) -> None:
    await ctx.db.execute(
        "UPDATE core_run SET state = 'done', done = $2, total = $2, changed = $3, operation = $4, "
        "skipped = $5, left_out = $6, ended_at = now() WHERE id = $1",
        number,
        meter.done,
        result.changed,
        result.operation,
        [list(each) for each in result.skipped[:_MOST_SKIPPED]],
        len(result.skipped),
    )


async def _watch(ctx: Context, number: int, now: _Running, run: asyncio.Task[None] | None) -> None:
    """Keep the row true while the run goes on, and end the run when that is wanted."""
    while not now.ended.is_set():
        with suppress(CrmkitError):
            now.wants_end = await ctx.db.value(
                "UPDATE core_run SET transaction = $2, done = $3, total = $4 WHERE id = $1 "
                "RETURNING wants_end",
                number, now.transaction, now.meter.done, now.meter.total,
            )  # fmt: skip
            now.begun.set()
        if now.wants_end and run is not None and not now.ended.is_set():
            run.cancel()
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_WATCH_SECONDS):
                await now.ended.wait()


async def find_run(ctx: Context, number: int) -> Run:
    """Answer a run as it stands, true also when the process that ran it is gone.

    Raises:
        NotFoundError: There is none, or it is somebody else's.
    """
    rows = await _read(ctx, number)
    if not rows:
        raise NotFoundError(ctx.translate(N_("There is no such run, or it is not yours.")))
    return rows[0]


async def list_runs(ctx: Context) -> list[Run]:
    """Answer the last 20 runs of the person, for administrators everybody's, newest first."""
    return await _read(ctx)


async def end_run(ctx: Context, number: int) -> None:
    """Ask a run to stop; nothing it did stays.

    Raises:
        NotFoundError: There is none, or it is somebody else's.
        ConflictError: It has ended.
    """
    run = await find_run(ctx, number)
    if run.state != "running":
        raise ConflictError(ctx.translate(N_("It has ended already; undo it in the history.")))
    await ctx.db.execute("UPDATE core_run SET wants_end = true WHERE id = $1", number)


async def _read(ctx: Context, number: int | None = None) -> list[Run]:
    everybody = ctx.principal.role.scope("core.user", "admin") == "all"
    rows = await ctx.db.rows(
        "SELECT * FROM core_run WHERE ($1 OR user_id = $2) AND ($3::bigint IS NULL OR id = $3) "
        "ORDER BY id DESC LIMIT 20",
        everybody, ctx.user_id, number,
    )  # fmt: skip
    return [await _as_run(ctx, row) for row in rows]


async def _as_run(ctx: Context, row: asyncpg.Record) -> Run:
    state = row["state"]
    if state == "running" and not await _goes_on(ctx, row):
        # Its end may have come between the two questions, or is being written just now.
        for seconds in (0, _WRITES_WITHIN):
            await asyncio.sleep(seconds)
            row = await ctx.db.row("SELECT * FROM core_run WHERE id = $1", row["id"]) or row
            state = row["state"]
            if state != "running":
                break
        else:
            state = "interrupted"
    return Run(
        id=row["id"],
        entity=row["entity"],
        label=row["label"],
        state=state,
        done=row["done"],
        total=row["total"],
        changed=row["changed"],
        operation=row["operation"],
        skipped=tuple((number, reason) for number, reason in row["skipped"]),
        left_out=row["left_out"],
        error=row["error"],
        started_at=row["started_at"],
    )


async def _goes_on(ctx: Context, row: asyncpg.Record) -> bool:
    if not row["transaction"]:
        return bool(datetime.now(UTC) - row["started_at"] < _BEGINS_WITHIN)
    try:
        state = await ctx.db.value("SELECT pg_xact_status($1::text::xid8)", row["transaction"])
    except asyncpg.DataError:
        return False  # of a database that was restored since
    return bool(state == "in progress")
