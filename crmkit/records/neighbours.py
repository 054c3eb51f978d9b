"""Which records stand before and after one in a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import asyncpg

from crmkit.errors import InvalidError
from crmkit.records.query import sort_field, where_clause
from crmkit.records.statement import Statement

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.query import ListQuery


class Neighbours(NamedTuple):
    """Ids of the records beside one; None at an end of the list."""

    before: int | None = None
    after: int | None = None


async def find_neighbours(
    ctx: Context, plan: EntityPlan, query: ListQuery, record_id: int
) -> Neighbours:
    """Answer what stands beside a record in a list, by one statement that reads two rows.

    The record itself may have left the list by what was changed in it: its place is where its
    values put it. There is none where the list of an address cannot be shown.
    """
    try:
        statement = Statement()
        key = sort_field(plan, query).sort_sql()
        table = f'"{plan.tablename}" t'
        sides = []
        for is_upwards in (query.descending, not query.descending):
            # Each side has the condition with values of its own: they are added to the statement.
            where = await where_clause(ctx, plan, query, statement)
            sign, order = (">", "ASC") if is_upwards else ("<", "DESC")
            sides.append(
                f"(SELECT t.id FROM {table} WHERE {where} "  # noqa: S608 - checked names
                f"AND ({key}, t.id) {sign} (c.sort_key, c.id) "
                f"ORDER BY {key} {order}, t.id {order} LIMIT 1)"
            )
        before, after = sides
        row = await ctx.db.row(
            f"SELECT {before} AS before, {after} AS after "  # noqa: S608 - checked names
            f"FROM (SELECT t.id, {key} AS sort_key FROM {table} "
            f"WHERE t.id = {statement.add(record_id)}::bigint) c",
            *statement.args,
        )
    except (InvalidError, asyncpg.DataError):
        return Neighbours()
    return Neighbours(row["before"], row["after"]) if row is not None else Neighbours()
