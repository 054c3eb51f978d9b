"""Two records to the page on which they become one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec

from crmkit.errors import InvalidError
from crmkit.records.duplicates import find_duplicates
from crmkit.records.merge_values import default_side, is_empty, mergeable_fields, value_of
from crmkit.records.references import count_references
from crmkit.web.fields import entity_link, raw_text, show_html
from crmkit.web.format import format_moment, format_number
from crmkit.web.related_view import similar_records
from crmkit.web.translate import _
from crmkit.web.views import FieldInput, MergeField, MergePage, MergeRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.errors import CrmkitError
    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan

Record = dict[str, Any]
TAKE = "take."


async def chooser_page(
    ctx: Context, plan: EntityPlan, record: Record, *, typed: str = "", error: str = ""
) -> MergePage:
    """Answer the form that asks for the other record; likely ones stand beside it.

    Args:
        typed: What was entered and named no record, with the `error` that says so.
    """
    url = f"/{plan.name}/{record['id']}"
    currency = str(record.get("currency") or "")
    texts = {n: raw_text(ctx, field, record[n], currency) for n, field in plan.fields.items()}
    similar, note = similar_records(
        ctx, plan, await find_duplicates(ctx, plan, texts, but=record["id"])
    )
    return MergePage(
        title=_("Merge %(what)s with another record") % {"what": _title(plan, record)},
        entity=entity_link(ctx, plan),
        action_url=f"{url}/merge",
        cancel_url=url,
        chooser=FieldInput(
            name="with",
            label=_("The other record"),
            kind="reference",
            display=typed,
            required=True,
            help=_("Next you see both side by side. Nothing is changed yet."),
            error=error or None,
            remote_url=f"/{plan.name}/lookup",
        ),
        duplicates=tuple(
            msgspec.structs.replace(
                each, url=f"{url}/merge?with={each.url.rpartition('/')[2]}", use_label=_("Compare")
            )
            for each in similar
        ),
        duplicates_note=note or (_("Found by name, e-mail, phone and website.") if similar else ""),
    )


async def merge_page(
    ctx: Context,
    plan: EntityPlan,
    kept: Record,
    gone: Record,
    choices: Mapping[str, str],
    error: CrmkitError | None = None,
) -> MergePage:
    """Answer both records side by side.

    Args:
        choices: Field to side, as the person left it; the others stand as they would be taken.
        error: Why they were not merged.
    """
    problems = error.problems if isinstance(error, InvalidError) else {}
    differing = [f for f in mergeable_fields(plan) if _differs(f, kept, gone)]
    url = f"/{plan.name}/{kept['id']}"
    shown = {field.name for field in differing}
    loose = tuple(text for name, text in problems.items() if name not in shown)
    return MergePage(
        title=_("Merge two records"),
        entity=entity_link(ctx, plan),
        action_url=f"{url}/merge",
        cancel_url=url,
        kept=_record(ctx, plan, kept),
        gone=msgspec.structs.replace(
            _record(ctx, plan, gone),
            keep_url=f"/{plan.name}/{gone['id']}/merge?with={kept['id']}",
        ),
        fields=tuple(
            _field(ctx, plan, field, kept, gone, choices, problems) for field in differing
        ),
        same=tuple(
            (_(field.label), show_html(ctx, field, kept))
            for field in mergeable_fields(plan)
            if field.name not in shown and not is_empty(value_of(field, kept))
        ),
        moves=await _moves(ctx, plan, kept["id"], gone["id"]),
        hidden=(
            ("with", str(gone["id"])),
            ("version", str(kept["version"])),
            ("version.with", str(gone["version"])),
        ),
        errors=((error.message,) if error else ()) + loose,
    )


def _differs(field: Field, kept: Record, gone: Record) -> bool:
    one, two = value_of(field, kept), value_of(field, gone)
    return one != two and not (is_empty(one) and is_empty(two))


def _title(plan: EntityPlan, record: Record) -> str:
    return str(record[plan.title] or _("Without a name"))


def _record(ctx: Context, plan: EntityPlan, record: Record) -> MergeRecord:
    when = format_moment(ctx, record["created_at"])
    note = _("Number %(id)s, created %(when)s") % {"id": record["id"], "when": when}
    owner = record.get("owner__title")
    return MergeRecord(
        title=_title(plan, record),
        url=f"/{plan.name}/{record['id']}",
        note=f"{note}, {owner}" if owner else note,
    )


def _field(
    ctx: Context,
    plan: EntityPlan,
    field: Field,
    kept: Record,
    gone: Record,
    choices: Mapping[str, str],
    problems: Mapping[str, str],
) -> MergeField:
    chosen = choices.get(field.name)
    if chosen not in {"kept", "gone"}:
        chosen = default_side(plan, field, kept, gone)
    problem = problems.get(field.name)
    return MergeField(
        name=f"{TAKE}{field.name}",
        label=_(field.label),
        kept=show_html(ctx, field, kept),
        gone=show_html(ctx, field, gone),
        taken=cast("Any", chosen),
        source=field.source or None,
        error=f"{_(field.label)} {problem}." if problem else None,
    )


async def _moves(
    ctx: Context, plan: EntityPlan, kept: int, gone: int
) -> tuple[tuple[str, str], ...]:
    """Answer what the reader sees of what will refer to the kept record."""
    counted = await count_references(ctx, plan, gone, kept)
    return tuple(
        (
            f"{_(each.plan.label)}: {_(each.plan.fields[each.column].label).lower()}",
            format_number(ctx, number),
        )
        for each, number in counted
    )
