"""Bundles: sold as one line, delivered by their parts, each with its share of the net."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from crmkit import N_, Veto, format_number
from crmkit_orders.domain.money import QUANTITY_PLACES as PLACES
from crmkit_orders.domain.spreading import spread
from crmkit_orders.reading import Row, read_row, read_rows
from crmkit_orders.stock import Needs, in_own_unit
from crmkit_orders.told import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit import Context, SaveEvent

PART = "orders.line_part"
_ZERO = Decimal(0)


class _Part(NamedTuple):
    """What one bundle has of a product; `weight` is what so much of it costs by itself."""

    product: int
    text: str
    each: Decimal
    weight: Decimal


async def spread_bundles(
    ctx: Context,
    order: int,
    rows: Sequence[Mapping[str, Any]],
    nets: Mapping[int, Decimal],
    currency: str,
) -> None:
    """Bring the parts of an order's bundles up to date, and spread the nets of their lines.

    Parts follow the catalogue until something of the line was delivered, as what is reserved does.
    A share changes only with the net or the parts, not with the prices of the catalogue.

    Args:
        rows: Lines of the order.
        nets: Id of a line to its net, in the currency.
    """
    stored: dict[int, list[Row]] = {}
    for part in await parts_of(ctx, order):
        stored.setdefault(part["line"], []).append(part)
    bundles = await _bundles(ctx, rows)
    for row in rows:
        known = stored.pop(row["id"], [])
        product = bundles.get(row["product"])
        if product is None and not known:
            continue
        wanted = product[1] if product is not None else ()
        has_left = (row["delivered"] or _ZERO) > 0 or any(each["delivered"] for each in known)
        if known and has_left:
            wanted = [_kept(each, wanted) for each in known]
        counted = _ZERO
        if product is not None:
            counted = in_own_unit(ctx, row, product[0], row["quantity"] or _ZERO)
        await _bring(ctx, row, known, wanted, counted, nets[row["id"]], currency)
    for gone in stored.values():
        await _remove(ctx, gone)


async def parts_of(ctx: Context, order: int) -> Sequence[Row]:
    """Answer the parts of the bundles in an order, line by line; `ordered` are the bundles."""
    return await read_rows(
        ctx,
        "SELECT p.*, l.quantity AS ordered FROM orders_line_part p "
        "JOIN orders_order_line l ON l.id = p.line "
        'WHERE p."order" = $1 AND p.trashed_at IS NULL ORDER BY p.line, p.position, p.id',
        order,
    )


def part_of(part: Row, bundles: Decimal | None) -> Decimal:
    """Answer how many of a part so many of its bundles have, in the unit of the line."""
    if not part["ordered"] or not bundles:
        return _ZERO
    return plain(round(part["quantity"] * bundles / part["ordered"], PLACES))


async def _bundles(
    ctx: Context, rows: Sequence[Mapping[str, Any]]
) -> dict[int, tuple[Row, list[_Part]]]:
    """Answer the bundles among the products of lines, each with what it consists of."""
    found = await read_rows(
        ctx,
        "SELECT b.id, b.unit, p.id AS product, p.name, p.price, p.currency, "
        "sum(t.quantity) AS each FROM orders_product b "
        "JOIN orders_bundle_part t ON t.bundle = b.id AND t.trashed_at IS NULL "
        "JOIN orders_product p ON p.id = t.product "
        "WHERE b.id = ANY($1) AND b.kind = 'bundle' "
        "GROUP BY b.id, p.id ORDER BY b.id, min(t.position), min(t.id)",
        sorted({row["product"] for row in rows if row["product"]}),
    )
    made: dict[int, tuple[Row, list[_Part]]] = {}
    for row in found:
        others = [each for each in found if each["id"] == row["id"]]
        # Prices in several currencies, or unknown ones, say nothing of each other.
        is_known = len({each["currency"] for each in others}) == 1 and all(
            each["price"] is not None for each in others
        )
        weight = max(row["price"], _ZERO) * row["each"] if is_known else _ZERO
        part = _Part(row["product"], row["name"], row["each"], weight)
        made.setdefault(row["id"], (row, []))[1].append(part)
    return made


def _kept(stored: Row, wanted: Sequence[_Part]) -> _Part:
    """Answer a part as it was delivered, with the weight that the catalogue gives it."""
    weight = next((each.weight for each in wanted if each.product == stored["product"]), _ZERO)
    return _Part(stored["product"], stored["text"], stored["each"], weight)


async def _bring(
    ctx: Context, row: Mapping[str, Any], known: Sequence[Row], wanted: Sequence[_Part],
    counted: Decimal, net: Decimal, currency: str,
) -> None:  # fmt: skip
    """Bring the parts of one line up to date."""
    have = {part["product"]: part for part in known}
    want = {part.product: round(counted * part.each, PLACES) for part in wanted}
    is_same = {product: part["quantity"] for product, part in have.items()} == want
    if is_same and sum((part["net"] for part in known), _ZERO) == net:
        return
    await _remove(ctx, [part for part in known if part["product"] not in want])
    shares = spread(net, [part.weight for part in wanted], currency) if wanted else ()
    for place, (part, share) in enumerate(zip(wanted, shares, strict=True), 1):
        values = {"each": part.each, "quantity": want[part.product], "net": share}
        if part.product in have:
            await ctx.derive(PART, have[part.product]["id"], **values)
            continue
        cost = await ctx.db.value(
            "SELECT amount FROM orders_cost WHERE product = $1 AND trashed_at IS NULL", part.product
        )
        made = await ctx.create(
            PART, order=row["order"], line=row["id"], position=place, product=part.product,
            text=part.text, **values,
        )  # fmt: skip
        await ctx.derive(PART, made, unit_cost=cost)


async def _remove(ctx: Context, parts: Sequence[Row]) -> None:
    for part in parts:
        await ctx.derive(PART, part["id"], quantity=_ZERO, net=_ZERO)
        await ctx.trash(PART, part["id"])


async def keep_part(event: SaveEvent) -> None:
    """Keep the parts of a bundle with its line.

    Raises:
        Veto: Somebody throws one away that the line still has.
    """
    # What no longer belongs to the line was emptied before; an undo takes the line as well.
    if event.entity.name == PART and event.before["quantity"] and event.ctx.cause != "undo":
        text = N_("The parts of a bundle follow from its line. Change the line instead.")
        raise Veto(event.ctx.translate(text))


async def check_part_line(event: SaveEvent, delivery: Row, part_id: int) -> None:
    """Fill a line of a delivery that is one part of a bundle.

    Raises:
        Veto: It is of another order.
    """
    ctx, values = event.ctx, event.values
    refused = ctx.translate(N_("The line was not saved."))
    part = await read_row(
        ctx, "SELECT * FROM orders_line_part WHERE id = $1 AND trashed_at IS NULL", part_id
    )
    if part is None or part["order"] != delivery["order"]:
        text = N_("is no part of a bundle of this order; choose another")
        raise Veto(refused, part=ctx.translate(text))
    values["line"] = part["line"]
    if not {**event.before, **values}.get("text"):
        values["text"] = part["text"]


async def take_back_parts(ctx: Context, order: int, lines: Sequence[Mapping[str, Any]]) -> Needs:
    """Count single parts that came back, and answer how much of which product that is.

    Call it when what came back of whole lines was counted: more of a part than the client has left
    cannot come back either way.

    Raises:
        Veto: More would come back than the client has; names the part.
    """
    came: dict[int, Decimal] = {}
    for line in lines:
        if line["part"]:
            came[line["part"]] = came.get(line["part"], _ZERO) + line["quantity"]
    back: Needs = {}
    rows = await read_rows(
        ctx,
        "SELECT p.*, l.unit, b.unit AS own_unit, l.delivered AS gone, l.returned AS whole "
        "FROM orders_line_part p JOIN orders_order_line l ON l.id = p.line "
        "JOIN orders_product b ON b.id = l.product "
        'WHERE p."order" = $1 AND p.trashed_at IS NULL',
        order,
    )
    for row in rows:
        quantity = came.get(row["id"], _ZERO)
        returned = (row["returned"] or _ZERO) + quantity
        bundles = (row["gone"] or _ZERO) - (row["whole"] or _ZERO)
        kept = round(
            in_own_unit(ctx, row, {"unit": row["own_unit"]}, bundles) * row["each"], PLACES
        ) + (row["delivered"] or _ZERO)
        if returned > kept and (quantity or returned):
            left = max(_ZERO, kept - returned + quantity)
            text = ctx.translate(N_("{part}: only {n} of it can still come back by itself."))
            raise Veto(text.format(part=row["text"], n=format_number(ctx, plain(left))))
        if quantity:
            await ctx.derive(PART, row["id"], returned=returned)
            back[row["product"]] = back.get(row["product"], _ZERO) + quantity
    return back
