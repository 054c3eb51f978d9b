"""Deliveries: goods leave, arrive, and come back."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import msgspec

from crmkit import N_, ConflictError, Veto, format_number
from crmkit_orders.bundles import check_part_line, take_back_parts
from crmkit_orders.domain.errors import CountsError
from crmkit_orders.domain.quantities import LineCounts, check_counts
from crmkit_orders.guards import check_move
from crmkit_orders.line_promises import open_agreed
from crmkit_orders.mailing import tell_shipped
from crmkit_orders.reading import read_row, read_rows
from crmkit_orders.reserving import follow_order
from crmkit_orders.settings import Settings
from crmkit_orders.shares import parts_by_line
from crmkit_orders.single_parts import send_parts, split_open
from crmkit_orders.states import RUNNING
from crmkit_orders.stock import (
    change_counts,
    change_of_needs,
    difference,
    lock_goods,
    needs_of,
)
from crmkit_orders.told import plain, told
from crmkit_orders.totals import counts_of, order_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from crmkit import Context, SaveEvent, TransitionEvent
    from crmkit_orders.stock import Needs

_ZERO = Decimal(0)
_HUNDRED = Decimal(100)
#: A line of an order, how much of it, and the part of it that travels by itself.
_Line: TypeAlias = "tuple[Mapping[str, Any], Decimal, Mapping[str, Any] | None]"


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
    planned, single = await _planned(ctx, order_id), await _planned_parts(ctx, order_id)
    parts = await parts_by_line(ctx, [order_id])
    open_lines: list[_Line] = []
    for row in await order_rows(ctx, order_id):
        left = open_agreed(row) - planned.get(row["id"], _ZERO)
        whole, missing = split_open(row, parts.get(row["id"], ()), left, single)
        if whole > 0:
            open_lines.append((row, whole, None))
        open_lines += [(row, quantity, part) for part, quantity in missing]
    if not open_lines:
        raise ConflictError(ctx.translate(N_("Nothing is left to deliver.")))
    return await _make(
        ctx, order, open_lines, carrier=data.carrier, tracking=data.tracking,
        planned_for=order["promised_at"], deliver_to=order["deliver_to"],
    )  # fmt: skip


async def prepare_return(
    ctx: Context, order_id: int, _data: None, _version: int | None = None
) -> str:
    """Plan a return of all that the client has and that is in no other one; answer its address.

    Raises:
        ConflictError: The client has nothing of it.
    """
    order = await ctx.get("orders.order", order_id, "edit", lock=True)
    announced = await _planned(ctx, order_id, "return")
    single = await _planned_parts(ctx, order_id, "return")
    parts = await parts_by_line(ctx, [order_id])
    kept: list[_Line] = []
    for row in await order_rows(ctx, order_id):
        counts = counts_of(row)
        left = counts.delivered - counts.returned - announced.get(row["id"], _ZERO)
        if left > 0:
            kept.append((row, left, None))
        for part in parts.get(row["id"], ()):
            back = (part["returned"] or _ZERO) + single.get(part["id"], _ZERO)
            if (part["delivered"] or _ZERO) > back:
                kept.append((row, part["delivered"] - back, part))
    if not kept:
        raise ConflictError(ctx.translate(N_("The client has nothing of this order.")))
    return await _make(ctx, order, kept, direction="return")


async def _make(
    ctx: Context, order: Mapping[str, Any], lines: Sequence[_Line], **values: object
) -> str:
    made = await ctx.create(
        "orders.delivery", order=order["id"], owner=order["owner"], team=order["team_id"], **values
    )
    for place, (row, quantity, part) in enumerate(lines, 1):
        text, number = (row["text"], None) if part is None else (part["text"], part["id"])
        await ctx.create(
            "orders.delivery_line", delivery=made, line=row["id"], part=number, text=text,
            quantity=quantity, position=place,
        )  # fmt: skip
    return f"/orders.delivery/{made}"


async def _planned(ctx: Context, order_id: int, way: str = "out") -> dict[int, Decimal]:
    """Answer how much of each line is in deliveries that have not left yet, or not come back."""
    rows = await read_rows(
        ctx,
        "SELECT l.line, sum(l.quantity) AS quantity FROM orders_delivery_line l "
        "JOIN orders_delivery d ON d.id = l.delivery AND d.trashed_at IS NULL "
        "WHERE d.\"order\" = $1 AND d.state IN ('planned', 'packed') AND d.direction = $2 "
        "AND l.part IS NULL AND l.trashed_at IS NULL GROUP BY l.line",
        order_id, way,
    )  # fmt: skip
    return {row["line"]: row["quantity"] for row in rows}


async def _planned_parts(ctx: Context, order_id: int, way: str = "out") -> dict[int, Decimal]:
    """Answer how much of each part is by itself in deliveries that have not left yet."""
    rows = await read_rows(
        ctx,
        "SELECT l.part, sum(l.quantity) AS quantity FROM orders_delivery_line l "
        "JOIN orders_delivery d ON d.id = l.delivery AND d.trashed_at IS NULL "
        "WHERE d.\"order\" = $1 AND d.state IN ('planned', 'packed') AND d.direction = $2 "
        "AND l.part IS NOT NULL AND l.trashed_at IS NULL GROUP BY l.part",
        order_id, way,
    )  # fmt: skip
    return {row["part"]: row["quantity"] for row in rows}


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
    if whole.get("part"):
        await check_part_line(event, delivery, whole["part"])
        whole |= event.values
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
    """Say that goods came back: those of a return, or everything of a delivery.

    Raises:
        Veto: More would come back than the client has.
        StaleVersionError: It changed since the page was shown.
    """
    delivery = await ctx.get("orders.delivery", delivery_id)
    await ctx.save(
        "orders.delivery", delivery_id, version=version, state="returned", restock=data.restock,
        note="\n".join(part for part in (delivery["note"], data.reason) if part),
    )  # fmt: skip


async def check_delivery(event: TransitionEvent) -> None:
    """Refuse moves that do not fit the direction of the goods.

    Raises:
        Veto: It is so.
    """
    ctx = event.ctx
    check_move(event)
    is_return = event.record["direction"] == "return"
    if is_return and event.new == "shipped":
        raise Veto(ctx.translate(N_("A return is not shipped; take it back when it is here.")))
    if not is_return and event.new == "returned" and event.old in {"planned", "packed"}:
        raise Veto(ctx.translate(N_("This delivery has not left yet.")))


def keep_direction(event: SaveEvent) -> None:
    """Keep which way goods go, and of which order they are, once they moved.

    Raises:
        Veto: It changes.
    """
    if event.entity.name != "orders.delivery" or event.before.get("state", "planned") == "planned":
        return
    text = event.ctx.translate(N_("stays once the delivery is packed"))
    wrong = {
        name: text
        for name in ("direction", "order")
        if name in event.values and event.values[name] != event.before[name]
    }
    if wrong:
        raise Veto(event.ctx.translate(N_("The delivery was not changed.")), **wrong)


async def _lines(ctx: Context, delivery_id: int) -> Sequence[Mapping[str, Any]]:
    return await read_rows(
        ctx,
        "SELECT * FROM orders_delivery_line WHERE delivery = $1 AND trashed_at IS NULL "
        "ORDER BY position, id",
        delivery_id,
    )


async def delivery_moved(event: TransitionEvent) -> None:
    """Do what follows a move of a delivery: counts, stock, the order's state, mail, events."""
    ctx, number = event.ctx, event.record_id
    delivery = await ctx.get("orders.delivery", number)
    # Deliveries of one order take turns.
    order = await ctx.get("orders.order", delivery["order"], "read", lock=True)
    lines = await _lines(ctx, number)
    if event.new in {"shipped", "returned"}:
        await lock_goods(ctx, order["id"])
    if event.new == "shipped":
        await _ship(ctx, order, delivery, lines)
    elif event.new == "returned":
        await _return(ctx, order, lines, restock=delivery["restock"])
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
    if order["state"] not in RUNNING:
        raise Veto(ctx.translate(N_("The order is not confirmed, or is done already.")))
    taken, freed = [], []
    for row, quantity in await _of_order(ctx, order, lines):
        if row["confirmed"] is None:
            text = N_("{line} is not confirmed yet. Confirm the changes of the order first.")
            raise Veto(ctx.translate(text).format(line=row["text"]))
        counts = await _count(ctx, row, delivered=quantity)
        held = row["reserved"] or _ZERO
        left = max(_ZERO, held - quantity)
        await ctx.derive("orders.order_line", row["id"], reserved=left)
        taken.append((row, counts.delivered, counts.delivered - quantity))
        freed.append((row, held, left))
    await change_counts(
        ctx, on_hand=await change_of_needs(ctx, taken),
        reserved=await change_of_needs(ctx, freed, less_sent=True),
    )  # fmt: skip
    await _ship_parts(ctx, order, lines)
    await ctx.save("orders.delivery", delivery["id"], shipped_at=ctx.now())
    await follow_order(ctx, order["id"])
    goods = "\n".join(
        f"{format_number(ctx, plain(line['quantity']))} x {line['text']}" for line in lines
    )
    await tell_shipped(ctx, order, delivery, goods)


async def _ship_parts(
    ctx: Context, order: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]
) -> None:
    """Send off single parts of bundles; those that make a bundle whole are one from then on."""
    rows = {row["id"]: row for row in await order_rows(ctx, order["id"])}
    before = await _held(ctx, rows.values())
    sent = await send_parts(ctx, order["id"], rows, lines)
    for number, bundles in sent.whole.items():
        await _count(ctx, rows[number], delivered=bundles)
        left = max(_ZERO, (rows[number]["reserved"] or _ZERO) - bundles)
        await ctx.derive("orders.order_line", number, reserved=left)
    if any(sent.goods.values()) or sent.whole:
        after = await _held(ctx, await order_rows(ctx, order["id"]))
        gone = {number: -quantity for number, quantity in sent.goods.items()}
        await change_counts(ctx, on_hand=gone, reserved=difference(before, after))


async def _held(ctx: Context, rows: Iterable[Mapping[str, Any]]) -> Needs:
    return await needs_of(ctx, [(row, row["reserved"] or _ZERO) for row in rows], less_sent=True)


async def _return(
    ctx: Context, order: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], *, restock: bool
) -> None:
    came = []
    for row, quantity in await _of_order(ctx, order, lines):
        counts = await _count(ctx, row, returned=quantity)
        came.append((row, counts.returned - quantity, counts.returned))
    back = await take_back_parts(ctx, order["id"], lines)
    if restock:
        for number, amount in (await change_of_needs(ctx, came)).items():
            back[number] = back.get(number, _ZERO) + amount
        await change_counts(ctx, on_hand=back)
    await follow_order(ctx, order["id"])


async def _of_order(
    ctx: Context, order: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]
) -> list[tuple[Mapping[str, Any], Decimal]]:
    """Answer the lines of the order that are in a delivery, each once with all of it.

    Raises:
        Veto: There is none, or one was removed from the order.
    """
    if not lines:
        raise Veto(ctx.translate(N_("There is nothing in this delivery. Add a line first.")))
    rows = {row["id"]: row for row in await order_rows(ctx, order["id"])}
    found: dict[int, Decimal] = {}
    for line in lines:
        if line["part"]:
            continue  # a single part of a bundle, which is counted for itself
        if line["line"] not in rows:
            text = N_("{line} is no longer in the order. Remove it from the delivery.")
            raise Veto(ctx.translate(text).format(line=line["text"]))
        found[line["line"]] = found.get(line["line"], _ZERO) + line["quantity"]
    return [(rows[number], quantity) for number, quantity in found.items()]


async def _count(
    ctx: Context, row: Mapping[str, Any], delivered: Decimal = _ZERO, returned: Decimal = _ZERO
) -> LineCounts:
    """Add to the counts of a line of an order and answer them.

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
    return new
