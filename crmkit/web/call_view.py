"""The log of calls: where it opens for a record, with what it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from crmkit.access.predicate import allowed
from crmkit.web.fields import phone_link, raw_text
from crmkit.web.format import format_moment
from crmkit.web.translate import _
from crmkit.web.views import CallCard, Link

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.callers import Caller
    from crmkit.records.calls import Call

_WHO = frozenset({"core.user", "core.team"})


def call_logs(ctx: Context) -> Iterable[EntityPlan]:
    """Answer the entities that are logs of calls and that the reader may write in."""
    for plan in ctx.site.entities.values():
        if plan.steps is not None and plan.steps.call and allowed(ctx, plan, "create"):
            yield plan


def call_log_url(ctx: Context, plan: EntityPlan, record: Mapping[str, Any]) -> str | None:
    """Answer where the log of a call about a record is begun; None where there is no number.

    A record without a phone field may show the numbers of those around it.
    """
    logs = {log.name for log in call_logs(ctx)}
    if record["trashed_at"] is not None or not any(each.entity in logs for each in plan.step_links):
        return None
    return f"/calls/log?about={plan.name}:{record['id']}"


def new_call_url(
    ctx: Context,
    log: EntityPlan,
    direction: str,
    at: datetime,
    plan: EntityPlan | None = None,
    record: Mapping[str, Any] | None = None,
    number: str = "",
) -> str:
    """Answer the form of a new call with what is known.

    Args:
        direction: "in" or "out".
        at: When it began.
        plan: Entity of `record`, which the call is about; what that refers to is filled in too.
        number: Of a caller nobody knows.
    """
    steps = log.steps
    if steps is None or steps.call is None:
        raise ValueError(f"{log.name} is no log of calls.")
    who = str(record[plan.title]) if plan is not None and record is not None else number
    filled = {
        log.title: _("Call: %(who)s") % {"who": who} if who else _("Call"),
        steps.kind: steps.call.kind,
        steps.call.began: raw_text(ctx, log.fields[steps.call.began], at),
    }
    if steps.call.direction:
        filled[steps.call.direction] = direction
    if plan is not None and record is not None:
        filled |= _about(log, plan, record)
    return f"/{log.name}/new?{urlencode(filled)}"


def _about(log: EntityPlan, plan: EntityPlan, record: Mapping[str, Any]) -> dict[str, str]:
    """Answer the references of a call: the record itself, and what it refers to."""
    found: dict[str, str] = {}
    for field in log.fields.values():
        if not field.reference or field.reference in _WHO:
            continue
        if field.reference == plan.name:
            found[field.name] = str(record["id"])
            continue
        for own in plan.fields.values():
            if own.reference == field.reference and record.get(own.name):
                found[field.name] = str(record[own.name])
                break
    return found


def call_card(ctx: Context, call: Call, callers: list[Caller]) -> CallCard:
    """Answer a call that comes in as it is shown to who is called."""
    has_log = next(iter(call_logs(ctx)), None) is not None
    buttons = []
    if has_log:
        for each in callers:
            label = _("Log this call")
            if len(callers) > 1:
                label = f"{label}: {each.title}"
            buttons.append(Link(label=label, url=f"log:{each.entity}:{each.id}", icon="phone"))
    if not callers:
        buttons += [
            Link(label=_("New %(what)s") % {"what": _(plan.singular).lower()},
                 url=f"new:{plan.name}", icon=plan.icon)
            for plan in _newcomers(ctx)
        ]  # fmt: skip
        if has_log:
            buttons.append(Link(label=_("Log this call"), url="log", icon="phone"))
    return CallCard(
        id=str(call.id),
        number=call.caller or _("Number withheld"),
        url=phone_link(call.caller) if call.caller else None,
        time=format_moment(ctx, call.at),
        answer_url=f"/calls/{call.id}/answer",
        callers=tuple(
            Link(label=each.title, url=f"/{each.entity}/{each.id}",
                 help=_(ctx.site.entity(each.entity).singular))
            for each in callers
        ),
        buttons=tuple(buttons),
    )  # fmt: skip


def _newcomers(ctx: Context) -> list[EntityPlan]:
    """Answer entities whose records have a number, which somebody unknown may become."""
    return [
        plan
        for plan in ctx.site.entities.values()
        if plan.plugin != "core"
        and plan.person
        and phone_field(plan)
        and allowed(ctx, plan, "create")
    ]


def phone_field(plan: EntityPlan) -> str:
    """Answer the name of the first phone field, "" when it has none."""
    return next((each.name for each in plan.fields.values() if each.kind == "phone"), "")
