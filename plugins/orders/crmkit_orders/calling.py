"""Calling off a blanket order: drafts of it, and never more than was agreed."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit import N_, ConflictError, InputRow, InvalidError, Veto, format_full_date, format_number
from crmkit_orders.agreed import (
    called_of,
    find_line,
    in_unit,
    lines_by_id,
    lines_called,
    lines_of,
    lock_agreements,
    runs_on,
    today_of,
)
from crmkit_orders.agreeing import Typed, read_quantities
from crmkit_orders.agreements import AGREEMENT, left_text
from crmkit_orders.client_pages import unit_label
from crmkit_orders.domain.errors import UnitError
from crmkit_orders.reading import read_row, read_rows
from crmkit_orders.settings import Settings
from crmkit_orders.told import plain, told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit import Context, SaveEvent
    from crmkit_orders.reading import Row

_ZERO = Decimal(0)
#: Fields of an order's line that say whether it fits the line of an agreement it takes of.
_FITS = {"agreement_line", "product", "unit", "order"}


class CallOff(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much is wanted of which line, by its id; None is all that is left of each."""

    quantities: Typed | None = None


async def call_off(
    ctx: Context, agreement_id: int, data: CallOff, version: int | None = None
) -> str:
    """Make a draft of what is wanted of an agreement at its prices; answer its address.

    A second click, with what the page showed before the first one, leads to the same draft.

    Raises:
        ConflictError: The agreement does not run today.
        InvalidError: Nothing is wanted, or more than is left; names the line.
        StaleVersionError: Somebody else called off since the page was shown.
    """
    agreement = await ctx.get(AGREEMENT, agreement_id, "edit", lock=True)
    if version is not None and version != agreement["version"]:
        made = await read_row(
            ctx,
            "SELECT id FROM orders_order WHERE agreement = $1 AND called_version = $2 "
            "AND created_by IS NOT DISTINCT FROM $3 AND trashed_at IS NULL ORDER BY id LIMIT 1",
            agreement_id, version, ctx.user_id,
        )  # fmt: skip
        if made is not None:
            return f"/orders.order/{made['id']}"
    order = await make_draft(ctx, agreement, data.quantities, version)
    return f"/orders.order/{order}"


async def make_draft(
    ctx: Context, agreement: Mapping[str, Any], typed: Mapping[str, str] | None,
    version: int | None = None,
) -> int:  # fmt: skip
    """Make the draft of a call-off and answer its id; the agreement is locked by the caller.

    Raises:
        ConflictError: The agreement does not run today.
        InvalidError: Nothing is wanted, or more than is left; names the line.
        StaleVersionError: The agreement is not the one that was shown.
    """
    check_runs(ctx, agreement)
    rows = {row["id"]: row for row in await lines_of(ctx, agreement["id"])}
    if typed is None:
        wanted = {n: row["remaining"] for n, row in rows.items() if (row["remaining"] or 0) > 0}
    else:
        wanted = {n: each for n, each in read_quantities(ctx, typed, rows).items() if each}
    if not wanted:
        raise InvalidError(ctx.translate(N_("Enter how much is wanted of one line at least.")))
    _check_left(ctx, rows, wanted)
    number = (agreement["calls"] or 0) + 1
    await ctx.save(AGREEMENT, agreement["id"], version=version, calls=number)
    shared = ("company", "person", "client_number", "owner")
    order = await ctx.create(
        "orders.order", **{name: agreement[name] for name in shared},
        currency=agreement["currency"] or ctx.config.currency, team=agreement["team_id"],
        agreement=agreement["id"],
    )  # fmt: skip
    await ctx.derive("orders.order", order, called_version=version)
    for place, (line, quantity) in enumerate(wanted.items(), 1):
        row = rows[line]
        await ctx.create(
            "orders.order_line", order=order, position=place, product=row["product"],
            agreement_line=line, text=row["text"], quantity=quantity, unit=row["unit"],
        )  # fmt: skip
    return order


def check_runs(ctx: Context, agreement: Mapping[str, Any]) -> None:
    """Refuse an agreement that cannot be called off today.

    Raises:
        ConflictError: It is so; says why.
    """
    if runs_on(agreement, today_of(ctx)):
        return
    first = agreement["valid_from"]
    if agreement["state"] == "running" and first is not None and first > today_of(ctx):
        text = ctx.translate(N_("This blanket order begins on {day}."))
        raise ConflictError(text.format(day=format_full_date(ctx, first)))
    raise ConflictError(ctx.translate(N_("This blanket order does not run today.")))


def _check_left(ctx: Context, rows: Mapping[int, Row], wanted: Mapping[int, Decimal]) -> None:
    if ctx.settings(Settings).over_call != "refuse":
        return
    text = ctx.translate(N_("is more than is left: {left}. Lower it, or raise what was agreed."))
    wrong = {
        f"quantities.{number}": text.format(left=left_text(ctx, rows[number]))
        for number, quantity in wanted.items()
        if rows[number]["remaining"] is not None and quantity > rows[number]["remaining"]
    }
    if wrong:
        raise InvalidError(ctx.translate(N_("Nothing was called off.")), wrong)


async def wanted_inputs(ctx: Context, agreement_id: int) -> list[InputRow]:
    """Answer an input for each line, with what is left of it."""
    text = ctx.translate(N_("{left} left"))
    return [
        InputRow(
            str(row["id"]),
            ", ".join(part for part in (row["text"], unit_label(ctx, row["unit"])) if part),
            format(plain(max(_ZERO, row["remaining"])), "f") if row["remaining"] else "",
            text.format(left=left_text(ctx, row)) if row["remaining"] is not None else "",
        )
        for row in await lines_of(ctx, agreement_id)
    ]


async def check_called_line(event: SaveEvent, document: Mapping[str, Any]) -> None:
    """Refuse a line of an order that takes of what was not agreed for it.

    Raises:
        Veto: The agreement is of another client or currency, for another product, in a unit that
            does not convert, or does not run.
    """
    ctx, values = event.ctx, event.values
    whole = {**event.before, **values}
    if not whole.get("agreement_line") or not _FITS & set(values):
        return
    row = await find_line(ctx, whole["agreement_line"])
    if row is None:
        return  # the reference is refused by the rules of every record
    problem = ""
    is_new = whole["agreement_line"] != event.before.get("agreement_line")
    currency = document["currency"] or ctx.config.currency
    if row["company"] != document["company"] or row["currency"] != currency:
        problem = N_("is of another client or in another currency; choose another one or none")
    elif row["product"] != whole.get("product"):
        problem = N_("is for another product; choose another one or none")
    elif is_new and (row["is_gone"] or not runs_on(row, today_of(ctx))):
        problem = N_("is of a blanket order that does not run today; choose another one or none")
    if problem:
        refused = ctx.translate(N_("The line was not saved."))
        raise Veto(refused, agreement_line=ctx.translate(problem))
    try:
        in_unit(whole.get("quantity") or _ZERO, whole["unit"], row["unit"])
    except UnitError as error:
        raise Veto(ctx.translate(N_("The line was not saved.")), unit=told(ctx, error)) from error


async def check_client(event: SaveEvent, whole: Mapping[str, Any]) -> None:
    """Refuse another client or currency of a draft whose lines take of an agreement.

    Raises:
        Veto: It is so; names the agreement.
    """
    ctx, values, before = event.ctx, event.values, event.before
    if event.record_id is None:
        return
    changed = {n for n in ("company", "currency") if n in values and values[n] != before[n]}
    if not changed:
        return
    row = await read_row(
        ctx,
        "SELECT a.number FROM orders_order_line l "
        "JOIN orders_agreement_line m ON m.id = l.agreement_line "
        'JOIN orders_agreement a ON a.id = m.agreement WHERE l."order" = $1 '
        "AND l.trashed_at IS NULL AND (a.company IS DISTINCT FROM $2 "
        "OR coalesce(nullif(a.currency, ''), $4) <> coalesce(nullif($3, ''), $4)) "
        "ORDER BY l.id LIMIT 1",
        event.record_id, whole["company"], whole["currency"] or "", ctx.config.currency,
    )  # fmt: skip
    if row is not None:
        text = ctx.translate(N_("stays while lines are of the blanket order {number}"))
        told_so = text.format(number=row["number"])
        refused = ctx.translate(N_("The order was not changed."))
        raise Veto(refused, **dict.fromkeys(sorted(changed), told_so))


async def check_calls(
    ctx: Context, order: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Refuse or tell of lines that take more of an agreement than is left of it.

    Args:
        rows: Lines of the order as they are to be confirmed; also those in the trash, which take
            nothing.

    Raises:
        Veto: More would be called off than was agreed, and the settings refuse that; or the
            agreement was cancelled.
    """
    numbers = lines_called(rows)
    if not numbers:
        return
    await lock_agreements(ctx, numbers)
    lines = await lines_by_id(ctx, numbers)
    units = {number: line["unit"] for number, line in lines.items()}
    others = await called_of(ctx, units, but=order["id"])
    had = await called_of(ctx, units)
    for number, line in lines.items():
        mine = [row for row in rows if row["agreement_line"] == number and not row["trashed_at"]]
        if line["state"] == "cancelled" and any(row["confirmed"] is None for row in mine):
            text = N_("{line}: the blanket order {number} was cancelled. Take the line off it.")
            raise Veto(ctx.translate(text).format(line=line["text"], number=line["number"]))
        wanted = sum((in_unit(row["quantity"] or _ZERO, row["unit"], line["unit"])
                      for row in mine), _ZERO)  # fmt: skip
        taken = others[number].firm
        is_more = taken + wanted > had[number].firm
        if line["quantity"] is not None and is_more and taken + wanted > line["quantity"]:
            await _too_much(ctx, order, line, line["quantity"] - taken, wanted)


async def _too_much(
    ctx: Context, order: Mapping[str, Any], line: Mapping[str, Any], left: Decimal, wanted: Decimal
) -> None:
    values = {
        "line": str(line["text"]),
        "number": str(line["number"]),
        "left": format_number(ctx, plain(max(_ZERO, left))),
        "wanted": format_number(ctx, plain(wanted)),
    }
    if ctx.settings(Settings).over_call == "refuse":
        text = N_(
            "{line}: {wanted} are ordered, and only {left} are left of the blanket order {number}. "
            "Lower the quantity, raise what was agreed, or take the line off the blanket order."
        )
        raise Veto(ctx.translate(text).format(**values))
    people = {each for each in (order["owner"], line["agreement_owner"]) if each}
    await ctx.notify(
        people, "orders.agreement",
        N_("{order}: {wanted} of {line} were called off, and only {left} were left of {number}."),
        values={"order": str(order["number"]), **values}, entity="orders.order",
        record_id=order["id"], key=f"over:{order['id']}:{line['id']}:{wanted}",
    )  # fmt: skip


async def waiting_call(ctx: Context, agreement: int) -> str:
    """Answer the number of the draft a client called off and nobody confirmed yet; or ""."""
    rows = await read_rows(
        ctx,
        'SELECT o.number FROM orders_reorder r JOIN orders_order o ON o.id = r."order" '
        "WHERE o.agreement = $1 AND o.state = 'draft' AND o.trashed_at IS NULL "
        "ORDER BY o.id LIMIT 1",
        agreement,
    )
    return str(rows[0]["number"]) if rows else ""
