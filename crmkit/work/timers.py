"""Timers: jobs of a key of which one waits, moved and removed with what they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.plugin.site import CORE
from crmkit.work.catalog import find_job
from crmkit.work.jobs import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from crmkit.model.context import Context

# Of a key that a worker takes at this moment the statement waits for it, and puts another one.
_PUT = """
WITH put AS (
    INSERT INTO core_job AS j (plugin, name, args, run_at, state, key, max_attempts, created_by)
    SELECT o.plugin, $1, jsonb_build_object($2::text, o.id), o.at,
        CASE WHEN NOT o.plugin = ANY($6) THEN 'parked'
            WHEN o.at > now() THEN 'later' ELSE 'ready' END,
        o.id::text, $7, $8
    FROM unnest($3::text[], $4::bigint[], $5::timestamptz[]) o (plugin, id, at)
    ORDER BY o.plugin, o.id
    ON CONFLICT (plugin, name, key)
        WHERE key IS NOT NULL AND state IN ('later', 'ready', 'parked')
    DO UPDATE SET run_at = excluded.run_at, state = excluded.state, attempts = 0, error = ''
    RETURNING j.id
)
SELECT count(*), pg_notify($9, '') FROM put HAVING count(*) > 0
"""
_REMOVE = """
DELETE FROM core_job j USING unnest($2::text[], $3::bigint[]) o (plugin, id)
WHERE j.plugin = o.plugin AND j.name = $1 AND j.key = o.id::text
    AND j.state IN ('later', 'ready', 'parked')
"""


async def put_timers(
    ctx: Context, job: str, subject: str, timers: Sequence[tuple[str, int, datetime]]
) -> None:
    """Let a job run at exact moments, one for each subject; one that waits already is moved.

    Args:
        job: Whole name.
        subject: Name of the argument that gets the subject's number.
        timers: (id of the plugin whose work it is, number of the subject, moment); no subject
            twice.

    Raises:
        NotFoundError: No plugin that is on declares the job.
    """
    if not timers:
        return
    declared = find_job(ctx.site, job)
    on = {CORE, *(name for name, info in ctx.site.plugins.items() if info.is_on)}
    await ctx.db.execute(
        _PUT, job, subject,
        [plugin for plugin, _, _ in timers], [number for _, number, _ in timers],
        [moment for _, _, moment in timers],
        sorted(on), declared.max_attempts, ctx.user_id, CHANNEL,
    )  # fmt: skip


async def remove_timers(ctx: Context, job: str, subjects: Sequence[tuple[str, int]]) -> None:
    """Remove what waits for subjects: (id of the plugin, number of the subject)."""
    if subjects:
        await ctx.db.execute(
            _REMOVE, job, [plugin for plugin, _ in subjects], [number for _, number in subjects]
        )
