"""What the reader has to do: open activities that are overdue, due today or later."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from crmkit import (
    N_,
    AgendaItem,
    AgendaSection,
    _,
    format_moment,
    format_money,
    format_number,
    ngettext,
)
from crmkit.crm.entities import STEPS
from crmkit.crm.reading import Question, list_url
from crmkit.crm.suggestion import due_text, open_deal, suggestion_of

if TYPE_CHECKING:
    import asyncpg

    from crmkit import PageEvent

_MOST = 20
ICONS = {kind.value: kind.icon for kind in STEPS.kinds}
_SECTIONS = (
    ("overdue", N_("Overdue"), "bad"),
    ("today", N_("Due today"), "warn"),
    ("later", N_("Can wait"), ""),
)
#: References of an activity, the most telling first.
_ABOUT = (
    ("opportunity", "crm.opportunity"),
    ("company", "crm.company"),
    ("person", "crm.person"),
    ("lead", "crm.lead"),
)


async def agenda_sections(event: PageEvent) -> dict[str, Any]:
    """Answer the sections of the day, each with its first items; one statement."""
    ctx = event.ctx
    question = Question(event)
    now = ctx.now()
    midnight = now.astimezone(ctx.time_zone).replace(hour=0, minute=0, second=0, microsecond=0)
    present = question.add(now)
    # The next midnight of the zone, also on days of 23 or 25 hours: aware arithmetic is by wall.
    tomorrow = question.add(midnight + timedelta(days=1))
    allowed = question.may_read("crm.activity", "t")
    chosen = question.chosen("t")
    names, joins = [], []
    for column, entity in _ABOUT:
        table = ctx.site.entity(entity).tablename
        names.append(f"{column}_.name AS {column}_name")
        readable = question.may_read(entity, f"{column}_")
        joins.append(f"LEFT JOIN {table} {column}_ ON {column}_.id = p.{column} AND {readable}")
    rows = await ctx.db.rows(
        "WITH open AS (SELECT t.*, CASE "  # noqa: S608 - names of our own
        f"WHEN t.due_at < {present}::timestamptz THEN 'overdue' "
        f"WHEN t.due_at < {tomorrow}::timestamptz THEN 'today' ELSE 'later' END AS bucket "
        f"FROM crm_activity t WHERE t.done_at IS NULL AND t.kind <> 'note' "
        f"AND {allowed} AND {chosen}), "
        "placed AS (SELECT open.*, count(*) OVER (PARTITION BY bucket) AS many, row_number() "
        "OVER (PARTITION BY bucket ORDER BY due_at NULLS LAST, id) AS place FROM open) "
        f"SELECT p.*, {', '.join(names)}, opportunity_.amount, opportunity_.currency, "
        "coalesce(nullif(person_.phone, ''), nullif(lead_.phone, ''), company_.phone, '') AS phone "
        f"FROM placed p {' '.join(joins)} "
        f"WHERE p.place <= {_MOST} ORDER BY p.bucket, p.place",
        *question.args,
    )
    if not rows:
        return await open_deal(event)
    sections = []
    for name, label, tone in _SECTIONS:
        items = [row for row in rows if row["bucket"] == name]
        if items:
            sections.append(
                AgendaSection(
                    name=name,
                    label=_(label),
                    count=format_number(ctx, items[0]["many"]),
                    tone=tone,
                    items=tuple(
                        _item(event, row, tone if name == "overdue" else "") for row in items
                    ),
                    more_url=list_url(event, "crm.activity", "done_at:empty:", sort="due_at")
                    if items[0]["many"] > _MOST
                    else None,
                )
            )
    return {
        "sections": tuple(sections),
        "summary": _summary(rows),
        **suggestion_of(event, rows, _item),
    }


def _summary(rows: list[asyncpg.Record]) -> str:
    """Answer one sentence on the day."""
    many = {row["bucket"]: row["many"] for row in rows}
    late, today = many.get("overdue", 0), many.get("today", 0)
    parts = []
    if late:
        parts.append(ngettext("%(n)s overdue", "%(n)s overdue", late) % {"n": late})
    if today:
        parts.append(ngettext("%(n)s due today", "%(n)s due today", today) % {"n": today})
    return ", ".join(parts) or _("Nothing is due today")


def _item(event: PageEvent, row: asyncpg.Record, tone: str) -> AgendaItem:
    about = next(((c, e) for c, e in _ABOUT if row[f"{c}_name"]), None)
    return AgendaItem(
        id=str(row["id"]),
        title=row["subject"],
        url=f"/crm.activity/{row['id']}",
        icon=ICONS.get(row["kind"], "checkbox"),
        record=row[f"{about[0]}_name"] if about else "",
        record_url=f"/{about[1]}/{row[about[0]]}" if about else None,
        value=format_money(event.ctx, row["amount"], row["currency"]) if row["amount"] else None,
        due=due_text(event.ctx, row["due_at"]) if row["due_at"] else "",
        due_title=format_moment(event.ctx, row["due_at"]) if row["due_at"] else None,
        tone=tone,
        done_url=f"/crm.activity/{row['id']}/done",
        version=str(row["version"]),
    )
