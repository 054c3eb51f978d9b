"""Quotes: versions, options, acceptance."""

from __future__ import annotations

from crmkit import N_, Action, Entity, FieldOptions, Group, Parts
from crmkit_orders import quoting
from crmkit_orders.entities import shared
from crmkit_orders.pasted import FILE_HELP, paste_quote, quote_table
from crmkit_orders.states import QUOTE_STATES, quote_locked
from crmkit_orders.tables import Quote, QuoteLine
from crmkit_orders.totals import quote_totals

QUOTES = Entity(
    Quote,
    N_("Quotes"),
    singular=N_("Quote"),
    title=Quote.number,
    icon="file-text",
    list=[
        Quote.number,
        Quote.company,
        Quote.state,
        Quote.gross,
        Quote.valid_until,
        Quote.owner,
    ],
    filters=[
        Quote.state,
        Quote.company,
        Quote.person,
        Quote.opportunity,
        Quote.valid_until,
        Quote.previous,
    ],
    search=[Quote.note],
    subtitle=[Quote.company, Quote.person, Quote.opportunity],
    facts=[Quote.gross, Quote.valid_until, Quote.revision, Quote.prepayment, Quote.owner],
    form=[
        Group(N_("Client"), [Quote.company, Quote.person, Quote.opportunity]),
        Group(N_("Terms"), [Quote.currency, Quote.valid_until, Quote.prepayment]),
        Group(N_("Answer"), [Quote.refused_reason]),
        Group(N_("Text"), [Quote.note]),
        Group(N_("Who works on it"), [Quote.owner, Quote.team]),
    ],
    board=Quote.state,
    lifecycle=QUOTE_STATES,
    sums=[Quote.gross],
    order=Quote.updated_at,
    parts=[
        Parts(
            QuoteLine.quote,
            N_("Lines"),
            columns=[
                QuoteLine.product,
                QuoteLine.quantity,
                QuoteLine.unit,
                QuoteLine.unit_price,
                QuoteLine.discount,
                QuoteLine.tax_rate,
                QuoteLine.is_optional,
                QuoteLine.min_quantity,
                QuoteLine.max_quantity,
                QuoteLine.net,
            ],
            order=QuoteLine.position,
            below=[QuoteLine.text, QuoteLine.price_rule],
            needed=dict.fromkeys(
                (QuoteLine.min_quantity, QuoteLine.max_quantity),
                lambda row: bool(row["is_optional"]),
            ),
            totals=quote_totals,
            locked=quote_locked,
            paste=paste_quote,
            table=quote_table,
            table_help=FILE_HELP,
        )
    ],
    actions=[
        Action(
            "send",
            N_("Send"),
            quoting.send_quote,
            icon="send",
            states=("draft",),
            undoable=False,
            done=N_("Quote sent"),
        ),
        Action(
            "accept",
            N_("Accept"),
            quoting.accept_by_hand,
            input=quoting.AcceptQuote,
            icon="check",
            states=("draft", "sent"),
            undoable=False,
            bulk=False,
            labels={"name": N_("Who accepted it")},
            done=N_("Quote accepted"),
        ),
        Action(
            "revise",
            N_("New version"),
            quoting.revise_quote,
            icon="versions",
            states=("sent", "refused", "expired"),
            bulk=False,
            needs=("create",),
            done=N_("This is the new version"),
        ),
    ],
    fields={
        Quote.number: shared.NUMBER,
        Quote.state: shared.STATE,
        Quote.company: shared.COMPANY,
        Quote.person: shared.PERSON,
        Quote.opportunity: shared.OPPORTUNITY,
        Quote.currency: shared.CURRENCY,
        Quote.valid_until: FieldOptions(
            label=N_("Valid until"), help=N_("Last day on which the client can accept it.")
        ),
        Quote.prepayment: shared.PREPAYMENT,
        Quote.revision: FieldOptions(label=N_("Version"), readonly=True),
        Quote.previous: FieldOptions(label=N_("Version before"), readonly=True),
        Quote.note: shared.NOTE,
        Quote.refused_reason: FieldOptions(label=N_("Why it was refused")),
        Quote.sent_at: FieldOptions(label=N_("Sent at"), readonly=True),
        Quote.accepted_at: FieldOptions(label=N_("Accepted at"), readonly=True),
        Quote.accepted_by: FieldOptions(label=N_("Accepted by"), readonly=True),
        Quote.accepted_from: FieldOptions(label=N_("Accepted from address"), readonly=True),
        Quote.shown: FieldOptions(
            label=N_("Digest of what was shown"), readonly=True, help=N_("SHA-256")
        ),
        Quote.most_discount: FieldOptions(label=N_("Largest discount, %"), derived=True),
        Quote.net: shared.NET,
        Quote.tax: shared.TAX,
        Quote.gross: shared.GROSS,
        Quote.owner: shared.OWNER,
        Quote.team: shared.TEAM,
        Quote.created_at: shared.CREATED,
        Quote.updated_at: shared.UPDATED,
    },
)

QUOTE_LINES = Entity(
    QuoteLine,
    N_("Lines of quotes"),
    singular=N_("Line of a quote"),
    title=QuoteLine.text,
    icon="list",
    part_of=QuoteLine.quote,
    list=[
        QuoteLine.text,
        QuoteLine.quantity,
        QuoteLine.unit_price,
        QuoteLine.net,
    ],
    filters=[QuoteLine.quote, QuoteLine.product],
    fields={
        QuoteLine.quote: FieldOptions(label=N_("Quote")),
        QuoteLine.position: shared.POSITION,
        QuoteLine.product: shared.PRODUCT,
        QuoteLine.text: shared.TEXT,
        QuoteLine.quantity: shared.QUANTITY,
        QuoteLine.unit: shared.UNIT,
        QuoteLine.unit_price: shared.UNIT_PRICE,
        QuoteLine.discount: shared.DISCOUNT,
        QuoteLine.tax_rate: shared.TAX_RATE,
        QuoteLine.is_optional: FieldOptions(
            label=N_("Option"), help=N_("The client may take it; it is not in the total.")
        ),
        QuoteLine.is_chosen: FieldOptions(label=N_("Chosen"), derived=True),
        QuoteLine.min_quantity: FieldOptions(
            label=N_("At least"), help=N_("Of an option; empty is its quantity.")
        ),
        QuoteLine.max_quantity: FieldOptions(
            label=N_("At most"), help=N_("Of an option; empty is its quantity.")
        ),
        QuoteLine.chosen_quantity: FieldOptions(label=N_("Chosen quantity"), derived=True),
        QuoteLine.is_unmatched: shared.UNMATCHED,
        QuoteLine.price_rule: shared.PRICE_RULE,
        QuoteLine.rule_price: shared.RULE_PRICE,
        QuoteLine.is_by_hand: shared.BY_HAND,
        QuoteLine.net: shared.NET,
        QuoteLine.unit_cost: shared.HIDDEN,
    },
)
