"""Sample records of a plugin, made as one operation that can be undone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from crmkit.access.core import ADMINISTRATOR
from crmkit.access.predicate import check
from crmkit.access.principals import find_principal
from crmkit.errors import ConflictError
from crmkit.model.values import N_
from crmkit.plugin.events import LifeEvent
from crmkit.records.journal import one_operation
from crmkit.records.plugins.switch import info_of, site_in

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.plugin.site import Site


def has_demo(site: Site, plugin: str) -> bool:
    """Say whether a plugin that is on brings sample records."""
    return any(each.plugin == plugin for each in site.hooks.implementations("demo_data"))


async def add_demo(ctx: Context, plugin: str) -> int:
    """Write the sample records of a plugin and answer the operation that undoes them.

    They belong to whoever asks; those of the command line to the first administrator, since what
    belongs to nobody is on nobody's day.

    Raises:
        ForbiddenError: The role does not administer the site.
        NotFoundError: There is no such plugin.
        ConflictError: It is not on, or brings none.
        Veto: It refuses; nothing was written.
    """
    check(ctx, ctx.site.entity("core.user"), "admin")
    site = site_in(ctx)
    name = info_of(site, plugin).manifest.name
    if not has_demo(site, plugin):
        text = N_("The plugin {name} is not on, or brings no sample records.")
        raise ConflictError(ctx.translate(text).format(name=name))
    async with one_operation(await _as_somebody(ctx), "demo", name) as inner:
        await site.hooks.ask(plugin, "demo_data", LifeEvent(inner, plugin))
        return int(inner.operation or 0)


async def _as_somebody(ctx: Context) -> Context:
    if ctx.user_id is not None:
        return ctx
    first = await ctx.db.value(
        "SELECT min(id) FROM core_user WHERE role = $1 AND active AND trashed_at IS NULL",
        ADMINISTRATOR,
    )
    person = await find_principal(ctx.db, first, ctx.site.roles) if first else None
    return replace(ctx, principal=person) if person else ctx
