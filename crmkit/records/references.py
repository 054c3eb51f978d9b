"""Columns that name a record, and letting them name another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.access.predicate import allowed, is_denied, may_use, predicate
from crmkit.errors import HookFailedError, InvalidError
from crmkit.model.values import N_
from crmkit.plugin.plan import EntityPlan
from crmkit.records.journal import write_journal
from crmkit.records.save import save_record, write_row
from crmkit.records.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.records.merged import Pair


class ReferenceTo(msgspec.Struct, frozen=True):
    """A column of an entity that names records of another one, or of its own."""

    plan: EntityPlan
    column: str

    @property
    def is_field(self) -> bool:
        """Whether people see it; a hidden one is written without the path of saves."""
        return self.column in self.plan.fields


def references_to(ctx: Context, plan: EntityPlan) -> list[ReferenceTo]:
    """List every column of the Site that names records of an entity, always in the same order."""
    return [
        ReferenceTo(other, str(column._meta.name))  # noqa: SLF001 - Piccolo has no public name
        for _name, other in sorted(ctx.site.entities.items())
        for column in other.table._meta.columns  # noqa: SLF001
        if getattr(column, "target", "") == plan.tablename
    ]


async def count_references(
    ctx: Context, plan: EntityPlan, record_id: int, but: int
) -> list[tuple[ReferenceTo, int]]:
    """Count what names a record and the reader may see, one statement for all entities.

    Args:
        but: A record of the same entity that is not counted.
    """
    statement = Statement(record_id)
    found: list[ReferenceTo] = []
    parts = []
    for each in references_to(ctx, plan):
        if not each.is_field or not await may_use(ctx, each.plan, "read"):
            continue
        own = each.plan.name == plan.name
        apart = f" AND t.id NOT IN ($1, {statement.add(but)}::bigint)" if own else ""
        rule = predicate(ctx, each.plan, "read", "t", statement.next)
        statement.args.extend(rule.args)
        parts.append(
            f'SELECT {len(found)} AS place, count(*) AS number FROM "{each.plan.tablename}" t '  # noqa: S608 - declared
            f'WHERE t."{each.column}" = $1::bigint AND t.trashed_at IS NULL{apart} '
            f"AND ({rule.text})"
        )
        found.append(each)
    rows = await ctx.db.rows(" UNION ALL ".join(parts), *statement.args) if parts else []
    return [(found[row["place"]], row["number"]) for row in rows if row["number"]]


async def move_references(ctx: Context, plan: EntityPlan, gone: int, kept: int) -> None:
    """Let everything that names one record name another.

    Rows in the trash and out of the reader's sight as well; what the two fields of the pair name
    in each other is left to the caller.

    Raises:
        InvalidError: A rule or a plugin refuses it for a row; the row is named.
    """
    for each in references_to(ctx, plan):
        own = each.plan.name == plan.name
        apart = [gone, *([kept] if each.is_field else [])] if own else []
        rows = await ctx.db.rows(
            f'SELECT t.id, t."{each.plan.title}" AS title FROM "{each.plan.tablename}" t '  # noqa: S608 - declared
            f'WHERE t."{each.column}" = $1 AND NOT t.id = ANY($2::bigint[]) ORDER BY t.id',
            gone,
            apart,
        )
        for row in rows:
            target = None if own and row["id"] == kept else kept
            try:
                await point_to(ctx, each, row["id"], gone, target)
            except HookFailedError:
                raise
            except InvalidError as error:
                raise _refused(ctx, each, row["id"], error) from error


def _refused(
    ctx: Context, reference: ReferenceTo, record_id: int, error: InvalidError
) -> InvalidError:
    text = ctx.translate(N_("{record} {number} cannot be moved: {reason}"))
    reasons = " ".join((error.message, *(f"{each}." for each in error.problems.values())))
    what = ctx.translate(reference.plan.singular)
    return InvalidError(text.format(record=what, number=record_id, reason=reasons))


async def point_to(
    ctx: Context, reference: ReferenceTo, record_id: int, old: int | None, target: int | None
) -> None:
    """Let a row name another record: by a save where the person may edit the row, else directly.

    A row that is another's, or in the trash, must not stay behind with a record that is gone.
    """
    plan, column = reference.plan, reference.column
    # Whoever keeps what a record names lets it pass: what is merged is the same by another number.
    ctx = ctx.within(int(ctx.operation or 0), "merge")
    if reference.is_field and await _may_save(ctx, plan, record_id):
        await save_record(ctx, plan, record_id, {column: target})
        return
    await write_row(
        ctx,
        plan,
        f'UPDATE "{plan.tablename}" SET "{column}" = $2, updated_at = $3, updated_by = $4, '  # noqa: S608 - declared
        "version = version + 1 WHERE id = $1 RETURNING id",
        record_id,
        target,
        ctx.now(),
        ctx.user_id,
    )
    await write_journal(ctx, plan, record_id, "update", {column: old}, {column: target})


async def _may_save(ctx: Context, plan: EntityPlan, record_id: int) -> bool:
    if not allowed(ctx, plan, "edit"):
        return False
    rule = predicate(ctx, plan, "edit", "t", 2)
    found = await ctx.db.value(
        f'SELECT 1 FROM "{plan.tablename}" t WHERE t.id = $1 AND t.trashed_at IS NULL '  # noqa: S608 - a predicate
        f"AND ({rule.text})",
        record_id,
        *rule.args,
    )
    return found is not None and not await is_denied(ctx, plan, "edit", record_id)


def moves_of(ctx: Context, pair: Pair, row: Mapping[str, Any]) -> list[ReferenceTo]:
    """Answer the columns a row of the journal moved between a pair; none when it did more."""
    names = set(row["before"])
    if row["action"] != "update" or not names:
        return []
    known = references_to(ctx, ctx.site.entity(pair.entity))
    found = [each for each in known if each.plan.name == row["entity"] and each.column in names]
    ids = pair.ids
    if len(found) < len(names) or not all(
        row["before"][name] in ids and row["after"].get(name) in ids for name in names
    ):
        return []
    return found


async def move_back(ctx: Context, moves: list[ReferenceTo], row: Mapping[str, Any]) -> bool:
    """Undo such a row; answers False when a column was given another value since."""
    complete = True
    for each in moves:
        stored = await ctx.db.value(
            f'SELECT "{each.column}" FROM "{each.plan.tablename}" WHERE id = $1 FOR UPDATE',  # noqa: S608 - declared
            row["record"],
        )
        if stored == row["after"][each.column]:
            await point_to(ctx, each, row["record"], stored, row["before"][each.column])
        else:
            complete = False
    return complete
