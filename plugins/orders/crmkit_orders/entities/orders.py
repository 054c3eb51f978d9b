"""Orders: lines, steps with who holds them, the promise."""

from __future__ import annotations

from crmkit_orders import ordering, promising, steps
from crmkit_orders.entities import shared
from crmkit_orders.pasted import paste_order
from crmkit_orders.shipping import ShipLines, prepare_delivery
from crmkit_orders.states import ORDER_STATES, order_locked
from crmkit_orders.tables import Handover, Order, OrderLine, OrderStep, Plan
from crmkit_orders.totals import order_totals

from crmkit import N_, Action, Entity, FieldOptions, Group, Parts

ORDERS = Entity(
    Order,
    N_("Orders"),
    singular=N_("Order"),
    title=Order.number,
    icon="package",
    list=[
        Order.number,
        Order.company,
        Order.state,
        Order.promised_at,
        Order.holder,
        Order.delivery_status,
        Order.gross,
        Order.owner,
    ],
    filters=[
        Order.state,
        Order.company,
        Order.person,
        Order.opportunity,
        Order.quote,
        Order.promised_at,
        Order.confirmed_at,
        Order.holder,
        Order.step,
        Order.delivery_status,
        Order.invoice_status,
    ],
    search=[Order.client_number, Order.note],
    subtitle=[Order.company, Order.quote, Order.opportunity],
    facts=[Order.gross, Order.promised_at, Order.holder, Order.delivery_status, Order.owner],
    form=[
        Group(N_("Client"), [Order.company, Order.person, Order.opportunity, Order.client_number]),
        Group(N_("Promise"), [Order.promised_at, Order.promise_reason]),
        Group(N_("Delivery"), [Order.deliver_to, Order.note]),
        Group(N_("Terms"), [Order.currency, Order.prepayment, Order.credit_override]),
        Group(N_("Progress"), [Order.state, Order.cancel_reason]),
        Group(N_("Who works on it"), [Order.owner, Order.team]),
    ],
    board=Order.state,
    lifecycle=ORDER_STATES,
    sums=[Order.gross],
    order=Order.updated_at,
    parts=[
        Parts(
            OrderLine.order,
            N_("Lines"),
            columns=[
                OrderLine.product,
                OrderLine.text,
                OrderLine.quantity,
                OrderLine.unit,
                OrderLine.unit_price,
                OrderLine.discount,
                OrderLine.tax_rate,
                OrderLine.delivered,
                OrderLine.net,
            ],
            order=OrderLine.position,
            below=[OrderLine.price_rule],
            totals=order_totals,
            locked=order_locked,
            paste=paste_order,
        )
    ],
    actions=[
        Action(
            "confirm", N_("Confirm"), ordering.confirm_order, icon="check", states=("draft",),
            undoable=False,
        ),
        Action(
            "confirm-changes", N_("Confirm changes"), ordering.confirm_changes, icon="check",
            visible=lambda _ctx, record: bool(record["is_amended"]), undoable=False,
            states=("confirmed", "in_progress"),
        ),
        Action(
            "deliver", N_("Record delivery"), prepare_delivery, input=ShipLines, icon="truck",
            states=("confirmed", "in_progress"), bulk=False,
            labels={"carrier": N_("Carrier"), "tracking": N_("Tracking number")},
        ),
        Action(
            "finish-step", N_("Finish step"), steps.finish_step, input=steps.FinishStep,
            icon="player-track-next", states=("confirmed", "in_progress", "fulfilled"),
            visible=lambda _ctx, record: bool(record["step"]), quiet=True,
            labels={"reason": N_("Reason, when it is skipped"), "skip": N_("Skip it")},
        ),
        Action(
            "hand-over", N_("Hand over"), steps.hand_over, input=steps.HandOver,
            icon="user-share", states=("confirmed", "in_progress", "fulfilled"), quiet=True,
            visible=lambda _ctx, record: bool(record["step"]),
            labels={"to": N_("E-mail or name of who takes it"), "reason": N_("Reason")},
        ),
        Action(
            "move-promise", N_("Change promise"), promising.move_promise,
            input=promising.MovePromise, icon="calendar-due",
            states=("confirmed", "in_progress"), quiet=True, undoable=False,
            labels={"day": N_("Day"), "time": N_("Time"), "reason": N_("Reason")},
        ),
        Action(
            "again", N_("Order again"), ordering.order_again, "read", icon="repeat", bulk=False,
            quiet=True, needs=("create",),
        ),
        Action(
            "cancel", N_("Cancel"), ordering.cancel_order, input=ordering.CancelOrder, icon="ban",
            states=("draft", "confirmed", "in_progress"), quiet=True,
            labels={"reason": N_("Reason")},
        ),
    ],
    fields={
        Order.number: shared.NUMBER,
        Order.state: shared.STATE,
        Order.company: shared.COMPANY,
        Order.person: shared.PERSON,
        Order.opportunity: shared.OPPORTUNITY,
        Order.quote: FieldOptions(label=N_("Quote"), readonly=True),
        Order.currency: shared.CURRENCY,
        Order.client_number: FieldOptions(label=N_("The client's number")),
        Order.promised_at: FieldOptions(
            label=N_("Promised"),
            help=N_("Empty takes the rule of the settings, in business hours."),
        ),
        Order.promise_reason: FieldOptions(label=N_("Why it was moved")),
        Order.first_promise: FieldOptions(label=N_("Promised at first"), readonly=True),
        Order.confirmed_at: FieldOptions(label=N_("Confirmed at"), readonly=True),
        Order.fulfilled_at: FieldOptions(label=N_("Fulfilled at"), readonly=True),
        Order.deliver_to: FieldOptions(
            label=N_("Deliver to"), help=N_("Empty takes the address of the company.")
        ),
        Order.note: shared.NOTE,
        Order.prepayment: shared.PREPAYMENT,
        Order.amendment: FieldOptions(label=N_("Amendment"), readonly=True),
        Order.is_amended: FieldOptions(label=N_("Changed since it was confirmed"), derived=True),
        Order.cancel_reason: FieldOptions(label=N_("Why it was cancelled")),
        Order.credit_override: FieldOptions(label=N_("Why the credit limit is exceeded")),
        Order.step: FieldOptions(label=N_("Step"), derived=True),
        Order.holder: FieldOptions(label=N_("Held by"), derived=True),
        Order.delivery_status: FieldOptions(label=N_("Delivered"), derived=True),
        Order.invoice_status: FieldOptions(label=N_("Invoiced"), derived=True),
        Order.net: shared.NET,
        Order.tax: shared.TAX,
        Order.gross: shared.GROSS,
        Order.owner: shared.OWNER,
        Order.team: shared.TEAM,
        Order.created_at: shared.CREATED,
        Order.updated_at: shared.UPDATED,
    },
)

ORDER_LINES = Entity(
    OrderLine,
    N_("Lines of orders"),
    singular=N_("Line of an order"),
    title=OrderLine.text,
    icon="list",
    part_of=OrderLine.order,
    list=[
        OrderLine.text,
        OrderLine.quantity,
        OrderLine.unit_price,
        OrderLine.delivered,
        OrderLine.net,
    ],
    filters=[OrderLine.order, OrderLine.product],
    fields={
        OrderLine.order: FieldOptions(label=N_("Order")),
        OrderLine.position: shared.POSITION,
        OrderLine.product: shared.PRODUCT,
        OrderLine.text: shared.TEXT,
        OrderLine.quantity: shared.QUANTITY,
        OrderLine.unit: shared.UNIT,
        OrderLine.unit_price: shared.UNIT_PRICE,
        OrderLine.discount: shared.DISCOUNT,
        OrderLine.tax_rate: shared.TAX_RATE,
        OrderLine.promised_at: FieldOptions(
            label=N_("Promised"), help=N_("Empty is the promise of the order.")
        ),
        OrderLine.is_unmatched: shared.UNMATCHED,
        OrderLine.price_rule: shared.PRICE_RULE,
        OrderLine.net: shared.NET,
        OrderLine.delivered: FieldOptions(label=N_("Delivered"), derived=True),
        OrderLine.returned: FieldOptions(label=N_("Returned"), derived=True),
        OrderLine.invoiced: FieldOptions(label=N_("Invoiced"), derived=True),
        OrderLine.cancelled: FieldOptions(label=N_("Cancelled"), derived=True),
        OrderLine.reserved: FieldOptions(label=N_("Reserved"), derived=True),
        OrderLine.confirmed: shared.HIDDEN,
        OrderLine.unit_cost: shared.HIDDEN,
    },
)



STEPS = Entity(
    OrderStep,
    N_("Steps of orders"),
    singular=N_("Step of an order"),
    title=OrderStep.name,
    icon="list-check",
    part_of=OrderStep.order,
    list=[
        OrderStep.name,
        OrderStep.order,
        OrderStep.state,
        OrderStep.holder,
        OrderStep.due_at,
    ],
    filters=[OrderStep.order, OrderStep.state, OrderStep.holder, OrderStep.due_at],
    fields={
        OrderStep.order: FieldOptions(label=N_("Order"), readonly=True),
        OrderStep.position: FieldOptions(label=N_("Position"), readonly=True),
        OrderStep.name: FieldOptions(label=N_("Step"), readonly=True),
        OrderStep.state: FieldOptions(label=N_("State"), readonly=True),
        OrderStep.holder: FieldOptions(label=N_("Held by"), readonly=True),
        OrderStep.due_at: FieldOptions(label=N_("Due")),
        OrderStep.began_at: FieldOptions(label=N_("Began"), readonly=True),
        OrderStep.ended_at: FieldOptions(label=N_("Ended"), readonly=True),
        OrderStep.reason: FieldOptions(label=N_("Reason"), readonly=True),
    },
)

HANDOVERS = Entity(
    Handover,
    N_("Hand-overs"),
    singular=N_("Hand-over"),
    title=Handover.step,
    icon="user-share",
    part_of=Handover.order,
    list=[Handover.step, Handover.giver, Handover.taker, Handover.reason, Handover.created_at],
    filters=[Handover.order, Handover.taker],
    fields={
        Handover.order: FieldOptions(label=N_("Order"), readonly=True),
        Handover.step: FieldOptions(label=N_("Step"), readonly=True),
        Handover.giver: FieldOptions(label=N_("From"), readonly=True),
        Handover.taker: FieldOptions(label=N_("To"), readonly=True),
        Handover.reason: FieldOptions(label=N_("Reason"), readonly=True),
        Handover.created_at: FieldOptions(label=N_("At")),
    },
)

PLANS = Entity(
    Plan,
    N_("Recurring orders"),
    singular=N_("Recurring order"),
    title=Plan.name,
    icon="repeat",
    list=[Plan.name, Plan.order, Plan.every, Plan.next_on, Plan.is_active, Plan.owner],
    filters=[Plan.order, Plan.every, Plan.next_on, Plan.is_active],
    form=[
        Group(N_("Recurring order"), [Plan.name, Plan.order, Plan.every, Plan.next_on]),
        Group(N_("Who works on it"), [Plan.is_active, Plan.owner, Plan.team]),
    ],
    fields={
        Plan.name: FieldOptions(label=N_("Name")),
        Plan.order: FieldOptions(
            label=N_("Order"), help=N_("Its lines are ordered anew at the prices of the day.")
        ),
        Plan.every: FieldOptions(label=N_("Every")),
        Plan.next_on: FieldOptions(label=N_("Next on"), required=True),
        Plan.last_on: FieldOptions(label=N_("Last made for"), readonly=True),
        Plan.is_active: FieldOptions(label=N_("In use")),
        Plan.owner: shared.OWNER,
        Plan.team: shared.TEAM,
        Plan.created_at: shared.CREATED,
        Plan.updated_at: shared.UPDATED,
    },
)
