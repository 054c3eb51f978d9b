"""What webhooks are told: queued, sent, tried again later each time, logged and replayable.

Source:
    Standard Webhooks 1.0 (headers, at least once, receivers drop repeats by id).
"""

from __future__ import annotations

import secrets
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.errors import CrmkitError
from crmkit.model.job import JobOrder
from crmkit.plugin.stored import raise_generation
from crmkit.work.jobs import enqueue
from crmkit.work.outgoing import post
from crmkit.work.signing import is_sealed, open_secret, seal_secret, sign

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.context import Context
    from crmkit.model.job import JobEvent

#: The event of a trial.
TESTED = "core.webhook.tested"
_GONE = 410
_MOST_TRIES = 8
#: Seconds before the second try, the third ...
_WAITS = (5, 30, 120, 600, 3600, 6 * 3600, 24 * 3600)
#: So many failures in a row pause a webhook, each time for longer.
_PATIENCE = 20
_PAUSES = (timedelta(minutes=5), timedelta(hours=1), timedelta(hours=6))
_KEPT_DAYS = 30
# A telling that waits and has no job left: that was cancelled, or died.
_STUCK = """c.state = 'waiting' AND NOT EXISTS (SELECT FROM core_job j WHERE j.plugin = 'core'
    AND j.name = 'core.send_webhook' AND j.key = 'call:' || c.id
    AND j.state IN ('later', 'ready', 'parked'))
AND NOT EXISTS (SELECT FROM core_job j WHERE j.plugin = 'core' AND j.name = 'core.send_webhook'
    AND j.key = 'call:' || c.id AND j.state = 'running')"""


class WebhookCall(msgspec.Struct, frozen=True, kw_only=True):
    """One telling: state is waiting, sent or failed; `ms` and `status` are of the last try.

    Attributes:
        stuck: It waits, but the job that would send it died.
    """

    id: int
    webhook: int
    event_id: str
    name: str
    state: str
    attempts: int
    status: int | None
    answer: str
    ms: int | None
    at: datetime
    stuck: bool


async def list_calls(ctx: Context, number: int, limit: int = 100) -> list[WebhookCall]:
    """List what a webhook was told, newest first."""
    rows = await ctx.db.rows(
        "SELECT id, webhook, event_id, name, state, attempts, status, answer, ms, at, "  # noqa: S608 - ours
        f"({_STUCK}) AS stuck FROM core_webhook_call c WHERE webhook = $1 "
        "ORDER BY id DESC LIMIT $2",
        number, limit,
    )  # fmt: skip
    return [WebhookCall(**dict(row)) for row in rows]


async def queue_calls(ctx: Context, told: Sequence[tuple[int, str, dict[str, Any]]]) -> None:
    """Queue tellings, each a webhook, the name of the event and its data, in one statement.

    The id of a telling is the same at every try.
    """
    if not told:
        return
    ids = [f"msg_{secrets.token_hex(12)}" for _ in told]
    at = ctx.now()
    bodies = [
        {"id": event_id, "type": name, "timestamp": at.isoformat(), "data": data}
        for event_id, (_number, name, data) in zip(ids, told, strict=True)
    ]
    numbers, names = [each[0] for each in told], [each[1] for each in told]
    async with ctx.db.transaction():
        # A webhook that another process removed a moment ago is no longer told.
        rows = await ctx.db.rows(
            "INSERT INTO core_webhook_call (webhook, event_id, name, body, at) "
            "SELECT o.webhook, o.event_id, o.name, o.body, $5 "
            "FROM unnest($1::bigint[], $2::text[], $3::text[], $4::jsonb[]) WITH ORDINALITY "
            "AS o (webhook, event_id, name, body, n) "
            "JOIN (SELECT id FROM core_webhook WHERE id = ANY($1) FOR KEY SHARE) w "
            "ON w.id = o.webhook ORDER BY o.n RETURNING id, webhook",
            numbers, ids, names, bodies, at,
        )  # fmt: skip
        await _queue_tries(ctx, sorted((row["id"], row["webhook"]) for row in rows))


async def send_test(ctx: Context, number: int) -> None:
    """Tell a webhook of a trial, and whoever else hears of `core.webhook.tested`."""
    from crmkit.work.events import publish, webhooks_of  # noqa: PLC0415 - which queues what this sends

    data = {"webhook": number}
    async with ctx.db.transaction():
        await publish(ctx, TESTED, data=data)
        if number not in webhooks_of(ctx.site, TESTED):
            await queue_calls(ctx, [(number, TESTED, data)])


async def send_again(ctx: Context, number: int, call: int | None = None) -> int:
    """Queue one telling again, without `call` all that failed; answer how many.

    What waits for a job that died is queued again as well.
    """
    async with ctx.db.transaction():
        rows = await ctx.db.rows(
            "UPDATE core_webhook_call c SET state = 'waiting', attempts = 0 WHERE c.webhook = $1 "  # noqa: S608 - ours
            "AND (c.id = $2 OR ($2::bigint IS NULL AND c.state <> 'sent')) "
            f"AND (c.state <> 'waiting' OR {_STUCK}) RETURNING c.id",
            number, call,
        )  # fmt: skip
        await _queue_tries(ctx, sorted((row["id"], number) for row in rows))
    return len(rows)


async def _queue_tries(ctx: Context, calls: Sequence[tuple[int, int]]) -> None:
    if calls:
        orders = [_order(number, call) for call, number in calls]
        await enqueue(ctx, "core.send_webhook", orders)


def _order(number: int, call: int, at: datetime | None = None) -> JobOrder:
    # One lane: a receiver that is slow takes one slot. What is tried again may be overtaken.
    return JobOrder(args={"call": call}, at=at, lane=f"webhook:{number}", key=f"call:{call}")


async def _queue_try(ctx: Context, number: int, call: int, at: datetime) -> None:
    await enqueue(ctx, "core.send_webhook", [_order(number, call, at)])


async def send_webhook(event: JobEvent) -> None:
    """Try one telling; what failed is written down and queued again, later each time."""
    ctx = event.ctx
    row = await ctx.db.row(
        "SELECT c.id, c.event_id, c.body, c.attempts, w.id AS webhook, w.url, w.secret, "
        "w.old_secret, w.old_until, w.active, w.failures, w.paused_until "
        "FROM core_webhook_call c JOIN core_webhook w ON w.id = c.webhook "
        "WHERE c.id = $1 AND c.state = 'waiting'",
        event.args["call"],
    )
    if row is None:
        return  # removed, or sent by an attempt whose worker was lost after it
    if not row["active"]:
        await _note(ctx, row, "failed", None, "It was switched off.", 0)
        return
    if row["paused_until"] and row["paused_until"] > ctx.now():
        await _queue_try(ctx, row["webhook"], row["id"], row["paused_until"])
        return
    status, text, begin = None, "", time.perf_counter()
    body = msgspec.json.encode(row["body"])
    moment = int(ctx.now().timestamp())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "crmkit",
        "webhook-id": row["event_id"],
        "webhook-timestamp": str(moment),
        "webhook-signature": _signatures(ctx, row, moment, body),
    }
    try:
        allowed = ctx.config.webhooks.allow_private
        answer = await post(row["url"], body, headers, allow_private=allowed)
        status, text = answer.status, answer.text
    except CrmkitError as error:
        text = error.message
    spent = int((time.perf_counter() - begin) * 1000)
    if status is not None and 200 <= status < 300:  # noqa: PLR2004 - success
        await _note(ctx, row, "sent", status, text, spent)
        await ctx.db.execute(
            "UPDATE core_webhook SET failures = 0, paused_until = NULL WHERE id = $1 "
            "AND failures > 0",
            row["webhook"],
        )
        return
    await _failed(ctx, row, status, text, spent)


def _signatures(ctx: Context, row: Any, moment: int, body: bytes) -> str:  # noqa: ANN401 - a driver's row
    stored = [row["secret"]]
    if row["old_until"] and row["old_until"] > ctx.now():
        stored.append(row["old_secret"])
    opened = (open_secret(ctx.config, each) for each in stored)
    return " ".join(sign(each, row["event_id"], moment, body) for each in opened)


async def _failed(ctx: Context, row: Any, status: int | None, text: str, spent: int) -> None:  # noqa: ANN401
    tries, failures = row["attempts"] + 1, row["failures"] + 1
    is_last = tries >= _MOST_TRIES or status == _GONE
    await _note(ctx, row, "failed" if is_last else "waiting", status, text, spent)
    paused = None
    if failures >= _PATIENCE and failures % _PATIENCE == 0:
        paused = ctx.now() + _PAUSES[min(failures // _PATIENCE, len(_PAUSES)) - 1]
    await ctx.db.execute(
        "UPDATE core_webhook SET failures = $2, paused_until = coalesce($3, paused_until), "
        "active = active AND NOT $4 WHERE id = $1",
        row["webhook"], failures, paused, status == _GONE,
    )  # fmt: skip
    if status == _GONE:
        await raise_generation(ctx.db)
    if not is_last:
        at = ctx.now() + timedelta(seconds=_WAITS[min(tries, len(_WAITS)) - 1])
        await _queue_try(ctx, row["webhook"], row["id"], max(at, paused) if paused else at)


async def _note(
    ctx: Context,
    row: Any,  # noqa: ANN401 - a driver's row
    state: str,
    status: int | None,
    text: str,
    spent: int,
) -> None:
    await ctx.db.execute(
        "UPDATE core_webhook_call SET state = $2, status = $3, answer = $4, ms = $5, at = $6, "
        "attempts = attempts + 1 WHERE id = $1",
        row["id"], state, status, text.replace("\x00", "")[:2000], spent, ctx.now(),
    )  # fmt: skip


async def remove_old_calls(event: JobEvent) -> None:
    """Remove what was told more than a month ago, and seal secrets of earlier versions."""
    ctx = event.ctx
    for row in await ctx.db.rows("SELECT id, secret FROM core_webhook FOR UPDATE"):
        if not is_sealed(row["secret"]):
            sealed = seal_secret(ctx.config, row["secret"])
            await ctx.db.execute(
                "UPDATE core_webhook SET secret = $2 WHERE id = $1", row["id"], sealed
            )
    await ctx.db.execute(
        "UPDATE core_webhook SET old_secret = '', old_until = NULL WHERE old_until < $1", ctx.now()
    )
    await ctx.db.execute(
        "DELETE FROM core_webhook_call WHERE state <> 'waiting' "
        "AND at < now() - make_interval(days => $1)",
        _KEPT_DAYS,
    )
