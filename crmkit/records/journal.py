"""What every write leaves behind: an operation, a journal row, stage history, a search row."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from crmkit.records.query import plain
from crmkit.work.notifications import LIVE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan


async def open_operation(ctx: Context, kind: str, label: str = "") -> int:
    """Begin an operation: what a person can undo as one."""
    number: int = await ctx.db.value(
        "INSERT INTO core_operation (kind, label, cause, user_id, at) "
        "VALUES ($1, $2, $3, $4, $5) RETURNING id",
        kind,
        label,
        ctx.cause,
        ctx.user_id,
        ctx.now(),
    )
    return number


@asynccontextmanager
async def one_operation(ctx: Context, kind: str, label: str = "") -> AsyncIterator[Context]:
    """Collect the changes made with the context it gives as one, in one transaction.

    Its `operation` is what `undo_operation` takes; without a change nothing of it stays.
    """
    async with ctx.db.transaction():
        number = await open_operation(ctx, kind, label)
        yield ctx.within(number)
        await ctx.db.execute(
            "DELETE FROM core_operation WHERE id = $1 "
            "AND NOT EXISTS (SELECT 1 FROM core_journal WHERE operation = $1)",
            number,
        )


async def write_journal(
    ctx: Context,
    plan: EntityPlan,
    record_id: int,
    action: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    """Write one row of the change journal; values are kept as JSON."""
    operation = ctx.operation or await open_operation(ctx, action, plan.singular)
    # Who looks at the record is told that it changed, by the same statement.
    await ctx.db.execute(
        "WITH made AS (INSERT INTO core_journal (operation, entity, record, action, before, "
        "after, user_id, at, cause) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id) "
        "SELECT pg_notify($10, $11) FROM made",
        operation,
        plan.name,
        record_id,
        action,
        {name: plain(value) for name, value in before.items()},
        {name: plain(value) for name, value in after.items()},
        ctx.user_id,
        ctx.now(),
        ctx.cause,
        LIVE,
        f"{plan.name}/{record_id} {ctx.user_id or 0}",
    )


async def write_stage(
    ctx: Context, plan: EntityPlan, record_id: int, old: str, values: Mapping[str, Any]
) -> None:
    """Write a row of stage history with the seconds spent in the old state."""
    lifecycle = plan.lifecycle
    if lifecycle is None:
        return
    state = lifecycle.state(values[lifecycle.column])
    amount = values.get(plan.sums[0]) if plan.sums else None
    await ctx.db.execute(
        "INSERT INTO core_stage_history (entity, record, from_state, to_state, at, user_id, "
        "seconds, amount, probability) SELECT $1, $2, $3, $4, $5::timestamptz, $6, "
        "(SELECT extract(epoch FROM $5::timestamptz - max(at))::bigint FROM core_stage_history "
        "WHERE entity = $1 AND record = $2), $7, $8",
        plan.name,
        record_id,
        old,
        values[lifecycle.column],
        ctx.now(),
        ctx.user_id,
        amount,
        state.probability if state else None,
    )


def search_expressions(plan: EntityPlan, alias: str = "t") -> tuple[str, str]:
    """Answer the SQL of a record's title and body as the search table keeps them."""
    title = plan.title_field.sql(alias)
    parts = [plan.fields[name].sql(alias) for name in plan.search if name in plan.fields]
    body = f"concat_ws(' ', {', '.join(parts)})" if parts else "''"
    return title, body


async def write_search(ctx: Context, plan: EntityPlan, ids: Sequence[int]) -> None:
    """Bring the search rows of some records up to date, in one statement.

    A part is found with its whole, not by itself.
    """
    if plan.part_of is not None:
        return
    title, body = search_expressions(plan)
    await ctx.db.execute(
        "INSERT INTO core_search (entity, record, title, body, trashed) "  # noqa: S608 - checked names
        f"SELECT $1, t.id, {title}, {body}, t.trashed_at IS NOT NULL "
        f'FROM "{plan.tablename}" t WHERE t.id = ANY($2::bigint[]) '
        "ON CONFLICT (entity, record) DO UPDATE SET title = excluded.title, "
        "body = excluded.body, trashed = excluded.trashed",
        plan.name,
        list(ids),
    )
