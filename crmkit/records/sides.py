"""Records of plugins that stand beside a record: one statement each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.access.predicate import is_denied, may_use, predicate
from crmkit.plugin.plan import EntityPlan
from crmkit.plugin.sides import SidePlan
from crmkit.records.query import select_list
from crmkit.records.statement import Statement

if TYPE_CHECKING:
    from crmkit.model.context import Context


class Beside(msgspec.Struct, frozen=True):
    """A side of a record.

    Attributes:
        plan: Of the side record's entity.
        record: With all fields, as `get_record` reads it; None when there is none yet.
    """

    side: SidePlan
    plan: EntityPlan
    record: dict[str, Any] | None


async def list_sides(ctx: Context, plan: EntityPlan, record_id: int) -> list[Beside]:
    """Answer what stands beside a record, as far as the reader may see it."""
    found = []
    for side in ctx.site.extensions.sides_of(plan.name):
        other: EntityPlan = ctx.site.entity(side.entity)
        verbs = dict.fromkeys(("read", side.permission))
        if not all([await may_use(ctx, other, verb) for verb in verbs]):
            continue
        is_taken, record = await _read(ctx, side, other, record_id)
        # What is there and hidden must not look like what nobody has entered.
        if record is None and is_taken:
            continue
        found.append(Beside(side, other, record))
    return found


async def _read(
    ctx: Context, side: SidePlan, plan: EntityPlan, record_id: int
) -> tuple[bool, dict[str, Any] | None]:
    """Answer whether there is a side record, and the record if the reader may see it."""
    statement = Statement(record_id)
    verbs = dict.fromkeys(("read", side.permission))
    allowed = []
    for verb in verbs:
        condition = predicate(ctx, plan, verb, "t", statement.next)
        statement.args.extend(condition.args)
        allowed.append(f"({condition.text})")
    columns = select_list(ctx, plan, tuple(plan.fields), statement)
    row = await ctx.db.row(
        f"SELECT {columns}, t.custom, t.created_at, t.updated_at, t.team AS team_id, "  # noqa: S608
        f'EXISTS (SELECT 1 FROM "{plan.tablename}" x WHERE x."{side.column}" = $1) AS side__taken '
        f'FROM (SELECT 1) one LEFT JOIN "{plan.tablename}" t ON t."{side.column}" = $1 '
        f"AND {' AND '.join(allowed)}",
        *statement.args,
    )
    if row is None or row["id"] is None:
        return bool(row and row["side__taken"]), None
    for verb in verbs:
        if await is_denied(ctx, plan, verb, row["id"]):
            return True, None
    return True, dict(row)
