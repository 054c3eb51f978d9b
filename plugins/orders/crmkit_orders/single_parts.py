"""Parts of bundles that leave by themselves, before or after the rest of their bundle."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from crmkit import N_, Veto, format_number
from crmkit_orders.bundles import PART
from crmkit_orders.shares import of_bundles, parts_by_line
from crmkit_orders.told import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit import Context
    from crmkit_orders.reading import Row
    from crmkit_orders.stock import Needs

_ZERO, _ONE = Decimal(0), Decimal(1)


class Sent(NamedTuple):
    """What left part by part: goods by product, and bundles by line that are whole with it."""

    goods: Needs
    whole: dict[int, Decimal]


def begun(row: Mapping[str, Any], parts: Sequence[Row]) -> Decimal:
    """Answer of how many bundles of a line parts have left that are not whole yet."""
    most = _ZERO
    for part in parts:
        if part["delivered"] and part["quantity"]:
            share = part["delivered"] * row["quantity"] / part["quantity"]
            most = max(most, share.quantize(_ONE, ROUND_CEILING))
    return min(most, row["quantity"] or _ZERO)


def split_open(
    row: Mapping[str, Any], parts: Sequence[Row], left: Decimal, planned: Mapping[int, Decimal]
) -> tuple[Decimal, list[tuple[Row, Decimal]]]:
    """Answer how many whole bundles are to be sent, and what is missing of those that are begun.

    Args:
        left: Bundles that are open and in no other delivery.
        planned: Single parts that are in deliveries that have not left, by part.
    """
    gone = [{**p, "delivered": (p["delivered"] or _ZERO) + planned.get(p["id"], _ZERO)}
            for p in parts]  # fmt: skip
    whole = max(_ZERO, left - begun(row, gone))
    missing = [
        (part, of_bundles(row, part, left - whole) - part["delivered"])
        for part in (gone if left > whole else ())
    ]
    return whole, [(part, quantity) for part, quantity in missing if quantity > 0]


def check_room(ctx: Context, row: Mapping[str, Any], parts: Sequence[Row], kept: Decimal) -> None:
    """Refuse that more of a part leaves than a line of an order has, whole bundles and single ones.

    Args:
        kept: Whole bundles that the client has.

    Raises:
        Veto: Names the part and how many may be sent by themselves.
    """
    for part in parts:
        room = (part["quantity"] or _ZERO) - of_bundles(row, part, kept)
        if part["delivered"] and part["delivered"] > room:
            text = ctx.translate(N_("{part}: the order allows {n} of it besides whole bundles."))
            shown = format_number(ctx, plain(max(_ZERO, room)))
            raise Veto(text.format(part=part["text"], n=shown))


async def send_parts(
    ctx: Context, order: int, rows: Mapping[int, Mapping[str, Any]],
    lines: Sequence[Mapping[str, Any]],
) -> Sent:  # fmt: skip
    """Count parts that leave by themselves; what makes a bundle whole is one from then on.

    Args:
        rows: Lines of the order by their ids, with whole bundles of this delivery counted.
        lines: Of the delivery.

    Raises:
        Veto: More would leave than the order has, or its line is not confirmed; says which.
    """
    leaving: dict[int, Decimal] = {}
    for line in lines:
        if line["part"]:
            leaving[line["part"]] = leaving.get(line["part"], _ZERO) + line["quantity"]
    sent = Sent({}, {})
    for number, parts in (await parts_by_line(ctx, [order])).items():
        row = rows.get(number)
        if row is not None and row["quantity"]:
            own = {part["id"]: leaving.pop(part["id"], _ZERO) for part in parts}
            await _send_line(ctx, row, parts, own, sent)
    if leaving:
        text = N_("A part is no longer in the order. Remove it from the delivery.")
        raise Veto(ctx.translate(text))
    return sent


async def _send_line(
    ctx: Context, row: Mapping[str, Any], parts: Sequence[Row], leaving: Mapping[int, Decimal],
    sent: Sent,
) -> None:  # fmt: skip
    """Count what leaves of the parts of one line, and note it in `sent`."""
    if any(leaving.values()) and row["confirmed"] is None:
        text = N_("{line} is not confirmed yet. Confirm the changes of the order first.")
        raise Veto(ctx.translate(text).format(line=row["text"]))
    before = {part["id"]: part["delivered"] or _ZERO for part in parts}
    for part in parts:
        part["delivered"] = before[part["id"]] + leaving[part["id"]]
        if part["product"]:
            gone = sent.goods.get(part["product"], _ZERO) + leaving[part["id"]]
            sent.goods[part["product"]] = gone
    kept = (row["delivered"] or _ZERO) - (row["returned"] or _ZERO)
    check_room(ctx, row, parts, kept)
    made = _complete(row, parts, kept)
    if made:
        sent.whole[row["id"]] = made
    for part in parts:
        left = part["delivered"] - of_bundles(row, part, made)
        if left != before[part["id"]]:
            await ctx.derive(PART, part["id"], delivered=left)


def _complete(row: Mapping[str, Any], parts: Sequence[Row], kept: Decimal) -> Decimal:
    """Answer how many bundles single parts make up; the last may be less than one."""
    open_bundles = (row["quantity"] or _ZERO) - kept
    if open_bundles > 0 and all(
        part["delivered"] >= of_bundles(row, part, open_bundles) for part in parts
    ):
        return open_bundles
    found = [
        (part["delivered"] * row["quantity"] / part["quantity"]).quantize(_ONE, ROUND_FLOOR)
        for part in parts
        if part["quantity"]
    ]
    return min(found, default=_ZERO)
