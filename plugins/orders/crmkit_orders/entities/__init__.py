"""How people meet the tables."""

from crmkit_orders.entities.catalogue import (
    BUNDLE_PARTS,
    COSTS,
    PRICE_LISTS,
    PRICES,
    PRODUCTS,
)
from crmkit_orders.entities.deliveries import (
    DELIVERIES,
    DELIVERY_LINES,
    RECEIPT_LINES,
    RECEIPTS,
)
from crmkit_orders.entities.orders import (
    HANDOVERS,
    LINE_PARTS,
    ORDER_LINES,
    ORDERS,
    PLANS,
    STEPS,
)
from crmkit_orders.entities.quotes import QUOTE_LINES, QUOTES

ENTITIES = (
    ORDERS,
    QUOTES,
    DELIVERIES,
    RECEIPTS,
    PRODUCTS,
    PRICE_LISTS,
    PLANS,
    ORDER_LINES,
    LINE_PARTS,
    QUOTE_LINES,
    DELIVERY_LINES,
    RECEIPT_LINES,
    PRICES,
    BUNDLE_PARTS,
    COSTS,
    STEPS,
    HANDOVERS,
)

__all__ = ["ENTITIES"]
