"""A filter: field, operator, value. The one place where a list is narrowed, whatever shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from crmkit.errors import InvalidError
from crmkit.model.list_filter import OPERATORS
from crmkit.model.values import N_
from crmkit.records.added_filters import added_condition, may_filter
from crmkit.records.conditions import field_condition

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.statement import Statement

#: Not a column: whether a step of the record is planned.
NEXT_STEP = "next_step"


class Filter(msgspec.Struct, frozen=True):
    """`value` is text as in the URL; for `in`, keys separated by commas."""

    field: str
    op: str
    value: str = ""


async def filter_sql(ctx: Context, plan: EntityPlan, each: Filter, statement: Statement) -> str:
    """Answer the condition of one filter.

    Raises:
        InvalidError: No such field, operator or value; names it.
        HookFailedError: The plugin whose filter it is failed.
    """
    if each.field == NEXT_STEP and plan.step_links:
        return _step_sql(ctx, plan, each)
    if each.op == "contains" and not each.value.strip():
        # It would let everything through, and look like a filter.
        text = N_("A filter has no text to look for. Enter one, or remove the filter.")
        raise InvalidError(ctx.translate(text))
    added = plan.added_filters.get(each.field)
    if added is not None and await may_filter(ctx, added):
        if each.op not in added.operators:
            raise _no_way(ctx, each)
        return added_condition(ctx, added, each.op, each.value, statement)
    field = plan.field(each.field)
    if field is None or not (field.filterable or field.name in plan.filters):
        text = ctx.translate(N_("`{field}` is no field to filter by. Remove it."))
        raise InvalidError(text.format(field=each.field[:80]))
    if each.op not in OPERATORS.get(field.kind, ()):
        raise _no_way(ctx, each)
    return field_condition(ctx, field, each.op, each.value, statement)


def _no_way(ctx: Context, each: Filter) -> InvalidError:
    text = ctx.translate(N_("`{way}` is no way to filter `{field}` by. Choose another."))
    return InvalidError(text.format(way=each.op[:80], field=each.field[:80]))


def _step_sql(ctx: Context, plan: EntityPlan, each: Filter) -> str:
    """Whether a record has an open step; a fact about the record, whoever holds the step."""
    if each.op not in {"empty", "filled"}:
        raise _no_way(ctx, each)
    found = []
    for link in plan.step_links:
        target = ctx.site.entity(link.entity)
        steps = target.steps
        if steps is not None:
            found.append(
                f'EXISTS (SELECT 1 FROM "{target.tablename}" s WHERE s."{link.column}" = t.id '  # noqa: S608 - checked names
                f'AND s."{steps.done}" IS NULL AND s."{steps.due}" IS NOT NULL '
                "AND s.trashed_at IS NULL)"
            )
    test = f"({' OR '.join(found)})"
    return test if each.op == "filled" else f"NOT {test}"
