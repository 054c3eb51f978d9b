"""How jobs change their state: taken, done, tried again, given back, come due.

Each statement says what must still hold, so a worker that was believed dead changes nothing: it is
the holder of a job only while worker and attempt in the row are its own.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import asyncpg
import msgspec

from crmkit.model.values import N_
from crmkit.work.jobs import CHANNEL

if TYPE_CHECKING:
    from crmkit.db.engine import Database
    from crmkit.work.catalog import Catalog

_PROMOTED = 1000
_EXPIRED = 100
_CLAIMS = 3
#: What is written of an attempt that nobody ended; English, as all that is written of attempts.
LOST = N_("Its worker was not heard from any more.")

# OR keeps the planner from making joins of the questions about the lane: asked for each candidate
# they stop at the limit.
_CLAIM = """
WITH next AS MATERIALIZED (
    SELECT id FROM core_job j
    WHERE state = 'ready' AND plugin = ANY($1) AND name = ANY($2) AND (lane IS NULL OR NOT (
        EXISTS (SELECT FROM core_job r
            WHERE r.plugin = j.plugin AND r.lane = j.lane AND r.lane IS NOT NULL
                AND r.state = 'running')
        OR EXISTS (SELECT FROM core_job e
            WHERE e.plugin = j.plugin AND e.lane = j.lane AND e.lane IS NOT NULL AND e.id < j.id
                AND e.state IN ('later', 'ready') AND (e.state = 'ready' OR e.attempts > 0))))
    ORDER BY priority DESC, id LIMIT $3 FOR UPDATE OF j SKIP LOCKED
)
UPDATE core_job j SET state = 'running', worker = $4, attempts = attempts + 1, error = '',
    started_at = clock_timestamp(), lease_until = clock_timestamp() + $5::interval, done = 0,
    total = 0
FROM next WHERE j.id = next.id
RETURNING j.id, j.plugin, j.name, j.args, j.attempts, j.max_attempts, j.priority, j.created_by
"""
_PROMOTE = """
WITH due AS (
    SELECT id FROM core_job WHERE state = 'later' AND run_at <= now()
    ORDER BY run_at LIMIT $3 FOR UPDATE SKIP LOCKED
)
UPDATE core_job j SET state =
    CASE WHEN plugin = ANY($1) AND name = ANY($2) THEN 'ready' ELSE 'parked' END
FROM due WHERE j.id = due.id
"""
_DONE = """
UPDATE core_job SET state = 'done', ended_at = clock_timestamp(), lease_until = NULL
WHERE id = $1 AND worker = $2 AND attempts = $3 AND state = 'running'
"""
# Another job of its key may wait by now. Then this one goes on without the key: both are run.
_LEAVE = """
UPDATE core_job j SET state = $4::text, run_at = greatest(run_at, now() + $5::interval),
    attempts = attempts - $6::int, error = $7, worker = NULL, lease_until = NULL,
    ended_at = CASE WHEN $4 = 'dead' THEN clock_timestamp() END,
    key = CASE WHEN $8 OR EXISTS (SELECT FROM core_job o
        WHERE o.plugin = j.plugin AND o.name = j.name AND o.key = j.key
            AND o.key IS NOT NULL AND o.state IN ('later', 'ready', 'parked'))
        THEN NULL ELSE key END
WHERE id = $1 AND worker = $2 AND attempts = $3 AND state = 'running'
RETURNING pg_notify($9, '')
"""


class Claimed(msgspec.Struct, frozen=True):
    """A job that a worker holds; `attempts` counts this one."""

    id: int
    plugin: str
    name: str
    args: dict[str, Any]
    attempts: int
    max_attempts: int
    priority: int
    created_by: int | None


async def claim(
    db: Database, catalog: Catalog, most: int, worker: str, lease: timedelta
) -> list[Claimed]:
    """Take up to `most` jobs that are ready, the highest priority and the oldest first.

    Of a lane it takes the first job, and that only when none of the lane is running.
    """
    for _ in range(_CLAIMS):
        try:
            rows = await db.rows(_CLAIM, *_able(catalog), most, worker, lease)
        except asyncpg.UniqueViolationError:
            # Two workers saw the same lane free at the same moment; the other has it.
            continue
        found = [Claimed(**dict(row)) for row in rows]
        return sorted(found, key=lambda each: (-each.priority, each.id))
    return []


async def promote(db: Database, catalog: Catalog) -> int:
    """Make jobs ready whose moment has come, parked where nobody could run them; answer how many.

    At most a thousand at once.
    """
    return _count(await db.execute(_PROMOTE, *_able(catalog), _PROMOTED))


async def seconds_until_due(db: Database) -> float | None:
    """Answer how long until the next job comes due, by the database's clock; None without any."""
    found = await db.value(
        "SELECT extract(epoch FROM min(run_at) - clock_timestamp())::float8 FROM core_job "
        "WHERE state = 'later'"
    )
    return None if found is None else float(found)


async def mark_done(db: Database, job: Claimed, worker: str) -> bool:
    """Write that it is done, in the transaction of its handler; False when it is held no more."""
    return bool(_count(await db.execute(_DONE, job.id, worker, job.attempts)))


async def leave(
    db: Database,
    job: Claimed,
    worker: str,
    to: Literal["later", "ready", "dead"],
    *,
    wait: timedelta,
    error: str = "",
    counted: bool = True,
) -> bool:
    """Let go of a job that is not done; False when it is held no more.

    Args:
        wait: Until it is tried again.
        counted: Whether this was an attempt.
    """
    values = (job.id, worker, job.attempts, to, wait, 0 if counted else 1, error)
    for without_key in (False, True):
        try:
            async with db.transaction():
                return bool(await db.rows(_LEAVE, *values, without_key, CHANNEL))
        except asyncpg.UniqueViolationError:
            # One of its key was queued between the question and the answer.
            if without_key:
                raise
    return False


async def take_back_expired(db: Database) -> int:
    """Give back what workers hold that were not heard from for the length of a lease."""
    async with db.transaction():
        rows = await db.rows(
            "SELECT id, plugin, name, args, attempts, max_attempts, priority, created_by, worker "
            "FROM core_job WHERE state = 'running' AND lease_until < now() "
            "ORDER BY lease_until LIMIT $1 FOR UPDATE SKIP LOCKED",
            _EXPIRED,
        )
        for row in rows:
            values = dict(row)
            worker = values.pop("worker")
            job = Claimed(**values)
            is_last = job.attempts >= job.max_attempts
            await leave(
                db, job, worker, "dead" if is_last else "ready", wait=timedelta(),
                error=LOST,
            )  # fmt: skip
    return len(rows)


async def renew(db: Database, worker: str, lease: timedelta, slots: int) -> None:
    """Say that a worker lives, and hold on to what it runs."""
    await db.execute(
        "UPDATE core_job SET lease_until = clock_timestamp() + $2::interval "
        "WHERE worker = $1 AND state = 'running'",
        worker, lease,
    )  # fmt: skip
    await db.execute(
        "INSERT INTO core_worker (name, slots) VALUES ($1, $2) "
        "ON CONFLICT (name) DO UPDATE SET seen_at = now()",
        worker, slots,
    )  # fmt: skip


async def write_progress(db: Database, worker: str, seen: dict[int, tuple[int, int]]) -> None:
    """Write how far jobs are: id to (done, total)."""
    await db.execute(
        "UPDATE core_job j SET done = p.done, total = p.total "
        "FROM unnest($1::bigint[], $2::int[], $3::int[]) AS p (id, done, total) "
        "WHERE j.id = p.id AND j.worker = $4 AND j.state = 'running'",
        list(seen), [done for done, _ in seen.values()], [total for _, total in seen.values()],
        worker,
    )  # fmt: skip


def _able(catalog: Catalog) -> tuple[list[str], list[str]]:
    return sorted(catalog.plugins), sorted(catalog.jobs)


def _count(tag: str) -> int:
    return int(tag.rpartition(" ")[2])
