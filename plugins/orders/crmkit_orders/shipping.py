"""Deliveries: goods leave, arrive, and come back."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from crmkit import N_, ConflictError, Veto, format_number
from crmkit_orders.domain.errors import CountsError
from crmkit_orders.domain.quantities import LineCounts, check_counts, open_quantity
from crmkit_orders.mailing import tell_shipped
from crmkit_orders.ordering import reserve
from crmkit_orders.reading import read_row, read_rows
from crmkit_orders.settings import Settings
from crmkit_orders.steps import finish_named
from crmkit_orders.stock import Needs, change_counts, needs_of
from crmkit_orders.told import plain, told
from crmkit_orders.totals import add_up_order, counts_of, order_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit import Context, SaveEvent, TransitionEvent

_ZERO = Decimal(0)
_HUNDRED = Decimal(100)


class ShipLines(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How it travels; what is in it is everything that is open, to be changed on its page."""

    carrier: Annotated[str, msgspec.Meta(max_length=120)] = ""
    tracking: Annotated[str, msgspec.Meta(max_length=120)] = ""


class TakeBack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why goods came back, and whether they can be sold again."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    restock: bool = True


async def prepare_delivery(
    ctx: Context, order_id: int, data: ShipLines, _version: int | None = None
) -> str:
    """Plan a delivery of all that is open and in no other one; answer its address.

    Raises:
        ConflictError: Nothing is open.
    """
    order = await ctx.get("orders.order", order_id, "edit", lock=True)
    planned = await _planned(ctx, order_id)
    open_lines = []
    for row in await order_rows(ctx, order_id):
        left = open_quantity(counts_of(row)) - planned.get(row["id"], _ZERO)
        if left > 0:
            open_lines.append((row, left))
    if not open_lines:
        raise ConflictError(ctx.translate(N_("Nothing is left to deliver.")))
    made = await ctx.create(
        "orders.delivery", order=order_id, carrier=data.carrier, tracking=data.tracking,
        planned_for=order["promised_at"], deliver_to=order["deliver_to"], owner=order["owner"],
        team=order["team_id"],
    )  # fmt: skip
    for place, (row, left) in enumerate(open_lines, 1):
        await ctx.create(
            "orders.delivery_line", delivery=made, line=row["id"], text=row["text"],
            quantity=left, position=place,
        )  # fmt: skip
    return f"/orders.delivery/{made}"


async def _planned(ctx: Context, order_id: int) -> dict[int, Decimal]:
    """Answer how much of each line is in deliveries that have not left yet."""
    rows = await read_rows(
        ctx,
        "SELECT l.line, sum(l.quantity) AS quantity FROM orders_delivery_line l "
        "JOIN orders_delivery d ON d.id = l.delivery AND d.trashed_at IS NULL "
        "WHERE d.\"order\" = $1 AND d.state IN ('planned', 'packed') AND d.direction = 'out' "
        "AND l.trashed_at IS NULL GROUP BY l.line",
        order_id,
    )
    return {row["line"]: row["quantity"] for row in rows}


async def check_delivery_line(event: SaveEvent) -> None:
    """Refuse a line of another order, of nothing, or of a delivery that has left.

    Raises:
        Veto: It is so.
    """
    if event.entity.name != "orders.delivery_line":
        return
    ctx, whole = event.ctx, {**event.before, **event.values}
    delivery = await read_row(
        ctx, "SELECT * FROM orders_delivery WHERE id = $1", whole.get("delivery")
    )
    if delivery is None:
        return
    if delivery["state"] not in {"planned", "packed"}:
        text = N_("What was shipped stays as it is. A mistake is a return.")
        raise Veto(ctx.translate(text))
    refused = ctx.translate(N_("The line was not saved."))
    line = await read_row(ctx, "SELECT * FROM orders_order_line WHERE id = $1", whole.get("line"))
    if line is None or line["order"] != delivery["order"]:
        raise Veto(refused, line=ctx.translate(N_("is no line of this order; choose another")))
    if not whole.get("quantity") or whole["quantity"] <= 0:
        raise Veto(refused, quantity=ctx.translate(N_("must be more than 0")))
    if not whole.get("text"):
        event.values["text"] = line["text"]


async def ship_delivery(
    ctx: Context, delivery_id: int, _data: None, version: int | None = None
) -> None:
    """Send a delivery off: counts and stock follow, and the client is told once.

    Raises:
        Veto: It holds more than the order allows, or more than is there.
        StaleVersionError: It changed since the page was shown.
    """
    await ctx.save("orders.delivery", delivery_id, version=version, state="shipped")


async def finish_delivery(
    ctx: Context, delivery_id: int, _data: None, version: int | None = None
) -> None:
    """Say that a delivery has arrived."""
    await ctx.save("orders.delivery", delivery_id, version=version, state="delivered")


async def take_back(
    ctx: Context, delivery_id: int, data: TakeBack, version: int | None = None
) -> None:
    """Take everything of a delivery back.

    Raises:
        Veto: It was taken back already.
        StaleVersionError: It changed since the page was shown.
    """
    if not data.restock:
        await ctx.save("orders.delivery", delivery_id, note=N_("Not put back into stock."))
    await ctx.save("orders.delivery", delivery_id, version=None, state="returned")
    del version
    delivery = await ctx.get("orders.delivery", delivery_id)
    lines = await _lines(ctx, delivery_id)
    if not data.restock:
        needs = await _needs(ctx, lines)
        await change_counts(ctx, on_hand={n: -amount for n, amount in needs.items()})
    order = await ctx.get("orders.order", delivery["order"])
    await ctx.save(
        "orders.delivery", delivery_id,
        note="\n".join(part for part in (delivery["note"], data.reason) if part),
    )  # fmt: skip
    del order


async def _lines(ctx: Context, delivery_id: int) -> Sequence[Mapping[str, Any]]:
    return await read_rows(
        ctx,
        "SELECT * FROM orders_delivery_line WHERE delivery = $1 AND trashed_at IS NULL "
        "ORDER BY position, id",
        delivery_id,
    )


async def _needs(ctx: Context, lines: Sequence[Mapping[str, Any]]) -> Needs:
    of_order = await read_rows(
        ctx, "SELECT * FROM orders_order_line WHERE id = ANY($1)", [row["line"] for row in lines]
    )
    found = {row["id"]: row for row in of_order}
    return await needs_of(ctx, [(found[row["line"]], row["quantity"]) for row in lines])


async def delivery_moved(event: TransitionEvent) -> None:
    """Do what follows a move of a delivery: counts, stock, the order's state, mail, events."""
    ctx, number = event.ctx, event.record_id
    delivery = await ctx.get("orders.delivery", number)
    # Deliveries of one order take turns.
    order = await ctx.get("orders.order", delivery["order"], "read", lock=True)
    lines = await _lines(ctx, number)
    if event.new == "shipped":
        await _ship(ctx, order, delivery, lines)
    elif event.new == "returned":
        await _return(ctx, order, lines)
    elif event.new == "delivered":
        await ctx.save("orders.delivery", number, delivered_at=ctx.now())
    if event.new in {"shipped", "delivered", "returned"}:
        await ctx.publish(
            f"orders.delivery.{event.new}", "orders.delivery", number, order=delivery["order"]
        )


async def _ship(
    ctx: Context, order: Mapping[str, Any], delivery: Mapping[str, Any],
    lines: Sequence[Mapping[str, Any]],
) -> None:  # fmt: skip
    if not lines:
        raise Veto(ctx.translate(N_("There is nothing in this delivery. Add a line first.")))
    if order["state"] not in {"confirmed", "in_progress"}:
        raise Veto(ctx.translate(N_("The order is not confirmed, or is done already.")))
    before = {row["id"]: row for row in await order_rows(ctx, order["id"])}
    reserved: Needs = {}
    for line in lines:
        row = before[line["line"]]
        await _count(ctx, row, delivered=line["quantity"])
        held = min(row["reserved"] or _ZERO, line["quantity"])
        for product, amount in (await needs_of(ctx, [(row, held)])).items():
            reserved[product] = reserved.get(product, _ZERO) - amount
        await ctx.derive("orders.order_line", row["id"], reserved=(row["reserved"] or _ZERO) - held)
    taken = await _needs(ctx, lines)
    await change_counts(
        ctx, on_hand={product: -amount for product, amount in taken.items()}, reserved=reserved
    )
    await ctx.save("orders.delivery", delivery["id"], shipped_at=ctx.now())
    await add_up_order(ctx, order["id"])
    await _follow_order(ctx, order["id"])
    goods = "\n".join(
        f"{format_number(ctx, plain(line['quantity']))} x {line['text']}" for line in lines
    )
    await tell_shipped(ctx, order, delivery, goods)


async def _return(
    ctx: Context, order: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]
) -> None:
    rows = {row["id"]: row for row in await order_rows(ctx, order["id"])}
    for line in lines:
        await _count(ctx, rows[line["line"]], returned=line["quantity"])
    await change_counts(ctx, on_hand=await _needs(ctx, lines))
    await add_up_order(ctx, order["id"])
    await _follow_order(ctx, order["id"])


async def _count(
    ctx: Context, row: Mapping[str, Any], delivered: Decimal = _ZERO, returned: Decimal = _ZERO
) -> None:
    """Add to the counts of a line of an order.

    Raises:
        Veto: The order does not allow so much.
    """
    settings = ctx.settings(Settings)
    old = counts_of(row)
    new = LineCounts(
        ordered=old.ordered, delivered=old.delivered + delivered,
        returned=old.returned + returned, invoiced=old.invoiced, cancelled=old.cancelled,
    )  # fmt: skip
    tolerance = old.ordered * settings.tolerance / _HUNDRED
    try:
        check_counts(new, tolerance, settings.invoice_by, old)
    except CountsError as error:
        raise Veto(f"{row['text']}: {told(ctx, error)}") from error
    await ctx.derive("orders.order_line", row["id"], delivered=new.delivered, returned=new.returned)


async def _follow_order(ctx: Context, order_id: int) -> None:
    """Move an order as its lines say: in progress, or fulfilled when nothing is open."""
    order = await ctx.get("orders.order", order_id)
    rows = await order_rows(ctx, order_id)
    is_open = any(open_quantity(counts_of(row)) > 0 for row in rows)
    any_gone = any((row["delivered"] or 0) > (row["returned"] or 0) for row in rows)
    wanted = "fulfilled" if not is_open else "in_progress" if any_gone else "confirmed"
    if is_open:
        await reserve(ctx, rows)
    if wanted != order["state"] and order["state"] in {"confirmed", "in_progress", "fulfilled"}:
        if order["state"] == "fulfilled" and wanted == "confirmed":
            await ctx.save("orders.order", order_id, state="in_progress")
        await ctx.save("orders.order", order_id, state=wanted)
    if not is_open:
        await finish_named(ctx, order, ("check", "prepare", "deliver"))
    elif any_gone:
        await finish_named(ctx, order, ("check", "prepare"))
