"""Removes what was done long ago."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmkit.model.job import JobEvent

_AT_ONCE = 10_000
_WORKER_DAYS = 1


async def remove_done_jobs(event: JobEvent) -> None:
    """Remove jobs done more than `[work] keep_days` ago; workers and calls of more than a day ago.

    Dead ones stay until an administrator decides.
    """
    ctx = event.ctx
    days, removed = ctx.config.work.keep_days, 0
    while True:
        tag = await ctx.db.execute(
            "DELETE FROM core_job WHERE id IN (SELECT id FROM core_job WHERE state = 'done' "
            "AND ended_at < now() - make_interval(days => $1) ORDER BY ended_at LIMIT $2)",
            days, _AT_ONCE,
        )  # fmt: skip
        count = int(tag.rpartition(" ")[2])
        removed += count
        event.progress(removed, 0)
        if count < _AT_ONCE:
            break
    await ctx.db.execute(
        "DELETE FROM core_worker WHERE seen_at < now() - make_interval(days => $1)", _WORKER_DAYS
    )
    # Who called whom is kept in the log of calls, by those who wrote it there.
    await ctx.db.execute(
        "DELETE FROM core_call WHERE received_at < now() - make_interval(days => $1)", _WORKER_DAYS
    )
    # Who was answered by a machine matters for a day.
    await ctx.db.execute(
        "DELETE FROM core_mail_answer WHERE at < now() - make_interval(days => $1)", _WORKER_DAYS
    )
