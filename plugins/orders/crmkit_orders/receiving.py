"""Receipts: what was expected comes, in part or all of it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from crmkit import N_, InvalidError, Veto, format_number, read_number
from crmkit_orders.guards import check_move
from crmkit_orders.reading import read_rows
from crmkit_orders.stock import change_counts, goods_changed, needs_of
from crmkit_orders.told import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit import Context, SaveEvent, TransitionEvent

_ZERO = Decimal(0)


class Receive(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What came: counts in the order of the lines, with spaces between; empty is all of it."""

    counts: Annotated[str, msgspec.Meta(max_length=2000)] = ""


async def receive(ctx: Context, receipt_id: int, data: Receive, version: int | None = None) -> None:
    """Count in what came; what is still open stays expected.

    Raises:
        InvalidError: A count is no number, negative, more than is open, or there are too many.
        StaleVersionError: The receipt changed since the page was shown.
    """
    await ctx.get("orders.receipt", receipt_id, "edit", lock=True)
    rows = await receipt_rows(ctx, receipt_id)
    if not rows:
        raise InvalidError(ctx.translate(N_("There is no line yet. Add a product first.")))
    counts = _read(ctx, data.counts, rows)
    came: list[tuple[Mapping[str, Any], Decimal]] = []
    for row, count in zip(rows, counts, strict=True):
        if count:
            received = (row["received"] or _ZERO) + count
            await ctx.derive("orders.receipt_line", row["id"], received=received)
            came.append(({"product": row["product"], "unit": ""}, count))
    await change_counts(ctx, on_hand=await needs_of(ctx, came))
    await goods_changed(ctx, [row["product"] for row, _count in came if row["product"]])
    left = sum((_open(row) for row in rows), _ZERO) - sum(counts, _ZERO)
    await ctx.save(
        "orders.receipt", receipt_id, version=version, state="partly" if left > 0 else "received"
    )
    await ctx.publish(
        "orders.receipt.received", "orders.receipt", receipt_id, is_complete=left <= 0
    )


async def check_receipt(event: TransitionEvent) -> None:
    """Refuse a state that what came does not bear out.

    Raises:
        Veto: Nothing came yet, or something is still open.
    """
    ctx = event.ctx
    check_move(event)
    rows = await receipt_rows(ctx, event.record_id)
    is_open = any(_open(row) > 0 for row in rows)
    has_come = any(row["received"] for row in rows)
    if event.new in {"partly", "received"} and (
        not has_come or is_open is not (event.new == "partly")
    ):
        raise Veto(ctx.translate(N_("Say with “Receive” what has come.")))


async def receipt_rows(ctx: Context, receipt_id: int) -> Sequence[Mapping[str, Any]]:
    """Answer the lines of a receipt in their order."""
    return await read_rows(
        ctx,
        "SELECT * FROM orders_receipt_line WHERE receipt = $1 AND trashed_at IS NULL "
        "ORDER BY position, id",
        receipt_id,
    )


def _open(row: Mapping[str, Any]) -> Decimal:
    return max(_ZERO, (row["expected"] or _ZERO) - (row["received"] or _ZERO))


def _read(ctx: Context, text: str, rows: Sequence[Mapping[str, Any]]) -> list[Decimal]:
    if not text.strip():
        return [_open(row) for row in rows]
    refused = ctx.translate(N_("Nothing was received."))
    words = text.split()
    if len(words) > len(rows):
        told = ctx.translate(N_("are more than there are lines"))
        raise InvalidError(refused, {"counts": told})
    counts = []
    for word, row in zip(words, rows, strict=False):
        try:
            count = read_number(ctx, word)
        except InvalidError as error:
            told = f"“{word[:20]}” {error.message}"
            raise InvalidError(refused, {"counts": told}) from error
        if count < 0 or count > _open(row):
            told = ctx.translate(N_("“{word}” does not fit: of {text} {open} are open"))
            shown = told.format(
                word=word[:20], text=row["text"], open=format_number(ctx, plain(_open(row)))
            )
            raise InvalidError(refused, {"counts": shown})
        counts.append(round(count, 4))
    return counts + [_ZERO] * (len(rows) - len(counts))


async def check_receipt_line(event: SaveEvent) -> None:
    """Fill in the text of a product, and refuse counts that cannot be.

    Raises:
        Veto: Less is expected than has come, or nothing; or the receipt is done.
    """
    if event.entity.name != "orders.receipt_line":
        return
    ctx, whole = event.ctx, {**event.before, **event.values}
    state = await ctx.db.value(
        "SELECT state FROM orders_receipt WHERE id = $1", whole.get("receipt")
    )
    if state in {"received", "cancelled"}:
        raise Veto(ctx.translate(N_("The receipt is done.")))
    if whole.get("product") and not whole.get("text"):
        event.values["text"] = await ctx.db.value(
            "SELECT name FROM orders_product WHERE id = $1", whole["product"]
        )
    least = event.before.get("received") or _ZERO
    if not whole.get("expected") or whole["expected"] <= 0 or whole["expected"] < least:
        told = ctx.translate(N_("must be more than 0 and not less than what has come"))
        raise Veto(ctx.translate(N_("The line was not saved.")), expected=told)
