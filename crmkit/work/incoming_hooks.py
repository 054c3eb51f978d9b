"""Webhooks in: what other systems tell, verified, once, logged, and passed on as an event.

Source:
    Standard Webhooks 1.0 (headers, signature, tolerance, repeats by webhook-id).
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.access.limits import check_limit, count_failure
from crmkit.access.sessions import digest
from crmkit.errors import ConfigError, NotFoundError
from crmkit.model.values import N_
from crmkit.work.events import publish
from crmkit.work.signing import open_secret, verify

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.model.job import JobEvent

RECEIVED = "core.hook.received"
#: Bytes of a body.
LARGEST = 256 * 1024
#: Refusals of one address within 10 minutes.
_PER_ADDRESS = 50
_LONGEST_ID = 200
#: Deeper JSON is passed on as text: neither JSON here nor PostgreSQL's goes down without an end.
_DEEPEST = 100
_KEPT_DAYS = 30
_INSERT = """
INSERT INTO core_hook_call (hook, message_id, state, reason, content_type, body, size, runs, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (hook, message_id) WHERE state = 'received' AND message_id <> '' DO NOTHING
RETURNING id
"""


class HookCall(msgspec.Struct, frozen=True, kw_only=True):
    """One telling.

    Attributes:
        state: received, refused or repeated.
        reason: Why it was refused.
        runs: How often it was passed on as an event.
    """

    id: int
    message_id: str
    state: str
    reason: str
    content_type: str
    size: int
    runs: int
    at: datetime
    start: str


class Told(msgspec.Struct, frozen=True):
    """What came of a request: the status it is answered with, and a sentence."""

    status: int
    text: str


async def list_hook_calls(ctx: Context, number: int, limit: int = 100) -> list[HookCall]:
    """List what an address was told, newest first, each with the beginning of its body."""
    rows = await ctx.db.rows(
        "SELECT id, message_id, state, reason, content_type, size, runs, at, "
        "substring(body FOR 400) AS start FROM core_hook_call WHERE hook = $1 "
        "ORDER BY id DESC LIMIT $2",
        number, limit,
    )  # fmt: skip
    return [HookCall(**{**dict(row), "start": _text(row["start"])}) for row in rows]


async def receive(
    ctx: Context, token: str, address: str, headers: Mapping[str, str], body: bytes
) -> Told:
    """Take what another system tells: write it down and publish it, in one transaction.

    A message that came before is answered as received and does nothing.

    Args:
        address: Of who sends; after many refusals it has to wait.
        headers: By lower-case name.

    Raises:
        LimitError: Fifty refusals of the address within 10 minutes.
    """
    place = f"hook:{address}"
    await check_limit(ctx.db, place, _PER_ADDRESS)
    hook = await ctx.db.row(
        "SELECT id, name, secret, old_secret, old_until FROM core_hook "
        "WHERE digest = $1 AND active",
        digest(token),
    )
    if hook is None:
        await count_failure(ctx.db, place)
        return Told(404, "There is no such webhook.")
    message_id = headers.get("webhook-id", "")
    content_type = headers.get("content-type", "")[:200]
    status, reason = _refusal(ctx, _secrets(ctx, hook), headers, body)
    size = len(body)
    if reason:
        # Without the body: who may not tell anything may not fill the disk either.
        await _write(ctx, hook["id"], message_id, "refused", reason, content_type, size=size)
        await count_failure(ctx.db, place)
        return Told(status, reason)
    async with ctx.db.transaction():
        number = await ctx.db.value(
            _INSERT, hook["id"], message_id, "received", "", content_type, body, size, 1, ctx.now()
        )
        if number is None:
            await _write(ctx, hook["id"], message_id, "repeated", "", content_type, size=size)
            return Told(200, "Received before.")
        told = _payload(hook, number, message_id, content_type, body)
        await publish(ctx, RECEIVED, data=told)
    return Told(200, "Received.")


def _secrets(ctx: Context, hook: Any) -> list[str]:  # noqa: ANN401 - a driver's row
    """Answer the secrets in force; none lets in whoever has the address."""
    if not hook["secret"]:
        return []
    found = [open_secret(ctx.config, hook["secret"])]
    if hook["old_secret"] and hook["old_until"] > ctx.now():
        with suppress(ConfigError):  # the key was lost, which is why there is a new one
            found.append(open_secret(ctx.config, hook["old_secret"]))
    return found


def _refusal(
    ctx: Context, in_force: list[str], headers: Mapping[str, str], body: bytes
) -> tuple[int, str]:
    if len(body) > LARGEST:
        return 413, "The body is larger than 256 kB."
    message_id = headers.get("webhook-id", "")
    if len(message_id) > _LONGEST_ID:
        return 401, "The header webhook-id is longer than 200 characters."
    if not in_force:
        return 200, ""
    reason = verify(
        in_force,
        message_id,
        headers.get("webhook-timestamp", ""),
        headers.get("webhook-signature", ""),
        body,
        ctx.now().timestamp(),
    )
    return 401, reason


async def _write(
    ctx: Context, hook: int, message_id: str, state: str, reason: str, content_type: str, *,
    size: int,
) -> None:  # fmt: skip
    values = (message_id[:_LONGEST_ID], state, reason, content_type, b"", size, 0, ctx.now())
    await ctx.db.execute(_INSERT, hook, *values)


async def run_call_again(ctx: Context, call: int) -> None:
    """Publish what was received once more.

    Raises:
        NotFoundError: There is none that was received.
    """
    async with ctx.db.transaction():
        row = await ctx.db.row(
            "UPDATE core_hook_call c SET runs = runs + 1 FROM core_hook h WHERE c.id = $1 "
            "AND c.state = 'received' AND h.id = c.hook RETURNING c.id AS call, c.message_id, "
            "c.content_type, c.body, h.id, h.name",
            call,
        )
        if row is None:
            raise NotFoundError(ctx.translate(N_("Nothing was received under this number.")))
        data = _payload(row, row["call"], row["message_id"], row["content_type"], row["body"])
        await publish(ctx, RECEIVED, data=data)


def _payload(
    hook: Any,  # noqa: ANN401 - a driver's row
    call: int,
    message_id: str,
    content_type: str,
    body: bytes,
) -> dict[str, Any]:
    """Answer what listeners get; run again it is the same, `call` included."""
    parsed = _json(body)
    return {
        "hook": hook["name"],
        "hook_id": hook["id"],
        "call": call,
        "id": message_id,
        "content_type": content_type,
        "is_json": parsed is not None,
        "body": parsed[0] if parsed is not None else _text(body),
    }


def _json(body: bytes) -> tuple[Any] | None:
    """Answer a body that is JSON; a tuple, as null is JSON too."""
    try:
        # PostgreSQL stores no NUL; the log has the body as it came.
        value = msgspec.json.decode(body.replace(b"\\u0000", b"\\ufffd"))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            child
            for each in level
            if isinstance(each, (dict, list))
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return (value,)
    return None


def _text(body: bytes) -> str:
    # The jobs of listeners refuse a NUL, and what is spelled like one in JSON.
    return body.decode(errors="replace").replace("\x00", "\ufffd").replace("\\u0000", "\\ufffd")


async def remove_old_hook_calls(event: JobEvent) -> None:
    """Remove what was told more than a month ago, and secrets that fit no more."""
    await event.ctx.db.execute(
        "UPDATE core_hook SET old_secret = '', old_until = NULL WHERE old_until < $1",
        event.ctx.now(),
    )
    await event.ctx.db.execute(
        "DELETE FROM core_hook_call WHERE at < now() - make_interval(days => $1)", _KEPT_DAYS
    )
