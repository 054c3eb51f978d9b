"""How people meet the tables."""

from crmkit_orders.entities.agreements import AGREEMENT_LINES, AGREEMENTS
from crmkit_orders.entities.catalogue import (
    BUNDLE_PARTS,
    COSTS,
    PRICE_LISTS,
    PRICES,
    PRODUCTS,
)
from crmkit_orders.entities.clients import COMPANY_PAGES, PERSON_PAGES, REORDERS
from crmkit_orders.entities.deliveries import (
    DELIVERIES,
    DELIVERY_LINES,
    RECEIPT_LINES,
    RECEIPTS,
)
from crmkit_orders.entities.orders import LINE_PARTS, ORDER_LINES, ORDERS, PLANS
from crmkit_orders.entities.quotes import QUOTE_LINES, QUOTES
from crmkit_orders.entities.work import CLAIMS, HANDOVERS, STEP_NAMES, STEP_PLANS, STEPS

ENTITIES = (
    ORDERS,
    QUOTES,
    AGREEMENTS,
    DELIVERIES,
    RECEIPTS,
    PRODUCTS,
    PRICE_LISTS,
    PLANS,
    STEP_PLANS,
    CLAIMS,
    ORDER_LINES,
    LINE_PARTS,
    QUOTE_LINES,
    AGREEMENT_LINES,
    DELIVERY_LINES,
    RECEIPT_LINES,
    PRICES,
    BUNDLE_PARTS,
    COSTS,
    STEPS,
    STEP_NAMES,
    HANDOVERS,
    COMPANY_PAGES,
    PERSON_PAGES,
    REORDERS,
)

__all__ = ["ENTITIES"]
