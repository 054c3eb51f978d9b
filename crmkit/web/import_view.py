"""An import's file, mapping and report to the struct its template prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from crmkit.web.fields import entity_link
from crmkit.web.format import format_number
from crmkit.web.translate import _
from crmkit.web.views import (
    FieldInput,
    FormGroup,
    ImportColumn,
    ImportCount,
    ImportPage,
    ImportRow,
    Option,
    Tag,
)

if TYPE_CHECKING:
    from crmkit.errors import InvalidError
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.csv_file import CsvFile
    from crmkit.records.import_plan import ImportPlan, ImportReport

_SHOWN = 20
_SAMPLES = 3
_KEYS = frozenset({"text", "email", "phone"})


def file_page(ctx: Context, plan: EntityPlan, error: InvalidError | None = None) -> ImportPage:
    """Answer the first step."""
    return ImportPage(
        entity=entity_link(ctx, plan),
        step="file",
        action_url=f"/{plan.name}/import",
        back_url=f"/{plan.name}",
        note=_("The first line names the columns. Up to 50 MB."),
        errors=(error.message,) if error else (),
    )


def match_page(
    ctx: Context,
    plan: EntityPlan,
    url: str,
    file: CsvFile,
    wanted: ImportPlan,
    report: ImportReport | None,
    error: InvalidError | None,
) -> ImportPage:
    """Answer the second step: columns, fields, and what would happen."""
    number = format_number(ctx, len(file.rows))
    problems = tuple(f"{k}: {v}." for k, v in error.problems.items()) if error else ()
    matched = len(wanted.map)
    return ImportPage(
        entity=entity_link(ctx, plan),
        step="match",
        action_url=url,
        back_url=f"/{plan.name}/import",
        file_text=_("%(n)s rows, %(encoding)s") % {"n": number, "encoding": file.encoding},
        matched=_("%(n)s of %(all)s") % {"n": matched, "all": len(file.columns)},
        columns=tuple(_column(plan, file, index, wanted) for index in range(len(file.columns))),
        preview_head=(_("Column"), _("Value")),
        preview=_refusals(report) if report else (),
        counts=counts_of(ctx, report) if report else (),
        counts_note=_("%(n)s rows") % {"n": number},
        options=(FormGroup(label=_("Decisions"), fields=_decisions(plan, wanted)),),
        note=_("An import can be undone as a whole in History."),
        submit=_("Import %(n)s rows") % {"n": number} if report else None,
        errors=((error.message,) if error else ()) + problems,
    )


def result_page(ctx: Context, plan: EntityPlan, report: ImportReport) -> ImportPage:
    """Answer the last step: what was written and what was left out."""
    written = {"n": format_number(ctx, report.written)}
    left = tuple(
        _("Line %(line)s, %(column)s: %(reason)s")
        % {"line": each.line, "column": each.column or "-", "reason": each.reason}
        for each in report.refused[:_SHOWN]
    )
    return ImportPage(
        entity=entity_link(ctx, plan),
        step="result",
        action_url=f"/{plan.name}/import",
        result_title=_("%(n)s records written") % written,
        counts=counts_of(ctx, report),
        undo_url=f"/history/{report.operation}/undo" if report.operation else None,
        done_url=f"/{plan.name}",
        errors=left,
    )


def counts_of(ctx: Context, report: ImportReport) -> tuple[ImportCount, ...]:
    """Answer the figures of a report."""
    refused = len({each.line for each in report.refused})
    whole = report.written + report.unchanged + refused or 1
    lines: tuple[tuple[str, int, str], ...] = (
        (_("New"), report.created, "ok"),
        (_("Changed"), report.updated, "info"),
        (_("Unchanged"), report.unchanged, "mute"),
        (_("Left out"), refused, "bad"),
    )
    return tuple(
        ImportCount(
            label=label, count=format_number(ctx, n), share=round(100 * n / whole, 1), tone=tone
        )
        for label, n, tone in lines
    )


def _column(plan: EntityPlan, file: CsvFile, index: int, wanted: ImportPlan) -> ImportColumn:
    name = file.columns[index]
    chosen = wanted.map.get(name, "")
    options = [Option(value="", label=_("Leave out"), selected=not chosen)]
    options += [
        Option(value=field.name, label=_(field.label), selected=field.name == chosen)
        for field in plan.fields.values()
        if field.editable
    ]
    values = dict.fromkeys(row.cells[index] for row in file.rows[:50] if row.cells[index])
    tone: Literal["ok", ""] = "ok" if chosen else ""
    return ImportColumn(
        index=index,
        name=name,
        samples=", ".join(list(values)[:_SAMPLES])[:120],
        options=tuple(options),
        effect=_(plan.fields[chosen].label) if chosen in plan.fields else _("Left out"),
        tone=tone,
    )


def _refusals(report: ImportReport) -> tuple[ImportRow, ...]:
    return tuple(
        ImportRow(
            number=str(each.line),
            effect=Tag(label=_("Left out"), tone="bad"),
            cells=(each.column, each.value[:80]),
            why=each.reason,
        )
        for each in report.refused[:_SHOWN]
    )


def _decisions(plan: EntityPlan, wanted: ImportPlan) -> tuple[FieldInput, ...]:
    keys = [Option(value="", label=_("No: every row is new"), selected=not wanted.key)]
    keys += [
        Option(value=name, label=_(plan.fields[name].label), selected=name == wanted.key)
        for name in wanted.map.values()
        if name in plan.fields and plan.fields[name].kind in _KEYS
    ]
    modes = (("both", _("Create and update")), ("create", _("Only create")),
             ("update", _("Only update")))  # fmt: skip
    orders = (("", _("Find out")), ("iso", "2026-11-24"), ("mdy", "11/24/2026"),
              ("dmy", "24.11.2026"))  # fmt: skip
    return (
        FieldInput(name="key", label=_("Known by"), kind="select", value=wanted.key,
                   options=tuple(keys), help=_("A row with a known value changes that record.")),
        FieldInput(name="mode", label=_("Write"), kind="select", value=wanted.mode,
                   options=tuple(Option(value=v, label=label, selected=v == wanted.mode)
                                 for v, label in modes)),
        FieldInput(name="dates", label=_("Dates look like"), kind="select", value=wanted.dates,
                   options=tuple(Option(value=v, label=label, selected=v == wanted.dates)
                                 for v, label in orders)),
    )  # fmt: skip
