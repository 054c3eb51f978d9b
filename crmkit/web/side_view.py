"""Records beside a record, as groups of fields on its page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.web.record_view import field_view, may
from crmkit.web.translate import _
from crmkit.web.views import FieldGroup, Link

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.sides import Beside

#: The record they stand beside has its own, and two of them would only confuse.
_WHO = frozenset({"owner", "team"})


def side_groups(
    ctx: Context, record: Mapping[str, Any], found: list[Beside]
) -> tuple[FieldGroup, ...]:
    """Answer a group for each side; one that is empty and cannot be filled is left out.

    Args:
        record: What they stand beside.
    """
    groups = (_group(ctx, record, each) for each in found)
    return tuple(group for group in groups if group.fields or group.link)


def _group(ctx: Context, record: Mapping[str, Any], beside: Beside) -> FieldGroup:
    side, plan, stored = beside.side, beside.plan, beside.record
    label, title = _(side.label), _(ctx.site.plugins[side.plugin].manifest.name)
    source = title if title != label else None
    if stored is None:
        return FieldGroup(label=label, fields=(), source=source, link=_add(ctx, record, beside))
    url = f"/{plan.name}/{stored['id']}"
    if stored["trashed_at"] is not None:
        link = Link(label=_("In the trash"), url=url, icon="trash")
        return FieldGroup(label=label, fields=(), source=source, link=link)
    # In the trash, nothing of a record is edited, and so nothing beside it.
    shown = {**stored, "trashed_at": record["trashed_at"]}
    return FieldGroup(
        label=label,
        source=source,
        fields=tuple(
            field_view(ctx, plan, plan.fields[name], shown) for name in _names(plan, side.column)
        ),
        href=url,
        record=f"{plan.name}/{stored['id']}",
    )


def _names(plan: EntityPlan, reference: str) -> list[str]:
    """Answer the fields of the form but what leads back to the page one is on."""
    names = (name for group in plan.form for name in group.names)
    return [name for name in names if name != reference and name not in _WHO]


def _add(ctx: Context, record: Mapping[str, Any], beside: Beside) -> Link | None:
    """Answer the way to the form of a new side record, where the reader may make one."""
    plan, column = beside.plan, beside.side.column
    field = plan.field(column)
    if field is None or not field.editable or record["trashed_at"] is not None:
        return None
    if not may(ctx, plan, "create"):
        return None
    return Link(label=_("Add"), url=f"/{plan.name}/new?{column}={record['id']}", icon="plus")
