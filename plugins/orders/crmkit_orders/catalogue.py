"""Records of the catalogue that are called after their product."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmkit import SaveEvent

_CALLED = frozenset({"orders.bundle_part", "orders.price", "orders.cost"})


async def call_after_product(event: SaveEvent) -> None:
    """Give a price, a cost or a part of a bundle the name of its product."""
    if event.entity.name in _CALLED and "product" in event.values:
        name = await event.ctx.db.value(
            "SELECT name FROM orders_product WHERE id = $1", event.values["product"]
        )
        event.values["text"] = name or ""
