"""Deadlines as people read them: what is due, what is left, what comes next, and whom it is for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from crmkit.model.values import N_
from crmkit.web.format import format_moment, format_number
from crmkit.web.shell import is_admin
from crmkit.web.translate import _
from crmkit.web.views import (
    Action,
    DeadlineLine,
    DeadlinePage,
    Fact,
    Panel,
    PanelLine,
    Tag,
)
from crmkit.work.calendars import calendar_of, row_of
from crmkit.work.deadline_history import StepLine, list_lines, names_of
from crmkit.work.deadline_orders import calendar_key, find_kind
from crmkit.work.deadline_plans import DUE, left
from crmkit.work.deadline_rows import read_rows

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.work.calendars import CalendarRow
    from crmkit.work.deadline_rows import Deadline

URL = "/deadlines"
_HOUR = 3600
_STATES = {
    "open": (N_("Open"), ""),
    "paused": (N_("Paused"), "warn"),
    "met": (N_("Met"), "good"),
    "missed": (N_("Missed"), "bad"),
    "cleared": (N_("Taken off"), ""),
}
_WHAT = {
    "moved": N_("Moved"),
    "changed": N_("Changed"),
    "paused": N_("Paused"),
    "resumed": N_("Resumed"),
    "met": N_("Met"),
    "cleared": N_("Taken off"),
    "back": N_("Brought back"),
    "recounted": N_("Counted anew"),
}
_WHY = {
    "trash": N_("with its record, to the trash"),
    "final": N_("its record reached a final state"),
    "merge": N_("its record was merged"),
}
#: Changes of working hours, as the history names them.
_CHANGED = {
    "holiday": N_("the own holiday {name} was entered, changed or taken back"),
    "calendar": N_("the working calendar {name} was changed"),
    "absence": N_("an absence of the responsible was entered, changed or taken back"),
    "team": N_("the team {name} has another calendar"),
    "plugin": N_("its plugin was switched on again"),
}
_LEVELS = {
    "responsible": N_("the responsible"),
    "deputy": N_("the deputy"),
    "manager": N_("the manager"),
    "head": N_("the manager above"),
}


def kind_label(ctx: Context, kind: str) -> str:
    """Answer the label of a kind; its name while its plugin is off."""
    declared = {f"{owner}.{each.name}" for owner, each in ctx.site.contributions["deadlines"]}
    return _(find_kind(ctx.site, kind)[1].label) if kind in declared else kind


def state_label(row: Deadline) -> str:
    """Answer how a deadline stands, in a word."""
    return _("Met late") if row.is_late else _(_STATES[row.state][0])


def span_text(ctx: Context, span: timedelta) -> str:
    """Answer a length in hours and minutes."""
    minutes = int(span.total_seconds()) // 60
    words = {"h": format_number(ctx, minutes // 60), "m": format_number(ctx, minutes % 60)}
    if minutes < 60:  # noqa: PLR2004 - minutes of an hour
        return _("%(m)s min") % words
    return _("%(h)s h %(m)s min") % words


async def deadline_panels(ctx: Context, entity: str, record_id: int) -> tuple[Panel, ...]:
    """Answer the card of what a record has running; none without any."""
    rows = await read_rows(ctx, entity, [record_id])
    if not rows:
        return ()
    people = await names_of(ctx, _people(rows))
    lines = [
        PanelLine(
            html=kind_label(ctx, row.kind),
            url=f"{URL}/{row.id}",
            sub=" · ".join(filter(None, (await _left_text(ctx, row), _next(ctx, row, people)))),
            value=format_moment(ctx, row.due_at) if row.state != "paused" else _("Paused"),
            tone="bad" if row.state == "missed" else "",
        )
        for row in rows
    ]
    return (Panel(id="panel-deadlines", title=_("Deadlines"), lines=tuple(lines)),)


def _people(rows: list[Deadline]) -> list[int | None]:
    found: list[int | None] = [row.responsible for row in rows]
    return found + [step["to"] for row in rows for step in row.steps if isinstance(step["to"], int)]


async def _left_text(ctx: Context, row: Deadline) -> str:
    span = row.remaining
    if row.state == "missed":
        return _("overdue")
    if span is None:
        calendar = await calendar_of(ctx, *calendar_key(row))
        span = left(ctx.now(), row.due_at, calendar, business=row.is_business)
    text = _("%(time)s of business time left") if row.is_business else _("%(time)s left")
    return text % {"time": span_text(ctx, span)}


def _next(ctx: Context, row: Deadline, people: dict[int, str]) -> str:
    if row.next_at is None:
        return ""
    step = row.steps[row.place]
    words = {
        "step": _step_text(step["name"]),
        "at": format_moment(ctx, row.next_at),
        "who": _whom(row, step, people),
    }
    return _("next: %(step)s %(at)s, %(who)s") % words


def _step_text(name: str) -> str:
    if name == DUE:
        return _("Due")
    return _("Warning") if name.startswith("warn") else _("Overdue")


def _whom(row: Deadline, step: dict[str, Any], people: dict[int, str]) -> str:
    to = step["to"]
    if to == "responsible" and row.responsible in people:
        return people[row.responsible]
    if isinstance(to, int):
        return people.get(to, _("somebody who is gone"))
    return _(_LEVELS[to]) if to in _LEVELS else _("nobody")


async def deadline_page(ctx: Context, row: Deadline, title: str, *, may_edit: bool) -> DeadlinePage:
    """Answer the page of a deadline."""
    lines = await list_lines(ctx, row.id)
    people = await names_of(
        ctx,
        [
            *_people([row]), row.set_by,
            *(each for line in lines for each in (*line.people, line.owner, line.by_user)),
        ],
    )  # fmt: skip
    stored = await row_of(ctx, row.team)
    calendar = await calendar_of(ctx, *calendar_key(row))
    label, tone = _STATES[row.state]
    if row.is_late:
        label, tone = N_("Met late"), "warn"
    remaining = row.remaining
    if remaining is None and row.is_running:
        remaining = left(ctx.now(), row.due_at, calendar, business=row.is_business)
    return DeadlinePage(
        title=f"{kind_label(ctx, row.kind)}: {title}",
        intro=_("Who is away today is passed over: for the deputy, then for the next manager."),
        state=Tag(label=_(label), tone=tone),
        facts=(
            Fact(label=_("Record"), html=title, url=f"/{row.entity}/{row.record}"),
            Fact(label=_("Due"), html=format_moment(ctx, row.due_at)),
            *((Fact(label=_("Time left"), html=span_text(ctx, remaining)),)
              if remaining is not None else ()),
            Fact(label=_("Rule"), html=row.kind),
            Fact(
                label=_("Calendar"),
                html=_calendar_name(stored) if row.is_business else _("Around the clock"),
                url="/settings/hours" if is_admin(ctx.principal) else None,
            ),
            Fact(label=_("Responsible"), html=people.get(row.responsible or 0, _("nobody"))),
            Fact(label=_("Set at"), html=format_moment(ctx, row.set_at)),
        ),
        share=_share(ctx.now(), row) if row.is_running and row.state != "paused" else None,
        share_text=_("Time that has passed"),
        steps=tuple(
            DeadlineLine(
                at=format_moment(ctx, moment) if row.state != "paused" else _("Paused"),
                what=_step_text(step["name"]),
                whom=_whom(row, step, people),
            )
            for step, moment in list(zip(row.steps, row.moments, strict=True))[row.place :]
        )
        if row.is_running
        else (),
        history=tuple(_line(ctx, line, people) for line in lines),
        actions=_actions(row) if may_edit and row.is_running else (),
    )  # fmt: skip


def _calendar_name(stored: CalendarRow) -> str:
    return stored.name or _("Office hours")


def _share(now: datetime, row: Deadline) -> float:
    whole = (row.due_at - row.set_at).total_seconds()
    passed = (now - row.set_at).total_seconds()
    return round(min(max(100 * passed / whole if whole > 0 else 100.0, 0.0), 100.0), 1)


def _line(ctx: Context, line: StepLine, people: dict[int, str]) -> DeadlineLine:
    if line.step:
        note = _("passed over: the deadline had passed already") if line.what == "late" else ""
        if line.owner is not None:
            note = _("the record was given to %(name)s") % {"name": people.get(line.owner, "")}
        elif line.note:
            note = line.note
        whom = ", ".join(people[each] for each in line.people if each in people)
        return DeadlineLine(
            at=format_moment(ctx, line.at), what=_step_text(line.step), whom=whom, note=note
        )
    note = _(_WHY[line.note]) if line.note in _WHY else ""
    if line.what in {"moved", "resumed"} and line.note:
        before = format_moment(ctx, datetime.fromisoformat(line.note))
        note = _("it was %(at)s") % {"at": before}
    if line.what == "recounted":
        note = _recounted(ctx, line)
    return DeadlineLine(
        at=format_moment(ctx, line.at),
        what=_(_WHAT.get(line.what, line.what)),
        whom=people.get(line.by_user or 0, "crmkit"),
        note=note,
    )


def _recounted(ctx: Context, line: StepLine) -> str:
    """Answer why a deadline was counted anew, and what it was before."""
    change, _colon, name = line.why.partition(":")
    why = _(_CHANGED[change]).format(name=name) if change in _CHANGED else ""
    if line.note:
        before = format_moment(ctx, datetime.fromisoformat(line.note))
        return "; ".join(filter(None, (why, _("it was %(at)s") % {"at": before})))
    return "; ".join(filter(None, (why, _("the deadline stays, warnings and steps moved"))))


def _actions(row: Deadline) -> tuple[Action, ...]:
    found = []
    if row.state == "open":
        found.append(
            Action(name="pause", label=_("Pause"), icon="clock", url=f"{URL}/{row.id}/pause")
        )
    if row.state == "paused":
        found.append(
            Action(name="resume", label=_("Resume"), icon="clock", url=f"{URL}/{row.id}/resumption")
        )
    clear = Action(
        name="clear", label=_("Take it off"), icon="x", kind="danger",
        url=f"{URL}/{row.id}/removal", confirm=_("Nothing more comes of it then."),
    )  # fmt: skip
    return (*found, clear)
