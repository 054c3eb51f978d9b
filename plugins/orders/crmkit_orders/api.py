"""What other plugins may import: the events orders asks with, and what it answers others.

Names here are public: they change only with a new major version.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit import Context

#: `source` of what orders answers to `billing_lines`.
SOURCE = "orders"


@dataclass(slots=True)
class StockEvent:
    """`orders_stock`: how much of these products is there, or expected, somewhere else?"""

    ctx: Context
    #: Ids of `orders.product`.
    products: Sequence[int]


class Stock(msgspec.Struct, frozen=True):
    """An answer to `orders_stock`, in the unit of the product."""

    product: int
    #: Not taken by anybody else.
    free: Decimal = Decimal(0)
    #: Days with what comes on them.
    arrivals: tuple[tuple[date, Decimal], ...] = ()
    #: Name of the place, as people call it.
    place: str = ""


class BillableLine(msgspec.Struct, frozen=True, kw_only=True):
    """What may be invoiced now: an answer to `billing_lines`.

    Amounts are in `currency`, without tax. The line that ends an order has what is left of its
    net, so that all invoices together come to it to the cent.

    A "part" is one of a bundle that was delivered or came back by itself, with its share of the
    bundle's net. One that came back after it was invoiced has a minus, for a credit note.
    """

    source: str = SOURCE
    kind: Literal["line", "part", "prepayment", "deduction"]
    #: Id of `orders.order`.
    order: int
    #: Id of `orders.order_line`, of `orders.line_part`, or of the claim that is deducted; None of
    #: a prepayment.
    part: int | None
    text: str
    #: Of a part in the unit of its product; negative is to be credited.
    quantity: Decimal
    #: UN/ECE code.
    unit: str
    unit_price: Decimal
    discount: Decimal
    tax_rate: Decimal
    net: Decimal
    currency: str
    company: int | None
    person: int | None


class BillingClaim(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an invoice that takes something: what `billing_claim` is told."""

    source: str = SOURCE
    kind: Literal["line", "part", "prepayment", "deduction"] = "line"
    order: int
    part: int | None = None
    quantity: Decimal = Decimal(1)
    #: Of a prepayment: which of its tax rates.
    tax_rate: Decimal = Decimal(0)
    net: Decimal
    #: Of the line of the invoice, never used twice: "billing.invoice_line:7".
    key: str
    #: What people call the invoice.
    document: str = ""


class AsksLines(Protocol):
    """`billing_lines`: what may be invoiced, of one client or of all."""

    ctx: Context
    company: int | None


class Claims(Protocol):
    """`billing_claim`: lines are invoiced, in the open transaction."""

    ctx: Context
    claims: Sequence[BillingClaim]


class Releases(Protocol):
    """`billing_release`: lines of invoices are no more, in the open transaction."""

    ctx: Context
    keys: Sequence[str]


class AsksOutput(Protocol):
    """`hr_output`: what people sold between two days, both included."""

    ctx: Context
    first: date
    last: date


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """What a person sold in a period: an answer to `hr_output`."""

    user: int
    #: "orders.sold_quantity" or "orders.sold_value".
    metric: str
    value: Decimal
    #: UN/ECE code of a quantity, currency of a value.
    unit: str
    source: str = SOURCE


class AsksPeriod(Protocol):
    """`scheduling_agenda`: what is due for a person between two days, both included."""

    ctx: Context
    user_id: int
    first: date
    last: date


class DueItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is due: an answer to `scheduling_agenda`."""

    entity: str
    record: int
    title: str
    due: datetime
    #: Minutes it takes; None is not known.
    minutes: int | None = None
    reason: str = ""


class AsksSubjects(Protocol):
    """`timetracking_subjects`: what time can be booked on, whose name holds a text."""

    ctx: Context
    text: str


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Something that time is booked on: an answer to `timetracking_subjects`."""

    entity: str
    record: int
    title: str
    company: int | None = None
