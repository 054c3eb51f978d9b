"""An import's file, matching and report to the struct its template prints."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from crmkit.model.values import in_words
from crmkit.web.fields import entity_link
from crmkit.web.format import format_moment, format_number
from crmkit.web.import_columns import chosen_of, columns_of
from crmkit.web.import_decisions import decisions_of
from crmkit.web.import_preview import preview_head, preview_rows, refusal_rows
from crmkit.web.translate import _
from crmkit.web.views import ImportCount, ImportPage, Link, Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.errors import InvalidError
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.csv_file import CsvFile
    from crmkit.records.import_fields import Matching
    from crmkit.records.import_plan import ImportReport
    from crmkit.web.uploads import Upload

_UNIT = 1024


def file_page(
    ctx: Context,
    plan: EntityPlan,
    recent: Sequence[Upload] = (),
    error: InvalidError | None = None,
) -> ImportPage:
    """Answer the first step."""
    return ImportPage(
        entity=entity_link(ctx, plan),
        step="file",
        action_url=f"/{plan.name}/import",
        back_url=f"/{plan.name}",
        note=_("The first line names the columns. Up to 50 MB."),
        errors=(_(in_words(error.message, _)),) if error else (),
        recent=tuple(
            Link(
                label=each.name,
                url=f"/{plan.name}/import/{each.token}/run",
                help=format_moment(ctx, datetime.fromtimestamp(each.started, UTC)),
            )
            for each in recent
        ),
    )


def match_page(  # noqa: PLR0913, PLR0917 - all that the second step shows
    ctx: Context,
    plan: EntityPlan,
    upload: Upload,
    file: CsvFile,
    matching: Matching,
    report: ImportReport | None,
    error: InvalidError | None,
    seconds: float = 0.0,
) -> ImportPage:
    """Answer the second step: columns, fields, and what would happen.

    Args:
        ctx: With the Site that knows the new fields.
        seconds: How long the dry run took.
    """
    url = f"/{plan.name}/import/{upload.token}"
    written = report.written if report else 0
    rows = format_number(ctx, written)
    matched = sum(1 for column in file.columns if chosen_of(matching, column))
    size = {
        "file": upload.name,
        "n": format_number(ctx, len(file.rows)),
        "size": _size(ctx, upload.size),
    }
    submit = None
    if report is not None and matching.fields_only:
        submit = _("Define %(fields)s") % {"fields": ", ".join(report.fields)}
    elif written:
        submit = _("Import %(n)s rows") % {"n": rows}
    return ImportPage(
        entity=entity_link(ctx, plan),
        step="match",
        action_url=url,
        back_url=f"/{plan.name}/import",
        file_text=_("%(file)s, %(n)s rows, %(size)s") % size,
        matched=_("%(n)s of %(all)s matched") % {"n": matched, "all": len(file.columns)},
        columns=columns_of(ctx, plan, file, matching, report),
        preview_head=preview_head(plan, file, matching),
        preview=preview_rows(plan, file, matching, report) if report else (),
        refusals=refusal_rows(report) if report else (),
        counts=counts_of(ctx, report) if report and not matching.fields_only else (),
        counts_note=_("Dry run, %(n)s s") % {"n": f"{seconds:.1f}"} if report else None,
        options=decisions_of(ctx, plan, file, matching, report),
        note=None if matching.fields_only else _("An import can be undone as a whole in History."),
        submit=submit,
        submit_note=_("Nothing would be written.") if report and not submit else None,
        errors=_told(error),
        error_file_url=f"{url}/refused" if report and report.refused else None,
    )


def run_page(ctx: Context, plan: EntityPlan, upload: Upload) -> ImportPage:
    """Answer the third and fourth step: how far it is, or how it went."""
    url = f"/{plan.name}/import/{upload.token}"
    entity = entity_link(ctx, plan)
    if upload.state == "running":
        return ImportPage(
            entity=entity,
            step="run",
            action_url=url,
            back_url=f"/{plan.name}",
            progress=progress_of(ctx, upload, f"{url}/run"),
            file_text=upload.name,
        )
    if upload.state in {"failed", "interrupted"} or upload.checked is None:
        error = upload.error or _("The server stopped while the import ran.")
        return ImportPage(
            entity=entity,
            step="result",
            action_url=url,
            result_title=_("Interrupted, nothing was written"),
            errors=(error,),
            again_url=url,
            file_text=upload.name,
        )
    report = upload.checked
    title = _("%(n)s records written") % {"n": format_number(ctx, report.written)}
    if report.fields and not report.written:
        title = _("Fields ready: %(fields)s") % {"fields": ", ".join(report.fields)}
    return ImportPage(
        entity=entity,
        step="result",
        action_url=url,
        result_title=title,
        counts=counts_of(ctx, report) if report.written or not report.fields else (),
        refusals=refusal_rows(report),
        error_file_url=f"{url}/refused" if report.refused else None,
        undo_url=f"/history/{report.operation}/undo" if report.operation else None,
        done_url=f"/{plan.name}",
        file_text=upload.name,
    )


def progress_of(ctx: Context, upload: Upload, url: str) -> Progress:
    """Answer how far a run is: reading is four fifths of the bar, writing the rest."""
    words = {"n": format_number(ctx, upload.done), "all": format_number(ctx, upload.total)}
    share = 80 * upload.done / upload.total if upload.total else 0
    is_writing = bool(upload.total) and upload.done >= upload.total
    return Progress(
        label=_("Writing the records") if is_writing else _("Reading the rows"),
        share=90 if is_writing else round(max(share, 2), 1),
        text=_("%(n)s of %(all)s rows") % words if upload.total else "",
        poll_url=url,
    )


def counts_of(ctx: Context, report: ImportReport) -> tuple[ImportCount, ...]:
    """Answer the figures of a report; the shares of the bar make 100."""
    lines = [
        (_("New"), report.created, "ok"),
        (_("Changed"), report.updated, "info"),
        (_("Unchanged"), report.unchanged, "mute"),
        (_("Left out"), report.left_out, "bad"),
    ]
    if report.repeated:
        lines.insert(3, (_("Repeated in the file"), report.repeated, "mute"))
    whole = sum(number for _label, number, _tone in lines) or 1
    return tuple(
        ImportCount(
            label=label, count=format_number(ctx, n), share=round(100 * n / whole, 2), tone=tone
        )
        for label, n, tone in lines
    )


def _told(error: InvalidError | None) -> tuple[str, ...]:
    if error is None:
        return ()
    return (
        _(in_words(error.message, _)),
        *(
            f"{name}: {_(text)}." if name else f"{_(text)}."
            for name, text in error.problems.items()
        ),
    )


def _size(ctx: Context, size: int) -> str:
    if size < _UNIT * _UNIT:
        return f"{format_number(ctx, max(1, round(size / _UNIT)))} KB"
    return f"{format_number(ctx, round(size / _UNIT / _UNIT))} MB"
