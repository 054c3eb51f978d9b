"""Writes what a list shows as CSV, piece by piece and in each column by column."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog

from crmkit.access.predicate import check, predicate
from crmkit.errors import HookFailedError, InvalidError
from crmkit.model.kept import say_kept
from crmkit.model.money import amount_text
from crmkit.model.values import N_
from crmkit.records.computed import compute, computed_columns
from crmkit.records.csv_file import neutralise
from crmkit.records.import_plan import LINE_COLUMN, REASON_COLUMN
from crmkit.records.query import ListQuery, joined_list, plain, where_clause
from crmkit.records.statement import Statement

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    import asyncpg

    from crmkit.model.adapters import FileFormat
    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.csv_file import CsvFile
    from crmkit.records.import_plan import Refusal

#: A format of a plugin gets its rows at once.
MOST_OF_A_FORMAT = 100_000
#: Rows of a piece: a thousand take 5 % more time, and these two megabytes.
_PIECE = 2000
#: Letters a text begins with that `neutralise` may have to do with.
_SUSPECT = frozenset("'=+-@\t\r")
#: Types that `plain` leaves alone.
_AS_THEY_ARE = frozenset({str, int, bool, type(None)})
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
        yield text + _lines(rows)
        text = b""


async def export_rows(
    ctx: Context, plan: EntityPlan, query: ListQuery, *, machine: bool = False
) -> AsyncIterator[list[Sequence[Any]]]:
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
    where = await where_clause(ctx, plan, query, statement)
    # Somebody may read more than leaves the house by that person.
    rule = predicate(ctx, plan, "export", "t", statement.next)
    statement.args.extend(rule.args)
    where = f"{where} AND ({rule.text})"
    columns, joins = joined_list(ctx, plan, names, statement)
    labels = [plan.fields[name].label for name in names] + [each.label for _, each in more]
    heading: list[Any] = (
        ["id", *names] if machine else [neutralise(ctx.translate(label)) for label in labels]
    )
    sql = f'SELECT {columns} FROM "{plan.tablename}" t {joins} WHERE {where} ORDER BY t.id'  # noqa: S608 - checked names
    piece: list[Sequence[Any]] = [heading]
    tell = _Teller(ctx, plan, names, machine=machine)
    async for rows in ctx.db.cursor(sql, *statement.args, size=_PIECE):
        found = tell.columns(rows)
        for plugin, column in more:
            ids = [row["id"] for row in rows]
            values = await compute(ctx, plan, plugin, column, ids)
            found.append([neutralise(str(values.get(record, "") or "")) for record in ids])
        yield [*piece, *zip(*found, strict=True)]
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
    lines: list[Sequence[Any]] = [[LINE_COLUMN, REASON_COLUMN, *map(neutralise, columns)]]
    for row in sorted((*file.rows, *file.ragged), key=lambda row: row.line):
        if row.line not in reasons:
            continue
        is_whole = len(row.cells) == len(file.columns)
        cells = [row.cells[place] for place in places] if is_whole else row.cells
        lines.append([row.line, "; ".join(reasons[row.line]), *map(neutralise, cells)])
    return "\ufeff".encode() + _lines(lines)


class _Teller:
    """Turns the rows of a piece into columns of cells; what is the same for all is found once."""

    def __init__(
        self, ctx: Context, plan: EntityPlan, names: tuple[str, ...], *, machine: bool
    ) -> None:
        self._ctx, self._machine = ctx, machine
        self._fields = [plan.fields[name] for name in names]
        self._labels: dict[str, dict[str, str]] = {name: {} for name in names}

    def columns(self, rows: Sequence[asyncpg.Record]) -> list[Sequence[Any]]:
        """Answer the cells column by column; for machines the id is the first."""
        stored = dict(zip(rows[0].keys(), zip(*rows, strict=True), strict=True))
        if self._machine:
            return [stored["id"], *(self._stored(field, stored) for field in self._fields)]
        return [self._told(field, stored) for field in self._fields]

    def _stored(self, field: Field, stored: Mapping[str, Sequence[Any]]) -> Sequence[Any]:
        if field.kind != "money":
            return _plain(stored[field.name])
        own = self._ctx.config.currency
        return [
            amount if amount is None else amount_text(amount, currency or own)
            for amount, currency in zip(stored[field.name], stored["currency"], strict=True)
        ]

    def _told(self, field: Field, stored: Mapping[str, Sequence[Any]]) -> Sequence[Any]:
        if field.reference:
            return _shown(stored[f"{field.name}__title"])
        if field.kind == "money":
            return _shown(self._stored(field, stored))
        values = stored[field.name]
        if field.kind == "choice":
            values = self._chosen(field, values)
        elif field.said:
            values = [say_kept(self._ctx, value) if value else value for value in values]
        elif field.type is not None:
            values = [field.shown(value) if value else value for value in values]
        return _shown(values)

    def _chosen(self, field: Field, values: Sequence[Any]) -> Sequence[Any]:
        labels = self._labels[field.name]
        for value in set(values).difference(labels):
            labels[value] = self._ctx.translate(field.choice_label(value)) if value else value
        return [labels[value] for value in values]


def _shown(values: Sequence[Any]) -> Sequence[Any]:
    """Neutralise the texts of a column, without a call for those that need none."""
    if str not in set(map(type, values)):
        return _plain(values)
    values = [
        neutralise(value) if value.__class__ is str and value[:1] in _SUSPECT else value
        for value in values
    ]
    return _plain(values)


def _plain(values: Sequence[Any]) -> Sequence[Any]:
    """Answer a column as JSON keeps its values, without a call for each where they are alike."""
    kinds = set(map(type, values))
    if kinds <= _AS_THEY_ARE:
        return values
    if kinds <= {datetime, type(None)}:
        return [value and value.isoformat() for value in values]
    return [plain(value) for value in values]


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
