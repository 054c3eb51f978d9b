"""The promise of an order: computed, kept, and told to the client when it moves."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import msgspec

from crmkit import N_, InvalidError
from crmkit_orders.domain.promises import promise
from crmkit_orders.mailing import tell_promise
from crmkit_orders.settings import Settings

if TYPE_CHECKING:
    from crmkit import Context


class MovePromise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The new moment, by the reader's clock, and why.

    Attributes:
        day: Such as 2026-12-24.
        time: Such as 12:00.
        reason: What the client reads.
    """

    day: Annotated[str, msgspec.Meta(max_length=10)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    time: Annotated[str, msgspec.Meta(max_length=5)] = "12:00"


async def default_promise(ctx: Context, team: int | None) -> datetime:
    """Answer what an order that is confirmed now is promised for, in UTC."""
    hours = Decimal(ctx.settings(Settings).promise_hours)
    return promise(ctx.now(), hours, await ctx.calendar(team=team))


async def move_promise(
    ctx: Context, order_id: int, data: MovePromise, version: int | None = None
) -> None:
    """Promise another moment; the client is told once of each.

    The first promise stays, since it is what "on time" is measured against.

    Raises:
        InvalidError: It is no moment, or one that has passed.
        StaleVersionError: The order changed since the page was shown.
    """
    refused = ctx.translate(N_("The promise was not moved."))
    try:
        moment = datetime.fromisoformat(f"{data.day}T{data.time}").replace(tzinfo=ctx.time_zone)
    except ValueError as error:
        text = ctx.translate(N_("is no day and time; write 2026-12-24 and 12:00"))
        raise InvalidError(refused, {"day": text}) from error
    if moment <= ctx.now():
        text = ctx.translate(N_("has passed; promise a moment to come"))
        raise InvalidError(refused, {"day": text})
    await ctx.save(
        "orders.order", order_id, version=version, promised_at=moment, promise_reason=data.reason
    )


async def promise_moved(ctx: Context, order_id: int) -> None:
    """Tell the client and the plugins of a promise that is another one now."""
    order = await ctx.get("orders.order", order_id)
    await tell_promise(ctx, order)
    await ctx.publish(
        "orders.order.promise_changed", "orders.order", order_id,
        promised_at=order["promised_at"].isoformat(), reason=order["promise_reason"],
    )  # fmt: skip
