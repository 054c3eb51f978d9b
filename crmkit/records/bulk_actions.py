"""A declared action with many records, undone as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.access.predicate import check
from crmkit.records.actions import decode_input, find_action, perform_action
from crmkit.records.bulk import BulkResult, Meter, Selection, for_each

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan


async def bulk_action(
    ctx: Context,
    plan: EntityPlan,
    name: str,
    selection: Selection,
    raw: Mapping[str, Any] | None = None,
    meter: Meter | None = None,
) -> BulkResult:
    """Do an action with each record; those it does not fit are skipped and listed.

    Raises:
        NotFoundError: The entity has no such action.
        ForbiddenError: The role has not its verb.
        InvalidError: The input does not fit, whatever the record.
    """
    action = find_action(plan, name)
    check(ctx, plan, action.permission)
    decode_input(ctx, action, raw or {})

    async def perform(inner: Context, record_id: int) -> None:
        await perform_action(inner, plan, action, record_id, raw)

    return await for_each(ctx, plan, selection, "action", perform, action.label, meter=meter)
