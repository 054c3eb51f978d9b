"""Everything a plugin author imports, and nothing else.

Names are loaded when they are asked for: `crmkit serve` starts its database before the web stack
is imported.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litestar import Request, Response, get, post
    from litestar.params import FromPath

    from crmkit.access.predicate import predicate
    from crmkit.access.signing import read_link, sign_link
    from crmkit.errors import ConflictError, InvalidError, NotFoundError, Veto
    from crmkit.model.action import Action, InputRow
    from crmkit.model.adapters import (
        Adapter,
        FieldType,
        FileFormat,
        HealthCheck,
        NavEntry,
        Permission,
        Policy,
        Report,
    )
    from crmkit.model.calendar import Calendar as BusinessCalendar
    from crmkit.model.calendar_item import CalendarItem
    from crmkit.model.columns import Reference
    from crmkit.model.context import Context
    from crmkit.model.deadline import DeadlineKind, DeadlineOrder, Step
    from crmkit.model.document import DocumentTemplate
    from crmkit.model.entity import (
        CallLog,
        Entity,
        FieldOptions,
        Group,
        Parts,
        StepKind,
        Steps,
        Total,
    )
    from crmkit.model.event import Event, EventType
    from crmkit.model.extension import (
        Computed,
        Extension,
        ExtField,
        Panel,
        Side,
    )
    from crmkit.model.job import Job, JobEvent, JobOrder
    from crmkit.model.kept import join_kept, keep_sentences, keep_words, say_kept
    from crmkit.model.lifecycle import Lifecycle, State
    from crmkit.model.list_filter import FilterQuestion, ListFilter
    from crmkit.model.metric import Metric, Widget
    from crmkit.model.money import find_currency_places
    from crmkit.model.notification import NotificationKind
    from crmkit.model.record import Record
    from crmkit.model.role import Right, Role
    from crmkit.model.values import N_, Choice, Sentence
    from crmkit.model.written_numbers import (
        NumberMarks,
        marks_proved,
        plain_number,
        read_written,
    )
    from crmkit.plugin.deprecations import deprecated
    from crmkit.plugin.events import (
        AccessEvent,
        CopyEvent,
        FormEvent,
        LifeEvent,
        PageEvent,
        PeriodEvent,
        PersonEvent,
        QueryEvent,
        SaveEvent,
        TransitionEvent,
    )
    from crmkit.plugin.hookspecs import Plugin, hookimpl
    from crmkit.plugin.policies import read_policy
    from crmkit.plugin.sql import Sql
    from crmkit.records.calls import receive_call
    from crmkit.records.copying import carry_over
    from crmkit.records.csv_file import CsvFile as TableFile
    from crmkit.records.csv_file import CsvRow as TableRow
    from crmkit.records.erasing import erase_texts
    from crmkit.records.values import read_number
    from crmkit.web.fields import phone_link
    from crmkit.web.format import (
        format_date,
        format_full_date,
        format_moment,
        format_money,
        format_number,
        format_time,
        format_zone,
    )
    from crmkit.web.guests import guest_context, speaking
    from crmkit.web.pages.signin import enter
    from crmkit.web.render import answer, go
    from crmkit.web.services import context_of
    from crmkit.web.shell import avatar_of
    from crmkit.web.translate import _, ngettext
    from crmkit.web.views import Action as ActionButton
    from crmkit.web.views import (
        AgendaItem,
        AgendaSection,
        Avatar,
        Flash,
        FunnelStep,
        Link,
        LooseEnd,
        SearchResult,
        Suggestion,
        Tag,
        TimelineItem,
    )
    from crmkit.work import deadlines
    from crmkit.work.capacity import Capacity, capacity_of
    from crmkit.work.clock import add as add_business_time
    from crmkit.work.clock import add_days as add_business_days
    from crmkit.work.clock import between as business_time_between
    from crmkit.work.clock import hours_of as business_hours_of
    from crmkit.work.clock import is_open as is_business_time
    from crmkit.work.clock import next_open as next_business_time
    from crmkit.work.clock import spans as list_business_spans
    from crmkit.work.clock import subtract as subtract_business_time
    from crmkit.work.documents import DocumentError, current_document, remove_documents
    from crmkit.work.mail_answers import answer_mail
    from crmkit.work.outbox import queue_mail as send_mail

#: Public name to the module that has it, and its name there; "" is the module itself.
_HOMES = {
    "DeadlineKind": ("crmkit.model.deadline", "DeadlineKind"),
    "DeadlineOrder": ("crmkit.model.deadline", "DeadlineOrder"),
    "Step": ("crmkit.model.deadline", "Step"),
    "deadlines": ("crmkit.work.deadlines", ""),
    "Capacity": ("crmkit.work.capacity", "Capacity"),
    "capacity_of": ("crmkit.work.capacity", "capacity_of"),
    "BusinessCalendar": ("crmkit.model.calendar", "Calendar"),
    "add_business_days": ("crmkit.work.clock", "add_days"),
    "add_business_time": ("crmkit.work.clock", "add"),
    "business_hours_of": ("crmkit.work.clock", "hours_of"),
    "business_time_between": ("crmkit.work.clock", "between"),
    "is_business_time": ("crmkit.work.clock", "is_open"),
    "list_business_spans": ("crmkit.work.clock", "spans"),
    "next_business_time": ("crmkit.work.clock", "next_open"),
    "subtract_business_time": ("crmkit.work.clock", "subtract"),
    "CalendarItem": ("crmkit.model.calendar_item", "CalendarItem"),
    "NumberMarks": ("crmkit.model.written_numbers", "NumberMarks"),
    "marks_proved": ("crmkit.model.written_numbers", "marks_proved"),
    "plain_number": ("crmkit.model.written_numbers", "plain_number"),
    "read_written": ("crmkit.model.written_numbers", "read_written"),
    "read_number": ("crmkit.records.values", "read_number"),
    "join_kept": ("crmkit.model.kept", "join_kept"),
    "keep_sentences": ("crmkit.model.kept", "keep_sentences"),
    "keep_words": ("crmkit.model.kept", "keep_words"),
    "say_kept": ("crmkit.model.kept", "say_kept"),
    "Sentence": ("crmkit.model.values", "Sentence"),
    "find_currency_places": ("crmkit.model.money", "find_currency_places"),
    "DocumentTemplate": ("crmkit.model.document", "DocumentTemplate"),
    "remove_documents": ("crmkit.work.documents", "remove_documents"),
    "CallLog": ("crmkit.model.entity", "CallLog"),
    "guest_context": ("crmkit.web.guests", "guest_context"),
    "speaking": ("crmkit.web.guests", "speaking"),
    "sign_link": ("crmkit.access.signing", "sign_link"),
    "read_link": ("crmkit.access.signing", "read_link"),
    "answer_mail": ("crmkit.work.mail_answers", "answer_mail"),
    "DocumentError": ("crmkit.work.documents", "DocumentError"),
    "current_document": ("crmkit.work.documents", "current_document"),
    "send_mail": ("crmkit.work.outbox", "queue_mail"),
    "FromPath": ("litestar.params", "FromPath"),
    "Parts": ("crmkit.model.entity", "Parts"),
    "TableFile": ("crmkit.records.csv_file", "CsvFile"),
    "TableRow": ("crmkit.records.csv_file", "CsvRow"),
    "Total": ("crmkit.model.entity", "Total"),
    "phone_link": ("crmkit.web.fields", "phone_link"),
    "receive_call": ("crmkit.records.calls", "receive_call"),
    "Reference": ("crmkit.model.columns", "Reference"),
    "HealthCheck": ("crmkit.model.adapters", "HealthCheck"),
    "NavEntry": ("crmkit.model.adapters", "NavEntry"),
    "Permission": ("crmkit.model.adapters", "Permission"),
    "Event": ("crmkit.model.event", "Event"),
    "EventType": ("crmkit.model.event", "EventType"),
    "NotificationKind": ("crmkit.model.notification", "NotificationKind"),
    "Computed": ("crmkit.model.extension", "Computed"),
    "ExtField": ("crmkit.model.extension", "ExtField"),
    "Extension": ("crmkit.model.extension", "Extension"),
    "Panel": ("crmkit.model.extension", "Panel"),
    "FilterQuestion": ("crmkit.model.list_filter", "FilterQuestion"),
    "ListFilter": ("crmkit.model.list_filter", "ListFilter"),
    "Side": ("crmkit.model.extension", "Side"),
    "Metric": ("crmkit.model.metric", "Metric"),
    "Widget": ("crmkit.model.metric", "Widget"),
    "CopyEvent": ("crmkit.plugin.events", "CopyEvent"),
    "AccessEvent": ("crmkit.plugin.events", "AccessEvent"),
    "FormEvent": ("crmkit.plugin.events", "FormEvent"),
    "LifeEvent": ("crmkit.plugin.events", "LifeEvent"),
    "QueryEvent": ("crmkit.plugin.events", "QueryEvent"),
    "TransitionEvent": ("crmkit.plugin.events", "TransitionEvent"),
    "hookimpl": ("crmkit.plugin.hookspecs", "hookimpl"),
    "Sql": ("crmkit.plugin.sql", "Sql"),
    "_": ("crmkit.web.translate", "_"),
    "answer": ("crmkit.web.render", "answer"),
    "context_of": ("crmkit.web.services", "context_of"),
    "Adapter": ("crmkit.model.adapters", "Adapter"),
    "enter": ("crmkit.web.pages.signin", "enter"),
    "FieldType": ("crmkit.model.adapters", "FieldType"),
    "FileFormat": ("crmkit.model.adapters", "FileFormat"),
    "Policy": ("crmkit.model.adapters", "Policy"),
    "read_policy": ("crmkit.plugin.policies", "read_policy"),
    "Report": ("crmkit.model.adapters", "Report"),
    "Right": ("crmkit.model.role", "Right"),
    "Role": ("crmkit.model.role", "Role"),
    "deprecated": ("crmkit.plugin.deprecations", "deprecated"),
    "Flash": ("crmkit.web.views", "Flash"),
    "get": ("litestar", "get"),
    "go": ("crmkit.web.render", "go"),
    "Link": ("crmkit.web.views", "Link"),
    "post": ("litestar", "post"),
    "Request": ("litestar", "Request"),
    "Response": ("litestar", "Response"),
    "Action": ("crmkit.model.action", "Action"),
    "ActionButton": ("crmkit.web.views", "Action"),
    "AgendaItem": ("crmkit.web.views", "AgendaItem"),
    "AgendaSection": ("crmkit.web.views", "AgendaSection"),
    "Avatar": ("crmkit.web.views", "Avatar"),
    "avatar_of": ("crmkit.web.shell", "avatar_of"),
    "carry_over": ("crmkit.records.copying", "carry_over"),
    "Choice": ("crmkit.model.values", "Choice"),
    "ConflictError": ("crmkit.errors", "ConflictError"),
    "Context": ("crmkit.model.context", "Context"),
    "Entity": ("crmkit.model.entity", "Entity"),
    "erase_texts": ("crmkit.records.erasing", "erase_texts"),
    "FieldOptions": ("crmkit.model.entity", "FieldOptions"),
    "format_date": ("crmkit.web.format", "format_date"),
    "format_full_date": ("crmkit.web.format", "format_full_date"),
    "format_moment": ("crmkit.web.format", "format_moment"),
    "format_money": ("crmkit.web.format", "format_money"),
    "format_time": ("crmkit.web.format", "format_time"),
    "format_zone": ("crmkit.web.format", "format_zone"),
    "format_number": ("crmkit.web.format", "format_number"),
    "FunnelStep": ("crmkit.web.views", "FunnelStep"),
    "Group": ("crmkit.model.entity", "Group"),
    "InputRow": ("crmkit.model.action", "InputRow"),
    "InvalidError": ("crmkit.errors", "InvalidError"),
    "Job": ("crmkit.model.job", "Job"),
    "JobEvent": ("crmkit.model.job", "JobEvent"),
    "JobOrder": ("crmkit.model.job", "JobOrder"),
    "Lifecycle": ("crmkit.model.lifecycle", "Lifecycle"),
    "LooseEnd": ("crmkit.web.views", "LooseEnd"),
    "N_": ("crmkit.model.values", "N_"),
    "ngettext": ("crmkit.web.translate", "ngettext"),
    "NotFoundError": ("crmkit.errors", "NotFoundError"),
    "PageEvent": ("crmkit.plugin.events", "PageEvent"),
    "PeriodEvent": ("crmkit.plugin.events", "PeriodEvent"),
    "PersonEvent": ("crmkit.plugin.events", "PersonEvent"),
    "Plugin": ("crmkit.plugin.hookspecs", "Plugin"),
    "predicate": ("crmkit.access.predicate", "predicate"),
    "Record": ("crmkit.model.record", "Record"),
    "SaveEvent": ("crmkit.plugin.events", "SaveEvent"),
    "SearchResult": ("crmkit.web.views", "SearchResult"),
    "State": ("crmkit.model.lifecycle", "State"),
    "StepKind": ("crmkit.model.entity", "StepKind"),
    "Steps": ("crmkit.model.entity", "Steps"),
    "Suggestion": ("crmkit.web.views", "Suggestion"),
    "Tag": ("crmkit.web.views", "Tag"),
    "TimelineItem": ("crmkit.web.views", "TimelineItem"),
    "Veto": ("crmkit.errors", "Veto"),
}

__all__ = [
    "N_",
    "AccessEvent",
    "Action",
    "ActionButton",
    "Adapter",
    "AgendaItem",
    "AgendaSection",
    "Avatar",
    "BusinessCalendar",
    "CalendarItem",
    "CallLog",
    "Capacity",
    "Choice",
    "Computed",
    "ConflictError",
    "Context",
    "CopyEvent",
    "DeadlineKind",
    "DeadlineOrder",
    "DocumentError",
    "DocumentTemplate",
    "Entity",
    "Event",
    "EventType",
    "ExtField",
    "Extension",
    "FieldOptions",
    "FieldType",
    "FileFormat",
    "FilterQuestion",
    "Flash",
    "FormEvent",
    "FromPath",
    "FunnelStep",
    "Group",
    "HealthCheck",
    "InputRow",
    "InvalidError",
    "Job",
    "JobEvent",
    "JobOrder",
    "LifeEvent",
    "Lifecycle",
    "Link",
    "ListFilter",
    "LooseEnd",
    "Metric",
    "NavEntry",
    "NotFoundError",
    "NotificationKind",
    "NumberMarks",
    "PageEvent",
    "Panel",
    "Parts",
    "PeriodEvent",
    "Permission",
    "PersonEvent",
    "Plugin",
    "Policy",
    "QueryEvent",
    "Record",
    "Reference",
    "Report",
    "Request",
    "Response",
    "Right",
    "Role",
    "SaveEvent",
    "SearchResult",
    "Sentence",
    "Side",
    "Sql",
    "State",
    "Step",
    "StepKind",
    "Steps",
    "Suggestion",
    "TableFile",
    "TableRow",
    "Tag",
    "TimelineItem",
    "Total",
    "TransitionEvent",
    "Veto",
    "Widget",
    "_",
    "add_business_days",
    "add_business_time",
    "answer",
    "answer_mail",
    "avatar_of",
    "business_hours_of",
    "business_time_between",
    "capacity_of",
    "carry_over",
    "context_of",
    "current_document",
    "deadlines",
    "deprecated",
    "enter",
    "erase_texts",
    "find_currency_places",
    "format_date",
    "format_full_date",
    "format_moment",
    "format_money",
    "format_number",
    "format_time",
    "format_zone",
    "get",
    "go",
    "guest_context",
    "hookimpl",
    "is_business_time",
    "join_kept",
    "keep_sentences",
    "keep_words",
    "list_business_spans",
    "marks_proved",
    "next_business_time",
    "ngettext",
    "phone_link",
    "plain_number",
    "post",
    "predicate",
    "read_link",
    "read_number",
    "read_policy",
    "read_written",
    "receive_call",
    "remove_documents",
    "say_kept",
    "send_mail",
    "sign_link",
    "speaking",
    "subtract_business_time",
]


def __getattr__(name: str) -> object:
    """Load a public name."""
    try:
        module, attribute = _HOMES[name]
    except KeyError:
        raise AttributeError(f"crmkit has no public name `{name}`.") from None
    home = import_module(module)
    value: object = getattr(home, attribute) if attribute else home
    globals()[name] = value
    return value
