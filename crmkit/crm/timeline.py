"""Activities of a record as lines of its timeline; the page itself adds the changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit import TimelineItem, _, format_moment
from crmkit.crm.agenda import ICONS
from crmkit.crm.entities import ACTIVITIES
from crmkit.crm.reading import Question
from crmkit.crm.tables import KINDS

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

    from crmkit import Context, PageEvent

_MOST = 100
_COLUMNS = {
    "crm.company": "company",
    "crm.person": "person",
    "crm.lead": "lead",
    "crm.opportunity": "opportunity",
}
_LABELS = {kind.value: kind.label for kind in KINDS}


async def activity_lines(event: PageEvent) -> list[tuple[datetime, TimelineItem]]:
    """Answer (moment, line) of a record's activities, newest first; one statement."""
    column = _COLUMNS.get(event.entity.name) if event.entity is not None else None
    if column is None:
        return []
    question = Question(event)
    record = question.add(event.record_id)
    rows = await event.ctx.db.rows(
        "SELECT t.*, coalesce(u.name, '') AS who, "  # noqa: S608 - names of our own
        "coalesce(t.done_at, t.created_at) AS at FROM crm_activity t "
        f"LEFT JOIN core_user u ON u.id = t.owner WHERE t.{column} = {record}::bigint "
        f"AND {question.may_read('crm.activity', 't')} ORDER BY at DESC, t.id DESC LIMIT {_MOST}",
        *question.args,
    )
    return [(row["at"], _line(event.ctx, row)) for row in rows]


def _line(ctx: Context, row: asyncpg.Record) -> TimelineItem:
    waiting = row["done_at"] is None and row["kind"] != "note"
    late = waiting and row["due_at"] is not None and row["due_at"] < ctx.now()
    kind = _(_LABELS.get(row["kind"], ACTIVITIES.singular))
    return TimelineItem(
        icon=ICONS.get(row["kind"], "checkbox"),
        who=row["who"] or "crmkit",
        what=f"{kind}: {row['subject']}",
        time=format_moment(ctx, row["at"]),
        iso=row["at"].isoformat(),
        text=row["body"],
        url=f"/crm.activity/{row['id']}",
        due=format_moment(ctx, row["due_at"]) if waiting and row["due_at"] else None,
        tone="bad" if late else "",
        done_url=f"/crm.activity/{row['id']}/done" if waiting else None,
        id=f"a{row['id']}",
    )
