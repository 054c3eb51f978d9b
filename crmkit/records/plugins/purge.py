"""Removes a plugin with everything it kept, after a forced archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.plugin.events import LifeEvent
from crmkit.plugin.stored import raise_generation
from crmkit.records.plugins.archive import clear_values, remove_tables, write_archive
from crmkit.records.plugins.indexes import drop_indexes
from crmkit.records.plugins.rows import add_row, set_state
from crmkit.records.plugins.switch import (
    DISABLED,
    check_may_switch,
    dependents,
    info_of,
    site_in,
)
from crmkit.work.deadline_life import remove_deadlines
from crmkit.work.documents import remove_documents_of
from crmkit.work.events import publish
from crmkit.work.parking import remove_jobs

if TYPE_CHECKING:
    from pathlib import Path

    from crmkit.model.context import Context

from crmkit.errors import ConflictError


async def purge_plugin(ctx: Context, plugin: str, owner_dsn: str) -> Path:
    """Write an archive, then remove tables, values, settings and views of a plugin.

    The journal stays: it says who changed what, whatever became of the record. Works when the
    plugin's code is gone.

    Returns:
        The archive that was written first.

    Raises:
        ConflictError: Another plugin requires it, or crmkit.toml decides.
        Veto: Its own `before_purge` refuses; nothing was removed.
        StorageFullError: The archive has no room; nothing was removed.
        MigrationError: Its tables cannot be dropped; nothing was removed.
    """
    check_may_switch(ctx)
    site = site_in(ctx)
    info = info_of(site, plugin)
    leaning = dependents(site, plugin)
    if leaning:
        raise ConflictError(f"{', '.join(leaning)} needs {info.manifest.name}. Switch that off.")
    if plugin in site.hooks.plugins:
        async with ctx.db.transaction():
            await site.hooks.ask(plugin, "before_purge", LifeEvent(ctx, plugin))
    path = await write_archive(ctx, plugin)
    async with ctx.db.transaction():
        await add_row(ctx.db, info.manifest, "purged")
        # First nobody uses it any more; a purge that is cut off here is only begun anew.
        await set_state(ctx.db, plugin, "disabled", ctx.user_id)
        if info.is_on:
            await publish(ctx, DISABLED, data={"plugin": plugin}, but=plugin)
        await raise_generation(ctx.db)
    await remove_tables(ctx, plugin, owner_dsn)
    async with ctx.db.transaction():
        await clear_values(ctx, plugin)
        await ctx.db.execute(
            "DELETE FROM core_saved_view WHERE starts_with(entity, $1)", f"{plugin}."
        )
        await ctx.db.execute(
            "DELETE FROM core_custom_field WHERE starts_with(entity, $1)", f"{plugin}."
        )
        await ctx.db.execute(
            "DELETE FROM core_stage_history WHERE starts_with(entity, $1)", f"{plugin}."
        )
        await remove_deadlines(ctx.db, plugin)
        await remove_jobs(ctx.db, plugin)
        await remove_documents_of(ctx.db, plugin)
        await ctx.db.execute(
            "UPDATE core_plugin SET settings = '{}', version = '' WHERE id = $1", plugin
        )
        await set_state(ctx.db, plugin, "purged", ctx.user_id)
        await raise_generation(ctx.db)
    await drop_indexes(owner_dsn, plugin)
    return path
