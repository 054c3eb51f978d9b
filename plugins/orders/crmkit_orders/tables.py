"""Tables: what is sold, for how much, to whom, by when, and what has left the house.

Quantities have up to 4 places and stand in the unit of their line; unit prices up to 6. Amounts of
documents are in the currency of the document, without tax unless they are called gross.
"""

from __future__ import annotations

from crmkit import N_, Choice, Record
from crmkit.model.columns import (
    Currency,
    Date,
    Flag,
    Line,
    Markdown,
    Measure,
    Moment,
    Money,
    Name,
    Number,
    Pick,
    Reference,
    Text,
)
from crmkit_orders.domain.units import UNITS

KINDS = (
    Choice("goods", N_("Goods"), 1),
    Choice("service", N_("Service"), 2),
    Choice("bundle", N_("Bundle"), 7),
)
UNIT_CHOICES = tuple(Choice(each.code, each.label) for each in UNITS.values())
STATUSES = (
    Choice("none", N_("None"), 8),
    Choice("partial", N_("In part"), 4),
    Choice("full", N_("All"), 3),
)
DIRECTIONS = (Choice("out", N_("To the client"), 1), Choice("return", N_("Return"), 5))
PERIODS = (
    Choice("week", N_("Week")),
    Choice("month", N_("Month")),
    Choice("quarter", N_("Quarter")),
    Choice("year", N_("Year")),
)

_QUANTITY = (18, 4)
_PRICE = (18, 6)
_PERCENT = (7, 4)


class Product(Record, tablename="orders_product"):
    """Something that is sold; a variant names the product it is one of."""

    name = Name(length=200, required=True)
    code = Line(length=60)
    kind = Pick(KINDS, default="goods")
    unit = Pick(UNIT_CHOICES, default="C62")
    price = Measure(digits=_PRICE)
    currency = Currency()
    tax_rate = Measure(digits=_PERCENT)
    variant_of = Reference("orders_product")
    variant = Line(length=120)
    description = Markdown()
    is_active = Flag(default=True)
    is_stocked = Flag(default=False)
    may_go_negative = Flag(default=False)
    on_hand = Measure(digits=_QUANTITY)
    reserved = Measure(digits=_QUANTITY)
    counted = Measure(digits=_QUANTITY)
    counted_at = Moment()
    count_reason = Line(length=300)


class Cost(Record, tablename="orders_cost"):
    """What a product costs, a unit, in the product's currency; beside it for those who may know."""

    product = Reference("orders_product", on_delete="cascade", unique=True, required=True)
    amount = Measure(digits=_PRICE, required=True)
    note = Line(length=200)
    text = Name(length=300)


class BundlePart(Record, tablename="orders_bundle_part"):
    """A product that a bundle consists of, and how many of it are in one."""

    bundle = Reference("orders_product", on_delete="cascade", required=True)
    product = Reference("orders_product", on_delete="cascade", required=True)
    quantity = Measure(digits=_QUANTITY, required=True)
    position = Number()
    text = Name(length=300)


class PriceList(Record, tablename="orders_price_list"):
    """Prices for everybody, for one client or for the clients of a sector."""

    name = Name(length=200, required=True)
    currency = Currency()
    company = Reference("crm_company")
    sector = Line(length=120)
    valid_from = Date()
    valid_until = Date()
    is_active = Flag(default=True)


class Price(Record, tablename="orders_price"):
    """A price of a list, or a discount in percent on the list price, from a quantity on."""

    price_list = Reference("orders_price_list", on_delete="cascade", required=True)
    product = Reference("orders_product", on_delete="cascade", required=True)
    min_quantity = Measure(digits=_QUANTITY)
    price = Measure(digits=_PRICE)
    discount = Measure(digits=_PERCENT)
    valid_from = Date()
    valid_until = Date()
    position = Number()
    text = Name(length=300)


class Quote(Record, tablename="orders_quote"):
    """A version of an offer; `shown` is the SHA-256 of what the client accepted."""

    number = Name(length=40)
    state = Line(length=64, default="draft")
    company = Reference("crm_company")
    person = Reference("crm_person")
    opportunity = Reference("crm_opportunity")
    currency = Currency()
    valid_until = Date()
    prepayment = Measure(digits=_PERCENT)
    revision = Number(default=1)
    previous = Reference("orders_quote")
    note = Markdown()
    refused_reason = Line(length=300)
    sent_at = Moment()
    accepted_at = Moment()
    accepted_by = Line(length=200)
    accepted_from = Line(length=60)
    shown = Line(length=64)
    most_discount = Measure(digits=_PERCENT)
    net = Money()
    tax = Money()
    gross = Money()


class QuoteLine(Record, tablename="orders_quote_line"):
    """A line of a quote; an option counts only when it is chosen.

    Attributes:
        min_quantity: Of an option, the least that may be taken; empty is its quantity.
        max_quantity: The most, likewise.
        chosen_quantity: What was taken of it.
    """

    quote = Reference("orders_quote", on_delete="cascade", required=True)
    position = Number()
    product = Reference("orders_product")
    text = Name(length=300)
    quantity = Measure(digits=_QUANTITY)
    unit = Pick(UNIT_CHOICES, default="C62")
    unit_price = Measure(digits=_PRICE)
    discount = Measure(digits=_PERCENT)
    tax_rate = Measure(digits=_PERCENT)
    is_optional = Flag(default=False)
    is_chosen = Flag(default=False)
    min_quantity = Measure(digits=_QUANTITY)
    max_quantity = Measure(digits=_QUANTITY)
    chosen_quantity = Measure(digits=_QUANTITY)
    is_unmatched = Flag(default=False)
    price_rule = Text()
    rule_price = Measure(digits=_PRICE)
    is_by_hand = Flag(default=False)
    net = Money()
    unit_cost = Measure(digits=_PRICE)


class Order(Record, tablename="orders_order"):
    """What a client ordered; `first_promise` is what the on-time rate is measured against.

    `closed_on` is the day, in the zone of who did it, on which it was closed or cancelled.

    `most_discount` is the largest one of a draft that was not approved with a quote before.

    `agreement` is the blanket order it was called off from, `called_version` the version of that
    as the form showed it.
    """

    number = Name(length=40)
    state = Line(length=64, default="draft")
    company = Reference("crm_company")
    person = Reference("crm_person")
    opportunity = Reference("crm_opportunity")
    quote = Reference("orders_quote")
    agreement = Reference("orders_agreement")
    called_version = Number()
    currency = Currency()
    client_number = Line(length=80)
    promised_at = Moment()
    is_promised_by_hand = Flag(default=False)
    promise_reason = Line(length=300)
    first_promise = Moment()
    confirmed_at = Moment()
    fulfilled_at = Moment()
    closed_on = Date()
    deliver_to = Text()
    confirmed_to = Text()
    note = Markdown()
    prepayment = Measure(digits=_PERCENT)
    amendment = Number(default=0)
    is_amended = Flag(default=False)
    cancel_reason = Line(length=300)
    credit_override = Line(length=300)
    link = Number(default=1)
    step = Text()
    holder = Reference("core_user")
    delivery_status = Pick(STATUSES, default="none")
    invoice_status = Pick(STATUSES, default="none")
    most_discount = Measure(digits=_PERCENT)
    net = Money()
    tax = Money()
    gross = Money()


class OrderLine(Record, tablename="orders_order_line"):
    """A line of an order with what became of its quantity.

    Attributes:
        agreement_line: Of a blanket order, which it takes of once it is confirmed.
        rule_price: What the rules give, whatever stands as the price.
        promised_at: By hand; empty is as the rule or the order says.
        due_at: When it is promised for, by hand or by the rule.
        goods_on: Day on which goods are expected that its promise waits for.
        ready_at: When goods that were waited for came, or are expected.
        lacks: Of its scarcest product, how much was not there when it was promised.
        open_quantity: Confirmed and still to be delivered.
    """

    order = Reference("orders_order", on_delete="cascade", required=True)
    position = Number()
    product = Reference("orders_product")
    agreement_line = Reference("orders_agreement_line")
    text = Name(length=300)
    quantity = Measure(digits=_QUANTITY)
    unit = Pick(UNIT_CHOICES, default="C62")
    unit_price = Measure(digits=_PRICE)
    discount = Measure(digits=_PERCENT)
    tax_rate = Measure(digits=_PERCENT)
    promised_at = Moment()
    due_at = Moment()
    promise_rule = Text()
    goods_on = Date()
    ready_at = Moment()
    lacks = Measure(digits=_QUANTITY)
    is_unmatched = Flag(default=False)
    price_rule = Text()
    rule_price = Measure(digits=_PRICE)
    is_by_hand = Flag(default=False)
    net = Money()
    delivered = Measure(digits=_QUANTITY)
    returned = Measure(digits=_QUANTITY)
    invoiced = Measure(digits=_QUANTITY)
    cancelled = Measure(digits=_QUANTITY)
    open_quantity = Measure(digits=_QUANTITY)
    reserved = Measure(digits=_QUANTITY)
    confirmed = Measure(digits=_QUANTITY)
    confirmed_net = Money()
    unit_cost = Measure(digits=_PRICE)


class LinePart(Record, tablename="orders_line_part"):
    """A product of a sold bundle, `each` in one of it, with its share of the line's net.

    What was delivered, came back or was invoiced of it by itself is counted beside whole bundles.
    """

    order = Reference("orders_order", on_delete="cascade", required=True)
    line = Reference("orders_order_line", on_delete="cascade", required=True)
    position = Number()
    product = Reference("orders_product")
    text = Name(length=300)
    each = Measure(digits=_QUANTITY)
    quantity = Measure(digits=_QUANTITY)
    delivered = Measure(digits=_QUANTITY)
    returned = Measure(digits=_QUANTITY)
    invoiced = Measure(digits=_QUANTITY)
    net = Money()
    unit_cost = Measure(digits=_PRICE)


class Delivery(Record, tablename="orders_delivery"):
    """Goods on their way to the client, or back."""

    number = Name(length=40)
    state = Line(length=64, default="planned")
    order = Reference("orders_order", on_delete="cascade", required=True)
    direction = Pick(DIRECTIONS, default="out")
    planned_for = Moment()
    carrier = Line(length=120)
    tracking = Line(length=120)
    deliver_to = Text()
    shipped_at = Moment()
    delivered_at = Moment()
    restock = Flag(default=True)
    note = Markdown()


class DeliveryLine(Record, tablename="orders_delivery_line"):
    """How many of an order's line are in a delivery, or of one part of a bundle by itself."""

    delivery = Reference("orders_delivery", on_delete="cascade", required=True)
    position = Number()
    line = Reference("orders_order_line", on_delete="cascade", required=True)
    part = Reference("orders_line_part", on_delete="cascade")
    text = Name(length=300)
    quantity = Measure(digits=_QUANTITY)


class Receipt(Record, tablename="orders_receipt"):
    """Goods that are expected from a supplier."""

    number = Name(length=40)
    state = Line(length=64, default="expected")
    supplier = Reference("crm_company")
    order = Reference("orders_order")
    expected_on = Date()
    supplier_number = Line(length=80)
    note = Markdown()


class ReceiptLine(Record, tablename="orders_receipt_line"):
    """A product that is expected, and how many of it have come."""

    receipt = Reference("orders_receipt", on_delete="cascade", required=True)
    position = Number()
    product = Reference("orders_product")
    text = Name(length=300)
    expected = Measure(digits=_QUANTITY)
    received = Measure(digits=_QUANTITY)
    expected_on = Date()


class Plan(Record, tablename="orders_plan"):
    """An order that is made anew every period; `day` of the month is kept over short months."""

    name = Name(length=200, required=True)
    order = Reference("orders_order", required=True)
    every = Pick(PERIODS, default="month")
    next_on = Date()
    last_on = Date()
    day = Number()
    is_active = Flag(default=True)
