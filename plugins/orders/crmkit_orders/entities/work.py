"""The work on orders: the step plan, steps, who held them, and what invoices took."""

from __future__ import annotations

from crmkit import N_, Entity, FieldOptions, Group, Parts
from crmkit_orders.entities import shared
from crmkit_orders.work_tables import Claim, Handover, OrderStep, StepName, StepPlan

STEP_PLANS = Entity(
    StepPlan,
    N_("Step plan"),
    singular=N_("Step of the plan"),
    title=StepPlan.name,
    icon="list-check",
    list=[
        StepPlan.name,
        StepPlan.position,
        StepPlan.responsible,
        StepPlan.person,
        StepPlan.of_team,
        StepPlan.hours,
        StepPlan.ends_with,
        StepPlan.is_active,
    ],
    filters=[StepPlan.is_active, StepPlan.responsible],
    order=StepPlan.position,
    shared=True,
    form=[
        Group(N_("Step"), [StepPlan.name, StepPlan.position, StepPlan.is_active]),
        Group(N_("Who does it"), [StepPlan.responsible, StepPlan.person, StepPlan.of_team]),
        Group(N_("By when"), [StepPlan.hours, StepPlan.minutes, StepPlan.ends_with]),
    ],
    parts=[
        Parts(
            StepName.step,
            N_("Names for clients"),
            columns=[StepName.language, StepName.name],
            order=StepName.position,
        )
    ],
    fields={
        StepPlan.name: FieldOptions(label=N_("Step")),
        StepPlan.position: FieldOptions(
            label=N_("Position"), help=N_("Orders go through the steps by it; empty is the last.")
        ),
        StepPlan.ends_with: FieldOptions(
            label=N_("Ends when"), help=N_("It ends by itself then; anybody may end it before.")
        ),
        StepPlan.responsible: FieldOptions(label=N_("Held by")),
        StepPlan.person: FieldOptions(label=N_("Person")),
        StepPlan.of_team: FieldOptions(label=N_("Of team")),
        StepPlan.hours: FieldOptions(
            label=N_("Business hours"), help=N_("From its begin; empty is until the promise.")
        ),
        StepPlan.minutes: FieldOptions(
            label=N_("Minutes of work"),
            help=N_("Counts in how much its holder has to do, when orders are promised."),
        ),
        StepPlan.is_active: FieldOptions(
            label=N_("In use"), help=N_("Orders that are confirmed from now on have it.")
        ),
        StepPlan.created_at: shared.CREATED,
        StepPlan.updated_at: shared.UPDATED,
    },
)

STEP_NAMES = Entity(
    StepName,
    N_("Names of steps"),
    singular=N_("Name of a step"),
    title=StepName.name,
    icon="list-check",
    part_of=StepName.step,
    list=[StepName.name, StepName.language],
    filters=[StepName.step, StepName.language],
    fields={
        StepName.step: FieldOptions(label=N_("Step")),
        StepName.position: shared.POSITION,
        StepName.language: FieldOptions(label=N_("Language")),
        StepName.name: FieldOptions(
            label=N_("Name"),
            help=N_("What clients of this language read; without it, the step's own name."),
        ),
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
        OrderStep.plan: FieldOptions(label=N_("Step of the plan"), readonly=True),
        OrderStep.ends_with: FieldOptions(label=N_("Ends when"), readonly=True),
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

CLAIMS = Entity(
    Claim,
    N_("Invoiced parts"),
    singular=N_("Invoiced part"),
    title=Claim.document,
    icon="receipt",
    in_menu=False,
    list=[
        Claim.document,
        Claim.order,
        Claim.kind,
        Claim.line,
        Claim.quantity,
        Claim.net,
        Claim.created_at,
    ],
    filters=[Claim.order, Claim.kind, Claim.created_at, Claim.released_at],
    fields={
        Claim.order: FieldOptions(label=N_("Order"), readonly=True),
        Claim.line: FieldOptions(label=N_("Line of an order"), readonly=True),
        Claim.part: FieldOptions(label=N_("Part of a bundle"), readonly=True, related=False),
        Claim.kind: FieldOptions(label=N_("Kind"), readonly=True),
        Claim.key: FieldOptions(label=N_("Line of the invoice"), readonly=True),
        Claim.document: FieldOptions(label=N_("Invoice"), readonly=True),
        Claim.quantity: FieldOptions(label=N_("Quantity"), readonly=True),
        Claim.tax_rate: FieldOptions(label=N_("Tax, %"), readonly=True),
        Claim.net: FieldOptions(label=N_("Net"), readonly=True),
        Claim.deducts: FieldOptions(label=N_("Deducts"), readonly=True),
        Claim.released_at: FieldOptions(label=N_("Taken back at"), readonly=True),
        Claim.created_at: FieldOptions(label=N_("Invoiced at")),
    },
)
