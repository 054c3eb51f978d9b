"""Plugins and what a switch would change, as the page of plugins prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode

from crmkit.plugin.deprecations import deprecations_in
from crmkit.records.plugins.demo import has_demo
from crmkit.web.format import format_number
from crmkit.web.translate import _, ngettext
from crmkit.web.views import Action, FieldInput, Link, Tag
from crmkit.web.views.plugins import ChangeLine, Fault, PluginCard, PluginDetail

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crmkit.model.context import Context
    from crmkit.plugin.dispatch import Implementation
    from crmkit.plugin.site import PluginInfo, Site
    from crmkit.records.plugins.impact import Addition, Impact

PATH = "/settings/plugins"
_GROUPS = {
    "enabled": ("enabled", "quarantined"),
    "disabled": ("disabled", "available", "archived", "purged"),
    "failed": ("failed", "blocked", "incompatible", "quarantined"),
}
_HUES = {"enabled": 3, "failed": 6, "blocked": 6, "incompatible": 6, "quarantined": 5}


def site_of(ctx: Context) -> Site:
    """Answer the whole Site."""
    return cast("Site", ctx.site)


def state_labels() -> dict[str, str]:
    """Answer how people read the states."""
    return {
        "enabled": _("On"), "disabled": _("Off"), "available": _("Off, new"),
        "archived": _("Archived"), "purged": _("Purged"), "failed": _("Failed"),
        "blocked": _("Blocked"), "incompatible": _("Does not fit"), "quarantined": _("Quarantined"),
    }  # fmt: skip


def page_url(**query: str) -> str:
    """Answer the address of the page with what is chosen on it."""
    kept = {name: value for name, value in query.items() if value}
    return f"{PATH}?{urlencode(kept)}" if kept else PATH


def filter_links(site: Site, state: str, search: str) -> tuple[Link, ...]:
    """Answer the groups of states with how many plugins are in each."""
    labels = {"": _("All"), "enabled": _("On"), "disabled": _("Off"), "failed": _("Failed")}
    return tuple(
        Link(
            label=label,
            url=page_url(state=name, q=search),
            current=name == state,
            count=str(sum(in_group(info, name) for info in site.plugins.values())),
        )
        for name, label in labels.items()
    )


def in_group(info: PluginInfo, group: str) -> bool:
    """Say whether a plugin is in a group of states; "" is all."""
    return info.state in _GROUPS.get(group, (info.state,))


def matches(info: PluginInfo, search: str) -> bool:
    """Say whether a plugin is meant by what was typed."""
    manifest = info.manifest
    text = f"{manifest.id} {manifest.name} {manifest.summary} {manifest.category}"
    return search.casefold() in text.casefold()


def card_of(ctx: Context, info: PluginInfo, chosen: str, state: str, search: str) -> PluginCard:
    """Answer the card of a plugin."""
    manifest, is_on = info.manifest, info.is_on
    target = "disabled" if is_on else "enabled"
    site = site_of(ctx)
    name = _(manifest.name)
    label = _("Switch off %(name)s") if is_on else _("Switch on %(name)s")
    has_settings = is_on and site.hooks.plugins[manifest.id].Settings is not None
    return PluginCard(
        id=manifest.id,
        name=name,
        version=manifest.version,
        icon=manifest.icon,
        summary=_(manifest.summary) if manifest.summary else "",
        adds=_adds(ctx, site, manifest.id) if is_on else "",
        badge=Tag(label=state_labels()[info.state], hue=_HUES.get(info.state, 8)),
        url=page_url(state=state, q=search, show=manifest.id),
        is_on=is_on,
        is_chosen=manifest.id == chosen,
        switch=Link(
            label=label % {"name": name},
            url=page_url(state=state, q=search, show=manifest.id, to=target),
        )
        if ctx.config.plugins.enabled is None
        else None,
        reason=info.reason,
        settings_url=f"{PATH}/{manifest.id}/settings" if has_settings else None,
    )


def _adds(ctx: Context, site: Site, plugin: str) -> str:
    entities = sum(plan.plugin == plugin for plan in site.entities.values())
    added = [each.extension for all_ in site.extensions.by_entity.values() for each in all_
             if each.plugin == plugin]  # fmt: skip
    fields = sum(len(each.fields) for each in added)
    panels = sum(len(each.panels) for each in added)
    said = [
        (entities, ngettext("%(n)s table", "%(n)s tables", entities)),
        (fields, ngettext("%(n)s field", "%(n)s fields", fields)),
        (panels, ngettext("%(n)s panel", "%(n)s panels", panels)),
    ]
    return ", ".join(text % {"n": format_number(ctx, n)} for n, text in said if n)


def detail_of(
    ctx: Context, info: PluginInfo, to: str, impact: Impact | None, close_url: str
) -> PluginDetail:
    """Answer what a plugin is, or what switching it would change."""
    manifest = info.manifest
    verbs = {
        "enabled": _("Switch on %(name)s"), "disabled": _("Switch off %(name)s"),
        "archived": _("Archive %(name)s"), "purged": _("Purge %(name)s"),
    }  # fmt: skip
    verb = verbs.get(to, "%(name)s") % {"name": _(manifest.name)}
    notes = {
        "enabled": _("It can be switched off again at any time."),
        "disabled": _("All its data stay; switched on again it finds them."),
        "archived": _("Its data go to a file and can be brought back from it."),
        "purged": _("A file is written first. Then all of this is gone."),
    }
    is_possible = impact is not None and not impact.obstacle
    action = Action(
        name="switch",
        label=verb,
        url=f"{PATH}/{manifest.id}/state",
        kind="danger" if to == "purged" else "primary",
        values=(("to", to),),
        fields=(_typed_id(manifest.id),) if to == "purged" else (),
    )
    return PluginDetail(
        title=verb,
        intro=_("What would change. Nothing has happened yet.") if impact else _(manifest.summary),
        close_url=close_url,
        obstacle=impact.obstacle if impact else "",
        reason=info.reason,
        trace=info.trace,
        notices=(*info.notices, *_deprecations(info)),
        changes=tuple(change_lines(ctx, impact)) if impact else (),
        facts=() if impact else tuple(_facts(info)),
        faults=() if impact else tuple(_faults(site_of(ctx).hooks.seen(), manifest.id)),
        action=action if is_possible else None,
        note=notes.get(to, "") if is_possible else "",
        links=() if impact else tuple(_further(ctx, info)),
        more=(*_resume(ctx, manifest.id), *_demo(ctx, manifest.id)) if not impact else (),
    )


def _deprecations(info: PluginInfo) -> tuple[str, ...]:
    return tuple(map(str, deprecations_in(info.folder))) if info.folder and info.is_on else ()


def _typed_id(plugin: str) -> FieldInput:
    return FieldInput(
        name="confirm",
        label=_("Type %(id)s to go on") % {"id": plugin},
        required=True,
        autocomplete="off",
    )


def change_lines(ctx: Context, impact: Impact) -> Iterable[ChangeLine]:
    """Answer the lines of what would change, as far as there is something to say."""
    tables = ", ".join(f"{each.name} ({format_number(ctx, each.rows)})" for each in impact.tables)
    rows = sum(each.rows for each in impact.tables)
    added = ", ".join(_added(each) for each in impact.additions)
    labels = {
        "routes": _("pages of its own"), "jobs": _("jobs"), "reports": _("reports"),
        "commands": _("commands"), "health_checks": _("health checks"),
    }  # fmt: skip
    counted = ", ".join(f"{labels[name]} {n}" for name, n in impact.counts.items())
    said = (
        ("menu-2", _("Menu"), ", ".join(_(label) for label in impact.menu)),
        ("layout-rows", _("On pages of others"), added),
        ("database", _("Tables, with rows"), tables),
        ("file-text", _("Values in records of others"),
         format_number(ctx, impact.values) if impact.values else ""),
        ("shield", _("Rights"), ", ".join(_(label) for label in impact.rights)),
        ("bolt", _("Besides"), counted),
        ("clock", _("Jobs that wait"),
         format_number(ctx, impact.waiting) if impact.waiting else ""),
        ("bookmark", _("Saved views"), format_number(ctx, impact.views) if impact.views else ""),
        ("ban", _("Plugins that would stop"), ", ".join(impact.blocked)),
        ("check", _("Rows kept"), format_number(ctx, rows) if rows else ""),
    )  # fmt: skip
    return (ChangeLine(icon=icon, label=label, text=text) for icon, label, text in said if text)


def _added(addition: Addition) -> str:
    kinds = {
        "field": _("field"), "panel": _("panel"), "column": _("column"), "action": _("action"),
        "side": _("group of fields"), "figure": _("figure"),
    }  # fmt: skip
    return f"{_(addition.place)}: {kinds[addition.kind]} {_(addition.label)}"


def _facts(info: PluginInfo) -> Iterable[tuple[str, str]]:
    manifest = info.manifest
    said = (
        (_("Version"), manifest.version),
        (_("Written for"), f"crmkit {manifest.crmkit}"),
        (_("Needs"), ", ".join(manifest.requires)),
        (_("Guards"), ", ".join(manifest.guards)),
        (_("Author"), manifest.author),
        (_("Licence"), manifest.license),
        (_("Data on people"), _("Yes") if manifest.personal_data else ""),
        (_("Lies in"), info.folder.name if info.folder else ""),
    )
    return ((label, text) for label, text in said if text)


def _faults(seen: Iterable[Implementation], plugin: str) -> Iterable[Fault]:
    for each in seen:
        if each.plugin == plugin and (each.failed or each.silenced):
            number = ngettext("%(n)s failure", "%(n)s failures", each.failed) % {"n": each.failed}
            text = f"{number}: {each.last_error}" if each.failed else each.last_error
            yield Fault(name=each.hook, text=text, silenced=each.silenced)


def _further(ctx: Context, info: PluginInfo) -> Iterable[Link]:
    """Answer what else can be done with a plugin."""
    plugin, name = info.manifest.id, _(info.manifest.name)
    if info.is_on:
        yield Link(label=_("What it adds"), url=f"/settings/explain?{urlencode({'q': name})}")
    if ctx.config.plugins.enabled is not None:
        return
    if info.is_on:
        yield Link(label=_("Switch off"), url=page_url(show=plugin, to="disabled"))
    else:
        if info.state not in {"failed", "blocked", "incompatible"}:
            yield Link(label=_("Switch on"), url=page_url(show=plugin, to="enabled"))
        if info.state == "disabled":
            yield Link(label=_("Archive"), url=page_url(show=plugin, to="archived"))
    if info.state not in {"available", "purged"} and not info.manifest.default:
        yield Link(label=_("Purge"), url=page_url(show=plugin, to="purged"))


def _demo(ctx: Context, plugin: str) -> tuple[Action, ...]:
    if not has_demo(site_of(ctx), plugin):
        return ()
    label = _("Add sample records")
    return (Action(name="demo", label=label, url=f"{PATH}/{plugin}/demo", icon="plus"),)


def _resume(ctx: Context, plugin: str) -> tuple[Action, ...]:
    if any(each.plugin == plugin for each in site_of(ctx).hooks.silenced()):
        label = _("Resume")
        return (Action(name="resume", label=label, url=f"{PATH}/{plugin}/resume", icon="refresh"),)
    return ()
