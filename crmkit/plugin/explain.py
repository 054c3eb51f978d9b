"""Which plugin put what where, read from the Site alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from crmkit.model.values import N_
from crmkit.plugin.extending import HOME
from crmkit.plugin.hookspecs import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crmkit.plugin.plan import EntityPlan
    from crmkit.plugin.site import Site

#: Kind of thing to its English label.
KINDS = {
    "entity": N_("Records"),
    "field": N_("Field"),
    "panel": N_("Panel"),
    "column": N_("Column"),
    "side": N_("Group of fields"),
    "action": N_("Button"),
    "step": N_("State"),
    "navigation": N_("Menu entry"),
    "metrics": N_("Figure"),
    "widgets": N_("Figure on the home page"),
    "reports": N_("Report"),
    "permissions": N_("Right"),
    "roles": N_("Role"),
    "routes": N_("Page"),
    "jobs": N_("Job"),
    "notifications": N_("Notification"),
    "commands": N_("Command"),
    "field_types": N_("Kind of field"),
    "file_formats": N_("File format"),
    "health_checks": N_("Health check"),
    "settings": N_("Settings"),
    "hook": N_("Rule or reaction"),
}
#: Company's own fields are nobody's plugin.
OWN = "own"


class Origin(msgspec.Struct, frozen=True):
    """A thing people meet, and the plugin it comes from.

    Attributes:
        kind: A key of `KINDS`.
        place: Entity it stands with, `core.home`, an address, or "" for everywhere.
        name: As code and addresses spell it.
        label: English, as people read it; "" when it has no text.
        plugin: Id, "core", or "own" for a field the company made.
    """

    kind: str
    place: str
    name: str
    label: str
    plugin: str


def explain_site(site: Site) -> list[Origin]:
    """Answer all that people meet: entities first, then what stands beside them."""
    found: list[Origin] = []
    for plan in site.entities.values():
        found += _of_entity(site, plan)
    found += _extensions(site, HOME)
    found += _contributions(site)
    for name, plugin in site.hooks.plugins.items():
        if plugin.Settings is not None:
            place = f"/settings/plugins/{name}/settings"
            found.append(Origin("settings", place, plugin.Settings.__name__, "", name))
    for hook, kind in site.hooks.kinds.items():
        if kind is not Kind.REGISTRATION:
            found += [
                Origin("hook", "", hook, "", each.plugin)
                for each in site.hooks.implementations(hook)
            ]
    return found


def _of_entity(site: Site, plan: EntityPlan) -> Iterator[Origin]:
    yield Origin("entity", plan.name, plan.name, plan.label, plan.plugin)
    for field in plan.fields.values():
        parts = field.name.split(".")
        plugin = plan.plugin
        if parts[0] == "custom":
            plugin = OWN if parts[1] == "user" else parts[1]
        yield Origin("field", plan.name, field.name, field.label, plugin)
    if plan.lifecycle is not None:
        for state in plan.lifecycle.states:
            yield Origin("step", plan.name, state.name, state.label, plan.plugin)
    added = {
        id(action) for each in site.extensions.of(plan.name) for action in each.extension.actions
    }
    for action in plan.actions:
        if id(action) not in added:
            yield Origin("action", plan.name, action.name, action.label, plan.plugin)
    yield from _extensions(site, plan.name)


def _extensions(site: Site, place: str) -> Iterator[Origin]:
    for each in site.extensions.of(place):
        extension = each.extension
        for panel in extension.panels:
            yield Origin("panel", place, panel.name, panel.title, each.plugin)
        for column in extension.columns:
            yield Origin("column", place, column.name, column.label, each.plugin)
        for action in extension.actions:
            yield Origin("action", place, action.name, action.label, each.plugin)
    for side in site.extensions.sides_of(place):
        yield Origin("side", place, side.entity, side.label, side.plugin)


def _contributions(site: Site) -> Iterator[Origin]:
    for hook in KINDS:
        for plugin, each in site.contributions.get(hook, ()):
            place = getattr(each, "entity", "") or getattr(each, "url", "")
            name = getattr(each, "name", "") or getattr(each, "metric", "") or place
            if hook == "routes":
                place = name = next(iter(sorted(getattr(each, "paths", ()))), "")
            label = getattr(each, "label", "")
            yield Origin(hook, str(place), str(name), str(label), plugin)
