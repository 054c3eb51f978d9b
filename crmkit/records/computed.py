"""Columns that plugins compute, for all rows of a page or piece at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.access.predicate import allowed
from crmkit.plugin.events import PageEvent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit.model.context import Context
    from crmkit.model.extension import Computed
    from crmkit.plugin.plan import EntityPlan


def computed_columns(ctx: Context, plan: EntityPlan) -> list[tuple[str, Computed]]:
    """Answer the columns that plugins compute for an entity, with their plugins."""
    return [
        (added.plugin, column)
        for added in ctx.site.extensions.of(plan.name)
        for column in added.extension.columns
        if all(_may_read(ctx, name) for name in column.reads)
    ]


def _may_read(ctx: Context, entity: str) -> bool:
    return entity in ctx.site.entities and allowed(ctx, ctx.site.entity(entity), "read")


async def compute(
    ctx: Context, plan: EntityPlan, plugin: str, column: Computed, ids: Sequence[int]
) -> Mapping[int, object]:
    """Compute a column for some records at once; empty when the plugin fails."""
    event = PageEvent(ctx, entity=plan, page="list")
    _worked, values = await ctx.site.hooks.attempt(
        plugin, f"column {column.name}", event, lambda given: column.load(given.ctx, ids), dict
    )
    return values or {}
