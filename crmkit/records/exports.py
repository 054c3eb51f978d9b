"""Writes what a list shows as CSV, row by row."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import TYPE_CHECKING, Any

import structlog

from crmkit.access.predicate import check
from crmkit.errors import HookFailedError, InvalidError
from crmkit.model.values import N_
from crmkit.records.computed import compute, computed_columns
from crmkit.records.csv_file import neutralise
from crmkit.records.import_plan import LINE_COLUMN, REASON_COLUMN
from crmkit.records.query import ListQuery, plain, select_list, where_clause
from crmkit.records.statement import Statement

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from crmkit.model.adapters import FileFormat
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.csv_file import CsvFile
    from crmkit.records.import_plan import Refusal

#: A format of a plugin gets its rows at once.
MOST_OF_A_FORMAT = 100_000
_log = structlog.get_logger("crmkit.exports")


async def export_csv(
    ctx: Context, plan: EntityPlan, query: ListQuery, *, machine: bool = False
) -> AsyncIterator[bytes]:
    """Write all rows of a query, by id, as UTF-8; the first piece has the heading and rows.

    Args:
        query: Its columns (default all fields), filters and search; sort and page do not count.
        machine: Field names and values as stored, byte for byte. Otherwise a byte order mark,
            labels and titles, and texts that a sheet would run as a formula get a leading '.

    Raises:
        ForbiddenError: The role may not export here.
    """
    text = b"" if machine else "\ufeff".encode()
    async for rows in export_rows(ctx, plan, query, machine=machine):
        yield text + b"".join(map(_line, rows))
        text = b""


async def export_rows(
    ctx: Context, plan: EntityPlan, query: ListQuery, *, machine: bool = False
) -> AsyncIterator[list[list[Any]]]:
    """Answer the rows of a query in pieces, by id; the first piece begins with the heading.

    Args:
        machine: As for `export_csv`; for people, columns that plugins compute come last.

    Raises:
        ForbiddenError: The role may not export here.
    """
    check(ctx, plan, "export")
    names = query.columns or tuple(plan.fields)
    more = [] if machine else computed_columns(ctx, plan)
    statement = Statement()
    where = where_clause(ctx, plan, query, statement)
    columns, joins = select_list(ctx, plan, names, statement)
    labels = [plan.fields[name].label for name in names] + [each.label for _, each in more]
    heading: list[Any] = (
        ["id", *names] if machine else [neutralise(ctx.translate(label)) for label in labels]
    )
    sql = f'SELECT {columns} FROM "{plan.tablename}" t {joins} WHERE {where} ORDER BY t.id'  # noqa: S608 - checked names
    piece = [heading]
    async for rows in ctx.db.cursor(sql, *statement.args):
        piece += [_cells(ctx, plan, names, row, machine=machine) for row in rows]
        for plugin, column in more:
            values = await compute(ctx, plan, plugin, column, [row["id"] for row in rows])
            for cells, row in zip(piece[-len(rows) :], rows, strict=True):
                cells.append(neutralise(str(values.get(row["id"], "") or "")))
        yield piece
        piece = []
    if piece:
        yield piece


async def export_file(
    ctx: Context, plan: EntityPlan, query: ListQuery, file_format: FileFormat, plugin: str
) -> bytes:
    """Write all rows of a query in a format that a plugin brings.

    Raises:
        ForbiddenError: The role may not export here.
        InvalidError: There are more rows than a format gets at once.
        HookFailedError: The plugin failed, or answered something else than bytes.
    """
    lines: list[list[str]] = []
    async for rows in export_rows(ctx, plan, query):
        lines += [["" if cell is None else str(cell) for cell in row] for row in rows]
        if len(lines) > MOST_OF_A_FORMAT + 1:
            text = N_("These are more than {most} records. Filter the list, or export as CSV.")
            raise InvalidError(ctx.translate(text).format(most=f"{MOST_OF_A_FORMAT:,}"))
    try:
        # A stranger's code may take its time; requests go on meanwhile.
        written = await asyncio.to_thread(file_format.write, lines)
    except Exception as error:
        _log.error("file format failed", plugin=plugin, format=file_format.name, error=repr(error))
        raise HookFailedError(plugin, f"file_formats {file_format.name}") from error
    if not isinstance(written, bytes):
        raise HookFailedError(plugin, f"file_formats {file_format.name}")
    return written


def refused_csv(file: CsvFile, refused: Sequence[Refusal]) -> bytes:
    """Write the rows an import left out, each with its line and reason in front.

    The two columns in front stay out when the corrected file is sent again.
    """
    reasons: dict[int, list[str]] = {}
    for each in refused:
        reasons.setdefault(each.line, []).append(" ".join(filter(None, (each.column, each.reason))))
    columns = [name for name in file.columns if name not in {LINE_COLUMN, REASON_COLUMN}]
    places = [file.columns.index(name) for name in columns]
    parts = ["\ufeff".encode() + _line([LINE_COLUMN, REASON_COLUMN, *map(neutralise, columns)])]
    for row in sorted((*file.rows, *file.ragged), key=lambda row: row.line):
        if row.line not in reasons:
            continue
        is_whole = len(row.cells) == len(file.columns)
        cells = [row.cells[place] for place in places] if is_whole else row.cells
        parts.append(_line([row.line, "; ".join(reasons[row.line]), *map(neutralise, cells)]))
    return b"".join(parts)


def _cells(
    ctx: Context,
    plan: EntityPlan,
    names: tuple[str, ...],
    row: Any,  # noqa: ANN401 - a driver's row
    *,
    machine: bool,
) -> list[Any]:
    if machine:
        return [row["id"], *(plain(row[name]) for name in names)]
    cells = []
    for name in names:
        field, value = plan.fields[name], row[name]
        if field.reference:
            value = row[f"{name}__title"]
        elif field.kind == "choice" and value:
            value = ctx.translate(field.choice_label(value))
        elif field.type is not None and value:
            value = field.shown(value)
        cells.append(neutralise(value) if isinstance(value, str) else plain(value))
    return cells


def _line(cells: list[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(["" if cell is None else cell for cell in cells])
    return text.getvalue().encode()
