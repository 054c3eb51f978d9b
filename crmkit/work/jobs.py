"""Queues jobs: rows of the caller's transaction, which stand or fall with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from crmkit.errors import InvalidError, UnavailableError
from crmkit.model.job import JobOrder
from crmkit.plugin.site import CORE
from crmkit.work.catalog import find_job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.db.engine import Database
    from crmkit.model.context import Context

#: Channel of NOTIFY; equal notices of a transaction are delivered as one.
CHANNEL = "crmkit_work"
_LONGEST = 200
_PLAIN = JobOrder()
_TRIES = 5


# Moments are compared with the clock of the database, never with that of a worker.
_INSERT = """
WITH made AS (
    INSERT INTO core_job (plugin, name, args, run_at, state, key, lane, priority, max_attempts,
        created_by)
    SELECT $1, $2, args, coalesce(at, now()),
        CASE WHEN NOT $10 THEN 'parked' WHEN at > now() THEN 'later' ELSE 'ready' END,
        nullif(key, ''), nullif(lane, ''), priority, attempts, $9
    FROM unnest($3::jsonb[], $4::timestamptz[], $5::text[], $6::text[], $7::int[],
        $8::int[]) WITH ORDINALITY AS o (args, at, key, lane, priority, attempts, n)
    ORDER BY n
    ON CONFLICT (plugin, name, key)
        WHERE key IS NOT NULL AND state IN ('later', 'ready', 'parked') DO NOTHING
    RETURNING id
)
SELECT array(SELECT id FROM made ORDER BY id) AS made, pg_notify($11, '')
"""
# While it is held, no worker takes the job: who queued it again has something to commit that the
# job must see.
_HOLD = """
SELECT key FROM core_job
WHERE plugin = $1 AND name = $2 AND key = ANY($3) AND state IN ('later', 'ready', 'parked')
FOR KEY SHARE
"""


async def enqueue(
    ctx: Context, job: str, orders: Sequence[JobOrder] = (_PLAIN,), *, plugin: str = ""
) -> list[int]:
    """Queue a job, once for each order, in the caller's transaction.

    Workers hear of it when that commits. `ctx.enqueue` and `ctx.enqueue_many` are this for plugins.

    Args:
        job: Whole name, such as "loyalty.expire".
        plugin: Whose work it is, when it is not that of the job: while it is off, it is parked,
            and lanes and keys are its own.

    Returns:
        The numbers of the jobs, in the order they will have in their lanes; of an order whose key
        waits already there is none.

    Raises:
        NotFoundError: No plugin that is on declares the job.
        InvalidError: JSON cannot say the arguments, or a moment has no zone.
    """
    declared = find_job(ctx.site, job)
    for order in orders:
        _check(job, order)
    owner = plugin or job.partition(".")[0]
    rest, made = list(orders), list[int]()
    async with ctx.db.transaction():
        for _ in range(_TRIES):
            if not rest:
                return made
            made += await _insert(ctx, owner, job, rest, declared.max_attempts)
            rest = await _missing(ctx.db, owner, job, rest)
    if rest:
        raise UnavailableError(f"The job `{job}` could not be queued. Try again in a moment.")
    return made


async def _insert(
    ctx: Context, owner: str, job: str, orders: Sequence[JobOrder], max_attempts: int
) -> list[int]:
    info = ctx.site.plugins.get(owner)
    made: list[int] = await ctx.db.value(
        _INSERT,
        owner,
        job,
        [dict(order.args) for order in orders],
        [order.at for order in orders],
        [order.key for order in orders],
        [order.lane for order in orders],
        [order.priority for order in orders],
        [order.max_attempts or max_attempts for order in orders],
        ctx.user_id,
        owner == CORE or (info is not None and info.is_on),
        CHANNEL,
    )
    return made


async def _missing(
    db: Database, owner: str, job: str, orders: Sequence[JobOrder]
) -> list[JobOrder]:
    """Answer orders whose key was taken by a job that has begun meanwhile."""
    keys = {order.key for order in orders if order.key}
    if not keys:
        return []
    held = {row["key"] for row in await db.rows(_HOLD, owner, job, sorted(keys))}
    return [order for order in orders if order.key and order.key not in held]


def _check(job: str, order: JobOrder) -> None:
    problem = ""
    try:
        # PostgreSQL stores no NUL in JSON.
        if b"\\u0000" in msgspec.json.encode(order.args):
            problem = "its arguments hold a NUL character; leave that out"
    except (TypeError, ValueError) as error:
        problem = f"JSON cannot say its arguments ({error}); pass numbers, texts, lists and dicts"
    if order.at is not None and order.at.tzinfo is None:
        problem = f"the moment {order.at} has no zone; use `ctx.now()` and add to it"
    if any(len(word) > _LONGEST or "\0" in word for word in (order.key, order.lane)):
        problem = f"key and lane are texts of at most {_LONGEST} characters"
    if problem:
        raise InvalidError(f"The job `{job}` was not queued: {problem}.")
