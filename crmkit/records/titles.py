"""Titles of what references named at some time, for a history that people read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.access.predicate import title_condition
from crmkit.records.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan

#: (entity, id) to title; what is gone, or hidden from the reader, is not there.
Titles = dict[tuple[str, int], str]


async def titles_of(ctx: Context, plan: EntityPlan, values: Iterable[Mapping[str, Any]]) -> Titles:
    """Answer the titles of all that the references among some values name, by one statement.

    Args:
        values: By field, as the journal keeps them.
    """
    wanted: dict[str, tuple[Field, set[int]]] = {}
    for each in values:
        for name, value in each.items():
            field = plan.field(name)
            if field is not None and field.reference and isinstance(value, int):
                wanted.setdefault(field.reference, (field, set()))[1].add(value)
    statement, parts = Statement(), []
    for entity, (field, ids) in wanted.items():
        where = f"r.id = ANY({statement.add(sorted(ids))}::bigint[])"
        hidden = title_condition(ctx, ctx.site.entity(entity), "r", statement.next)
        if hidden is not None:
            where += f" AND {hidden.text}"
            statement.args.extend(hidden.args)
        parts.append(
            f"SELECT {statement.add(entity)}::text AS entity, r.id, "  # noqa: S608 - declared names
            f'{field.title_sql("r")}::text AS title FROM "{field.target_table}" r WHERE {where}'
        )
    if not parts:
        return {}
    rows = await ctx.db.rows(" UNION ALL ".join(parts), *statement.args)
    return {(row["entity"], row["id"]): row["title"] or "" for row in rows}
