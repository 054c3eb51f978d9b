"""Parts of plugins that failed too often: kept for every process, until somebody resumes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.access.predicate import check
from crmkit.plugin.stored import raise_generation
from crmkit.records.plugins.switch import info_of, site_in

if TYPE_CHECKING:
    from crmkit.db.engine import Database
    from crmkit.model.context import Context

_LONGEST = 1000


async def add_quarantine(db: Database, plugin: str, part: str, error: str) -> None:
    """Write that a part of a plugin is no longer called; every process takes it up.

    Args:
        part: Name of a hook, or of what the plugin declared, such as "panel balance".
    """
    async with db.transaction():
        made = await db.value(
            "INSERT INTO core_quarantine (plugin, part, error) VALUES ($1, $2, $3) "
            "ON CONFLICT DO NOTHING RETURNING plugin",
            plugin, part, error[:_LONGEST],
        )  # fmt: skip
        if made:
            await raise_generation(db)


async def resume_plugin(ctx: Context, plugin: str) -> tuple[str, ...]:
    """Call again what of a plugin was silenced, in every process; answers the parts' names.

    Raises:
        ForbiddenError: The role does not administer the site.
        NotFoundError: There is no such plugin.
    """
    check(ctx, ctx.site.entity("core.user"), "admin")
    info_of(site_in(ctx), plugin)
    async with ctx.db.transaction():
        rows = await ctx.db.rows(
            "DELETE FROM core_quarantine WHERE plugin = $1 RETURNING part", plugin
        )
        # Also without a row: this process may have silenced one a moment ago.
        await raise_generation(ctx.db)
    return tuple(sorted(row["part"] for row in rows))
