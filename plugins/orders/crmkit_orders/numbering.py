"""Numbers of documents: unique and never used again; they may have gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmkit import SaveEvent

#: Entity to the beginning of its numbers and the sequence that counts them.
_NUMBERED = {
    "orders.quote": ("Q", "orders_quote_number"),
    "orders.order": ("SO", "orders_order_number"),
    "orders.delivery": ("D", "orders_delivery_number"),
    "orders.receipt": ("R", "orders_receipt_number"),
    "orders.agreement": ("B", "orders_agreement_number"),
}


async def give_number(event: SaveEvent) -> None:
    """Give a new document its number.

    A sequence never waits for another transaction and never answers the same number twice; what
    is rolled back leaves a gap.
    """
    found = _NUMBERED.get(event.entity.name)
    if found is None or event.record_id is not None or event.values.get("number"):
        return
    prefix, sequence = found
    number = await event.ctx.db.value("SELECT nextval($1::regclass)", sequence)
    event.values["number"] = f"{prefix}-{number}"
