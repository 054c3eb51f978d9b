"""One edit of many records, undone as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.access.predicate import check
from crmkit.errors import CrmkitError, InvalidError
from crmkit.model.values import N_
from crmkit.records.journal import open_operation
from crmkit.records.query import ListQuery, where_clause
from crmkit.records.save import restore_record, save_record, trash_record
from crmkit.records.statement import Statement
from crmkit.work.events import gathering, gathering_one

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

MOST = 50_000


@dataclass(slots=True)
class Meter:
    """How far work with many records is: of how many so many are done."""

    done: int = 0
    total: int = 0


class Selection(msgspec.Struct, frozen=True):
    """Chosen records: their ids, or all that a query shows."""

    ids: tuple[int, ...] = ()
    query: ListQuery | None = None


class BulkResult(msgspec.Struct, frozen=True):
    """How many were changed, and which were not, with the reason."""

    operation: int
    changed: int
    skipped: tuple[tuple[int, str], ...]


async def select_ids(
    ctx: Context, plan: EntityPlan, selection: Selection, limit: int = 0
) -> list[int]:
    """Answer the ids of a selection that the reader may see, by id.

    Args:
        limit: So many at most; 0 answers all, up to `MOST`.

    Raises:
        InvalidError: There are more than `MOST`.
    """
    if selection.query is None:
        return sorted(set(selection.ids))
    statement = Statement()
    where = await where_clause(ctx, plan, selection.query, statement)
    most = limit or MOST + 1
    rows = await ctx.db.rows(
        f'SELECT t.id FROM "{plan.tablename}" t WHERE {where} ORDER BY t.id LIMIT {most}',  # noqa: S608
        *statement.args,
    )
    if len(rows) > MOST:
        text = ctx.translate(N_("More than {most} records at once. Narrow the filter."))
        raise InvalidError(text.format(most=MOST))
    return [row["id"] for row in rows]


async def bulk_edit(
    ctx: Context,
    plan: EntityPlan,
    selection: Selection,
    values: Mapping[str, Any],
    meter: Meter | None = None,
) -> BulkResult:
    """Give the same values to many records; those without the right are skipped and listed."""
    check(ctx, plan, "edit")

    async def edit(inner: Context, record_id: int) -> None:
        await save_record(inner, plan, record_id, values)

    return await for_each(ctx, plan, selection, "bulk", edit, meter=meter)


async def bulk_trash(
    ctx: Context,
    plan: EntityPlan,
    selection: Selection,
    *,
    restore: bool = False,
    meter: Meter | None = None,
) -> BulkResult:
    """Move many records to the trash, or out of it."""
    check(ctx, plan, "delete")

    async def move(inner: Context, record_id: int) -> None:
        if restore:
            await restore_record(inner, plan, record_id)
        else:
            await trash_record(inner, plan, record_id)

    return await for_each(
        ctx, plan, selection, "restore" if restore else "trash", move, meter=meter
    )


async def for_each(
    ctx: Context,
    plan: EntityPlan,
    selection: Selection,
    kind: str,
    work: Callable[[Context, int], Awaitable[None]],
    label: str = "",
    *,
    meter: Meter | None = None,
) -> BulkResult:
    """Do the work with each record as one operation; what is refused is skipped and listed."""
    meter = meter or Meter()
    skipped: list[tuple[int, str]] = []
    changed = 0
    async with ctx.db.transaction():
        operation = await open_operation(ctx, kind, label or plan.label)
        ids = await select_ids(ctx, plan, selection)
        meter.total = len(ids)
        async with gathering(ctx.within(operation)) as inner:
            for record_id in ids:
                try:
                    async with gathering_one(inner), ctx.db.transaction():
                        await work(inner, record_id)
                    changed += 1
                except CrmkitError as error:
                    skipped.append((record_id, error.message))
                meter.done += 1
    return BulkResult(operation, changed, tuple(skipped))
