"""Tables of the work on orders: steps, who held them, and what invoices took of an order."""

from __future__ import annotations

from crmkit import N_, Choice, Record
from crmkit.model.columns import (
    Flag,
    Line,
    Measure,
    Moment,
    Name,
    Number,
    Pick,
    Reference,
)
from crmkit.model.people import LANGUAGES

#: What ends a step by itself, where somebody does not end it before.
STEP_ENDS = (
    Choice("hand", N_("Somebody says so")),
    Choice("shipped", N_("The first goods leave")),
    Choice("delivered", N_("All goods have left")),
    Choice("invoiced", N_("Everything is invoiced")),
)
RESPONSIBLE = (
    Choice("before", N_("Who held the step before")),
    Choice("owner", N_("The owner of the order")),
    Choice("person", N_("A person")),
    Choice("team", N_("Who of a team holds fewest")),
)
CLAIM_KINDS = (
    Choice("line", N_("Line")),
    Choice("part", N_("Part of a bundle")),
    Choice("prepayment", N_("Prepayment")),
    Choice("deduction", N_("Deduction of a prepayment")),
)
STEP_STATES = (
    Choice("waiting", N_("Waiting"), 8),
    Choice("active", N_("Active"), 1),
    Choice("done", N_("Done"), 3),
    Choice("skipped", N_("Skipped"), 6),
)

_QUANTITY = (18, 4)
_PERCENT = (7, 4)
_AMOUNT = (18, 2)


class StepPlan(Record, tablename="orders_step_plan"):
    """A step that orders have, in the company's words.

    Attributes:
        hours: Business hours in which it is done; empty is until the promise.
        minutes: Work it takes, which counts in how much its holder has to do.
    """

    name = Name(length=60, required=True)
    position = Number()
    ends_with = Pick(STEP_ENDS, default="hand")
    responsible = Pick(RESPONSIBLE, default="before")
    person = Reference("core_user")
    of_team = Reference("core_team")
    hours = Number()
    minutes = Number()
    is_active = Flag(default=True)


class StepName(Record, tablename="orders_step_name"):
    """What clients read of a step in a language."""

    step = Reference("orders_step_plan", on_delete="cascade", required=True)
    position = Number()
    language = Pick(LANGUAGES, required=True)
    name = Name(length=60, required=True)


class OrderStep(Record, tablename="orders_step"):
    """A step of an order: who holds it, by when, and when it began and ended."""

    order = Reference("orders_order", on_delete="cascade", required=True)
    position = Number()
    name = Line(length=60, required=True)
    plan = Reference("orders_step_plan")
    ends_with = Pick(STEP_ENDS, default="hand")
    state = Pick(STEP_STATES, default="waiting")
    holder = Reference("core_user")
    due_at = Moment()
    began_at = Moment()
    ended_at = Moment()
    reason = Line(length=300)


class Handover(Record, tablename="orders_handover"):
    """A step that went from one person to another; the moment is when the record was made."""

    order = Reference("orders_order", on_delete="cascade", required=True)
    step = Line(length=60, required=True)
    giver = Reference("core_user")
    taker = Reference("core_user")
    reason = Line(length=300)


class Claim(Record, tablename="orders_claim"):
    """What a line of an invoice took of an order; `key` is the line's, as who invoices calls it.

    Amounts are without tax, those of a deduction negative. Released, it is as if it had not been.
    """

    order = Reference("orders_order", on_delete="cascade", required=True)
    line = Reference("orders_order_line")
    part = Reference("orders_line_part")
    kind = Pick(CLAIM_KINDS, default="line")
    key = Line(length=120, required=True)
    document = Name(length=80)
    quantity = Measure(digits=_QUANTITY)
    tax_rate = Measure(digits=_PERCENT)
    net = Measure(digits=_AMOUNT)
    deducts = Reference("orders_claim")
    released_at = Moment()
