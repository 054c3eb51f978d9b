"""Tables of blanket orders: what a client and we agreed on, to be called off in parts."""

from __future__ import annotations

from crmkit import Record
from crmkit.model.columns import (
    Currency,
    Date,
    Line,
    Markdown,
    Measure,
    Money,
    Name,
    Number,
    Pick,
    Reference,
)
from crmkit_orders.tables import UNIT_CHOICES

_QUANTITY = (18, 4)
_PRICE = (18, 6)


class Agreement(Record, tablename="orders_agreement"):
    """A blanket order: a contract with one client from a day until a day, both included.

    `net` and `net_left` add up the lines whose quantity was agreed; `calls` counts how often it
    was called off. `closed_on` is the day of the site on which it was closed or cancelled,
    `told_until` the last day of which its owner was told that it ends soon.
    """

    number = Name(length=40)
    state = Line(length=64, default="draft")
    company = Reference("crm_company")
    person = Reference("crm_person")
    currency = Currency()
    client_number = Line(length=80)
    valid_from = Date()
    valid_until = Date()
    note = Markdown()
    cancel_reason = Line(length=300)
    closed_on = Date()
    calls = Number(default=0)
    net = Money()
    net_left = Money()
    told_until = Date()


class AgreementLine(Record, tablename="orders_agreement_line"):
    """A product of a blanket order with its price.

    Attributes:
        quantity: Agreed, in `unit`; None is as much as is wanted.
        called: What confirmed orders took of it, never typed.
        remaining: What is left of `quantity`; None where nothing was agreed, negative where more
            was called off than that.
        told_at: The agreed quantity of which the owner was told that little is left.
    """

    agreement = Reference("orders_agreement", on_delete="cascade", required=True)
    position = Number()
    product = Reference("orders_product")
    text = Name(length=300)
    quantity = Measure(digits=_QUANTITY)
    unit = Pick(UNIT_CHOICES, default="C62")
    unit_price = Measure(digits=_PRICE)
    called = Measure(digits=_QUANTITY)
    remaining = Measure(digits=_QUANTITY)
    net = Money()
    told_at = Measure(digits=_QUANTITY)
