"""What stays: moves that nobody takes back, and documents that nobody throws away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit import N_, Veto
from crmkit_orders.shares import has_single, parts_by_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit import Context, SaveEvent, TransitionEvent

#: Entity to the states in which its records may go to the trash, and why not in others.
_LOOSE = {
    "orders.quote": (
        frozenset({"draft", "sent", "refused", "expired", "superseded"}),
        N_("An accepted quote stays: an order was made of it."),
    ),
    "orders.order": (
        frozenset({"draft", "cancelled"}),
        N_("A confirmed order stays. Cancel it instead."),
    ),
    "orders.delivery": (
        frozenset({"planned", "packed"}),
        N_("What was shipped stays as it is. A mistake is a return."),
    ),
    "orders.agreement": (
        frozenset({"draft", "cancelled"}),
        N_("A blanket order that was begun stays. Close or cancel it instead."),
    ),
    "orders.receipt": (
        frozenset({"expected", "cancelled"}),
        N_("Goods of this receipt were counted in, so it stays."),
    ),
}
#: What a confirmed order and its stock are made of goes with the order only.
_OF_ORDER = frozenset({"orders.step", "orders.handover", "orders.claim"})
_DRAFT = frozenset({"draft", "cancelled", None})


def check_move(event: TransitionEvent) -> None:
    """Refuse a move that the lifecycle does not have, also when somebody undoes one.

    Goods that left, mail that was sent and stock that was counted do not come back by an undo.

    Raises:
        Veto: It has none, or a new record would skip what its states ask for.
    """
    ctx, lifecycle = event.ctx, event.entity.lifecycle
    if not event.record_id:
        text = N_("A new document begins at its first state. Move it on afterwards.")
        raise Veto(ctx.translate(text))
    if lifecycle is not None and not lifecycle.can_move(event.old, event.new):
        raise Veto(ctx.translate(N_("What followed from this move cannot be taken back.")))


async def check_cancel(ctx: Context, order: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Refuse to cancel an order of which the client has something, or an invoice.

    Raises:
        Veto: It is so; says what comes first.
    """
    has_whole = any(row["delivered"] and row["delivered"] > (row["returned"] or 0) for row in rows)
    if has_whole or has_single(await parts_by_line(ctx, [order])):
        raise Veto(ctx.translate(N_("Something was delivered. Record its return first.")))
    is_invoiced = any(row["invoiced"] for row in rows) or await ctx.db.value(
        'SELECT EXISTS (SELECT FROM orders_claim WHERE "order" = $1 AND released_at IS NULL)',
        order,
    )
    if is_invoiced:
        raise Veto(ctx.translate(N_("Something was invoiced. Issue a credit note first.")))


async def keep_documents(event: SaveEvent) -> None:
    """Keep documents that something followed from.

    Raises:
        Veto: It is one of them.
    """
    ctx, name = event.ctx, event.entity.name
    if name in _LOOSE:
        states, text = _LOOSE[name]
        if event.before["state"] not in states:
            raise Veto(ctx.translate(text))
    elif name in _OF_ORDER:
        state = await ctx.db.value(
            "SELECT state FROM orders_order WHERE id = $1", event.before["order"]
        )
        if state not in _DRAFT:
            raise Veto(ctx.translate(N_("Steps and hand-overs of an order stay.")))
    elif name == "orders.product" and event.before["reserved"]:
        raise Veto(ctx.translate(N_("Orders have reserved this product. It stays.")))
    elif name in {"orders.delivery_line", "orders.receipt_line"}:
        await _keep_line(event)


async def _keep_line(event: SaveEvent) -> None:
    ctx, name = event.ctx, event.entity.name
    if name == "orders.receipt_line":
        if event.before["received"]:
            raise Veto(ctx.translate(N_("Goods of this receipt were counted in, so it stays.")))
        return
    state = await ctx.db.value(
        "SELECT state FROM orders_delivery WHERE id = $1", event.before["delivery"]
    )
    if state not in {"planned", "packed", None}:
        text = N_("What was shipped stays as it is. A mistake is a return.")
        raise Veto(ctx.translate(text))
