"""One effect for one key: a repeated write gets the first answer, refusals included.

The answer is written in the transaction of the effect, so that neither is there without the
other, and it outlives the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from crmkit.errors import ConflictError, CrmkitError, InvalidError
from crmkit.model.values import N_

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.model.context import Context

_KEPT = timedelta(hours=24)


class Outcome(msgspec.Struct, frozen=True):
    """An answer as it is kept; `body` is JSON, "" without one."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = {}


class Call(msgspec.Struct, frozen=True):
    """A write with a key.

    Attributes:
        principal: Who sends it: keys of two never meet.
        place: Method and path.
        digest: Of the body and what else decides the effect.
    """

    principal: str
    key: str
    place: str
    digest: str


async def answer_once(
    ctx: Context,
    call: Call,
    work: Callable[[], Awaitable[Outcome]],
    refuse: Callable[[CrmkitError], Outcome | None],
) -> tuple[Outcome, bool]:
    """Do the work of a key once, and answer with whether the answer is a repeated one.

    Args:
        refuse: Answers a refusal, which is kept; None raises it and nothing is kept.

    Raises:
        ConflictError: The same key is being worked on at this moment.
        InvalidError: The key was used for another request.
    """
    async with ctx.db.transaction():
        name = f"{call.principal}\n{call.key}"
        free = await ctx.db.value(
            "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 20))", name
        )
        if not free:
            raise ConflictError(
                ctx.translate(
                    N_("A request with this Idempotency-Key is running. Ask again later.")
                )
            )
        kept = await _find(ctx, call)
        if kept is not None:
            return kept, True
        try:
            async with ctx.db.transaction():
                outcome = await work()
        except CrmkitError as error:
            refusal = refuse(error)
            if refusal is None:
                raise
            outcome = refusal
        await _keep(ctx, call, outcome)
    return outcome, False


async def _find(ctx: Context, call: Call) -> Outcome | None:
    row = await ctx.db.row(
        "SELECT place, digest, status, headers, answer FROM core_idempotency "
        "WHERE principal = $1 AND key = $2 AND at > now() - $3::interval",
        call.principal,
        call.key,
        _KEPT,
    )
    if row is None:
        return None
    if (row["place"], row["digest"]) != (call.place, call.digest):
        raise InvalidError(
            ctx.translate(
                N_("This Idempotency-Key was used before. Send a new key with this request.")
            )
        )
    return Outcome(row["status"], row["answer"], row["headers"])


async def _keep(ctx: Context, call: Call, outcome: Outcome) -> None:
    await ctx.db.execute("DELETE FROM core_idempotency WHERE at < now() - $1::interval", _KEPT)
    await ctx.db.execute(
        "INSERT INTO core_idempotency (principal, key, place, digest, status, headers, answer) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        call.principal,
        call.key,
        call.place,
        call.digest,
        outcome.status,
        dict(outcome.headers),
        outcome.body,
    )
