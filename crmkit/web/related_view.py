"""Records around a record: what refers to it, and what may be the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.access.predicate import allowed
from crmkit.web.fields import badge_tag, link_of, show_text
from crmkit.web.format import format_number
from crmkit.web.shell import avatar_of
from crmkit.web.translate import _
from crmkit.web.views import Duplicate, Panel, PanelLine, Tag

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.duplicates import Duplicates
    from crmkit.records.related import Related


def related_panels(
    ctx: Context, record_id: int, found: list[Related]
) -> tuple[tuple[Panel, ...], tuple[Panel, ...]]:
    """Answer a panel for each relation: (of what stands still, of what has a lifecycle).

    An empty one offers to enter the first record.
    """
    panels: list[tuple[bool, Panel]] = []
    for each in found:
        other = each.plan
        field = other.fields[each.field]
        may_create = field.editable and allowed(ctx, other, "create")
        if not each.listing.rows and not may_create:
            continue
        number = format_number(ctx, each.count.number) + ("+" if each.count.capped else "")
        several = sum(1 for one in found if one.plan.name == other.name) > 1
        panel = Panel(
            id=f"related-{other.name}-{each.field}".replace(".", "-"),
            title=f"{_(other.label)}: {_(field.label).lower()}" if several else _(other.label),
            href=f"/{other.name}?f={each.field}:is:{record_id}",
            count=number if each.count.number else None,
            lines=tuple(_line(ctx, other, each.field, row) for row in each.listing.rows),
            new_url=f"/{other.name}/new?{each.field}={record_id}" if may_create else None,
            new_label=_("New %(what)s") % {"what": _(other.singular).lower()},
        )
        panels.append((other.lifecycle is not None, panel))
    return (
        tuple(panel for moves, panel in panels if not moves),
        tuple(panel for moves, panel in panels if moves),
    )


def _line(ctx: Context, plan: EntityPlan, link: str, row: Any) -> PanelLine:  # noqa: ANN401 - a record of the driver
    title = str(row[plan.title] or _("Without a name"))
    state = plan.fields[plan.lifecycle.column] if plan.lifecycle else None
    money = next((plan.fields[name] for name in plan.sums), None)
    subtitle = [show_text(ctx, plan.fields[name], row) for name in plan.subtitle if name != link]
    phone = next((each for each in plan.fields.values() if each.kind == "phone"), None)
    return PanelLine(
        html=title,
        url=f"/{plan.name}/{row['id']}",
        sub=", ".join(filter(None, subtitle)) or None,
        value=show_text(ctx, money, row) or None if money else None,
        badge=badge_tag(state, str(row[state.name])) if state and row[state.name] else None,
        avatar=None if state else avatar_of(title),
        call=link_of(phone, row) if phone else None,
    )


def similar_records(
    ctx: Context, plan: EntityPlan, found: Duplicates
) -> tuple[tuple[Duplicate, ...], str]:
    """Answer what may be the same with the reasons, and a sentence on what stays hidden."""
    made = []
    for each in found.found:
        reasons = []
        for reason in each.reasons:
            field = plan.field(reason)
            labels = {"same name": _("Same name"), "similar name": _("Similar name")}
            text = labels.get(reason) or _("Same: %(field)s") % {
                "field": _(field.label).lower() if field else reason
            }
            reasons.append(Tag(label=text, tone="warn"))
        made.append(
            Duplicate(
                title=each.title,
                url=f"/{plan.name}/{each.id}",
                avatar=avatar_of(each.title),
                reasons=tuple(reasons),
            )
        )
    hidden = ""
    if found.hidden:
        hidden = _("%(n)s more that you may not see. Ask your administrator.") % {
            "n": format_number(ctx, found.hidden)
        }
    return tuple(made), hidden
