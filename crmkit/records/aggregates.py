"""Counts and sums of records, as far as the reader may see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.access.predicate import check, check_hooks, predicate

if TYPE_CHECKING:
    from piccolo.columns import Column
    from piccolo.columns.combination import Where

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan


async def aggregate(
    ctx: Context, plan: EntityPlan, column: Column | None, wheres: tuple[Where, ...]
) -> Any:  # noqa: ANN401 - a number of the column's type
    """Count records, or add up a column of them; the trash is left out.

    Raises:
        ForbiddenError: The role may not read these records.
    """
    expression = f'coalesce(sum(t."{column._meta.db_column_name}"), 0)' if column else "count(*)"  # noqa: SLF001
    where, args = await _where(ctx, plan, wheres)
    return await ctx.db.value(
        f'SELECT {expression} FROM "{plan.tablename}" t WHERE {where}',  # noqa: S608 - declared names
        *args,
    )


async def read_rows(
    ctx: Context, plan: EntityPlan, wheres: tuple[Where, ...], limit: int
) -> list[dict[str, Any]]:
    """Read records by id, with all columns of their table; the trash is left out."""
    where, args = await _where(ctx, plan, wheres)
    rows = await ctx.db.rows(
        f'SELECT t.* FROM "{plan.tablename}" t WHERE {where} ORDER BY t.id LIMIT {int(limit)}',  # noqa: S608 - declared names
        *args,
    )
    return [dict(row) for row in rows]


async def _where(
    ctx: Context, plan: EntityPlan, wheres: tuple[Where, ...]
) -> tuple[str, tuple[Any, ...]]:
    check(ctx, plan, "read")
    await check_hooks(ctx, plan, "read")
    rule = predicate(ctx, plan, "read", "t")
    parts, args = [f"({rule.text})", "t.trashed_at IS NULL"], list(rule.args)
    for each in wheres:
        args.append(getattr(each.value, "value", each.value))
        name = f't."{each.column._meta.db_column_name}"'  # noqa: SLF001
        parts.append(each.operator.template.format(name=name, value=f"${len(args)}"))
    return " AND ".join(parts), tuple(args)
