"""Switches plugins on and off while the site serves; data stay as they are."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import msgspec

from crmkit.access.core import site_of
from crmkit.access.predicate import check
from crmkit.db.migrations import migrate
from crmkit.errors import ConflictError, NotFoundError
from crmkit.model.values import N_
from crmkit.plugin.events import LifeEvent
from crmkit.plugin.stored import raise_generation, read_choice
from crmkit.records.plugins.indexes import make_indexes
from crmkit.records.plugins.rows import add_row, set_state, set_version, system_context
from crmkit.work.catalog import catalog_of
from crmkit.work.deadline_recount import Change, queue_recount
from crmkit.work.events import publish
from crmkit.work.parking import park_plugin, unpark_plugin

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.plugin.site import PluginInfo, Site

#: Events of the core; `plugin` of their data is the id.
ENABLED, DISABLED = "core.plugin.enabled", "core.plugin.disabled"


def info_of(site: Site, plugin: str) -> PluginInfo:
    """Answer what a Site knows of a plugin.

    Raises:
        NotFoundError: There is none of that id; names one that is spelled alike.
    """
    try:
        return site.plugins[plugin]
    except KeyError:
        near = difflib.get_close_matches(plugin, list(site.plugins), 1)
        hint = f" Did you mean `{near[0]}`?" if near else " See `crmkit plugin list`."
        raise NotFoundError(f"There is no plugin `{plugin}`.{hint}") from None


def site_in(ctx: Context) -> Site:
    """Answer the whole Site of a Context."""
    return cast("Site", ctx.site)


def check_may_switch(ctx: Context) -> None:
    """Refuse who may not switch plugins, and any switch that crmkit.toml decides.

    Raises:
        ForbiddenError: The role does not administer the site.
        ConflictError: `[plugins] enabled` of crmkit.toml is the law.
    """
    check(ctx, ctx.site.entity("core.user"), "admin")
    if ctx.config.plugins.enabled is not None:
        raise ConflictError(
            ctx.translate(
                N_("`[plugins] enabled` in crmkit.toml says which plugins are on. Change it there.")
            )
        )


async def trial_site(ctx: Context, plugin: str) -> Site:
    """Build the Site as it would be with a plugin switched on, too.

    Raises:
        ConflictError: The plugin would not load; says why.
    """
    choice = await read_choice(ctx.db, None)
    enabled = (choice.enabled or frozenset()) | {plugin}
    blocked = {k: v for k, v in site_in(ctx).choice.blocked.items() if k != plugin}
    trial = site_of(ctx.config, msgspec.structs.replace(choice, enabled=enabled, blocked=blocked))
    info = info_of(trial, plugin)
    if not info.is_on:
        raise ConflictError(
            ctx.translate(N_("The plugin {name} cannot be switched on. {reason}")).format(
                name=info.manifest.name, reason=info.reason
            )
        )
    return trial


async def enable_plugin(ctx: Context, plugin: str, owner_dsn: str) -> Site:
    """Switch a plugin on: its schema first, then its hooks and its row in one commit.

    Returns:
        The Site with it; every process builds its own when it sees the generation grow.

    Raises:
        ForbiddenError: The role does not administer the site.
        NotFoundError: There is no such plugin.
        ConflictError: crmkit.toml decides, or the plugin would not load.
        MigrationError: Its schema cannot be made; nothing was changed.
        Veto: Its own hook refuses; nothing was switched.
    """
    check_may_switch(ctx)
    info_of(site_in(ctx), plugin)
    trial = await trial_site(ctx, plugin)
    manifest = trial.plugins[plugin].manifest
    await migrate(owner_dsn, [each for each in trial.sources if each.plugin == plugin])
    inner = replace(
        system_context(ctx.config, ctx.db, trial), principal=ctx.principal, translate=ctx.translate
    )
    async with ctx.db.transaction():
        stored = trial.choice.stored.get(plugin)
        is_new = await add_row(ctx.db, manifest)
        event = LifeEvent(inner, plugin, stored.version if stored else "")
        if is_new or (stored is not None and stored.state in {"archived", "purged"}):
            await trial.hooks.ask(plugin, "install", event)
        await trial.hooks.ask(plugin, "enable", event)
        await set_state(ctx.db, plugin, "enabled", ctx.user_id)
        await set_version(ctx.db, manifest)
        await unpark_plugin(ctx.db, catalog_of(trial))
        await publish(inner, ENABLED, data={"plugin": plugin})
        # Hours may have changed while deadlines of its records could not be counted.
        await queue_recount(inner, Change(why="plugin:", prefix=f"{plugin}."))
        await raise_generation(ctx.db)
    await make_indexes(owner_dsn, trial)
    return trial


async def disable_plugin(ctx: Context, plugin: str) -> None:
    """Switch a plugin off; its tables, values and history stay, and its jobs are parked.

    Raises:
        ForbiddenError: The role does not administer the site.
        NotFoundError: There is no such plugin.
        ConflictError: crmkit.toml decides, or another plugin that is on requires it.
        Veto: Its own hook refuses; nothing was switched.
    """
    check_may_switch(ctx)
    info = info_of(site_in(ctx), plugin)
    leaning = dependents(site_in(ctx), plugin)
    if leaning:
        raise ConflictError(
            ctx.translate(N_("{others} needs the plugin {name}. Switch that off first.")).format(
                others=", ".join(leaning), name=info.manifest.name
            )
        )
    async with ctx.db.transaction():
        await add_row(ctx.db, info.manifest)
        if info.is_on:
            await ctx.site.hooks.ask(plugin, "disable", LifeEvent(ctx, plugin))
        await set_state(ctx.db, plugin, "disabled", ctx.user_id)
        if info.is_on:
            # It knows from its own hook: told here, it would hear of it when it is on again.
            await publish(ctx, DISABLED, data={"plugin": plugin}, but=plugin)
        await park_plugin(ctx.db, plugin)
        await raise_generation(ctx.db)


def dependents(site: Site, plugin: str) -> list[str]:
    """Answer the names of plugins that are on and require one."""
    return [
        info.manifest.name
        for info in site.plugins.values()
        if info.is_on and plugin in info.manifest.needs
    ]
