"""What an administrator sees of jobs, and does with them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from crmkit.access.predicate import check
from crmkit.errors import ConflictError, NotFoundError
from crmkit.model.values import N_
from crmkit.work.jobs import CHANNEL

if TYPE_CHECKING:
    from crmkit.model.context import Context

_log = structlog.get_logger("crmkit.work")
#: States in the order they are shown in; what is done is not asked for.
STATES = ("running", "later", "ready", "dead", "parked")
#: Counting stops here: an answer of this many means as many or more.
MOST = 10_001
_PAGE = 50

# Of each state in the order of its own index: what comes next, or what happened last, first.
_ORDER = {
    "running": "lease_until, id",
    "later": "run_at, id",
    "ready": "priority DESC, id",
    "dead": "id DESC",
    "parked": "id DESC",
    "done": "ended_at DESC, id DESC",
}


class JobRow(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it stands.

    Attributes:
        plugin: Whose work it is.
        name: Whole name of what is done.
        state: later, ready, running, done, dead or parked.
        error: Of the last attempt that failed, "" when none did.
        done: As its handler says, of `total`; 0 when it says nothing.
    """

    id: int
    plugin: str
    name: str
    args: dict[str, Any]
    state: str
    run_at: datetime
    lane: str | None
    key: str | None
    attempts: int
    max_attempts: int
    error: str
    worker: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    done: int
    total: int


_COLUMNS = ", ".join(JobRow.__struct_fields__)


def _check(ctx: Context) -> None:
    check(ctx, ctx.site.entity("core.user"), "admin")


async def list_jobs(ctx: Context, state: str, *, skip: int = 0) -> list[JobRow]:
    """Answer 51 jobs of a state at most, of which the last says that there are more.

    Running, later and ready ones come in the order of their turn, the others the latest first.

    Args:
        skip: How many come before.

    Raises:
        ForbiddenError: The role does not administer the site.
        NotFoundError: There is no such state.
    """
    _check(ctx)
    if state not in _ORDER:
        raise NotFoundError(f"There is no state `{state}`; jobs are {', '.join(_ORDER)}.")
    rows = await ctx.db.rows(
        f"SELECT {_COLUMNS} FROM core_job WHERE state = '{state}' "  # noqa: S608 - of the list above
        f"ORDER BY {_ORDER[state]} LIMIT $1 OFFSET $2",
        _PAGE + 1, max(skip, 0),
    )  # fmt: skip
    return [JobRow(**dict(row)) for row in rows]


async def counts(ctx: Context) -> dict[str, int]:
    """Answer state to number of jobs, `MOST` at most, of all states but done.

    Raises:
        ForbiddenError: The role does not administer the site.
    """
    _check(ctx)
    row = await ctx.db.row(
        "SELECT "  # noqa: S608 - of the list above
        + ", ".join(
            f"(SELECT count(*) FROM (SELECT FROM core_job WHERE state = '{state}' "  # noqa: S608
            f"LIMIT {MOST}) s) AS {state}"
            for state in STATES
        )
    )
    return dict(row) if row is not None else {}


async def run_again(ctx: Context, number: int | None = None) -> int:
    """Make a dead job ready with all its attempts, or all dead ones; answer how many.

    Raises:
        ForbiddenError: The role does not administer the site.
        ConflictError: That job is not dead.
    """
    _check(ctx)
    # The key goes: another of that key may wait, and who asks for this one gets it.
    count = await ctx.db.value(
        "WITH those AS (SELECT id FROM core_job WHERE state = 'dead' "
        "AND ($1::bigint IS NULL OR id = $1) ORDER BY id FOR UPDATE SKIP LOCKED), "
        "back AS (UPDATE core_job j SET state = 'ready', run_at = now(), attempts = 0, "
        "key = NULL, error = '', ended_at = NULL FROM those WHERE j.id = those.id RETURNING j.id) "
        "SELECT count(*) FROM back",
        number,
    )
    if number is not None and not count:
        raise ConflictError(ctx.translate(N_("That job is not dead any more. Look again.")))
    await ctx.db.execute("SELECT pg_notify($1, '')", CHANNEL)
    _log.info("dead jobs run again", count=count, id=number, by=ctx.user_id)
    return int(count)


async def cancel(ctx: Context, number: int) -> None:
    """Remove a job that waits, is parked or dead.

    Raises:
        ForbiddenError: The role does not administer the site.
        ConflictError: It runs, was done, or is gone.
    """
    _check(ctx)
    name = await ctx.db.value(
        "DELETE FROM core_job WHERE id = (SELECT id FROM core_job WHERE id = $1 "
        "AND state IN ('later', 'ready', 'dead', 'parked') FOR UPDATE SKIP LOCKED) RETURNING name",
        number,
    )
    if name is None:
        raise ConflictError(
            ctx.translate(
                N_("That job runs just now or is done; only one that waits is cancelled.")
            )
        )
    _log.info("a job was cancelled", job=name, id=number, by=ctx.user_id)


async def is_worked(ctx: Context, seconds: float = 60.0) -> bool:
    """Say whether a worker was heard from within so many seconds."""
    return bool(
        await ctx.db.value(
            "SELECT EXISTS (SELECT FROM core_worker "
            "WHERE seen_at > now() - make_interval(secs => $1))",
            seconds,
        )
    )
