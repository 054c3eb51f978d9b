"""Writes what a list shows as CSV, row by row."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from crmkit.access.predicate import check
from crmkit.records.csv_file import neutralise
from crmkit.records.import_plan import LINE_COLUMN, REASON_COLUMN
from crmkit.records.query import ListQuery, plain, select_list, where_clause
from crmkit.records.statement import Statement

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.csv_file import CsvFile
    from crmkit.records.import_plan import Refusal


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
    check(ctx, plan, "export")
    names = query.columns or tuple(plan.fields)
    statement = Statement()
    where = where_clause(ctx, plan, query, statement)
    columns, joins = select_list(ctx, plan, names, statement)
    heading = (
        ["id", *names]
        if machine
        else [neutralise(ctx.translate(plan.fields[n].label)) for n in names]
    )
    text = ("" if machine else "\ufeff").encode() + _line(heading)
    sql = f'SELECT {columns} FROM "{plan.tablename}" t {joins} WHERE {where} ORDER BY t.id'  # noqa: S608 - checked names
    async for rows in ctx.db.cursor(sql, *statement.args):
        yield text + b"".join(_line(_cells(ctx, plan, names, row, machine=machine)) for row in rows)
        text = b""
    if text:
        yield text


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
        cells.append(neutralise(value) if isinstance(value, str) else plain(value))
    return cells


def _line(cells: list[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(["" if cell is None else cell for cell in cells])
    return text.getvalue().encode()
