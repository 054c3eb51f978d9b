"""What each registration hook gave, checked to be of the declared type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import rich_click as click

from crmkit.model.adapters import (
    Adapter,
    AutomationPart,
    FieldType,
    FileFormat,
    HealthCheck,
    NavEntry,
    Permission,
    Policy,
    Report,
)
from crmkit.model.deadline import DeadlineKind
from crmkit.model.document import DocumentTemplate
from crmkit.model.entity import Entity
from crmkit.model.event import EventType
from crmkit.model.extension import Extension
from crmkit.model.job import Job
from crmkit.model.metric import Metric, Widget
from crmkit.model.notification import NotificationKind
from crmkit.model.role import Role
from crmkit.plugin.hookspecs import HOOKS, Kind, implements

if TYPE_CHECKING:
    from crmkit.plugin.hookspecs import Plugin

#: Hook to (plugin id, declared object), in the order of the plugins.
Contributions = Mapping[str, tuple[tuple[str, Any], ...]]

_TYPES: dict[str, type] = {
    "entities": Entity,
    "extensions": Extension,
    "events": EventType,
    "metrics": Metric,
    "permissions": Permission,
    "roles": Role,
    "policies": Policy,
    "routes": object,
    "navigation": NavEntry,
    "widgets": Widget,
    "reports": Report,
    "jobs": Job,
    "notifications": NotificationKind,
    "deadlines": DeadlineKind,
    "documents": DocumentTemplate,
    "commands": click.Command,
    "field_types": FieldType,
    "automation": AutomationPart,
    "file_formats": FileFormat,
    "channels": Adapter,
    "auth_providers": Adapter,
    "storages": Adapter,
    "health_checks": HealthCheck,
}
#: Hooks whose objects have a name nobody else may give.
_NAMED = frozenset(
    {"events", "permissions", "field_types", "file_formats", "auth_providers", "notifications"}
)
#: Hooks whose objects are named with their plugin, which may give each name once.
_OWN_NAMES = frozenset({"deadlines", "documents", "jobs"})
#: Hooks whose objects are stored or granted by their names, which say whose they are.
_PREFIXED = frozenset({"permissions", "field_types", "notifications"})


def read_contributions(
    plugins: Mapping[str, Plugin], failure: Callable[[str, str], Exception]
) -> Contributions:
    """Ask every plugin for what it declares.

    Args:
        failure: Makes the exception that names a plugin and the reason it fails.
    """
    given: dict[str, tuple[tuple[str, Any], ...]] = {}
    for hook in (name for name, kind in HOOKS.items() if kind is Kind.REGISTRATION):
        found: list[tuple[str, Any]] = []
        for name, plugin in plugins.items():
            # The core brings what it has without deriving from Plugin's checks.
            if not implements(plugin, hook):
                continue
            found += [(name, each) for each in _read(name, plugin, hook, failure)]
        given[hook] = tuple(found)
        if hook in _NAMED:
            _check_names(hook, found, failure)
        if hook in _OWN_NAMES:
            for name in plugins:
                _check_names(hook, [each for each in found if each[0] == name], failure)
        if hook in _PREFIXED:
            _check_prefixes(hook, found, failure)
    return given


def _read(
    name: str, plugin: Plugin, hook: str, failure: Callable[[str, str], Exception]
) -> list[Any]:
    place = f"Plugin `{name}`: `{hook}`"
    try:
        objects = list(getattr(plugin, hook)())
    except Exception as error:
        raise failure(name, f"{place} cannot be read: {error!r}.") from error
    wanted = _TYPES[hook]
    for each in objects:
        if not isinstance(each, wanted):
            raise failure(name, f"{place} holds {each!r}, which is no {wanted.__name__}.")
    return objects


def _check_prefixes(
    hook: str, found: list[tuple[str, Any]], failure: Callable[[str, str], Exception]
) -> None:
    for plugin, each in found:
        if not each.name.startswith(f"{plugin}."):
            raise failure(
                plugin,
                f"Plugin `{plugin}`: {hook}: `{each.name}` must be named `{plugin}.{each.name}`.",
            )


def _check_names(
    hook: str, found: list[tuple[str, Any]], failure: Callable[[str, str], Exception]
) -> None:
    owners: dict[str, str] = {}
    for plugin, each in found:
        if each.name in owners:
            other = owners[each.name]
            raise failure(
                plugin, f"Plugin `{plugin}`: {hook}: `{each.name}` is given by `{other}` already."
            )
        owners[each.name] = plugin
