"""The four-eyes guard: who did the work cannot approve it, through whatever door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.errors import SecondPersonError
from crmkit.model.values import N_

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

# Who worked on it, or on a line of it, since it last was in that state; the journal knows, whatever
# door was used.
_AUTHORS = """
SELECT DISTINCT user_id FROM core_journal
WHERE entity = $3 AND record = ANY($4::bigint[]) AND action IN ('create', 'update', 'trash')
AND id > coalesce((
    SELECT max(id) FROM core_journal
    WHERE entity = $1 AND record = $2 AND after->>$5 = $6), 0)
"""


def needs_second(ctx: Context, plan: EntityPlan, state: str, record: Mapping[str, Any]) -> bool:
    """Say whether a record may be brought into a state only by a second person."""
    rule = plan.lifecycle.second_person.get(state) if plan.lifecycle else None
    return rule is not None and bool(rule(ctx, record))


async def check_second_person(
    ctx: Context,
    plan: EntityPlan,
    record_id: int | None,
    state: str,
    record: Mapping[str, Any],
    changed: Iterable[str],
) -> None:
    """Refuse a move by who worked on the record, or who changes it with the same save.

    Args:
        record_id: None for a record that is being made.
        record: As it will be.
        changed: Fields the writer sent that differ from what is stored.

    Raises:
        SecondPersonError: Another person has to do it, and can be asked to.
    """
    lifecycle = plan.lifecycle
    if lifecycle is None or ctx.cause == "undo" or not needs_second(ctx, plan, state, record):
        return
    authors: set[int | None] = {ctx.user_id}
    if record_id is not None and ctx.user_id is not None:
        authors = await _authors(ctx, plan, record_id, lifecycle.column, state)
    if record_id is None or ctx.user_id is None or ctx.user_id in authors:
        raise SecondPersonError(
            ctx.translate(N_("Another person has to do this: one who did not work on it."))
        )
    if set(changed) - {lifecycle.column}:
        raise SecondPersonError(
            ctx.translate(N_("Who approves it changes nothing else at the same time."))
        )


async def _authors(
    ctx: Context, plan: EntityPlan, record_id: int, column: str, state: str
) -> set[int | None]:
    """Answer who worked on a record or on its lines since it last was in a state."""
    worked = [(plan.name, [record_id])]
    for parts in plan.parts:
        line: EntityPlan = ctx.site.entity(parts.entity)
        sql = f'SELECT id FROM "{line.tablename}" WHERE "{parts.column}" = $1'  # noqa: S608 - declared
        rows = await ctx.db.rows(sql, record_id)
        worked.append((line.name, [row["id"] for row in rows]))
    found: set[int | None] = set()
    for entity, ids in worked:
        rows = await ctx.db.rows(_AUTHORS, plan.name, record_id, entity, ids, column, state)
        found |= {row["user_id"] for row in rows}
    return found
