"""What a switch would change, said before anything happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from crmkit.errors import ConflictError
from crmkit.model.values import N_
from crmkit.records.plugins.switch import dependents, info_of, site_in, trial_site
from crmkit.work.parking import count_waiting

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.plugin.site import PluginInfo, Site

#: Registration hooks with a row of their own in the list of what changes.
_COUNTED = ("routes", "jobs", "reports", "commands", "health_checks")


class TableSize(msgspec.Struct, frozen=True):
    """A table of the plugin and how many rows it holds."""

    name: str
    rows: int


class Addition(msgspec.Struct, frozen=True):
    """A thing added to records of others; texts are English.

    Attributes:
        place: What is shown there: "Person", "Home page".
        kind: field, panel, column, action, side or figure.
    """

    place: str
    kind: str
    label: str

    def __str__(self) -> str:
        return f"{self.place}: {self.kind} {self.label}"


class Impact(msgspec.Struct, frozen=True, kw_only=True):
    """What changes when a plugin is switched; texts are English, names as declared.

    Attributes:
        menu: Entities and entries that appear or disappear.
        additions: What it adds to others.
        tables: Its tables with the rows that stay, or that a purge removes.
        values: Records of others that hold values of its fields.
        rights: Permissions and roles it brings.
        counts: Registration hook to how many things it declares there.
        views: Saved views of its entities.
        waiting: Jobs of it that wait: parked while it is off, removed by a purge.
        blocked: Names of plugins that would stop working.
        obstacle: Why the switch is not possible, "" when it is.
    """

    plugin: str
    menu: tuple[str, ...] = ()
    additions: tuple[Addition, ...] = ()
    tables: tuple[TableSize, ...] = ()
    values: int = 0
    rights: tuple[str, ...] = ()
    counts: dict[str, int] = {}
    views: int = 0
    waiting: int = 0
    blocked: tuple[str, ...] = ()
    obstacle: str = ""


async def impact_of(ctx: Context, plugin: str, to: str = "disabled") -> Impact:
    """Answer what changes when a plugin is switched.

    Args:
        to: enabled, disabled, archived or purged.

    Raises:
        NotFoundError: There is no such plugin.
    """
    site, info = site_in(ctx), info_of(site_in(ctx), plugin)
    obstacle = ""
    if to == "enabled" and not info.is_on:
        try:
            site = await trial_site(ctx, plugin)
        except ConflictError as error:
            obstacle = error.message
    blocked = tuple(dependents(site, plugin)) if to != "enabled" else ()
    return Impact(
        plugin=plugin,
        menu=_menu(site, plugin),
        additions=_additions(site, plugin),
        tables=await _tables(ctx, plugin),
        values=await count_values(ctx, plugin),
        rights=_rights(site, plugin),
        counts=_counts(site, plugin),
        views=await _count_views(ctx, plugin),
        waiting=await count_waiting(ctx.db, plugin),
        blocked=blocked,
        obstacle=obstacle or _obstacle(ctx, info, blocked),
    )


def _obstacle(ctx: Context, info: PluginInfo, blocked: tuple[str, ...]) -> str:
    if ctx.config.plugins.enabled is not None:
        return ctx.translate(
            N_("`[plugins] enabled` in crmkit.toml says which plugins are on. Change it there.")
        )
    if blocked:
        return ctx.translate(N_("{others} needs the plugin {name}. Switch that off first.")).format(
            others=", ".join(blocked), name=info.manifest.name
        )
    return ""


def _menu(site: Site, plugin: str) -> tuple[str, ...]:
    entities = [
        plan.label
        for plan in site.entities.values()
        if plan.plugin == plugin and plan.in_menu and plan.part_of is None
    ]
    entries = [entry.label for name, entry in site.contributions["navigation"] if name == plugin]
    return (*entities, *entries)


def _additions(site: Site, plugin: str) -> tuple[Addition, ...]:
    found: list[Addition] = []
    for entity, added in site.extensions.by_entity.items():
        for each in added:
            if each.plugin != plugin:
                continue
            extension = each.extension
            plan = site.entities.get(entity)
            place = plan.singular if plan else N_("Home page")
            said = (
                ("field", [f.label or f.name.capitalize() for f in extension.fields]),
                ("panel", [panel.title for panel in extension.panels]),
                ("column", [column.label for column in extension.columns]),
                ("action", [action.label for action in extension.actions]),
                ("side", [side.label for side in extension.sides]),
            )
            found += [Addition(place, kind, label) for kind, labels in said for label in labels]
    found += [
        Addition(site.entities[plan.entity].singular, "figure", plan.metric.label)
        for plan in site.metrics.values()
        if plan.plugin == plugin
    ]
    return tuple(found)


def _rights(site: Site, plugin: str) -> tuple[str, ...]:
    rights = [each.label for name, each in site.contributions["permissions"] if name == plugin]
    roles = [each.label for name, each in site.contributions["roles"] if name == plugin]
    return (*rights, *roles)


def _counts(site: Site, plugin: str) -> dict[str, int]:
    counts = {
        hook: sum(1 for name, _ in site.contributions[hook] if name == plugin) for hook in _COUNTED
    }
    return {hook: number for hook, number in counts.items() if number}


async def plugin_tables(ctx: Context, plugin: str) -> list[str]:
    """Answer the tables that carry a plugin's prefix, also when its code is gone."""
    rows = await ctx.db.rows(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') "
        "AND relnamespace = 'public'::regnamespace AND starts_with(relname, $1) ORDER BY 1",
        f"{plugin}_",
    )
    return [row["relname"] for row in rows]


async def _tables(ctx: Context, plugin: str) -> tuple[TableSize, ...]:
    found = []
    for name in await plugin_tables(ctx, plugin):
        quoted = name.replace('"', '""')
        rows = await ctx.db.value(f'SELECT count(*) FROM "{quoted}"')  # noqa: S608 - of the catalogue
        found.append(TableSize(name, rows))
    return tuple(found)


async def count_values(ctx: Context, plugin: str) -> int:
    """Count the records of others that hold values under the plugin's key of `custom`."""
    total = 0
    for plan in site_in(ctx).entities.values():
        if plan.plugin != plugin:
            total += await ctx.db.value(
                f'SELECT count(*) FROM "{plan.tablename}" WHERE custom ? $1',  # noqa: S608 - declared
                plugin,
            )
    return total


async def _count_views(ctx: Context, plugin: str) -> int:
    return int(
        await ctx.db.value(
            "SELECT count(*) FROM core_saved_view WHERE starts_with(entity, $1)", f"{plugin}."
        )
    )
