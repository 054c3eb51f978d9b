"""Lines of a record: read together, saved together or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.access.predicate import check_hooks, predicate
from crmkit.errors import InvalidError, NotFoundError
from crmkit.model.values import N_, Sentence
from crmkit.records.csv_file import read_csv
from crmkit.records.journal import one_operation
from crmkit.records.query import select_list
from crmkit.records.read import get_record
from crmkit.records.save import create_record, parse_values, save_record, trash_record
from crmkit.records.statement import Statement
from crmkit.records.workbook import is_workbook, read_workbook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan, PartsPlan
    from crmkit.records.csv_file import CsvFile

#: Lines that one record shows and takes in one save.
MOST = 1000
#: Rows of a file that become lines at once.
MOST_ROWS = 500
_MOST_BYTES = 5 * 1024 * 1024


class SentPart(msgspec.Struct, frozen=True, kw_only=True):
    """A line as a form sent it.

    Attributes:
        id: None for a new one.
        version: As the form showed it.
        raw: Field to text.
        place: Among the lines, from 1.
    """

    id: int | None
    version: int | None
    raw: dict[str, str]
    place: int
    removed: bool = False


def find_parts(plan: EntityPlan, entity: str) -> PartsPlan:
    """Answer the parts of an entity that are records of another.

    Raises:
        NotFoundError: It has none of them.
    """
    for each in plan.parts:
        if each.entity == entity:
            return each
    raise NotFoundError(f"{plan.singular} has no parts `{entity}`.")


async def list_parts(ctx: Context, parts: PartsPlan, record_id: int) -> list[dict[str, Any]]:
    """Answer the lines of a record in their order, as far as the reader may see them."""
    plan: EntityPlan = ctx.site.entity(parts.entity)
    await check_hooks(ctx, plan, "read")
    statement = Statement(record_id)
    allowed = predicate(ctx, plan, "read", "t", statement.next)
    statement.args.extend(allowed.args)
    columns = select_list(ctx, plan, tuple(plan.fields), statement)
    rows = await ctx.db.rows(
        f'SELECT {columns}, t.custom FROM "{plan.tablename}" t '  # noqa: S608 - checked names
        f'WHERE t."{parts.column}" = $1 AND t.trashed_at IS NULL AND ({allowed.text}) '
        f'ORDER BY t."{parts.order}", t.id LIMIT {MOST}',
        *statement.args,
    )
    return [dict(row) for row in rows]


async def save_parts(
    ctx: Context, plan: EntityPlan, parts: PartsPlan, record_id: int, sent: Sequence[SentPart]
) -> int:
    """Save the lines of a record as one operation, and answer its number.

    Lines that are not sent stay as they are.

    Raises:
        NotFoundError: The record is not the writer's to edit, or a line is not of it.
        InvalidError: All problems at once, as "<place>.<field>"; nothing is saved.
        StaleVersionError: Somebody saved a line in between; nothing is saved.
    """
    if len(sent) > MOST:
        text = ctx.translate(N_("More than {n} lines cannot be saved at once. Send fewer."))
        raise InvalidError(text.format(n=MOST))
    problems: dict[str, str] = {}
    async with one_operation(ctx, "parts", plan.singular) as inner:
        whole = await get_record(inner, plan, record_id, "edit", lock=True)
        currency = str(whole.get("currency") or "")
        for each in sent:
            try:
                await _save_one(inner, parts, record_id, each, currency)
            except InvalidError as error:
                found = error.problems or {"": error.message}
                problems |= {f"{each.place}.{name}": text for name, text in found.items()}
        if problems:
            raise InvalidError(
                ctx.translate(N_("Some lines need a correction before they can be saved.")),
                problems,
            )
        return int(inner.operation or 0)


async def _save_one(
    ctx: Context, parts: PartsPlan, record_id: int, sent: SentPart, currency: str
) -> None:
    plan: EntityPlan = ctx.site.entity(parts.entity)
    if sent.id is None:
        values = parse_values(ctx, plan, sent.raw, currency)
        values |= {parts.column: record_id, parts.order: sent.place}
        await create_record(ctx, plan, values)
        return
    stored = await get_record(ctx, plan, sent.id, "edit")
    if stored[parts.column] != record_id:
        raise NotFoundError(ctx.translate(N_("A line belongs to another record. Reload the page.")))
    if sent.removed:
        await trash_record(ctx, plan, sent.id, sent.version)
        return
    values = parse_values(ctx, plan, sent.raw, currency)
    await save_record(ctx, plan, sent.id, values | {parts.order: sent.place}, sent.version)


async def paste_parts(
    ctx: Context, plan: EntityPlan, parts: PartsPlan, record_id: int, text: str
) -> str:
    """Make lines of a text as one operation, and answer what the plugin says of it.

    Raises:
        NotFoundError: The record is not the writer's to edit.
        InvalidError: There is nothing in the text, or the plugin cannot use it.
    """
    async with one_operation(ctx, "paste", parts.label) as inner:
        await get_record(inner, plan, record_id, "edit", lock=True)
        if parts.paste is None or not text.strip():
            told = N_("There is nothing to paste. Copy lines of a table or a mail.")
            raise InvalidError(ctx.translate(told))
        return str(await parts.paste(inner, record_id, text))


def read_table(data: bytes) -> CsvFile:
    """Read a CSV file or a workbook of lines; each row has as many cells as the heading.

    Raises:
        InvalidError: It is no table, or too large for lines of one record; names line and remedy.
    """
    if len(data) > _MOST_BYTES:
        raise InvalidError(Sentence(N_("The file is larger than 5 MB. Split it.")))
    file = read_workbook(data) if is_workbook(data) else read_csv(data)
    for row in file.ragged[:1]:
        told = N_("Line {line} has {n} cells, the heading {wanted}. Mend it and send it again.")
        line, n, wanted = str(row.line), str(len(row.cells)), str(len(file.columns))
        raise InvalidError(Sentence(told, line=line, n=n, wanted=wanted))
    if not file.rows:
        told = N_("The file has a heading but no rows below it. Add rows and send it again.")
        raise InvalidError(Sentence(told))
    if len(file.rows) > MOST_ROWS:
        told = N_("The file has {n} lines; {most} are taken at once. Split it.")
        raise InvalidError(Sentence(told, n=str(len(file.rows)), most=str(MOST_ROWS)))
    return file


async def fill_parts(
    ctx: Context, plan: EntityPlan, parts: PartsPlan, record_id: int, file: CsvFile
) -> str:
    """Make lines of a file as one operation, and answer what the plugin says of it.

    Raises:
        NotFoundError: The record is not the writer's to edit, or its lines come from no files.
        InvalidError: The plugin cannot use it; nothing is written.
    """
    if parts.table is None:
        raise NotFoundError(f"{plan.singular} takes no files of `{parts.entity}`.")
    async with one_operation(ctx, "paste", parts.label) as inner:
        await get_record(inner, plan, record_id, "edit", lock=True)
        return str(await parts.table(inner, record_id, file))
