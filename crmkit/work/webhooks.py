"""Webhooks out: other systems are told of events, signed, tried again, logged and replayable.

Source:
    Standard Webhooks 1.0 (headers, signature, at least once, receivers drop repeats by id).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.errors import CrmkitError, InvalidError, NotFoundError
from crmkit.model.job import JobOrder
from crmkit.model.values import N_
from crmkit.plugin.stored import raise_generation
from crmkit.work.jobs import enqueue
from crmkit.work.outgoing import check_url, post

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.context import Context
    from crmkit.model.job import JobEvent

_PREFIX = "whsec_"
_GONE = 410
_MOST_TRIES = 8
#: Seconds before the second try, the third ...
_WAITS = (5, 30, 120, 600, 3600, 6 * 3600, 24 * 3600)
#: So many failures in a row pause a webhook, each time for longer.
_PATIENCE = 20
_PAUSES = (timedelta(minutes=5), timedelta(hours=1), timedelta(hours=6))
_KEPT_DAYS = 30


class WebhookRow(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook as administrators see it; its secret is shown once."""

    id: int
    name: str
    url: str
    events: list[str]
    active: bool
    failures: int
    paused_until: datetime | None


class WebhookCall(msgspec.Struct, frozen=True, kw_only=True):
    """One telling: state is waiting, sent or failed; `ms` and `status` are of the last try."""

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


def make_secret() -> str:
    """Answer a new secret of 24 random bytes."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(24)).decode()


def sign(secret: str, event_id: str, moment: int, body: bytes) -> str:
    """Answer the signature of a body, "v1,<base64 of HMAC-SHA256>".

    Args:
        moment: Seconds since 1970, as the header webhook-timestamp says.
    """
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signed = b".".join((event_id.encode(), str(moment).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


async def list_webhooks(ctx: Context) -> list[WebhookRow]:
    """List all, by name."""
    rows = await ctx.db.rows(
        "SELECT id, name, url, events, active, failures, paused_until FROM core_webhook "
        "ORDER BY name, id"
    )
    return [WebhookRow(**dict(row)) for row in rows]


async def add_webhook(
    ctx: Context, name: str, url: str, events: Sequence[str], known: Sequence[str]
) -> tuple[int, str]:
    """Add a webhook and answer its number and its secret, which is shown only now.

    Args:
        events: Names or patterns as in `listens`.
        known: Every event there is.

    Raises:
        InvalidError: All problems at once.
    """
    from crmkit.work.events import fits  # noqa: PLC0415 - which queues what this sends

    problems: dict[str, str] = {}
    if not name.strip():
        problems["name"] = ctx.translate(N_("is needed; fill it in"))
    try:
        url = check_url(url, allow_private=ctx.config.webhooks.allow_private)
    except InvalidError as error:
        problems |= {field: ctx.translate(text) for field, text in error.problems.items()}
    strange = [each for each in events if not any(fits(each, one) for one in known)]
    if not events or strange:
        text = ctx.translate(
            N_("`{name}` is no event; such as crm.person.created or crm.*.updated")
        )
        problems["events"] = text.format(name=strange[0] if strange else "")
    if problems:
        raise InvalidError(
            ctx.translate(N_("Some fields need a correction before this can be saved.")), problems
        )
    secret = make_secret()
    async with ctx.db.transaction():
        number: int = await ctx.db.value(
            "INSERT INTO core_webhook (name, url, events, secret, created_by) "
            "VALUES ($1, $2, $3, $4, $5) RETURNING id",
            name.strip()[:100], url, list(events), secret, ctx.user_id,
        )  # fmt: skip
        await raise_generation(ctx.db)
    return number, secret


async def switch_webhook(ctx: Context, number: int, *, active: bool) -> None:
    """Switch a webhook on, which also ends a pause, or off.

    Raises:
        NotFoundError: There is none.
    """
    async with ctx.db.transaction():
        tag = await ctx.db.execute(
            "UPDATE core_webhook SET active = $2, failures = 0, paused_until = NULL WHERE id = $1",
            number, active,
        )  # fmt: skip
        _check_found(ctx, tag)
        await raise_generation(ctx.db)


async def remove_webhook(ctx: Context, number: int) -> None:
    """Remove a webhook and its log.

    Raises:
        NotFoundError: There is none.
    """
    async with ctx.db.transaction():
        _check_found(ctx, await ctx.db.execute("DELETE FROM core_webhook WHERE id = $1", number))
        await raise_generation(ctx.db)


def _check_found(ctx: Context, tag: str) -> None:
    if tag.endswith(" 0"):
        raise NotFoundError(ctx.translate(N_("There is no such webhook.")))


async def list_calls(ctx: Context, number: int, limit: int = 100) -> list[WebhookCall]:
    """List what a webhook was told, newest first."""
    rows = await ctx.db.rows(
        "SELECT id, webhook, event_id, name, state, attempts, status, answer, ms, at "
        "FROM core_webhook_call WHERE webhook = $1 ORDER BY id DESC LIMIT $2",
        number, limit,
    )  # fmt: skip
    return [WebhookCall(**dict(row)) for row in rows]


async def queue_call(ctx: Context, number: int, name: str, data: dict[str, Any]) -> str:
    """Queue one telling and answer its id, the same at every try."""
    event_id = f"msg_{secrets.token_hex(12)}"
    body = {"id": event_id, "type": name, "timestamp": ctx.now().isoformat(), "data": data}
    call: int = await ctx.db.value(
        "INSERT INTO core_webhook_call (webhook, event_id, name, body, at) "
        "VALUES ($1, $2, $3, $4, $5) RETURNING id",
        number, event_id, name, body, ctx.now(),
    )  # fmt: skip
    await _queue_try(ctx, number, call)
    return event_id


async def send_test(ctx: Context, number: int) -> str:
    """Tell a webhook of a trial, `core.webhook.tested`."""
    return await queue_call(ctx, number, "core.webhook.tested", {"webhook": number})


async def send_again(ctx: Context, number: int, call: int | None = None) -> int:
    """Queue one telling again, without `call` all that failed; answer how many."""
    async with ctx.db.transaction():
        rows = await ctx.db.rows(
            "UPDATE core_webhook_call SET state = 'waiting', attempts = 0 WHERE webhook = $1 "
            "AND state <> 'waiting' AND (id = $2 OR ($2::bigint IS NULL AND state = 'failed')) "
            "RETURNING id",
            number, call,
        )  # fmt: skip
        for row in rows:
            await _queue_try(ctx, number, row["id"])
    return len(rows)


async def _queue_try(ctx: Context, number: int, call: int, at: datetime | None = None) -> None:
    # One lane: a receiver that is slow takes one slot. What is tried again may be overtaken.
    order = JobOrder(args={"call": call}, at=at, lane=f"webhook:{number}", key=f"call:{call}")
    await enqueue(ctx, "core.send_webhook", [order])


async def send_webhook(event: JobEvent) -> None:
    """Try one telling; what failed is written down and queued again, later each time."""
    ctx = event.ctx
    row = await ctx.db.row(
        "SELECT c.id, c.event_id, c.body, c.attempts, w.id AS webhook, w.url, w.secret, w.active, "
        "w.failures, w.paused_until FROM core_webhook_call c JOIN core_webhook w "
        "ON w.id = c.webhook WHERE c.id = $1 AND c.state = 'waiting'",
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
        "webhook-signature": sign(row["secret"], row["event_id"], moment, body),
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
    """Remove what was told more than a month ago."""
    await event.ctx.db.execute(
        "DELETE FROM core_webhook_call WHERE state <> 'waiting' "
        "AND at < now() - make_interval(days => $1)",
        _KEPT_DAYS,
    )
