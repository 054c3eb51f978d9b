"""What is done with orders: confirmed once, amended, cancelled, ordered again."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from crmkit import (
    N_,
    ConflictError,
    Sentence,
    Veto,
    format_money,
    format_number,
    join_kept,
    keep_sentences,
)
from crmkit_orders.agreed import lines_called, lock_agreements
from crmkit_orders.agreements import recount_lines
from crmkit_orders.calling import check_calls, check_client
from crmkit_orders.credit import check_credit
from crmkit_orders.domain.quantities import open_quantity
from crmkit_orders.guards import check_cancel, check_move
from crmkit_orders.line_promises import settle_lines
from crmkit_orders.mailing import send_confirmation
from crmkit_orders.promising import (
    by_rule,
    note_hand,
    prepare_promise,
    promise_changes,
    promise_moved,
)
from crmkit_orders.quoting import check_lines, copy_lines
from crmkit_orders.reading import read_row
from crmkit_orders.reserving import follow_order, release, reserve
from crmkit_orders.states import ENDED, FOLLOWING, RUNNING
from crmkit_orders.steps import begin_steps, skip_rest
from crmkit_orders.told import plain
from crmkit_orders.totals import add_up_order, counts_of, every_order_row, order_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit import Context, SaveEvent, TransitionEvent

_ZERO = Decimal(0)


class CancelOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why it is cancelled."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


async def confirm_order(
    ctx: Context, order_id: int, _data: None, version: int | None = None
) -> None:
    """Confirm an order: reserve, promise, give it steps, and thank the client once.

    Raises:
        Veto: Something is missing, nothing is left, more than was agreed is called off, or the
            client's credit does not reach.
        StaleVersionError: The order changed since the page was shown.
    """
    await ctx.save("orders.order", order_id, version=version, state="confirmed")


async def prepare_order(event: SaveEvent) -> None:
    """Fill in what an order has when it is confirmed, whatever door it comes through.

    Raises:
        Veto: Something changes that the confirmation fixed, or the promise has no reason.
    """
    if event.entity.name != "orders.order":
        return
    ctx, values = event.ctx, event.values
    note_hand(event)
    old = event.before.get("state", "draft")
    whole = {**event.before, **values}
    if values.get("state") == "confirmed" and old == "draft":
        await _prepare_confirmation(event, whole)
    if values.get("state") == "fulfilled":
        values["fulfilled_at"] = ctx.now()
    if values.get("state") in ENDED and old not in ENDED:
        values["closed_on"] = ctx.now().astimezone(ctx.time_zone).date()
    if old != "draft":
        _keep_confirmed(event, whole)
    await check_client(event, whole)


def _keep_confirmed(event: SaveEvent, whole: Mapping[str, Any]) -> None:
    """Keep what the confirmation fixed, and give a promise that moves its reason.

    Raises:
        Veto: It is not so.
    """
    ctx, values, old = event.ctx, event.values, event.before["state"]
    # Steps that were ended by mistake come back by an undo, the confirmation itself does not.
    is_step = ctx.cause == "undo" and "step" in values
    if is_step and (not values["step"] or old not in FOLLOWING):
        raise Veto(ctx.translate(N_("What followed from this move cannot be taken back.")))
    wrong: dict[str, str] = {}
    for name in ("company", "currency"):
        # A client that is merged with another one is the same client.
        is_same = name == "company" and ctx.cause == "merge"
        if name in values and values[name] != event.before[name] and not is_same:
            wrong[name] = ctx.translate(N_("is fixed once the order is confirmed"))
    moved = values.get("promised_at", event.before["promised_at"]) != event.before["promised_at"]
    if moved and old in RUNNING:
        needed = ctx.translate(N_("is needed; fill it in"))
        if values["promised_at"] is None:
            wrong["promised_at"] = needed
        if not str(whole.get("promise_reason") or "").strip():
            wrong["promise_reason"] = needed
    if wrong:
        raise Veto(ctx.translate(N_("The order was not changed.")), **wrong)


async def _prepare_confirmation(event: SaveEvent, whole: Mapping[str, Any]) -> None:
    ctx, values = event.ctx, event.values
    await prepare_promise(event, whole)
    values["confirmed_at"] = ctx.now()
    if not whole.get("deliver_to") and whole.get("company"):
        values["deliver_to"] = await _address(ctx, whole["company"])


async def order_saved(event: SaveEvent) -> None:
    """Tell the client when the promise of a confirmed order is another one."""
    before = event.before
    if event.entity.name != "orders.order" or before.get("state") not in RUNNING:
        return
    if "deliver_to" in event.values and event.record_id:
        await mark_amended(event.ctx, event.record_id)
    moved = event.values.get("promised_at")
    if moved is not None and moved != before.get("promised_at") and event.record_id:
        await promise_moved(event.ctx, event.record_id, tell="amendment" not in event.values)
        await settle_lines(event.ctx, event.record_id)


async def mark_amended(ctx: Context, order: int) -> None:
    """Note whether a confirmed order says something else than what was confirmed."""
    # A line is as it was confirmed when it is there as it was, or is gone and was never confirmed.
    is_amended = await ctx.db.value(
        "SELECT o.deliver_to <> o.confirmed_to OR EXISTS ("
        'SELECT 1 FROM orders_order_line l WHERE l."order" = o.id AND CASE '
        "WHEN l.trashed_at IS NULL THEN (l.confirmed, l.confirmed_net) "
        "IS DISTINCT FROM (coalesce(l.quantity, 0), l.net) "
        "ELSE l.confirmed IS NOT NULL END) FROM orders_order o "
        "WHERE o.id = $1 AND o.state = ANY($2)",
        order, sorted(FOLLOWING),
    )  # fmt: skip
    if is_amended is not None:
        await ctx.derive("orders.order", order, is_amended=is_amended)


async def _address(ctx: Context, company: int) -> str:
    row = await read_row(
        ctx, "SELECT name, address, city, country FROM crm_company WHERE id = $1", company
    )
    return "\n".join(part for part in (row or {}).values() if part)


async def check_order(event: TransitionEvent) -> None:
    """Refuse a move that the lines, the stock or the client's credit do not allow.

    Raises:
        Veto: Names what is missing.
    """
    ctx, order = event.ctx, event.record_id
    check_move(event)
    rows = await order_rows(ctx, order)
    if event.new == "confirmed" and event.old == "draft":
        check_lines(ctx, rows)
        # Before the client and its products: who ends an order locks in the same order.
        await check_calls(ctx, {**event.record, "id": order}, rows)
        await check_credit(event)
        await reserve(ctx, rows, confirming=True)
        await ctx.derive(
            "orders.order", order, confirmed_to=event.record["deliver_to"], most_discount=_ZERO
        )
    elif event.new == "fulfilled":
        if any(open_quantity(counts_of(row)) > 0 for row in rows):
            raise Veto(ctx.translate(N_("Not everything is delivered yet.")))
    elif event.new == "cancelled":
        await lock_agreements(ctx, lines_called(await every_order_row(ctx, order)))
        await check_cancel(ctx, order, rows)


async def order_moved(event: TransitionEvent) -> None:
    """Do what follows a move: steps, mail, events."""
    ctx, number = event.ctx, event.record_id
    if event.new == "confirmed" and event.old == "draft":
        order = await ctx.get("orders.order", number)
        await begin_steps(ctx, order)
        await recount_lines(ctx, lines_called(await order_rows(ctx, number)))
        await settle_lines(ctx, number)
        if not await send_confirmation(ctx, order):
            await _tell_no_address(ctx, order)
        await ctx.publish("orders.order.confirmed", "orders.order", number, amendment=0)
    elif event.new == "cancelled":
        order = await ctx.get("orders.order", number)
        rows = await every_order_row(ctx, number)
        await release(ctx, rows)
        await recount_lines(ctx, lines_called(rows))
        await ctx.derive("orders.order", number, is_amended=False)
        await add_up_order(ctx, number)
        await skip_rest(ctx, order, str(order["cancel_reason"]))
        await settle_lines(ctx, number)
        await ctx.publish("orders.order.cancelled", "orders.order", number)
    elif event.new == "fulfilled":
        await ctx.publish("orders.order.fulfilled", "orders.order", number)


async def _tell_no_address(ctx: Context, order: Mapping[str, Any]) -> None:
    if order["owner"]:
        await ctx.notify(
            [order["owner"]], "orders.step",
            N_("{order}: the client has no e-mail address, so no confirmation was sent."),
            values={"order": str(order["number"])}, entity="orders.order", record_id=order["id"],
            key=f"no-address:{order['id']}",
        )  # fmt: skip


async def confirm_changes(
    ctx: Context, order_id: int, _data: None, version: int | None = None
) -> None:
    """Confirm what was changed in a confirmed order: an amendment, told to the client once.

    Raises:
        Veto: Not enough is left of a product, or a line is not matched.
        StaleVersionError: The order changed since the page was shown.
    """
    order = await ctx.get("orders.order", order_id, "edit", lock=True)
    if not order["is_amended"]:
        raise ConflictError(ctx.translate(N_("Nothing changed since the order was confirmed.")))
    rows = await every_order_row(ctx, order_id)
    check_lines(ctx, [row for row in rows if row["trashed_at"] is None])
    changes = await differences(ctx, order, rows)
    await check_calls(ctx, order, rows)
    await reserve(ctx, rows, confirming=True)
    await recount_lines(ctx, lines_called(rows))
    number = (order["amendment"] or 0) + 1
    promised = await promise_changes(ctx, order)
    with by_rule():
        await ctx.save("orders.order", order_id, version=version, amendment=number, **promised)
    await ctx.derive("orders.order", order_id, is_amended=False, confirmed_to=order["deliver_to"])
    await follow_order(ctx, order_id)
    order = await ctx.get("orders.order", order_id)
    if not await send_confirmation(ctx, order, changes):
        await _tell_no_address(ctx, order)
    await ctx.publish(
        "orders.order.confirmed", "orders.order", order_id, amendment=number, changes=changes
    )


async def differences(
    ctx: Context, order: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> str:
    """Answer what differs from what was confirmed, a line for each."""
    made = []
    for row in rows:
        old, new = row["confirmed"], row["quantity"] if row["trashed_at"] is None else None
        if old != new:
            said = [format_number(ctx, plain(each or _ZERO)) for each in (old, new)]
        elif row["confirmed_net"] != row["net"]:
            nets = (row["confirmed_net"] or _ZERO, row["net"] or _ZERO)
            said = [format_money(ctx, each, order["currency"]) for each in nets]
        else:
            continue
        made.append(f"{row['text']}: {said[0]} → {said[1]}")
    confirmed_to = await ctx.db.value(
        "SELECT confirmed_to FROM orders_order WHERE id = $1", order["id"]
    )
    if confirmed_to != order["deliver_to"]:
        where = [", ".join(each.split("\n")) for each in (confirmed_to, order["deliver_to"])]
        made.append(f"{ctx.translate(N_('Deliver to'))}: {where[0]} → {where[1]}")
    return "\n".join(made)


async def cancel_order(
    ctx: Context, order_id: int, data: CancelOrder, version: int | None = None
) -> None:
    """Cancel an order; what it had reserved is free again.

    Raises:
        Veto: Something was delivered or invoiced and not taken back.
        StaleVersionError: The order changed since the page was shown.
    """
    await ctx.save(
        "orders.order", order_id, version=version, state="cancelled", cancel_reason=data.reason
    )


async def order_again(ctx: Context, order_id: int, _data: None, _version: int | None = None) -> str:
    """Make a draft of the same lines at the prices of today, and answer its address."""
    return f"/orders.order/{await repeat_order(ctx, order_id)}"


async def repeat_order(ctx: Context, order_id: int, owner: int | None = None) -> int:
    """Make a draft of the same lines at the prices of today; a line says what is different.

    Args:
        owner: Whom it belongs to; None is who does it.
    """
    order = await ctx.get("orders.order", order_id)
    shared = ("company", "person", "currency", "deliver_to", "note", "prepayment")
    values = {name: order[name] for name in shared}
    made = await ctx.create("orders.order", **values, **({"owner": owner} if owner else {}))
    rows = await order_rows(ctx, order_id)
    await copy_lines(ctx, rows, "orders.order_line", "order", made, at_todays_prices=True)
    for old, new in zip(rows, await order_rows(ctx, made), strict=True):
        news = await _news(ctx, old, new)
        if news:
            text = join_kept(new["price_rule"], keep_sentences(*news))
            await ctx.derive("orders.order_line", new["id"], price_rule=text)
    return made


async def end_links(ctx: Context, order_id: int, _data: None, _version: int | None = None) -> None:
    """End all links to the status page that were given so far; the next mail has a new one."""
    order = await ctx.get("orders.order", order_id, "edit", lock=True)
    await ctx.derive("orders.order", order_id, link=(order["link"] or 1) + 1)


async def _news(ctx: Context, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Sentence]:
    """Answer what is different when a line is ordered again."""
    said = []
    if old["unit_price"] != new["unit_price"]:
        said.append(Sentence(N_("Was {price}"), price=plain(old["unit_price"] or _ZERO)))
    product = await read_row(
        ctx, "SELECT is_active, trashed_at FROM orders_product WHERE id = $1", old["product"]
    )
    if product is not None and (product["trashed_at"] or not product["is_active"]):
        said.append(Sentence(N_("No longer sold")))
    return said
