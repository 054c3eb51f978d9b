"""The one thing to start with: what is late first, else a deal nothing is planned for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit import (
    ActionButton,
    Suggestion,
    Tag,
    _,
    avatar_of,
    format_moment,
    format_money,
    ngettext,
    phone_link,
)
from crmkit.crm.entities import STAGES
from crmkit.crm.reading import Question

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import asyncpg

    from crmkit import AgendaItem, Context, PageEvent

_OPEN = [state.name for state in STAGES.states if state.kind == "open"]
_HOUR, _DAY = 3600, 86_400


def due_text(ctx: Context, due: datetime) -> str:
    """Answer how late it is, or when it is due; a moment (aware) in the reader's zone."""
    late = int((ctx.now() - due).total_seconds())
    if late >= _DAY:
        return ngettext("%(n)s day late", "%(n)s days late", late // _DAY) % {"n": late // _DAY}
    if late >= _HOUR:
        hours = late // _HOUR
        return ngettext("%(n)s hour late", "%(n)s hours late", hours) % {"n": hours}
    if late > 0:
        return _("%(n)s min late") % {"n": max(1, late // 60)}
    return format_moment(ctx, due)


def suggestion_of(
    event: PageEvent,
    rows: list[asyncpg.Record],
    item_of: Callable[[PageEvent, asyncpg.Record, str], AgendaItem],
) -> dict[str, Any]:
    """Answer the step to begin with: of what is late, or due today, the most valuable."""
    late = [row for row in rows if row["bucket"] == "overdue"]
    found = late or [row for row in rows if row["bucket"] == "today"]
    if not found:
        return {}
    row = max(found, key=lambda each: (each["amount"] or 0, -each["place"]))
    item = item_of(event, row, "")
    actions = [
        ActionButton(
            name="done",
            label=_("Mark as done"),
            url=item.done_url or "",
            icon="check",
            kind="primary" if not row["phone"] else "secondary",
            values=(("version", item.version),),
        ),
        ActionButton(
            name="edit", label=_("Another day"), url=f"{item.url}/edit", icon="clock-pause",
            method="get", kind="ghost",
        ),
    ]  # fmt: skip
    if row["phone"]:
        call = ActionButton(
            name="call", label=_("Call %(number)s") % {"number": row["phone"]},
            url=phone_link(row["phone"]), icon="phone", method="get", kind="primary",
        )  # fmt: skip
        actions.insert(0, call)
    return {
        "suggestion": Suggestion(
            title=item.title,
            text=item.record,
            url=item.url,
            avatar=avatar_of(item.record or item.title, square=True),
            reasons=(Tag(label=item.due, tone="bad" if late else "warn"),),
            value=item.value,
            actions=tuple(actions),
        )
    }


async def open_deal(event: PageEvent) -> dict[str, Any]:
    """Answer the most valuable open deal without a next step; one statement."""
    ctx = event.ctx
    question = Question(event)
    row = await ctx.db.row(
        "SELECT t.id, t.name, t.amount, t.currency, t.stage, t.updated_at "  # noqa: S608 - names of our own
        f"FROM crm_opportunity t WHERE t.stage = ANY({question.add(_OPEN)}::text[]) "
        f"AND {question.may_read('crm.opportunity', 't')} AND {question.chosen('t')} "
        "AND NOT EXISTS (SELECT 1 FROM crm_activity a WHERE a.opportunity = t.id "
        "AND a.done_at IS NULL AND a.due_at IS NOT NULL AND a.trashed_at IS NULL) "
        "ORDER BY t.amount DESC NULLS LAST, t.updated_at, t.id LIMIT 1",
        *question.args,
    )
    if row is None:
        return {}
    url = f"/crm.opportunity/{row['id']}"
    days = (ctx.now() - row["updated_at"]).days
    reasons = [Tag(label=_("No next step"), tone="warn")]
    if days:
        text = ngettext("Untouched for %(n)s day", "Untouched for %(n)s days", days) % {"n": days}
        reasons.append(Tag(label=text, tone="warn"))
    state = STAGES.state(row["stage"])
    return {
        "suggestion": Suggestion(
            title=_("Plan the next step: %(name)s") % {"name": row["name"]},
            text=_("Nothing is planned for it. A call or a task keeps it alive."),
            url=url,
            avatar=avatar_of(row["name"], square=True),
            reasons=tuple(reasons),
            value=format_money(ctx, row["amount"], row["currency"]) if row["amount"] else None,
            value_note=_(state.label) if state else None,
            actions=(
                ActionButton(
                    name="plan", label=_("Plan a step"), url=f"{url}?write=task",
                    icon="checkbox", method="get", kind="primary",
                ),
            ),
        )
    }  # fmt: skip
