"""What happened to a record, by day, and the place where one writes what did."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from crmkit.web.format import format_long_date, format_moment
from crmkit.web.translate import _
from crmkit.web.views import ComposerKind, FieldInput, TimelineDay, TimelineItem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.history import ChangeRow

#: Entity that keeps what people write on a record, and the kinds its field `kind` knows.
NOTES = "crm.activity"
_ICONS = {"create": "plus", "update": "pencil", "trash": "trash", "restore": "restore"}


def value_text(plan: EntityPlan, name: str, value: Any) -> str:  # noqa: ANN401 - JSON
    """Answer a value of the journal as text; choices by their label."""
    field = plan.field(name)
    if value in (None, ""):
        return _("empty")
    if field is not None and field.kind == "choice":
        return _(field.choice_label(str(value)))
    return str(value)


def what_changed(plan: EntityPlan, change: ChangeRow) -> Markup:
    """Answer one sentence on a change, escaped."""
    if change.action != "update":
        text = {
            "create": _("created this record"),
            "trash": _("moved this record to the trash"),
            "restore": _("restored this record"),
        }
        return escape(text.get(change.action, change.action))
    parts = []
    for name in change.after:
        field = plan.field(name)
        label = _(field.label) if field else name
        before = value_text(plan, name, change.before.get(name))
        after = value_text(plan, name, change.after[name])
        parts.append(Markup("{}: <span class='ink-3'>{}</span> → {}").format(label, before, after))
    return Markup(", ").join(parts)


Entry = tuple[datetime, TimelineItem]


def change_entries(ctx: Context, plan: EntityPlan, changes: Sequence[ChangeRow]) -> list[Entry]:
    """Answer the journal as (moment, line)."""
    return [
        (
            change.at,
            TimelineItem(
                icon=_ICONS.get(change.action, "pencil"),
                who=change.who or "crmkit",
                what=what_changed(plan, change),
                time=format_moment(ctx, change.at),
                iso=change.at.isoformat(),
                minor=change.action == "update",
                id=f"c{change.id}",
            ),
        )
        for change in changes
    ]


def by_day(ctx: Context, entries: Iterable[Entry]) -> tuple[TimelineDay, ...]:
    """Answer lines, newest first, under the days of the reader's zone."""
    ordered = sorted(entries, key=lambda entry: entry[0], reverse=True)
    days = groupby(ordered, lambda entry: entry[0].astimezone(ctx.time_zone).date())
    return tuple(
        TimelineDay(label=format_long_date(ctx, day), items=tuple(item for _at, item in entries))
        for day, entries in days
    )


def composer(ctx: Context, plan: EntityPlan, record: dict[str, Any]) -> tuple[ComposerKind, ...]:
    """Answer the tabs for writing on the record; none without the entity of activities."""
    target = ctx.site.entities.get(NOTES)
    if target is None or ctx.principal.role.scope(NOTES, "create") == "none":
        return ()
    link = next((f.name for f in target.fields.values() if f.reference == plan.name), None)
    kind = target.field("kind")
    if link is None or kind is None:
        return ()
    texts = {
        "note": (_("Note"), "note", "n"),
        "call": (_("Call"), "phone", "l"),
        "task": (_("Task"), "square-check", "t"),
    }
    known = {choice.value for choice in kind.choices}
    due = target.field("due_on") or target.field("due_at") or target.field("due")
    made: list[ComposerKind] = []
    for name, (label, icon, key) in texts.items():
        if name not in known:
            continue
        fields: tuple[FieldInput, ...] = ()
        if name == "task" and due is not None:
            when: Any = "datetime" if due.kind == "datetime" else "date"
            fields = (FieldInput(name=due.name, label=_("Due"), kind=when),)
        made.append(
            ComposerKind(
                name=name,
                label=label,
                icon=icon,
                action_url=f"/{plan.name}/{record['id']}/timeline/{name}",
                submit=_("Save"),
                fields=fields,
                text_label=label,
                key=key,
                current=not made,
            )
        )
    return tuple(made)
