"""What leaves the house, comes back, and is expected from suppliers."""

from __future__ import annotations

from crmkit import N_, Action, Entity, FieldOptions, Group, Parts
from crmkit_orders import receiving, shipping
from crmkit_orders.entities import shared
from crmkit_orders.shares import has_parts
from crmkit_orders.states import (
    DELIVERY_STATES,
    RECEIPT_STATES,
    delivery_locked,
    receipt_locked,
)
from crmkit_orders.tables import Delivery, DeliveryLine, Receipt, ReceiptLine

_ORDER = FieldOptions(label=N_("Order"), related=False)

DELIVERIES = Entity(
    Delivery,
    N_("Deliveries"),
    singular=N_("Delivery"),
    title=Delivery.number,
    icon="truck",
    list=[
        Delivery.number,
        Delivery.order,
        Delivery.state,
        Delivery.direction,
        Delivery.planned_for,
        Delivery.carrier,
        Delivery.tracking,
    ],
    filters=[
        Delivery.order,
        Delivery.state,
        Delivery.direction,
        Delivery.planned_for,
        Delivery.shipped_at,
        Delivery.carrier,
    ],
    search=[Delivery.tracking],
    subtitle=[Delivery.order, Delivery.carrier],
    facts=[Delivery.planned_for, Delivery.carrier, Delivery.tracking, Delivery.owner],
    form=[
        Group(N_("Delivery"), [Delivery.order, Delivery.direction, Delivery.planned_for]),
        Group(N_("Carrier"), [Delivery.carrier, Delivery.tracking, Delivery.deliver_to]),
        Group(N_("Text"), [Delivery.note]),
        Group(N_("Who works on it"), [Delivery.owner, Delivery.team]),
    ],
    board=Delivery.state,
    lifecycle=DELIVERY_STATES,
    order=Delivery.updated_at,
    parts=[
        Parts(
            DeliveryLine.delivery,
            N_("Lines"),
            columns=[DeliveryLine.line, DeliveryLine.part, DeliveryLine.quantity],
            order=DeliveryLine.position,
            offered={DeliveryLine.part: has_parts},
            locked=delivery_locked,
        )
    ],
    actions=[
        Action(
            "ship",
            N_("Ship"),
            shipping.ship_delivery,
            icon="truck",
            states=("planned", "packed"),
            undoable=False,
            visible=lambda _ctx, record: record["direction"] == "out",
            done=N_("Delivery shipped"),
        ),
        Action(
            "delivered",
            N_("It has arrived"),
            shipping.finish_delivery,
            icon="check",
            states=("shipped",),
            undoable=False,
            done=N_("Delivery has arrived"),
        ),
        Action(
            "take-back",
            N_("Take back"),
            shipping.take_back,
            input=shipping.TakeBack,
            icon="arrow-back-up",
            visible=lambda _ctx, record: (
                (record["direction"] == "return") is (record["state"] in {"planned", "packed"})
            ),
            states=("planned", "packed", "shipped", "delivered"),
            bulk=False,
            undoable=False,
            labels={"reason": N_("Reason"), "restock": N_("Put it back into stock")},
            done=N_("Goods taken back"),
        ),
    ],
    fields={
        Delivery.number: shared.NUMBER,
        Delivery.state: shared.STATE,
        Delivery.order: _ORDER,
        Delivery.direction: FieldOptions(label=N_("Direction")),
        Delivery.planned_for: FieldOptions(label=N_("Planned for")),
        Delivery.carrier: FieldOptions(label=N_("Carrier")),
        Delivery.tracking: FieldOptions(label=N_("Tracking number")),
        Delivery.deliver_to: FieldOptions(label=N_("Deliver to")),
        Delivery.shipped_at: FieldOptions(label=N_("Shipped at"), readonly=True),
        Delivery.delivered_at: FieldOptions(label=N_("Arrived at"), readonly=True),
        Delivery.restock: FieldOptions(label=N_("Put back into stock"), readonly=True),
        Delivery.note: FieldOptions(label=N_("Note")),
        Delivery.owner: shared.OWNER,
        Delivery.team: shared.TEAM,
        Delivery.created_at: shared.CREATED,
        Delivery.updated_at: shared.UPDATED,
    },
)

DELIVERY_LINES = Entity(
    DeliveryLine,
    N_("Lines of deliveries"),
    singular=N_("Line of a delivery"),
    title=DeliveryLine.text,
    icon="list",
    part_of=DeliveryLine.delivery,
    list=[DeliveryLine.text, DeliveryLine.delivery, DeliveryLine.quantity],
    filters=[DeliveryLine.delivery, DeliveryLine.line],
    fields={
        DeliveryLine.delivery: FieldOptions(label=N_("Delivery")),
        DeliveryLine.position: shared.POSITION,
        DeliveryLine.line: FieldOptions(label=N_("Line of the order")),
        DeliveryLine.part: FieldOptions(
            label=N_("Only this part"),
            help=N_("Of a bundle: one part of it travels by itself."),
        ),
        DeliveryLine.text: FieldOptions(label=N_("Text")),
        DeliveryLine.quantity: FieldOptions(label=N_("Quantity"), required=True),
    },
)

RECEIPTS = Entity(
    Receipt,
    N_("Receipts"),
    singular=N_("Receipt"),
    title=Receipt.number,
    icon="package-import",
    list=[
        Receipt.number,
        Receipt.supplier,
        Receipt.state,
        Receipt.expected_on,
        Receipt.order,
        Receipt.owner,
    ],
    filters=[Receipt.state, Receipt.supplier, Receipt.expected_on, Receipt.order],
    search=[Receipt.supplier_number],
    subtitle=[Receipt.supplier, Receipt.supplier_number],
    facts=[Receipt.expected_on, Receipt.order, Receipt.owner],
    form=[
        Group(N_("Receipt"), [Receipt.supplier, Receipt.supplier_number, Receipt.expected_on]),
        Group(N_("For"), [Receipt.order]),
        Group(N_("Text"), [Receipt.note]),
        Group(N_("Who works on it"), [Receipt.owner, Receipt.team]),
    ],
    board=Receipt.state,
    lifecycle=RECEIPT_STATES,
    order=Receipt.expected_on,
    parts=[
        Parts(
            ReceiptLine.receipt,
            N_("Lines"),
            columns=[
                ReceiptLine.product,
                ReceiptLine.expected,
                ReceiptLine.expected_on,
                ReceiptLine.received,
            ],
            order=ReceiptLine.position,
            below=[ReceiptLine.text],
            locked=receipt_locked,
        )
    ],
    actions=[
        Action(
            "receive",
            N_("Receive"),
            receiving.receive,
            input=receiving.Receive,
            icon="package-import",
            states=("expected", "partly"),
            bulk=False,
            undoable=False,
            labels={"counts": N_("Counts that came, in the order of the lines; empty is all")},
            done=N_("Goods received"),
        ),
    ],
    fields={
        Receipt.number: shared.NUMBER,
        Receipt.state: shared.STATE,
        Receipt.supplier: FieldOptions(label=N_("Supplier")),
        Receipt.order: _ORDER,
        Receipt.expected_on: FieldOptions(label=N_("Expected on")),
        Receipt.supplier_number: FieldOptions(label=N_("The supplier's number")),
        Receipt.note: FieldOptions(label=N_("Note")),
        Receipt.owner: shared.OWNER,
        Receipt.team: shared.TEAM,
        Receipt.created_at: shared.CREATED,
        Receipt.updated_at: shared.UPDATED,
    },
)

RECEIPT_LINES = Entity(
    ReceiptLine,
    N_("Lines of receipts"),
    singular=N_("Line of a receipt"),
    title=ReceiptLine.text,
    icon="list",
    part_of=ReceiptLine.receipt,
    list=[ReceiptLine.text, ReceiptLine.expected, ReceiptLine.received, ReceiptLine.expected_on],
    filters=[ReceiptLine.receipt, ReceiptLine.product],
    fields={
        ReceiptLine.receipt: FieldOptions(label=N_("Receipt")),
        ReceiptLine.position: shared.POSITION,
        ReceiptLine.product: shared.PRODUCT,
        ReceiptLine.text: FieldOptions(label=N_("Text")),
        ReceiptLine.expected: FieldOptions(label=N_("Expected"), required=True),
        ReceiptLine.received: FieldOptions(label=N_("Received"), derived=True),
        ReceiptLine.expected_on: FieldOptions(label=N_("Expected on")),
    },
)
