"""What a person decides about an import besides its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.access.predicate import allowed
from crmkit.records.csv_file import ENCODINGS
from crmkit.web.format import format_number
from crmkit.web.import_form import CONSTANTS
from crmkit.web.shell import is_admin
from crmkit.web.translate import _
from crmkit.web.views import FieldInput, FormGroup, Option

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.csv_file import CsvFile
    from crmkit.records.import_fields import Matching
    from crmkit.records.import_plan import ColumnReport, ImportReport

_KEYS = frozenset({"text", "email", "phone"})
_NAMED = 4


def decisions_of(
    ctx: Context,
    plan: EntityPlan,
    file: CsvFile,
    matching: Matching,
    report: ImportReport | None,
) -> tuple[FormGroup, ...]:
    """Answer what the values leave open first, then how rows are written."""
    open_questions = tuple(_open(ctx, plan, matching, report)) if report else ()
    writing = FormGroup(label=_("Decisions"), fields=tuple(_writing(plan, file, matching)))
    if matching.fields_only:
        return (writing,)
    same = FormGroup(label=_("The same for all rows"), fields=tuple(_constants(plan, matching)))
    return (*open_questions, writing, same)


def _open(
    ctx: Context, plan: EntityPlan, matching: Matching, report: ImportReport
) -> Iterator[FormGroup]:
    for found in report.columns.values():
        field = plan.fields.get(found.field)
        if field is None or matching.fields_only:
            continue
        is_other = field.kind == "reference" and field.reference != plan.name
        if found.read_as or field.name in matching.plan.exact:
            yield _close(ctx, field, matching, found)
        if is_other and (found.unknown or found.made):
            yield _unknown(ctx, field, matching, found)
        if is_other and (found.empty or field.name in matching.plan.filled):
            yield _empty(ctx, field, matching, found)


def _radio(
    name: str, label: str, value: str, pairs: Sequence[tuple[str, str]], help_text: str = ""
) -> FormGroup:
    field = FieldInput(
        name=name,
        label=label,
        kind="choice",
        value=value,
        options=tuple(Option(value=v, label=text, selected=v == value) for v, text in pairs),
        help=help_text or None,
    )
    return FormGroup(label=label, fields=(field,))


def _close(ctx: Context, field: Field, matching: Matching, found: ColumnReport) -> FormGroup:
    rows = sum(number for _meant, number in found.read_as.values())
    first = next(iter(found.read_as), "") or next(iter(found.unknown), "")
    meant = _(found.read_as[first][0]) if first in found.read_as else _(field.label)
    words = {"text": first, "meant": meant}
    pairs = [("close", _("Read close spellings as the choice they mean"))]
    if found.read_as:
        label = _("%(text)s read as %(meant)s") % words
        label += ", " + _("%(n)s rows") % {"n": format_number(ctx, rows)}
    else:
        label = _("Close spellings of %(field)s") % {"field": _(field.label)}
    if field.name.startswith("custom.user.") and is_admin(ctx.principal):
        pairs.append(("add", _("Keep the spelling as a choice of its own")))
    pairs.append(("exact", _("Leave these rows out")))
    value = "close"
    if field.name in matching.plan.exact:
        value = "add" if field.name in matching.keep else "exact"
    return _radio(f"close.{field.name}", label, value, pairs)


def _unknown(ctx: Context, field: Field, matching: Matching, found: ColumnReport) -> FormGroup:
    names = found.made or found.unknown
    some = ", ".join(
        f"{text} ({format_number(ctx, rows)})" for text, rows in list(names.items())[:_NAMED]
    )
    label = _("%(field)s: %(n)s names are not known") % {
        "field": _(field.label),
        "n": format_number(ctx, len(found.made) or found.missing),
    }
    pairs = [
        ("refuse", _("Leave these rows out")),
        ("empty", _("Import these rows without it")),
    ]
    if allowed(ctx, ctx.site.entity(field.reference), "create"):
        pairs.append(("create", _("Create what is missing")))
    value = matching.plan.unknown.get(field.name, "refuse")
    more = ", …" if len(names) > _NAMED else ""
    return _radio(f"unknown.{field.name}", label, value, pairs, some + more)


def _empty(ctx: Context, field: Field, matching: Matching, found: ColumnReport) -> FormGroup:
    label = _("%(n)s rows without: %(field)s") % {
        "n": format_number(ctx, found.empty),
        "field": _(field.label),
    }
    value = "1" if field.name in matching.plan.filled else ""
    pairs = (("", _("Import them without it")), ("1", _("Leave them out and give me a file")))
    return _radio(f"filled.{field.name}", label, value, pairs)


def _select(
    name: str, label: str, value: str, pairs: Sequence[tuple[str, str]], help_text: str = ""
) -> FieldInput:
    options = tuple(Option(value=v, label=text, selected=v == value) for v, text in pairs)
    return FieldInput(
        name=name,
        label=label,
        kind="select",
        value=value,
        options=options,
        help=help_text or None,
    )


def _writing(plan: EntityPlan, file: CsvFile, matching: Matching) -> Iterator[FieldInput]:
    wanted = matching.plan
    if plan.title not in wanted.map.values() and not matching.fields_only:
        yield FieldInput(
            name="title",
            label=_("%(field)s is made of") % {"field": _(plan.title_field.label)},
            value=wanted.templates.get(plan.title, ""),
            required=True,
            help=_("Text with {column} in braces, for example {example}.").replace(
                "{example}", f"{{{file.columns[0]}}}"
            ),
        )
    if wanted.external:
        yield FieldInput(
            name="source",
            label=_("System the numbers are from"),
            value=wanted.source,
            required=True,
            max_length=60,
        )
    elif not matching.fields_only:
        keys = [("", _("No: every row is new"))]
        keys += [
            (name, _(plan.fields[name].label))
            for name in dict.fromkeys([*wanted.map.values(), *wanted.templates])
            if name in plan.fields and plan.fields[name].kind in _KEYS
        ]
        yield _select(
            "key",
            _("Known by"),
            wanted.key,
            keys,
            _("A row with a known value changes that record."),
        )
    modes = [
        ("both", _("Create and update")),
        ("create", _("Only create")),
        ("update", _("Only update")),
    ]
    if matching.new or matching.fields_only:
        modes.append(("fields", _("Only the new choice fields, no rows")))
    yield _select("mode", _("Write"), "fields" if matching.fields_only else wanted.mode, modes)
    kinds = {plan.fields[name].kind for name in wanted.map.values() if name in plan.fields}
    orders = (
        ("", _("Find out")),
        ("iso", "2026-11-24"),
        ("mdy", "11/24/2026"),
        ("dmy", "24.11.2026"),
    )
    if "date" in kinds:
        yield _select("dates", _("Dates look like"), wanted.dates, orders)
    used = _("Found: %(encoding)s") % {"encoding": file.encoding}
    pairs = [("", used), *((name, name) for name in ("utf-8", *ENCODINGS))]
    yield _select("encoding", _("Encoding"), matching.encoding, pairs)


def _constants(plan: EntityPlan, matching: Matching) -> Iterator[FieldInput]:
    taken = set(matching.plan.map.values())
    given = list(matching.plan.constants.items())
    for number in range(max(CONSTANTS, len(given) + 1)):
        name, value = given[number] if number < len(given) else ("", "")
        pairs = [("", _("No field"))]
        pairs += [
            (field.name, _(field.label))
            for field in plan.fields.values()
            if field.editable and (field.name not in taken or field.name == name)
        ]
        what = {"n": number + 1}
        yield _select(f"const.{number}.field", _("Field %(n)s") % what, name, pairs)
        yield FieldInput(name=f"const.{number}.value", label=_("Value %(n)s") % what, value=value)
