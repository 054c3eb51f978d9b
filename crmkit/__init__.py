"""Everything a plugin author imports, and nothing else."""

from crmkit.access.predicate import predicate
from crmkit.errors import ConflictError, InvalidError, NotFoundError, Veto
from crmkit.model.action import Action
from crmkit.model.context import Context
from crmkit.model.entity import Entity, FieldOptions, Group, StepKind, Steps
from crmkit.model.lifecycle import Lifecycle, State
from crmkit.model.record import Record
from crmkit.model.values import N_, Choice
from crmkit.plugin.hookspecs import PageEvent, Plugin, SaveEvent
from crmkit.web.format import format_date, format_moment, format_money, format_number
from crmkit.web.shell import avatar_of
from crmkit.web.translate import _, ngettext
from crmkit.web.views import Action as ActionButton
from crmkit.web.views import (
    AgendaItem,
    AgendaSection,
    Avatar,
    FunnelStep,
    LooseEnd,
    Suggestion,
    Tag,
    TimelineItem,
)

__all__ = [
    "N_",
    "Action",
    "ActionButton",
    "AgendaItem",
    "AgendaSection",
    "Avatar",
    "Choice",
    "ConflictError",
    "Context",
    "Entity",
    "FieldOptions",
    "FunnelStep",
    "Group",
    "InvalidError",
    "Lifecycle",
    "LooseEnd",
    "NotFoundError",
    "PageEvent",
    "Plugin",
    "Record",
    "SaveEvent",
    "State",
    "StepKind",
    "Steps",
    "Suggestion",
    "Tag",
    "TimelineItem",
    "Veto",
    "_",
    "avatar_of",
    "format_date",
    "format_moment",
    "format_money",
    "format_number",
    "ngettext",
    "predicate",
]
