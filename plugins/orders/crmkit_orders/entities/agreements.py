"""Blanket orders: lines with what is left of them, and calling off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit import N_, Action, Entity, FieldOptions, Group, Parts
from crmkit_orders import agreeing, calling
from crmkit_orders.agreement_tables import Agreement, AgreementLine
from crmkit_orders.entities import shared
from crmkit_orders.pasted import FILE_HELP, agreement_table, paste_agreement
from crmkit_orders.portal_giving import send_agreement
from crmkit_orders.states import AGREEMENT_STATES, agreement_locked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context


def _may_order(ctx: Context, _record: Mapping[str, Any]) -> bool:
    return ctx.principal.role.scope("orders.order", "create") != "none"


AGREEMENTS = Entity(
    Agreement,
    N_("Blanket orders"),
    singular=N_("Blanket order"),
    title=Agreement.number,
    icon="clipboard-list",
    list=[
        Agreement.number,
        Agreement.company,
        Agreement.state,
        Agreement.valid_until,
        Agreement.net,
        Agreement.net_left,
        Agreement.owner,
    ],
    filters=[
        Agreement.state,
        Agreement.company,
        Agreement.person,
        Agreement.valid_from,
        Agreement.valid_until,
        Agreement.closed_on,
    ],
    search=[Agreement.client_number, Agreement.note],
    subtitle=[Agreement.company, Agreement.person],
    facts=[
        Agreement.net_left,
        Agreement.net,
        Agreement.valid_from,
        Agreement.valid_until,
        Agreement.owner,
    ],
    form=[
        Group(N_("Client"), [Agreement.company, Agreement.person, Agreement.client_number]),
        Group(N_("Terms"), [Agreement.valid_from, Agreement.valid_until, Agreement.currency]),
        Group(N_("Text"), [Agreement.note]),
        Group(N_("Progress"), [Agreement.state, Agreement.cancel_reason]),
        Group(N_("Who works on it"), [Agreement.owner, Agreement.team]),
    ],
    board=Agreement.state,
    closed=Agreement.closed_on,
    lifecycle=AGREEMENT_STATES,
    sums=[Agreement.net_left],
    order=Agreement.updated_at,
    parts=[
        Parts(
            AgreementLine.agreement,
            N_("Lines"),
            columns=[
                AgreementLine.product,
                AgreementLine.quantity,
                AgreementLine.unit,
                AgreementLine.unit_price,
                AgreementLine.called,
                AgreementLine.remaining,
            ],
            order=AgreementLine.position,
            locked=agreement_locked,
            paste=paste_agreement,
            table=agreement_table,
            table_help=FILE_HELP,
        )
    ],
    actions=[
        Action(
            "begin",
            N_("Begin"),
            agreeing.begin_agreement,
            icon="player-play",
            states=("draft",),
            undoable=False,
            done=N_("Blanket order begun"),
        ),
        Action(
            "call-off",
            N_("Call off"),
            calling.call_off,
            input=calling.CallOff,
            icon="package",
            states=("running",),
            visible=_may_order,
            rows={"quantities": calling.wanted_inputs},
            bulk=False,
            done=N_("This is the order called off"),
        ),
        Action(
            "raise",
            N_("Raise or extend"),
            agreeing.raise_or_extend,
            input=agreeing.RaiseOrExtend,
            icon="arrow-up",
            states=("running",),
            rows={"quantities": agreeing.agreed_inputs},
            labels={"until": N_("Valid until")},
            bulk=False,
            quiet=True,
            undoable=False,
            done=N_("Blanket order changed"),
        ),
        Action(
            "send",
            N_("Send to client"),
            send_agreement,
            icon="send",
            states=("running",),
            bulk=False,
            quiet=True,
            undoable=False,
            done=N_("Blanket order sent"),
        ),
        Action(
            "renew",
            N_("Renew"),
            agreeing.renew_agreement,
            "read",
            icon="repeat",
            states=("running", "closed"),
            bulk=False,
            quiet=True,
            needs=("create",),
            done=N_("This is the next blanket order"),
        ),
        Action(
            "close",
            N_("Close"),
            agreeing.close_agreement,
            icon="archive",
            states=("running",),
            quiet=True,
            undoable=False,
            confirm=N_("Nothing more is called off. What was called off is delivered as ever."),
            done=N_("Blanket order closed"),
        ),
        Action(
            "cancel",
            N_("Cancel"),
            agreeing.cancel_agreement,
            input=agreeing.CancelAgreement,
            icon="ban",
            states=("draft", "running"),
            quiet=True,
            undoable=False,
            labels={"reason": N_("Reason")},
            done=N_("Blanket order cancelled"),
        ),
    ],
    fields={
        Agreement.number: shared.NUMBER,
        Agreement.state: shared.STATE,
        Agreement.company: FieldOptions(label=N_("Company"), related=False),
        Agreement.person: FieldOptions(label=N_("Person"), related=False),
        Agreement.currency: shared.CURRENCY,
        Agreement.client_number: FieldOptions(label=N_("The client's number")),
        Agreement.valid_from: FieldOptions(
            label=N_("Valid from"), help=N_("Empty is the day on which it begins.")
        ),
        Agreement.valid_until: FieldOptions(
            label=N_("Valid until"), help=N_("Last day on which it can be called off.")
        ),
        Agreement.note: shared.NOTE,
        Agreement.cancel_reason: FieldOptions(label=N_("Why it was cancelled")),
        Agreement.closed_on: FieldOptions(label=N_("Closed on"), readonly=True),
        Agreement.calls: FieldOptions(label=N_("Times called off"), readonly=True),
        Agreement.told_until: shared.HIDDEN,
        Agreement.net: FieldOptions(label=N_("Agreed value"), derived=True),
        Agreement.net_left: FieldOptions(label=N_("Value left"), derived=True),
        Agreement.owner: shared.OWNER,
        Agreement.team: shared.TEAM,
        Agreement.created_at: shared.CREATED,
        Agreement.updated_at: shared.UPDATED,
    },
)

AGREEMENT_LINES = Entity(
    AgreementLine,
    N_("Lines of blanket orders"),
    singular=N_("Line of a blanket order"),
    title=AgreementLine.text,
    icon="list",
    part_of=AgreementLine.agreement,
    list=[
        AgreementLine.text,
        AgreementLine.agreement,
        AgreementLine.quantity,
        AgreementLine.called,
        AgreementLine.remaining,
        AgreementLine.unit_price,
    ],
    filters=[AgreementLine.agreement, AgreementLine.product, AgreementLine.remaining],
    fields={
        AgreementLine.agreement: FieldOptions(label=N_("Blanket order")),
        AgreementLine.position: shared.POSITION,
        AgreementLine.product: FieldOptions(label=N_("Product"), related=False),
        AgreementLine.text: shared.TEXT,
        AgreementLine.quantity: FieldOptions(
            label=N_("Agreed"), help=N_("Empty is as much as is wanted.")
        ),
        AgreementLine.unit: shared.UNIT,
        AgreementLine.unit_price: shared.UNIT_PRICE,
        AgreementLine.called: FieldOptions(
            label=N_("Called off"), derived=True, share_of=AgreementLine.quantity
        ),
        AgreementLine.remaining: FieldOptions(label=N_("Left"), derived=True),
        AgreementLine.net: FieldOptions(label=N_("Agreed value"), derived=True),
        AgreementLine.told_at: shared.HIDDEN,
    },
)
