"""The four-eyes guard: who did the work cannot approve it, through whatever door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.errors import SecondPersonError
from crmkit.model.values import N_

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

# Who worked on it since it last was in that state; the journal knows, whatever door was used.
_AUTHORS = """
SELECT DISTINCT user_id FROM core_journal
WHERE entity = $1 AND record = $2 AND action IN ('create', 'update') AND id > coalesce((
    SELECT max(id) FROM core_journal
    WHERE entity = $1 AND record = $2 AND after->>$3 = $4), 0)
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
        rows = await ctx.db.rows(_AUTHORS, plan.name, record_id, lifecycle.column, state)
        authors = {row["user_id"] for row in rows}
    if record_id is None or ctx.user_id is None or ctx.user_id in authors:
        raise SecondPersonError(
            ctx.translate(N_("Another person has to do this: one who did not work on it."))
        )
    if set(changed) - {lifecycle.column}:
        raise SecondPersonError(
            ctx.translate(N_("Who approves it changes nothing else at the same time."))
        )
