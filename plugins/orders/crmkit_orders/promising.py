"""The promise of an order: computed, kept, and told to the client when it moves."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from crmkit import N_, ConflictError, InvalidError, Veto, speaking
from crmkit_orders.domain.promises import promise
from crmkit_orders.line_promises import (
    calendar_for,
    line_promises,
    settle_lines,
    write_promises,
)
from crmkit_orders.mailing import client_of, tell_promise
from crmkit_orders.reading import read_row
from crmkit_orders.settings import Settings
from crmkit_orders.states import RUNNING
from crmkit_orders.told import plain
from crmkit_orders.totals import confirmed_rows, order_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crmkit import Context, SaveEvent
    from crmkit_orders.line_promises import LinePromise

_ZERO = Decimal(0)
_is_rule: ContextVar[bool] = ContextVar("crmkit_orders_rule", default=False)
#: What made a promise another one; what clients read of it.
Why = Literal["calendar", "absence", "goods", "rule"]
_REASONS = {
    "calendar": N_("Our working hours have changed."),
    "absence": N_("Somebody who works on it is away."),
    "later": N_("Goods for it come later than we expected."),
    "sooner": N_("Goods for it come sooner than we expected."),
    "rule": N_("It was counted anew from what is there and what is expected."),
}


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


async def prepare_promise(event: SaveEvent, whole: Mapping[str, Any]) -> None:
    """Promise an order that is confirmed now, line by line, unless somebody promised it by hand.

    Raises:
        Veto: What was promised by hand has passed.
    """
    ctx, values = event.ctx, event.values
    promised = whole.get("promised_at")
    if promised is None:
        order = {
            "id": event.record_id,
            "owner": whole.get("owner"),
            "team": whole.get("team") or event.before.get("team_id"),
        }
        rows = await order_rows(ctx, event.record_id) if event.record_id else []
        found = await line_promises(ctx, order, rows)
        await write_promises(ctx, found)
        promised = values["promised_at"] = await _latest(ctx, order, found)
        values["is_promised_by_hand"] = False
    elif promised <= ctx.now():
        text = ctx.translate(N_("has passed; promise a moment to come"))
        raise Veto(ctx.translate(N_("The order was not confirmed.")), promised_at=text)
    values["first_promise"] = promised


async def _latest(
    ctx: Context, order: Mapping[str, Any], found: Mapping[int, LinePromise]
) -> datetime:
    """Answer the promise of an order: that of its latest line; without any, the rule's from now."""
    if found:
        return max(each.due for each in found.values())
    hours = Decimal(ctx.settings(Settings).promise_hours)
    return promise(ctx.now(), hours, await calendar_for(ctx, order["team"], order["owner"]))


@contextmanager
def by_rule() -> Iterator[None]:
    """Save a promise as the rule's own, which is nobody's word and moves again."""
    before = _is_rule.set(True)
    try:
        yield
    finally:
        _is_rule.reset(before)


def note_hand(event: SaveEvent) -> None:
    """Note whether a promise that is saved is somebody's word or the rule's."""
    values = event.values
    if "is_promised_by_hand" in values or "promised_at" not in values or _is_rule.get():
        return
    if values["promised_at"] != event.before.get("promised_at"):
        values["is_promised_by_hand"] = values["promised_at"] is not None


async def recount_promise(ctx: Context, order_id: int, why: Why) -> bool:
    """Promise an open order anew by the rule; the client is told once when it moves.

    What somebody promised stays, and so does what would move by less than the settings say, or
    into the past. The first promise is what it was.

    Returns:
        Whether the promise is another one now.
    """
    order = await read_row(
        ctx,
        "SELECT * FROM orders_order WHERE id = $1 AND trashed_at IS NULL FOR NO KEY UPDATE",
        order_id,
    )
    if order is None or order["state"] not in RUNNING or order["is_promised_by_hand"]:
        return False
    rows = (await confirmed_rows(ctx, [order_id])).get(order_id, [])
    found = await line_promises(ctx, order, rows)
    if not found:
        return False
    await _tell_open(ctx, order, rows, found, why)
    quiet = timedelta(minutes=ctx.settings(Settings).quiet_minutes)
    latest, old = max(each.due for each in found.values()), order["promised_at"]
    is_moved = latest > ctx.now() and (abs(latest - old) >= quiet if quiet else latest != old)
    dues = {row["id"]: row["due_at"] or old for row in rows}
    if not is_moved:
        found = {
            number: msgspec.structs.replace(each, due=_kept(ctx, each.due, dues[number], quiet))
            for number, each in found.items()
        }
    await write_promises(ctx, found)
    if is_moved:
        reason = await _reason(ctx, order, why, is_later=latest > old)
        with by_rule():
            await ctx.save("orders.order", order_id, promised_at=latest, promise_reason=reason)
    await settle_lines(ctx, order_id)
    return is_moved


def _kept(ctx: Context, new: datetime, old: datetime, quiet: timedelta) -> datetime:
    """Answer what a line of an order that stays is promised for: the old, where it hardly moves."""
    return old if abs(new - old) < quiet or new <= ctx.now() else new


async def _reason(ctx: Context, order: Mapping[str, Any], why: Why, *, is_later: bool) -> str:
    _email, _name, language = await client_of(ctx, order)
    key = ("later" if is_later else "sooner") if why == "goods" else why
    with speaking(ctx, language) as client:
        return client.translate(_REASONS[key])


async def _tell_open(
    ctx: Context, order: Mapping[str, Any], rows: Sequence[Mapping[str, Any]],
    found: Mapping[int, LinePromise], why: Why,
) -> None:  # fmt: skip
    """Tell the owner when nothing more is expected of what an order waits for.

    It waited for a day that is no more, or fewer goods are there than were; each is told once.
    """
    for row in rows:
        each = found.get(row["id"])
        if each is None or not each.is_open or not order["owner"]:
            continue
        if row["goods_on"] or (why == "goods" and each.lacks > (row["lacks"] or _ZERO)):
            await ctx.notify(
                [order["owner"]], "orders.step",
                N_("{order}: {line} waits for goods, and nothing is expected. Promise it anew."),
                values={"order": str(order["number"]), "line": row["text"]},
                entity="orders.order", record_id=order["id"],
                key=f"open:{row['id']}:{row['goods_on'] or plain(each.lacks)}",
            )  # fmt: skip


async def line_promised(event: SaveEvent) -> None:
    """Follow a line of a running order that somebody promised for another moment.

    The order is promised for its latest line, so the client is told when that one moves.
    """
    ctx, values, before = event.ctx, event.values, event.before
    if event.entity.name != "orders.order_line" or not before:
        return
    if "promised_at" not in values or values["promised_at"] == before["promised_at"]:
        return
    order = await read_row(
        ctx, "SELECT state, is_promised_by_hand FROM orders_order WHERE id = $1", before["order"]
    )
    if order is None or order["state"] not in RUNNING:
        return
    if values["promised_at"] is not None and values["promised_at"] <= ctx.now():
        text = ctx.translate(N_("has passed; promise a moment to come"))
        raise Veto(ctx.translate(N_("The line was not changed.")), promised_at=text)
    if order["is_promised_by_hand"]:
        await settle_lines(ctx, before["order"])
    else:
        await recount_promise(ctx, before["order"], "rule")


async def promise_changes(ctx: Context, order: Mapping[str, Any]) -> dict[str, Any]:
    """Promise the lines of an amendment; answer what is to be saved at its order `by_rule`.

    The confirmation of the amendment says the new moment: no other mail does.
    """
    rows = await order_rows(ctx, order["id"])
    if order["is_promised_by_hand"]:
        return {}
    found = await line_promises(ctx, {**order, "team": order["team_id"]}, rows)
    await write_promises(ctx, found)
    if not found:
        return {}
    latest = max(each.due for each in found.values())
    quiet = timedelta(minutes=ctx.settings(Settings).quiet_minutes)
    if latest <= ctx.now() or latest - order["promised_at"] < max(quiet, timedelta(minutes=1)):
        return {}
    return {
        "promised_at": latest,
        "promise_reason": await _reason(ctx, order, "rule", is_later=True),
    }


async def promise_by_rule(
    ctx: Context, order_id: int, _data: None, _version: int | None = None
) -> None:
    """Give an order back to the rule: it is promised by it now, and follows what changes.

    Raises:
        ConflictError: Nothing of it is open.
    """
    order = await ctx.get("orders.order", order_id, "edit", lock=True)
    if not order["is_promised_by_hand"]:
        return
    rows = await order_rows(ctx, order_id)
    found = await line_promises(ctx, {**order, "team": order["team_id"]}, rows)
    latest = max((each.due for each in found.values()), default=ctx.now())
    if latest <= ctx.now():
        raise ConflictError(ctx.translate(N_("By the rule it should be there already.")))
    await write_promises(ctx, found)
    reason = await _reason(ctx, order, "rule", is_later=latest > order["promised_at"])
    await ctx.save(
        "orders.order", order_id, promised_at=latest, is_promised_by_hand=False,
        promise_reason=reason,
    )  # fmt: skip
    await settle_lines(ctx, order_id)


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


async def promise_moved(ctx: Context, order_id: int, *, tell: bool = True) -> None:
    """Tell the client and the plugins of a promise that is another one now.

    Args:
        tell: Whether the client is written to; an amendment has a mail of its own.
    """
    order = await ctx.get("orders.order", order_id)
    if tell:
        await tell_promise(ctx, order)
    await ctx.publish(
        "orders.order.promise_changed", "orders.order", order_id,
        promised_at=order["promised_at"].isoformat(), reason=order["promise_reason"],
    )  # fmt: skip
