"""Mail templates: texts that people begin a message with, one name in several languages."""

from __future__ import annotations

from crmkit.model.columns import Line, Name, Text
from crmkit.model.entity import Entity, FieldOptions
from crmkit.model.record import Record
from crmkit.model.values import N_

MAIL_TEMPLATE = "core.mail_template"


class MailTemplate(Record, tablename="core_mail_template"):
    """A version of a template.

    `entity` names the records it is for, "" is any; `language` is a code, such as "de", which
    need not be one the pages speak.
    """

    name = Name(length=100, required=True)
    entity = Line(length=120)
    language = Line(length=20, required=True)
    subject = Line(length=500)
    body = Text(required=True)


MAIL_TEMPLATES = Entity(
    MailTemplate,
    N_("Mail templates"),
    singular=N_("Mail template"),
    title=MailTemplate.name,
    icon="mail",
    in_menu=False,
    list=[
        MailTemplate.name,
        MailTemplate.language,
        MailTemplate.entity,
        MailTemplate.subject,
    ],
    filters=[MailTemplate.language, MailTemplate.entity],
    search=[MailTemplate.subject, MailTemplate.body],
    form=[
        MailTemplate.name,
        MailTemplate.language,
        MailTemplate.entity,
        MailTemplate.subject,
        MailTemplate.body,
    ],
    fields={
        MailTemplate.entity: FieldOptions(
            label=N_("For"), help=N_("Such as crm.person; empty is any record.")
        ),
        MailTemplate.body: FieldOptions(label=N_("Text")),
    },
)
