"""Steps of records: which one is next, and that one is done."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.access.predicate import allowed, predicate
from crmkit.errors import NotFoundError
from crmkit.model.values import N_
from crmkit.records.journal import one_operation
from crmkit.records.save import create_record, save_record
from crmkit.records.values import parse_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

_LONGEST_TITLE = 300


class Step(msgspec.Struct, frozen=True):
    """An open step; `due` is aware UTC."""

    entity: str
    id: int
    title: str
    kind: str
    due: datetime


async def next_steps(ctx: Context, plan: EntityPlan, ids: Sequence[int]) -> dict[int, Step]:
    """Answer the open step that is due first of each record; one statement for all of them.

    Only steps the reader may see; a record without one is not in the answer.
    """
    parts, args = [], [list(ids)]
    for link in plan.step_links:
        target = ctx.site.entity(link.entity)
        steps = target.steps
        if steps is None or not allowed(ctx, target, "read"):
            continue
        rule = predicate(ctx, target, "read", "s", len(args) + 1)
        args.extend(rule.args)
        parts.append(
            f"SELECT s.\"{link.column}\" AS record, '{target.name}' AS entity, s.id, "  # noqa: S608 - checked names
            f's."{target.title}" AS title, s."{steps.kind}" AS kind, s."{steps.due}" AS due '
            f'FROM "{target.tablename}" s WHERE s."{link.column}" = ANY($1::bigint[]) '
            f'AND s."{steps.done}" IS NULL AND s."{steps.due}" IS NOT NULL '
            f"AND s.trashed_at IS NULL AND ({rule.text})"
        )
    if not parts or not ids:
        return {}
    rows = await ctx.db.rows(
        f"SELECT DISTINCT ON (record) * FROM ({' UNION ALL '.join(parts)}) x "  # noqa: S608
        "ORDER BY record, due, id",
        *args,
    )
    return {
        row["record"]: Step(row["entity"], row["id"], row["title"], row["kind"], row["due"])
        for row in rows
    }


async def finish_step(
    ctx: Context, plan: EntityPlan, record_id: int, version: int | None = None
) -> int:
    """Mark a step as done now and answer the operation that undoes it.

    Raises:
        NotFoundError: The entity has no steps, or the reader may not edit this one.
        StaleVersionError: Somebody changed it since the page was shown.
    """
    if plan.steps is None:
        raise NotFoundError(ctx.translate(N_("There is nothing to be done here.")))
    async with one_operation(ctx, "update", plan.singular) as inner:
        await save_record(inner, plan, record_id, {plan.steps.done: ctx.now()}, version)
        return int(inner.operation or 0)


async def write_step(
    ctx: Context,
    plan: EntityPlan,
    record_id: int,
    kind: str,
    text: str,
    more: Mapping[str, str] | None = None,
) -> int:
    """Write a step on a record and answer its id; the first line of the text is its title.

    Args:
        plan: Entity of the record it is about.
        more: Field of the step to raw text, such as when it is due.

    Raises:
        NotFoundError: Steps of this kind cannot be written on such a record.
        InvalidError: The text is empty, or a value does not fit.
    """
    for link in plan.step_links:
        target = ctx.site.entity(link.entity)
        found = target.steps.of(kind) if target.steps else None
        if target.steps is None or found is None:
            continue
        first, _line, rest = text.strip().partition("\n")
        raw: dict[str, str] = {
            target.title: first[:_LONGEST_TITLE],
            target.steps.kind: kind,
            target.steps.text: rest.strip() or first[_LONGEST_TITLE:],
            link.column: str(record_id),
            "owner": str(ctx.user_id or ""),
            **(more or {}),
        }
        values: dict[str, Any] = parse_values(ctx, target, raw)
        if not found.planned:
            values[target.steps.done] = ctx.now()
        return await create_record(ctx, target, values)
    raise NotFoundError(ctx.translate(N_("This cannot be written here.")))
