"""Some rows of an import as they would be written, and those that are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.web.import_columns import chosen_of
from crmkit.web.import_form import EXTERNAL
from crmkit.web.translate import _
from crmkit.web.views import ImportRow, Tag

if TYPE_CHECKING:
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.csv_file import CsvFile, CsvRow
    from crmkit.records.import_fields import Matching
    from crmkit.records.import_plan import ImportReport

_SHOWN = 20
_PREVIEW_ROWS = {"create": 3, "update": 3, "same": 2, "refuse": 2}
_PREVIEW_COLUMNS = 3


def _preview_columns(file: CsvFile, matching: Matching) -> list[int]:
    chosen = [
        index
        for index, column in enumerate(file.columns)
        if chosen_of(matching, column) not in {"", EXTERNAL}
    ]
    return chosen[:_PREVIEW_COLUMNS]


def preview_head(plan: EntityPlan, file: CsvFile, matching: Matching) -> tuple[str, ...]:
    """Answer the headings of the columns a preview shows."""
    names = [file.columns[index] for index in _preview_columns(file, matching)]
    return tuple(
        _(plan.fields[field].label) if (field := matching.plan.map.get(name, "")) else name
        for name in names
    )


def preview_rows(
    plan: EntityPlan, file: CsvFile, matching: Matching, report: ImportReport
) -> tuple[ImportRow, ...]:
    """Answer some rows of each effect, by line, with the cells as they were read."""
    effects = {
        "create": Tag(label=_("New"), tone="ok"),
        "update": Tag(label=_("Changed"), tone="info"),
        "same": Tag(label=_("Unchanged"), tone="mute"),
        "refuse": Tag(label=_("Left out"), tone="bad"),
    }
    wanted = {
        line: effect
        for effect, lines in report.preview.items()
        for line in lines[: _PREVIEW_ROWS[effect]]
    }
    reasons = {each.line: each for each in report.refused}
    rows = sorted((row for row in file.rows if row.line in wanted), key=lambda row: row.line)
    places = _preview_columns(file, matching)
    return tuple(
        ImportRow(
            number=str(row.line),
            effect=effects[wanted[row.line]],
            cells=tuple(_meant(plan, file, report, row, place) for place in places),
            why=_why(file, matching, row, reasons[row.line].reason if row.line in reasons else ""),
        )
        for row in rows
    )


def _meant(plan: EntityPlan, file: CsvFile, report: ImportReport, row: CsvRow, place: int) -> str:
    """Answer a cell as it was read, "GTXPro" as "GTX Pro"."""
    text = row.cells[place]
    found = report.columns.get(file.columns[place])
    if found is not None and text in found.read_as and found.field in plan.fields:
        return _(found.read_as[text][0])
    return text[:80] or _("empty")


def _why(file: CsvFile, matching: Matching, row: CsvRow, reason: str) -> str:
    if reason:
        return _(reason)
    if matching.plan.external:
        number = row.cells[file.column(matching.plan.external)]
        return _("Number %(number)s") % {"number": number[:40]}
    return ""


def refusal_rows(report: ImportReport) -> tuple[ImportRow, ...]:
    """Answer the first rows that were left out, with place and reason."""
    return tuple(
        ImportRow(
            number=str(each.line),
            effect=Tag(label=_("Written in part"), tone="warn")
            if each.written
            else Tag(label=_("Left out"), tone="bad"),
            cells=(each.column, each.value[:80]),
            why=_(each.reason),
        )
        for each in report.refused[:_SHOWN]
    )
