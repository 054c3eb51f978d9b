"""Messages: mail in and out, each on the records it belongs to."""

from __future__ import annotations

from crmkit.model.columns import Flag, Line, Moment, Pick, Text
from crmkit.model.entity import Entity, FieldOptions
from crmkit.model.record import Record
from crmkit.model.values import N_, Choice

MESSAGE = "core.message"
DIRECTIONS = (Choice("in", N_("Incoming"), 2), Choice("out", N_("Outgoing"), 4))
STATES = (
    Choice("received", N_("Received"), 2),
    Choice("draft", N_("Draft"), 8),
    Choice("waiting", N_("Waiting"), 8),
    Choice("sending", N_("On its way"), 8),
    Choice("sent", N_("Sent"), 4),
    Choice("bounced", N_("Came back"), 6),
    Choice("failed", N_("Not sent"), 6),
    Choice("unclear", N_("Unclear whether it was sent"), 6),
)


class Message(Record, tablename="core_message"):
    """A message; mail writes it, people read it."""

    subject = Line(length=1000, required=False)
    sender = Line(length=320)
    recipients = Text()
    direction = Pick(DIRECTIONS, default="in")
    state = Pick(STATES, default="received")
    private = Flag(default=True)
    at = Moment()
    body = Text()
    quoted = Text()


MESSAGES = Entity(
    Message,
    N_("Messages"),
    singular=N_("Message"),
    title=Message.subject,
    icon="mail",
    silent=("created", "updated"),
    list=[Message.subject, Message.sender, Message.direction, Message.state, Message.at],
    filters=[Message.direction, Message.state],
    search=[Message.sender, Message.recipients, Message.body],
    order=Message.at,
    form=[
        Message.subject,
        Message.sender,
        Message.recipients,
        Message.direction,
        Message.state,
        Message.private,
        Message.at,
    ],
    facts=[Message.sender, Message.state, Message.at],
    fields={
        Message.subject: FieldOptions(label=N_("Subject"), readonly=True),
        Message.sender: FieldOptions(label=N_("From"), readonly=True),
        Message.recipients: FieldOptions(label=N_("To"), readonly=True),
        Message.direction: FieldOptions(label=N_("Direction"), readonly=True),
        Message.state: FieldOptions(label=N_("State"), readonly=True),
        Message.private: FieldOptions(
            label=N_("Private"), help=N_("Only who has the account sees it."), readonly=True
        ),
        Message.at: FieldOptions(label=N_("When"), readonly=True),
        Message.body: FieldOptions(label=N_("Text"), readonly=True, hidden=False),
        Message.quoted: FieldOptions(hidden=True),
    },
)
