"""Everything a plugin author imports, and nothing else."""

from crmkit.errors import Veto
from crmkit.model.context import Context
from crmkit.model.entity import Entity, FieldOptions, Group
from crmkit.model.lifecycle import Lifecycle, State
from crmkit.model.record import Record
from crmkit.model.values import N_, Choice
from crmkit.plugin.hookspecs import PageEvent, Plugin, SaveEvent

__all__ = [
    "N_",
    "Choice",
    "Context",
    "Entity",
    "FieldOptions",
    "Group",
    "Lifecycle",
    "PageEvent",
    "Plugin",
    "Record",
    "SaveEvent",
    "State",
    "Veto",
]
