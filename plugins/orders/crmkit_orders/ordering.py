"""What is done with orders: confirmed once, amended, cancelled, ordered again."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from crmkit import N_, Veto, format_money, format_number
from crmkit_orders.domain.quantities import open_quantity
from crmkit_orders.mailing import send_confirmation
from crmkit_orders.promising import default_promise, promise_moved
from crmkit_orders.quoting import check_lines, copy_lines
from crmkit_orders.reading import read_row, read_rows
from crmkit_orders.settings import Settings
from crmkit_orders.states import RUNNING
from crmkit_orders.steps import begin_steps, skip_rest
from crmkit_orders.stock import change_counts, needs_of
from crmkit_orders.told import plain
from crmkit_orders.totals import counts_of, order_rows

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
        Veto: Something is missing, nothing is left, or the client's credit does not reach.
        StaleVersionError: The order changed since the page was shown.
    """
    await ctx.save("orders.order", order_id, version=version, state="confirmed")


async def prepare_order(event: SaveEvent) -> None:
    """Fill in what an order has when it is confirmed, whatever door it comes through."""
    if event.entity.name != "orders.order":
        return
    ctx, values = event.ctx, event.values
    old = event.before.get("state", "draft")
    whole = {**event.before, **values}
    if values.get("state") == "confirmed" and old == "draft":
        if whole.get("promised_at") is None:
            team = whole.get("team") or event.before.get("team_id")
            values["promised_at"] = await default_promise(ctx, team)
        values["first_promise"] = values.get("promised_at") or whole["promised_at"]
        values["confirmed_at"] = ctx.now()
        if not whole.get("deliver_to") and whole.get("company"):
            values["deliver_to"] = await _address(ctx, whole["company"])
    if values.get("state") == "fulfilled":
        values["fulfilled_at"] = ctx.now()
    if old in RUNNING and "currency" in values and values["currency"] != event.before["currency"]:
        text = ctx.translate(N_("is fixed once the order is confirmed"))
        raise Veto(ctx.translate(N_("The order was not changed.")), currency=text)
    if old in RUNNING and "promised_at" in values and values["promised_at"] is None:
        text = ctx.translate(N_("is needed; fill it in"))
        raise Veto(ctx.translate(N_("The order was not changed.")), promised_at=text)


async def order_saved(event: SaveEvent) -> None:
    """Tell the client when the promise of a confirmed order is another one."""
    before = event.before
    if event.entity.name != "orders.order" or before.get("state") not in RUNNING:
        return
    moved = event.values.get("promised_at")
    if moved is not None and moved != before.get("promised_at") and event.record_id:
        await promise_moved(event.ctx, event.record_id)


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
    if event.old in RUNNING and event.new == "draft":
        raise Veto(ctx.translate(N_("A confirmed order is cancelled, not taken back.")))
    rows = await order_rows(ctx, order) if order else []
    if event.new == "confirmed" and event.old == "draft":
        check_lines(ctx, rows)
        await _check_credit(ctx, event.record, order)
        await reserve(ctx, rows)
    elif event.new == "fulfilled":
        if any(open_quantity(counts_of(row)) > 0 for row in rows):
            raise Veto(ctx.translate(N_("Not everything is delivered yet.")))
    elif event.new == "cancelled":
        if any(row["delivered"] and row["delivered"] > (row["returned"] or 0) for row in rows):
            raise Veto(ctx.translate(N_("Something was delivered. Record its return first.")))
        if any(row["invoiced"] for row in rows):
            raise Veto(ctx.translate(N_("Something was invoiced. Issue a credit note first.")))


async def _check_credit(ctx: Context, order: Mapping[str, Any], number: int) -> None:
    """Refuse an order beyond the client's limit that nobody gives a reason for.

    Raises:
        Veto: It is so, and the settings say "block".
    """
    settings = ctx.settings(Settings)
    if not order["company"]:
        return
    own = await ctx.db.value(
        "SELECT custom -> 'orders' ->> 'credit_limit' FROM crm_company WHERE id = $1",
        order["company"],
    )
    limit = Decimal(own) if own else Decimal(settings.credit_limit)
    if limit <= 0 or settings.credit != "block" or str(order.get("credit_override") or "").strip():
        return
    # Two orders of one client take turns, so that each sees the other.
    await ctx.db.execute("SELECT 1 FROM crm_company WHERE id = $1 FOR UPDATE", order["company"])
    running: Decimal = await ctx.db.value(
        "SELECT coalesce(sum(gross), 0) FROM orders_order WHERE company = $1 AND id <> $2 "
        "AND state = ANY($3) AND trashed_at IS NULL AND currency = $4",
        order["company"], number, sorted(RUNNING), order["currency"],
    )  # fmt: skip
    gross = await ctx.db.value("SELECT gross FROM orders_order WHERE id = $1", number) or _ZERO
    if running + gross > limit:
        text = ctx.translate(
            N_("The client's open orders would come to {sum}; the limit is {limit}.")
        ).format(
            sum=format_money(ctx, running + gross, order["currency"]),
            limit=format_money(ctx, limit, order["currency"]),
        )
        field = ctx.translate(N_("is needed to go beyond it; say why"))
        raise Veto(text, credit_override=field)


async def reserve(ctx: Context, rows: Sequence[Mapping[str, Any]]) -> None:
    """Reserve what lines still need and give back what they no longer need.

    Raises:
        Veto: Not enough is left of a product.
    """
    changes = []
    for row in rows:
        wanted = open_quantity(counts_of(row)) if row["trashed_at"] is None else _ZERO
        changes.append((row, wanted - (row["reserved"] or _ZERO)))
    await change_counts(ctx, reserved=await needs_of(ctx, changes))
    for row, change in changes:
        confirmed = row["quantity"] if row["trashed_at"] is None else None
        if change or row["confirmed"] != confirmed:
            await ctx.derive(
                "orders.order_line", row["id"],
                reserved=(row["reserved"] or _ZERO) + change, confirmed=confirmed,
            )  # fmt: skip


async def release(ctx: Context, rows: Sequence[Mapping[str, Any]]) -> None:
    """Give back what lines have reserved."""
    held = [(row, -(row["reserved"] or _ZERO)) for row in rows if row["reserved"]]
    await change_counts(ctx, reserved=await needs_of(ctx, held))
    for row, _change in held:
        await ctx.derive("orders.order_line", row["id"], reserved=_ZERO)


async def order_moved(event: TransitionEvent) -> None:
    """Do what follows a move: steps, mail, events."""
    ctx, number = event.ctx, event.record_id
    if event.new == "confirmed" and event.old == "draft":
        order = await ctx.get("orders.order", number)
        await begin_steps(ctx, order)
        if not await send_confirmation(ctx, order):
            await _tell_no_address(ctx, order)
        await ctx.publish("orders.order.confirmed", "orders.order", number, amendment=0)
    elif event.new == "cancelled":
        order = await ctx.get("orders.order", number)
        await release(ctx, await order_rows(ctx, number))
        await skip_rest(ctx, order, str(order["cancel_reason"]))
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
    rows = await read_rows(
        ctx,
        'SELECT * FROM orders_order_line WHERE "order" = $1 AND (trashed_at IS NULL '
        "OR confirmed IS NOT NULL) ORDER BY position, id",
        order_id,
    )
    check_lines(ctx, [row for row in rows if row["trashed_at"] is None])
    changes = differences(ctx, rows)
    await reserve(ctx, rows)
    number = (order["amendment"] or 0) + 1
    await ctx.save("orders.order", order_id, version=version, amendment=number)
    await ctx.derive("orders.order", order_id, is_amended=False)
    order = await ctx.get("orders.order", order_id)
    if not await send_confirmation(ctx, order, changes):
        await _tell_no_address(ctx, order)
    await ctx.publish(
        "orders.order.confirmed", "orders.order", order_id, amendment=number, changes=changes
    )


def differences(ctx: Context, rows: Sequence[Mapping[str, Any]]) -> str:
    """Answer what differs from what was confirmed, a line for each."""
    made = []
    for row in rows:
        old, new = row["confirmed"], row["quantity"] if row["trashed_at"] is None else None
        if old == new:
            continue
        said = [format_number(ctx, plain(each)) if each is not None else "0" for each in (old, new)]
        made.append(f"{row['text']}: {said[0]} → {said[1]}")
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


async def repeat_order(ctx: Context, order_id: int) -> int:
    """Make a draft of the same lines at the prices of today; a line says what it cost before."""
    order = await ctx.get("orders.order", order_id)
    shared = ("company", "person", "currency", "deliver_to", "note", "prepayment")
    made = await ctx.create("orders.order", **{name: order[name] for name in shared})
    rows = await order_rows(ctx, order_id)
    await copy_lines(ctx, rows, "orders.order_line", "order", made, at_todays_prices=True)
    fresh = await order_rows(ctx, made)
    for old, new in zip(rows, fresh, strict=True):
        if old["unit_price"] != new["unit_price"]:
            text = ctx.translate(N_("Was {price}")).format(
                price=format_number(ctx, plain(old["unit_price"] or _ZERO))
            )
            said = " · ".join(part for part in (new["price_rule"], text) if part)
            await ctx.derive("orders.order_line", new["id"], price_rule=said)
    return made


async def end_links(ctx: Context, order_id: int, _data: None, _version: int | None = None) -> None:
    """End all links to the status page that were given so far; the next mail has a new one."""
    order = await ctx.get("orders.order", order_id, "edit", lock=True)
    await ctx.derive("orders.order", order_id, link=(order["link"] or 1) + 1)
