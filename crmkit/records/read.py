"""Reads one record, and offers records for a reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.access.predicate import check_hooks, not_found, predicate
from crmkit.errors import NotFoundError
from crmkit.records.query import ListQuery, select_list, where_clause
from crmkit.records.statement import Statement

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.model.role import Verb
    from crmkit.plugin.plan import EntityPlan


async def get_record(
    ctx: Context, plan: EntityPlan, record_id: int, verb: Verb = "read", *, lock: bool = False
) -> dict[str, Any]:
    """Read a record with all fields; a reference `x` has its title in `x__title`.

    Args:
        verb: The right it is read for; the record must be in the scope of it.
        lock: Lock the row until the transaction ends.

    Raises:
        NotFoundError: There is none, or the reader may not use the verb on it.
    """
    if abs(record_id) >= 2**63:
        raise not_found(ctx, plan, record_id)
    key = ("record", plan.name, record_id)
    seen = ctx.seen if verb == "read" and not lock else None
    if seen and key in seen:
        return dict(seen[key])
    statement = Statement(record_id)
    allowed = predicate(ctx, plan, verb, "t", statement.next)
    statement.args.extend(allowed.args)
    columns = select_list(ctx, plan, tuple(plan.fields), statement)
    row = await ctx.db.row(
        f"SELECT {columns}, t.custom, t.created_at, t.updated_at, t.team AS team_id "  # noqa: S608
        f'FROM "{plan.tablename}" t WHERE t.id = $1 AND ({allowed.text})'
        f"{' FOR UPDATE OF t' if lock else ''}",
        *statement.args,
    )
    if row is None:
        raise not_found(ctx, plan, record_id)
    await check_hooks(ctx, plan, verb, record_id)
    if seen is not None:
        seen[key] = row
    return dict(row)


async def is_readable(ctx: Context, plan: EntityPlan, record_id: int) -> bool:
    """Say whether there is such a record for the reader, in the trash or not."""
    try:
        await get_record(ctx, plan, record_id)
    except NotFoundError:
        return False
    return True


async def lookup(
    ctx: Context, plan: EntityPlan, text: str, limit: int = 20
) -> list[tuple[int, str]]:
    """Offer (id, title) of readable records whose title contains a text, by title."""
    statement = Statement()
    where = await where_clause(ctx, plan, ListQuery(search=text), statement)
    key = f't."{plan.title}_key"' if plan.title_field.has_key else f't."{plan.title}"'
    rows = await ctx.db.rows(
        f'SELECT t.id, t."{plan.title}" AS title FROM "{plan.tablename}" t '  # noqa: S608
        f"WHERE {where} ORDER BY {key}, t.id LIMIT {int(limit)}",
        *statement.args,
    )
    return [(row["id"], row["title"]) for row in rows]
