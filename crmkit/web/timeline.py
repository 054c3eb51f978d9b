"""What happened to a record, by day, and the place where one writes what did."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from markupsafe import Markup, escape

from crmkit.access.predicate import allowed
from crmkit.records.erasing import ERASE
from crmkit.records.titles import Titles, titles_of
from crmkit.records.typed import from_journal
from crmkit.web.fields import phone_link, show_text
from crmkit.web.format import format_exact, format_long_date, format_moment, format_time
from crmkit.web.translate import _
from crmkit.web.views import ComposerKind, FieldInput, TimelineDay, TimelineItem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.history import ChangeRow

_ICONS = {
    "create": "plus", "update": "pencil", "trash": "trash", "restore": "restore",
    "merge": "git-merge",
}  # fmt: skip


class Said(NamedTuple):
    """What a history needs to be read besides its rows.

    Attributes:
        titles: Of what references named.
        currency: Of the record's amounts.
    """

    titles: Titles
    currency: str


def value_text(ctx: Context, plan: EntityPlan, name: str, value: Any, said: Said) -> str:  # noqa: ANN401 - JSON
    """Answer a value of the journal as people read it; a telephone number as a link."""
    field = plan.field(name)
    if value in (None, ""):
        return _("empty")
    if field is None:
        return str(value)
    if field.kind == "phone":
        return Markup('<a href="{}">{}</a>').format(phone_link(str(value)), str(value))
    if field.reference and not field.sleeping:
        return said.titles.get((field.reference, value)) or f"#{value}"
    try:
        typed = from_journal(plan, name, value)
        return show_text(ctx, field, {name: typed, "currency": said.currency})
    except (ArithmeticError, TypeError, ValueError):
        return str(value)  # of a time when the field was of another kind


def what_changed(ctx: Context, plan: EntityPlan, change: ChangeRow, said: Said) -> Markup:
    """Answer one sentence on a change, escaped."""
    if change.action == "merge":
        text = _("merged %(what)s into this record") if change.after else _("parted %(what)s again")
        return escape(text % {"what": (change.after or change.before).get("title", "")})
    if change.action != "update":
        texts = {
            "create": _("created this record"),
            "trash": _("moved this record to the trash"),
            "restore": _("restored this record"),
        }
        return escape(texts.get(change.action, change.action))
    if not change.after:
        erased = change.cause == ERASE
        return escape(_("erased personal data") if erased else _("changed what was erased since"))
    parts = []
    # What state a record came to says more than what was noted on the way.
    state = plan.lifecycle.column if plan.lifecycle else ""
    for name in sorted(change.after, key=lambda each: each != state):
        field = plan.field(name)
        label = _(field.label) if field else name
        before = value_text(ctx, plan, name, change.before.get(name), said)
        after = value_text(ctx, plan, name, change.after[name], said)
        if before == after and len(change.after) > 1:
            continue  # empty in one way and in another
        parts.append(Markup("{}: <span class='ink-3'>{}</span> → {}").format(label, before, after))
    return Markup(", ").join(parts)


Entry = tuple[datetime, TimelineItem]


async def change_entries(
    ctx: Context, plan: EntityPlan, changes: Sequence[ChangeRow], currency: str
) -> list[Entry]:
    """Answer the journal as (moment, line).

    Args:
        currency: ISO 4217 code of the record's amounts.
    """
    both = (values for change in changes for values in (change.before, change.after))
    said = Said(await titles_of(ctx, plan, both), currency)
    return [
        (
            change.at,
            TimelineItem(
                icon=_ICONS.get(change.action, "pencil"),
                who=change.who or "crmkit",
                what=what_changed(ctx, plan, change, said),
                time=format_moment(ctx, change.at),
                iso=change.at.isoformat(),
                minor=change.action == "update",
                id=f"c{change.id}",
            ),
        )
        for change in changes
    ]


def by_day(ctx: Context, entries: Iterable[Entry]) -> tuple[TimelineDay, ...]:
    """Answer lines, newest first, under the days of the reader's zone; each says its time alone."""
    ordered = sorted(entries, key=lambda entry: entry[0], reverse=True)
    days = groupby(ordered, lambda entry: entry[0].astimezone(ctx.time_zone).date())
    return tuple(
        TimelineDay(
            label=format_long_date(ctx, day),
            items=tuple(
                msgspec.structs.replace(
                    item, time=format_time(ctx, at), exact=format_exact(ctx, at)
                )
                for at, item in entries
            ),
        )
        for day, entries in days
    )


def composer(ctx: Context, plan: EntityPlan, record: dict[str, Any]) -> tuple[ComposerKind, ...]:
    """Answer the tabs for writing on the record; none where no entity has steps for it."""
    made: list[ComposerKind] = []
    for link in plan.step_links:
        target = ctx.site.entity(link.entity)
        steps = target.steps
        if steps is None or not allowed(ctx, target, "create"):
            continue
        kind, due = target.fields[steps.kind], target.fields[steps.due]
        for each in steps.kinds:
            if not each.offered:
                continue
            label = _(kind.choice_label(each.value))
            when: Any = "datetime" if due.kind == "datetime" else "date"
            made.append(
                ComposerKind(
                    name=each.value,
                    label=label,
                    icon=each.icon,
                    action_url=f"/{plan.name}/{record['id']}/timeline/{each.value}",
                    submit=_("Save"),
                    fields=(FieldInput(name=due.name, label=_(due.label), kind=when),)
                    if each.planned
                    else (),
                    text_label=_("What is to be done") if each.planned else _("What happened"),
                    key=each.key or None,
                    current=not made,
                )
            )
    return tuple(made)
