"""When notices leave by mail: what each person chose, and the jobs that send them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.errors import InvalidError
from crmkit.model.job import JobOrder
from crmkit.model.values import N_
from crmkit.work.jobs import enqueue
from crmkit.work.quiet_hours import MailTimes, next_digest, next_loud

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, time

    from crmkit.model.context import Context

JOB = "core.tell_by_mail"
_DEFAULT = MailTimes()
#: What `times_of` reads; s is core_notification_settings, joined from the left.
TIMES = "s.user_id AS chose, s.quiet_from, s.quiet_to, s.quiet_weekends, s.digest_at"


def times_of(row: Any) -> MailTimes:  # noqa: ANN401 - a driver's row
    """Answer what the TIMES of a row say."""
    if row["chose"] is None:
        return _DEFAULT
    return MailTimes(**{name: row[name] for name in MailTimes.__struct_fields__})


async def plan_mail(ctx: Context, rows: Iterable[Any]) -> None:
    """Queue the mail of people, one job for each person and channel; one that waits stays.

    Args:
        rows: user_id, time_zone, mail ("mail" or "digest"), now by the clock of the database, and
            TIMES.
    """
    orders = {}
    for row in rows:
        key = f"{row['user_id']}:{row['mail']}"
        orders[key] = JobOrder(
            args={"user": row["user_id"], "channel": row["mail"]}, at=_moment(ctx, row), key=key
        )
    if orders:
        await enqueue(ctx, JOB, list(orders.values()))


def _moment(ctx: Context, row: Any) -> datetime | None:  # noqa: ANN401 - a driver's row
    """Answer when it leaves, None for at once."""
    zone, times = row["time_zone"] or ctx.config.time_zone, times_of(row)
    plan = next_digest if row["mail"] == "digest" else next_loud
    moment = plan(row["now"], times, zone)
    return moment if moment > row["now"] else None


def _to_the_minute(times: MailTimes) -> dict[str, time]:
    clocks = ((name, getattr(times, name)) for name in ("quiet_from", "quiet_to", "digest_at"))
    return {name: at.replace(second=0, microsecond=0) for name, at in clocks if at is not None}


async def read_times(ctx: Context) -> MailTimes:
    """Answer when mail may come to the reader."""
    row = await ctx.db.row(
        f"SELECT {TIMES} FROM core_notification_settings s WHERE user_id = $1",  # noqa: S608
        ctx.user_id,
    )
    return _DEFAULT if row is None else times_of(row)


async def save_times(ctx: Context, times: MailTimes) -> None:
    """Save when mail may come to the reader; what waits to be sent is planned anew.

    Raises:
        InvalidError: Quiet hours without an end or a beginning, or of no length.
    """
    times = msgspec.structs.replace(times, **_to_the_minute(times))
    problems = {}
    if (times.quiet_from is None) != (times.quiet_to is None):
        missing = "quiet_to" if times.quiet_to is None else "quiet_from"
        problems[missing] = ctx.translate(N_("is missing; quiet hours have a beginning and an end"))
    elif times.quiet_from is not None and times.quiet_from == times.quiet_to:
        problems["quiet_to"] = ctx.translate(N_("must differ from the beginning"))
    if problems:
        raise InvalidError(ctx.translate(N_("The times were not saved.")), problems)
    values = msgspec.structs.astuple(times)
    async with ctx.db.transaction():
        await ctx.db.execute(
            "INSERT INTO core_notification_settings (user_id, quiet_from, quiet_to, "
            "quiet_weekends, digest_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (user_id) DO "
            "UPDATE SET quiet_from = $2, quiet_to = $3, quiet_weekends = $4, digest_at = $5",
            ctx.user_id, *values,
        )  # fmt: skip
        await plan_anew(ctx, ctx.user_id)


async def plan_anew(ctx: Context, person: int | None) -> None:
    """Plan again what waits to be sent to a person, whose hours or time zone are others now."""
    async with ctx.db.transaction():
        await ctx.db.execute(
            "DELETE FROM core_job WHERE plugin = 'core' AND name = $1 AND key = ANY($2) "
            "AND state IN ('later', 'ready')",
            JOB, [f"{person}:{channel}" for channel in ("mail", "digest")],
        )  # fmt: skip
        rows = await ctx.db.rows(
            f"SELECT DISTINCT n.user_id, n.mail, u.time_zone, now() AS now, {TIMES} "  # noqa: S608
            "FROM core_notification n JOIN core_user u ON u.id = n.user_id "
            "LEFT JOIN core_notification_settings s ON s.user_id = n.user_id "
            "WHERE n.user_id = $1 AND n.mail <> ''",
            person,
        )  # fmt: skip
        await plan_mail(ctx, rows)


async def speak_and_plan(ctx: Context, language: str, time_zone: str) -> None:
    """Keep the language and zone one chose; what waits to be told is planned by the new zone."""
    async with ctx.db.transaction():
        before = await ctx.db.value(
            "SELECT time_zone FROM core_user WHERE id = $1 FOR UPDATE", ctx.user_id
        )
        await ctx.db.execute(
            "UPDATE core_user SET language = $2, time_zone = $3 WHERE id = $1",
            ctx.user_id,
            language,
            time_zone,
        )
        if before != time_zone:
            await plan_anew(ctx, ctx.user_id)
