"""Everything a plugin author imports, and nothing else.

Names are loaded when they are asked for: `crmkit serve` starts its database before the web stack
is imported.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

#: Public name to the module that has it, and its name there.
_HOMES = {
    "_": ("crmkit.web.translate", "_"),
    "Action": ("crmkit.model.action", "Action"),
    "ActionButton": ("crmkit.web.views", "Action"),
    "AgendaItem": ("crmkit.web.views", "AgendaItem"),
    "AgendaSection": ("crmkit.web.views", "AgendaSection"),
    "Avatar": ("crmkit.web.views", "Avatar"),
    "avatar_of": ("crmkit.web.shell", "avatar_of"),
    "Choice": ("crmkit.model.values", "Choice"),
    "ConflictError": ("crmkit.errors", "ConflictError"),
    "Context": ("crmkit.model.context", "Context"),
    "Entity": ("crmkit.model.entity", "Entity"),
    "FieldOptions": ("crmkit.model.entity", "FieldOptions"),
    "format_date": ("crmkit.web.format", "format_date"),
    "format_moment": ("crmkit.web.format", "format_moment"),
    "format_money": ("crmkit.web.format", "format_money"),
    "format_number": ("crmkit.web.format", "format_number"),
    "FunnelStep": ("crmkit.web.views", "FunnelStep"),
    "Group": ("crmkit.model.entity", "Group"),
    "InvalidError": ("crmkit.errors", "InvalidError"),
    "Lifecycle": ("crmkit.model.lifecycle", "Lifecycle"),
    "LooseEnd": ("crmkit.web.views", "LooseEnd"),
    "N_": ("crmkit.model.values", "N_"),
    "ngettext": ("crmkit.web.translate", "ngettext"),
    "NotFoundError": ("crmkit.errors", "NotFoundError"),
    "PageEvent": ("crmkit.plugin.hookspecs", "PageEvent"),
    "Plugin": ("crmkit.plugin.hookspecs", "Plugin"),
    "predicate": ("crmkit.access.predicate", "predicate"),
    "Record": ("crmkit.model.record", "Record"),
    "SaveEvent": ("crmkit.plugin.hookspecs", "SaveEvent"),
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


def __getattr__(name: str) -> object:
    """Load a public name."""
    try:
        module, attribute = _HOMES[name]
    except KeyError:
        raise AttributeError(f"crmkit has no public name `{name}`.") from None
    value: object = getattr(import_module(module), attribute)
    globals()[name] = value
    return value
