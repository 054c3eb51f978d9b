"""Stock as two counts of a product: on hand, and reserved by orders.

Whoever changes counts locks the products first, in the order of their ids: two orders of the last
piece take turns, and two orders of the same two products never wait for each other.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from crmkit import N_, InvalidError, Veto, format_number, read_number
from crmkit_orders.domain.errors import UnitError
from crmkit_orders.domain.money import QUANTITY_PLACES as PLACES
from crmkit_orders.domain.units import convert
from crmkit_orders.reading import Row, read_rows
from crmkit_orders.told import plain, told

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from crmkit import Context, SaveEvent

_ZERO, _ONE = Decimal(0), Decimal(1)
#: Fields of a product that say what a line of it takes.
_DEFINES = {"kind", "unit", "is_stocked"}
_MOST = Decimal(10) ** 13
#: What is entered line by line is followed once.
_WAIT = timedelta(minutes=1)
#: Bundles as the catalogue has them, and as they were sold.
_GOODS = """
SELECT product FROM orders_order_line WHERE "order" = $1 AND product IS NOT NULL
UNION SELECT b.product FROM orders_bundle_part b
    JOIN orders_order_line l ON l.product = b.bundle WHERE l."order" = $1
UNION SELECT product FROM orders_line_part WHERE "order" = $1 AND product IS NOT NULL
"""
Needs = dict[int, Decimal]


class CountStock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody counted, in the unit of the product."""

    on_hand: Annotated[str, msgspec.Meta(max_length=30)]
    reason: Annotated[str, msgspec.Meta(max_length=300)] = ""


async def count_stock(
    ctx: Context, product_id: int, data: CountStock, _version: int | None = None
) -> None:
    """Set what is on hand to what was counted.

    The count and its reason are fields of the product, so who, when and why stand in its history.

    Raises:
        InvalidError: It is no number, can be read in two ways, or is negative.
    """
    refused = ctx.translate(N_("The stock was not changed."))
    try:
        counted = read_number(ctx, data.on_hand)
    except InvalidError as error:
        raise InvalidError(refused, {"on_hand": error.message}) from error
    if not 0 <= counted < _MOST:
        raise InvalidError(refused, {"on_hand": ctx.translate(N_("is no count; enter 0 or more"))})
    counted = round(counted, PLACES)
    await lock_products(ctx, [product_id])
    await ctx.save(
        "orders.product", product_id, counted=counted, counted_at=ctx.now(),
        count_reason=data.reason,
    )  # fmt: skip
    await ctx.derive("orders.product", product_id, on_hand=counted)
    await ctx.publish(
        "orders.product.counted", "orders.product", product_id,
        on_hand=str(counted), reason=data.reason,
    )  # fmt: skip


async def lock_products(ctx: Context, ids: Iterable[int]) -> dict[int, Row]:
    """Lock products until the transaction ends and answer them.

    Lines that are being written refer to products, which a weaker lock allows: who enters lines
    waits for no confirmation, and none waits for him.
    """
    rows = await read_rows(
        ctx,
        "SELECT * FROM orders_product WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE",
        sorted(set(ids)),
    )
    return {row["id"]: row for row in rows}


async def lock_goods(ctx: Context, order: int) -> None:
    """Lock all that an order can move of the stock, before some of it moves.

    Goods leave and come back in parts, and what the other lines hold follows after that: two orders
    of the same products would begin with another one each.
    """
    await lock_products(ctx, [row["product"] for row in await read_rows(ctx, _GOODS, order)])


async def needs_of(
    ctx: Context, lines: Sequence[tuple[Mapping[str, Any], Decimal]], *, less_sent: bool = False
) -> Needs:
    """Answer how much of which product so much of these lines takes, as `needs_each` adds up."""
    found: Needs = {}
    for each in await needs_each(ctx, lines, less_sent=less_sent):
        for number, amount in each.items():
            found[number] = found.get(number, _ZERO) + amount
    return found


async def needs_each(
    ctx: Context, lines: Sequence[tuple[Mapping[str, Any], Decimal]], *, less_sent: bool = False
) -> list[Needs]:
    """Answer what each line takes of which product, bundles by their parts; three statements.

    Args:
        lines: Rows with `product` and `unit`, each with a quantity in that unit.
        less_sent: Leave out parts of bundles that left by themselves; rows of orders, with `id`.

    Raises:
        Veto: A unit does not convert into that of the product.
    """
    wanted = {row["product"] for row, quantity in lines if row["product"] and quantity}
    products, parts = await _catalogue(ctx, wanted)
    sent = await _sent(ctx, [row["id"] for row, _quantity in lines] if less_sent and parts else ())
    made = []
    for row, quantity in lines:
        found: Needs = {}
        made.append(found)
        product = products.get(row["product"]) if quantity else None
        if product is None:
            continue
        counted = in_own_unit(ctx, row, product, quantity)
        is_bundle = product["kind"] == "bundle"
        for number, each in parts.get(product["id"], ()) if is_bundle else ((product["id"], _ONE),):
            found[number] = found.get(number, _ZERO) + round(counted * each, PLACES)
        for number, gone in sent.get(row.get("id"), {}).items():
            found[number] = max(_ZERO, found.get(number, _ZERO) - gone)
    return made


async def _sent(ctx: Context, lines: Sequence[int]) -> dict[int | None, Needs]:
    """Answer what left of bundles part by part and is in no whole one yet, by line."""
    found: dict[int | None, Needs] = {}
    for row in (
        await read_rows(
            ctx,
            "SELECT line, product, delivered FROM orders_line_part WHERE line = ANY($1) "
            "AND delivered > 0 AND product IS NOT NULL AND trashed_at IS NULL",
            list(lines),
        )
        if lines
        else ()
    ):
        found.setdefault(row["line"], {})[row["product"]] = row["delivered"]
    return found


async def change_of_needs(
    ctx: Context, lines: Sequence[tuple[Mapping[str, Any], Decimal, Decimal]],
    *, less_sent: bool = False,
) -> Needs:  # fmt: skip
    """Answer what is needed more when lines go from one quantity to another.

    The difference of both needs, not the need of the difference: what is rounded when units are
    converted is given back as it was taken.
    """
    before = await needs_of(ctx, [(row, old) for row, old, _new in lines], less_sent=less_sent)
    after = await needs_of(ctx, [(row, new) for row, _old, new in lines], less_sent=less_sent)
    return difference(before, after)


def difference(before: Needs, after: Needs) -> Needs:
    """Answer what is needed more after than before, of each product."""
    return {
        number: after.get(number, _ZERO) - before.get(number, _ZERO)
        for number in sorted({*before, *after})
    }


async def _catalogue(
    ctx: Context, ids: set[int]
) -> tuple[dict[int, Row], dict[int, list[tuple[int, Decimal]]]]:
    rows = await read_rows(
        ctx, "SELECT id, kind, unit FROM orders_product WHERE id = ANY($1)", sorted(ids)
    )
    parts: dict[int, list[tuple[int, Decimal]]] = {}
    for row in await read_rows(
        ctx,
        "SELECT bundle, product, quantity FROM orders_bundle_part WHERE bundle = ANY($1) "
        "AND trashed_at IS NULL ORDER BY bundle, position, id",
        [row["id"] for row in rows if row["kind"] == "bundle"],
    ):
        parts.setdefault(row["bundle"], []).append((row["product"], row["quantity"]))
    return {row["id"]: row for row in rows}, parts


def in_own_unit(
    ctx: Context, row: Mapping[str, Any], product: Mapping[str, Any], quantity: Decimal
) -> Decimal:
    """Answer a quantity of a line in the unit of its product.

    Raises:
        Veto: The one does not convert into the other.
    """
    if not row["unit"] or row["unit"] == product["unit"]:
        return quantity
    try:
        return round(convert(quantity, row["unit"], product["unit"]), PLACES)
    except UnitError as error:
        raise Veto(told(ctx, error)) from error


async def change_counts(
    ctx: Context, *, on_hand: Needs | None = None, reserved: Needs | None = None
) -> None:
    """Add to the counts of products that are counted, by amounts that may be negative.

    Where more is free afterwards, whatever gave it back, promises that wait for it follow.

    Raises:
        Veto: Less would be free than nothing of a product that may not go negative, or more
            leave than is there; names it and what is left.
    """
    hand, kept, freed = on_hand or {}, reserved or {}, list[int]()
    for number, product in (await lock_products(ctx, [*hand, *kept])).items():
        if not product["is_stocked"]:
            continue
        was, held = product["on_hand"] or _ZERO, product["reserved"] or _ZERO
        there, holds = was + hand.get(number, _ZERO), held + kept.get(number, _ZERO)
        # What is reserved may leave even when too much is reserved by now: nothing less is free.
        lacks = there - holds < min(_ZERO, was - held) or (there < 0 and there < was)
        if lacks and not product["may_go_negative"]:
            free = max(_ZERO, was - held)
            text = ctx.translate(N_("{product}: only {free} are free. Lower the quantity or wait."))
            raise Veto(text.format(product=product["name"], free=format_number(ctx, plain(free))))
        await ctx.derive("orders.product", number, on_hand=there, reserved=holds)
        if there - holds > was - held:
            freed.append(number)
    await goods_changed(ctx, freed)


async def goods_changed(ctx: Context, products: Iterable[int], *, is_less: bool = False) -> None:
    """Let the promises be counted anew that wait for these products; a moment later, once.

    It is queued whether or not somebody waits: who is being confirmed just now is not seen yet.

    Args:
        is_less: There may be fewer of them, so that who waited for nothing may wait now.
    """
    ids = sorted(set(products))
    if ids:
        # Of two long lists that begin alike neither may stand for the other.
        key = hashlib.sha256(f"{ids}{is_less}".encode()).hexdigest()[:32]
        args = {"products": ids, "after": 0, "is_less": is_less}
        await ctx.enqueue("orders.follow_goods", args, at=ctx.now() + _WAIT, key=key)


async def catalogue_saved(event: SaveEvent) -> None:
    """Count anew what is reserved when a bundle, a unit or what is counted became another one."""
    name, record = event.entity.name, event.record_id
    if name == "orders.bundle_part":
        whole = {**event.before, **event.values}
        parts = {whole.get("product"), event.before.get("product")}
        await recount(event.ctx, sorted(each for each in parts if isinstance(each, int)))
    elif name == "orders.product" and event.before and record and _DEFINES & set(event.values):
        parts_of = await read_rows(
            event.ctx, "SELECT product FROM orders_bundle_part WHERE bundle = $1", record
        )
        await recount(event.ctx, [record, *(row["product"] for row in parts_of)])


async def recount(ctx: Context, ids: Sequence[int]) -> None:
    """Set what is reserved of products to what the lines of orders hold of them."""
    products = await lock_products(ctx, ids)
    lines = await read_rows(
        ctx,
        "SELECT id, product, unit, reserved FROM orders_order_line WHERE reserved > 0 AND "
        "(product = ANY($1) OR product IN (SELECT bundle FROM orders_bundle_part "
        "WHERE product = ANY($1)))",
        list(products),
    )
    held = await needs_of(ctx, [(row, row["reserved"]) for row in lines], less_sent=True)
    is_freed = False
    for number, product in products.items():
        holds = held.get(number, _ZERO) if product["is_stocked"] else _ZERO
        is_freed = is_freed or holds < (product["reserved"] or _ZERO)
        await ctx.derive("orders.product", number, reserved=holds)
    # A bundle may consist of others now: who waits for it is found by any of them.
    await goods_changed(ctx, products if is_freed else ())


async def check_catalogue(event: SaveEvent) -> None:
    """Refuse a part that is a bundle itself, and a bundle that is a part.

    Raises:
        Veto: It is so, or a part has no quantity.
    """
    ctx, whole = event.ctx, {**event.before, **event.values}
    if event.entity.name == "orders.bundle_part" and whole.get("product"):
        refused = ctx.translate(N_("The part was not saved."))
        kind = await ctx.db.value("SELECT kind FROM orders_product WHERE id = $1", whole["product"])
        if kind == "bundle" or whole["product"] == whole.get("bundle"):
            text = ctx.translate(N_("is a bundle; choose what it consists of"))
            raise Veto(refused, product=text)
        if not whole.get("quantity") or whole["quantity"] <= 0:
            raise Veto(refused, quantity=ctx.translate(N_("must be more than 0")))
    elif event.entity.name == "orders.product" and event.values.get("kind") == "bundle":
        is_part = event.record_id and await ctx.db.value(
            "SELECT EXISTS (SELECT 1 FROM orders_bundle_part WHERE product = $1 "
            "AND trashed_at IS NULL)",
            event.record_id,
        )
        if is_part:
            text = ctx.translate(N_("is a part of a bundle, so it is none itself"))
            raise Veto(ctx.translate(N_("The product was not changed.")), kind=text)
