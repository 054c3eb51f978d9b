"""What becomes of each column of a file, in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.access.predicate import allowed
from crmkit.records.import_fields import field_label
from crmkit.web.format import format_number
from crmkit.web.import_form import EXTERNAL, NEW
from crmkit.web.translate import _
from crmkit.web.views import ImportColumn, Option

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.csv_file import CsvFile
    from crmkit.records.import_fields import Matching
    from crmkit.records.import_plan import ColumnReport, ImportReport

_SAMPLES = 2
_LOOKED_AT = 50


def columns_of(
    ctx: Context,
    plan: EntityPlan,
    file: CsvFile,
    matching: Matching,
    report: ImportReport | None,
) -> tuple[ImportColumn, ...]:
    """Answer the columns with their choices and effects."""
    return tuple(
        _column(ctx, plan, file, index, matching, report) for index in range(len(file.columns))
    )


def chosen_of(matching: Matching, column: str) -> str:
    """Answer what a column becomes, as the form sends it; "" is left out."""
    if column == matching.plan.external:
        return EXTERNAL
    return NEW if column in matching.new else matching.plan.map.get(column, "")


def _column(
    ctx: Context,
    plan: EntityPlan,
    file: CsvFile,
    index: int,
    matching: Matching,
    report: ImportReport | None,
) -> ImportColumn:
    name = file.columns[index]
    chosen = chosen_of(matching, name)
    effect, tone = _effect(ctx, plan, matching, name, chosen, report)
    values = dict.fromkeys(row.cells[index] for row in file.rows[:_LOOKED_AT] if row.cells[index])
    return ImportColumn(
        index=index,
        name=name,
        samples=", ".join(list(values)[:_SAMPLES])[:120],
        options=_options(ctx, plan, name, chosen),
        effect=effect,
        tone=tone,
    )


def _options(ctx: Context, plan: EntityPlan, column: str, chosen: str) -> tuple[Option, ...]:
    pairs = [("", _("Leave out")), (EXTERNAL, _("External number"))]
    pairs += [(field.name, _(field.label)) for field in plan.fields.values() if field.editable]
    if allowed(ctx, plan, "admin"):
        pairs.append((NEW, _("New choice field: %(name)s") % {"name": field_label(column)}))
    return tuple(Option(value=v, label=label, selected=v == chosen) for v, label in pairs)


def _effect(
    ctx: Context,
    plan: EntityPlan,
    matching: Matching,
    column: str,
    chosen: str,
    report: ImportReport | None,
) -> tuple[str, str]:
    """Answer the sentence and its tone: ok, warn, bad or none."""
    if chosen == EXTERNAL:
        return _("Key: a known number is updated"), "key"
    if not chosen or report is None:
        return (_("Left out"), "") if not chosen else ("", "")
    found = report.columns.get(column)
    if chosen == NEW:
        number = format_number(ctx, found.distinct) if found else ""
        if found is None:
            return _("Becomes a choice field"), "ok"
        return _("Becomes a field with %(n)s choices") % {"n": number}, "ok"
    if found is None or matching.fields_only:
        return _("Left out"), ""
    return _of_values(ctx, plan, found)


def _of_values(ctx: Context, plan: EntityPlan, found: ColumnReport) -> tuple[str, str]:
    field = plan.fields[found.field]
    said: list[str] = []
    tone = "ok"
    if field.kind in {"reference", "choice"} and found.distinct and not found.read_as:
        known = found.distinct - found.missing - len(found.made)
        said.append(
            _("%(n)s of %(all)s found")
            % {"n": format_number(ctx, known), "all": format_number(ctx, found.distinct)}
        )
        if found.made:
            said.append(_("%(n)s are created") % {"n": format_number(ctx, len(found.made))})
    elif found.order:
        said.append(
            {
                "mdy": _("Month/day/year"),
                "dmy": _("Day/month/year"),
                "iso": _("Year-month-day"),
            }[found.order]
        )
    elif field.kind == "money":
        said.append(ctx.config.currency)
    for text, (meant, rows) in list(found.read_as.items())[:2]:
        words = {"text": text, "meant": _(meant), "n": format_number(ctx, rows)}
        said.insert(0, _("%(text)s read as %(meant)s, %(n)s rows") % words)
        tone = "warn"
    if found.empty:
        said.append(_("empty in %(n)s rows") % {"n": format_number(ctx, found.empty)})
        tone = "warn" if field.kind == "reference" and field.reference != plan.name else tone
    if found.failed:
        said.append(_("%(n)s rows do not fit") % {"n": format_number(ctx, found.failed)})
        tone = "bad"
    elif found.unknown:
        tone = "warn"
    text = ", ".join(said) or _("Every row has a value")
    return text[:1].upper() + text[1:] if not found.read_as else text, tone
