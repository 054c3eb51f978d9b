"""Stock as two counts of a product: on hand, and reserved by orders.

Whoever changes counts locks the products first, in the order of their ids: two orders of the last
piece take turns, and two orders of the same two products never wait for each other.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from crmkit import N_, InvalidError, Veto, format_number
from crmkit_orders.domain.errors import UnitError
from crmkit_orders.domain.units import convert
from crmkit_orders.reading import read_row, read_rows
from crmkit_orders.told import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit import Context

_ZERO = Decimal(0)
_MOST = Decimal(10) ** 13
Needs = dict[int, Decimal]


class CountStock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody counted, in the unit of the product."""

    on_hand: Annotated[str, msgspec.Meta(max_length=30)]
    reason: Annotated[str, msgspec.Meta(max_length=300)] = ""


async def count_stock(
    ctx: Context, product_id: int, data: CountStock, _version: int | None = None
) -> None:
    """Set what is on hand to what was counted; who, when and why stand in the history.

    Raises:
        InvalidError: It is no number, or negative.
    """
    try:
        counted = Decimal(data.on_hand.replace(",", ".").strip())
    except ArithmeticError:
        counted = Decimal("NaN")
    if not counted.is_finite() or not 0 <= counted < _MOST:
        text = ctx.translate(N_("is no count; enter 0 or more"))
        raise InvalidError(ctx.translate(N_("The stock was not changed.")), {"on_hand": text})
    await lock_products(ctx, [product_id])
    await ctx.derive("orders.product", product_id, on_hand=round(counted, 4))
    await ctx.publish(
        "orders.product.counted", "orders.product", product_id,
        on_hand=str(counted), reason=data.reason,
    )  # fmt: skip


async def lock_products(ctx: Context, ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    """Lock products until the transaction ends and answer them."""
    rows = await read_rows(
        ctx,
        "SELECT * FROM orders_product WHERE id = ANY($1) ORDER BY id FOR UPDATE",
        sorted(set(ids)),
    )
    return {row["id"]: row for row in rows}


async def needs_of(ctx: Context, lines: Sequence[tuple[Mapping[str, Any], Decimal]]) -> Needs:
    """Answer how much of which product so much of these lines takes, bundles by their parts.

    Args:
        lines: Rows of order lines, each with a quantity in the unit of the line.

    Raises:
        Veto: A unit does not convert into that of the product.
    """
    found: Needs = {}
    for row, quantity in lines:
        if row["product"] is None or not quantity:
            continue
        product = await read_row(
            ctx, "SELECT id, kind, unit FROM orders_product WHERE id = $1", row["product"]
        )
        if product is None:
            continue
        counted = quantity
        if row["unit"] and row["unit"] != product["unit"]:
            try:
                counted = round(convert(quantity, row["unit"], product["unit"]), 4)
            except UnitError as error:
                raise Veto(str(error)) from error
        for number, amount in await _parts(ctx, product, counted):
            found[number] = found.get(number, _ZERO) + amount
    return found


async def _parts(
    ctx: Context, product: Mapping[str, Any], quantity: Decimal
) -> list[tuple[int, Decimal]]:
    if product["kind"] != "bundle":
        return [(product["id"], quantity)]
    rows = await read_rows(
        ctx,
        "SELECT product, quantity FROM orders_bundle_part WHERE bundle = $1 "
        "AND trashed_at IS NULL ORDER BY position, id",
        product["id"],
    )
    return [(row["product"], quantity * row["quantity"]) for row in rows]


async def change_counts(
    ctx: Context, *, on_hand: Needs | None = None, reserved: Needs | None = None
) -> None:
    """Add to the counts of products that are counted, by amounts that may be negative.

    Raises:
        Veto: More would be reserved than is on hand of a product that may not go negative; names
            it and what is left.
    """
    hand, kept = on_hand or {}, reserved or {}
    products = await lock_products(ctx, [*hand, *kept])
    for number, product in products.items():
        if not product["is_stocked"]:
            continue
        there = (product["on_hand"] or _ZERO) + hand.get(number, _ZERO)
        held = max(_ZERO, (product["reserved"] or _ZERO) + kept.get(number, _ZERO))
        more = kept.get(number, _ZERO) > 0 or hand.get(number, _ZERO) < 0
        if more and not product["may_go_negative"] and (held > there or there < 0):
            free = max(_ZERO, (product["on_hand"] or _ZERO) - (product["reserved"] or _ZERO))
            text = ctx.translate(N_("{product}: only {free} are free. Lower the quantity or wait."))
            raise Veto(text.format(product=product["name"], free=format_number(ctx, plain(free))))
        await ctx.derive("orders.product", number, on_hand=there, reserved=held)
