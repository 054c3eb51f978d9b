"""Two records of one entity become one, in one transaction that can be undone."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from crmkit.access.predicate import check
from crmkit.errors import ConflictError, InvalidError
from crmkit.model.values import N_
from crmkit.plugin.events import MergeEvent
from crmkit.records.approval_merge import bind_approvals, move_approvals
from crmkit.records.journal import one_operation
from crmkit.records.merge_values import merged_values
from crmkit.records.merged import write_merged
from crmkit.records.read import get_record
from crmkit.records.references import move_references
from crmkit.records.save import save_record, stale_error, tell, trash_record
from crmkit.work.deadline_life import move_deadlines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

_NONE: Mapping[Any, Any] = MappingProxyType({})


def may_merge(plan: EntityPlan) -> bool:
    """Say whether records of an entity can be merged; an account is one person's, a team a rule."""
    return "merged" not in plan.silent


def check_merge(ctx: Context, plan: EntityPlan) -> None:
    """Refuse who may not merge records of an entity at all.

    Raises:
        ConflictError: Its records are people who sign in, or teams.
        ForbiddenError: The role lacks the right to edit or to delete.
    """
    if not may_merge(plan):
        raise ConflictError(ctx.translate(N_("People and teams cannot be merged.")))
    check(ctx, plan, "edit")
    check(ctx, plan, "delete")


async def merge_records(
    ctx: Context,
    plan: EntityPlan,
    kept: int,
    gone: int,
    choices: Mapping[str, str] = _NONE,
    versions: Mapping[int, int] = _NONE,
) -> int:
    """Merge one record into another and answer the operation that undoes it.

    Everything that refers to `gone` refers to `kept` afterwards, rows that the person may not
    edit as well; the numbers other systems give it name the kept one. `gone` goes to the trash
    and its address leads to `kept`. A reference to a record of the same entity that would lead
    back to the record itself takes the other record's value, or becomes empty.

    Args:
        choices: Field to "kept" or "gone"; where nothing is said the kept record's value stays,
            and the other's is taken where that is empty.
        versions: Id to version as a page showed it; without one the row lock decides.

    Raises:
        NotFoundError: One is not there, or not the person's to edit, or `gone` not to delete.
        StaleVersionError: Somebody saved one of them in between.
        ConflictError: One lies in the trash, or was merged in between.
        InvalidError: It is twice the same record; a rule, a field or a plugin refuses.
    """
    check_merge(ctx, plan)
    if kept == gone:
        raise InvalidError(
            ctx.translate(N_("A record cannot be merged with itself. Choose another one."))
        )
    async with one_operation(ctx, "merge", plan.singular) as inner:
        await _lock_both(inner, plan, kept, gone, versions)
        event = MergeEvent(inner, plan, kept, gone)
        await ctx.site.hooks.run("before_merge", event)
        # Read after the hook, which may have changed them.
        stored = await get_record(inner, plan, kept, "edit")
        other = await get_record(inner, plan, gone, "edit")
        # First, so that no chain of parents leads back while the rows below move.
        values = await merged_values(inner, plan, stored, other, choices)
        if values:
            await save_record(inner, plan, kept, values)
        await move_references(inner, plan, gone, kept)
        deadlines = await move_deadlines(inner, plan.name, gone, kept)
        await trash_record(inner, plan, gone)
        title = str(other[plan.title] or "")
        approvals = await move_approvals(inner, plan, gone, kept, title)
        moved = {"deadlines": deadlines, "approvals": approvals}
        await write_merged(inner, plan, kept, gone, title, moved)
        await ctx.site.hooks.run("after_merge", event)
        await bind_approvals(inner, plan, kept, approvals["moved"])
        await tell(inner, plan, "merged", kept, {"gone": gone})
        return int(inner.operation or 0)


async def _lock_both(
    ctx: Context, plan: EntityPlan, kept: int, gone: int, versions: Mapping[int, int]
) -> None:
    """Lock both in the order of their ids, so that two merges of one pair wait for each other."""
    for record_id in sorted((kept, gone)):
        record = await get_record(ctx, plan, record_id, "edit", lock=True)
        if record_id == gone:
            await get_record(ctx, plan, gone, "delete")
        if record["trashed_at"] is not None:
            text = ctx.translate(N_("{record} {number} lies in the trash and cannot be merged."))
            raise ConflictError(text.format(record=ctx.translate(plan.singular), number=record_id))
        if versions.get(record_id, record["version"]) != record["version"]:
            raise await stale_error(ctx, plan, record_id, record)
