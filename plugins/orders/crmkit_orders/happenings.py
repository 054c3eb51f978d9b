"""What the plugin says has happened, for other plugins, rules and webhooks."""

from __future__ import annotations

from crmkit import N_, EventType

EVENTS = (
    EventType("orders.quote.sent", N_("A quote was sent")),
    EventType("orders.quote.accepted", N_("A quote was accepted")),
    EventType("orders.quote.refused", N_("A quote was refused")),
    EventType("orders.quote.expired", N_("A quote has expired")),
    EventType("orders.order.confirmed", N_("An order or a change of it was confirmed")),
    EventType("orders.order.promise_changed", N_("An order was promised for another moment")),
    EventType("orders.order.late", N_("An order is late")),
    EventType("orders.order.fulfilled", N_("An order was fulfilled")),
    EventType("orders.order.cancelled", N_("An order was cancelled")),
    EventType("orders.agreement.begun", N_("A blanket order was begun")),
    EventType("orders.agreement.closed", N_("A blanket order was closed, or has ended")),
    EventType("orders.agreement.cancelled", N_("A blanket order was cancelled")),
    EventType("orders.step.handed_over", N_("A step of an order was handed over")),
    EventType("orders.delivery.shipped", N_("A delivery has left")),
    EventType("orders.delivery.delivered", N_("A delivery has arrived")),
    EventType("orders.delivery.returned", N_("A delivery came back")),
    EventType("orders.receipt.received", N_("Goods were received")),
    EventType("orders.product.counted", N_("The stock of a product was counted")),
)
