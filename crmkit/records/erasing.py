"""Empties records of what they say of a person, and what history and search remember of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
from piccolo.columns import ForeignKey, Text, Varchar

from crmkit.access.predicate import check
from crmkit.errors import ConflictError
from crmkit.model.columns import Reference
from crmkit.model.record import SYSTEM_COLUMNS
from crmkit.model.values import N_
from crmkit.records.journal import open_operation, write_search
from crmkit.records.statement import Statement
from crmkit.work.documents import remove_documents

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from piccolo.columns import Column

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

#: The cause of changes that an erasure makes.
ERASE = "erase"
USERS = "core.user"
#: Who works on a record is no data on whom it is about.
_KEPT = SYSTEM_COLUMNS | {"owner", "team"}
#: An erased value in SQL: an empty text; for all other columns what a new row begins with.
_EMPTY, _DEFAULT = "''", "DEFAULT"


async def erase_texts(
    ctx: Context, entity: str, ids: Sequence[int], title: str, only: Collection[str] = ()
) -> None:
    """Empty all texts of records, also in the trash; for a plugin's `erase_personal_data`.

    Their history forgets the texts as well, search and external keys follow. Dates, numbers,
    choices and references stay. Neither hooks nor rights on the records are asked: what must go
    goes. Part of a transaction of the caller.

    Args:
        title: What they are called from now on.
        only: Columns, where not all texts are of the person; default all texts, all custom
            fields and the keys of other systems.

    Raises:
        ForbiddenError: The person is no administrator.
        ConflictError: The table does not take empty texts.
    """
    check(ctx, ctx.site.entity(USERS), "admin")
    plan: EntityPlan = ctx.site.entity(entity)
    if not ids:
        return
    names = [
        column._meta.name  # noqa: SLF001 - Piccolo has no public name
        for column in _columns(plan)
        if _is_text(plan, column)
    ]
    sets = {name: _EMPTY for name in names if not only or name in only}
    await _overwrite(ctx, plan, ids, sets, title, whole=not only)
    await _forget(ctx, plan.name, ids, list(sets), custom=not only)
    await _note(ctx, plan, ids)


async def erase_record(ctx: Context, plan: EntityPlan, record_id: int, title: str) -> None:
    """Empty a record of everything but its references, owner and state, and all its history.

    Raises:
        ConflictError: The table does not take empty values.
    """
    sets = {
        column._meta.name: _EMPTY if _is_text(plan, column) else _DEFAULT  # noqa: SLF001
        for column in _columns(plan)
    }
    await _overwrite(ctx, plan, [record_id], sets, title, whole=True)
    # Of a merge stays which record it was: without that nobody could follow or undo it.
    kept = (
        "CASE WHEN action = 'merge' AND {0} <> '{{}}' THEN "
        """jsonb_build_object('gone', {0}->'gone', 'title', '', 'keys', '[]'::jsonb) """
        "ELSE '{{}}' END"
    )
    await ctx.db.execute(
        f"UPDATE core_journal SET before = {kept.format('before')}, "  # noqa: S608 - our own text
        f"after = {kept.format('after')} WHERE entity = $1 AND record = $2",
        plan.name,
        record_id,
    )
    await remove_documents(ctx, plan.name, [record_id])
    await _note(ctx, plan, [record_id])


async def forget_changes(ctx: Context) -> None:
    """Forget, for each record changed in the operation, all earlier values of what changed."""
    rows = await ctx.db.rows(
        "SELECT entity, record, array_agg(DISTINCT name) AS names "
        "FROM core_journal, jsonb_object_keys(before || after) AS name "
        "WHERE operation = $1 AND action = 'update' GROUP BY entity, record",
        ctx.operation,
    )
    for row in rows:
        await _forget(ctx, row["entity"], [row["record"]], row["names"])


def _columns(plan: EntityPlan) -> Iterator[Column]:
    """Answer what may say something of a person, columns that nobody sees included."""
    state = plan.lifecycle.column if plan.lifecycle else ""
    for column in plan.table._meta.columns:  # noqa: SLF001
        name = column._meta.name  # noqa: SLF001
        if name not in _KEPT and name != state and not isinstance(column, Reference | ForeignKey):
            yield column


def _is_text(plan: EntityPlan, column: Column) -> bool:
    """Say whether people type it freely; a choice is one of a few keys."""
    field = plan.fields.get(column._meta.name)  # noqa: SLF001
    kind = field.kind if field is not None else getattr(column, "kind", "")
    return isinstance(column, Varchar | Text) and kind not in {"choice", "currency"}


async def _overwrite(
    ctx: Context,
    plan: EntityPlan,
    ids: Sequence[int],
    sets: Mapping[str, str],
    title: str,
    *,
    whole: bool,
) -> None:
    """Write the empty values and bring along what is derived from them.

    Args:
        whole: Custom fields and keys of other systems go too. Fields of plugins that are off are
            among them: nobody could name them, and they must not come back with the plugin.
    """
    statement = Statement(list(ids), ctx.now(), ctx.user_id)
    empty = {**sets, **({"custom": "'{}'"} if whole else {})}
    if plan.title in sets:
        empty[plan.title] = statement.add(title[: plan.title_field.max_length])
    written = ", ".join(f'"{name}" = {value}' for name, value in empty.items())
    try:
        await ctx.db.execute(
            f'UPDATE "{plan.tablename}" SET {written}, updated_at = $2, updated_by = $3, '  # noqa: S608 - names of columns
            "version = version + 1 WHERE id = ANY($1::bigint[])",
            *statement.args,
        )
    except asyncpg.IntegrityConstraintViolationError as error:
        text = ctx.translate(N_("{what} cannot be emptied: {reason}."))
        raise ConflictError(text.format(what=ctx.translate(plan.label), reason=error)) from error
    if whole:
        await ctx.db.execute(
            "DELETE FROM core_external WHERE entity = $1 AND record = ANY($2::bigint[])",
            plan.name,
            list(ids),
        )
    await write_search(ctx, plan, ids)
    await _drop_answers(ctx, plan, ids)


async def _drop_answers(ctx: Context, plan: EntityPlan, ids: Sequence[int]) -> None:
    """Drop the answers of the API kept for repeated requests that show one of the records."""
    await ctx.db.execute(
        "DELETE FROM core_idempotency WHERE strpos(place, $1) > 0 "
        r"""AND answer ~ ('"id": ?"?(' || array_to_string($2::bigint[], '|') || ')"?[,}]')""",
        plan.name,
        list(ids),
    )


async def _forget(
    ctx: Context, entity: str, ids: Sequence[int], names: Sequence[str], *, custom: bool = False
) -> None:
    """Take values out of the history of records.

    Args:
        custom: Those of all custom fields as well.
    """
    kept = (
        "coalesce((SELECT jsonb_object_agg(v.key, v.value) FROM jsonb_each({}) v "
        "WHERE v.key <> ALL($3::text[]) AND NOT ($4 AND starts_with(v.key, 'custom.'))), '{{}}')"
    )
    await ctx.db.execute(
        f"UPDATE core_journal SET before = {kept.format('before')}, "  # noqa: S608 - our own text
        f"after = {kept.format('after')} WHERE entity = $1 AND record = ANY($2::bigint[])",
        entity,
        list(ids),
        list(names),
        custom,
    )


async def _note(ctx: Context, plan: EntityPlan, ids: Sequence[int]) -> None:
    """Write into the history of records who erased and when, without a value."""
    operation = ctx.operation or await open_operation(ctx, ERASE, plan.singular)
    await ctx.db.execute(
        "INSERT INTO core_journal (operation, entity, record, action, user_id, at, cause) "
        "SELECT $1, $2, record, 'update', $4, $5, $6 FROM unnest($3::bigint[]) AS record",
        operation,
        plan.name,
        list(ids),
        ctx.user_id,
        ctx.now(),
        ERASE,
    )
