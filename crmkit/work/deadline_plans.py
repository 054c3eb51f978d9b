"""What is done before and after a deadline, and at which moments: pure functions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from crmkit.errors import NeverOpensError
from crmkit.work import clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.calendar import Calendar
    from crmkit.model.deadline import DeadlineKind, DeadlineOrder
    from crmkit.work.deadline_rows import Deadline

#: The step at the deadline itself.
DUE = "due"
_DUE: dict[str, Any] = {
    "name": DUE, "shift": 0.0, "business": False, "to": "responsible", "reassign": False,
}  # fmt: skip


def plan_steps(kind: DeadlineKind, order: DeadlineOrder) -> list[dict[str, Any]]:
    """Answer the steps of a deadline as they are stored.

    Returns:
        For each `name`, `shift` (seconds from the deadline, negative for warnings), `business`
        (of which time), `to` ("" tells nobody) and `reassign`.
    """
    warnings = kind.warn_before if order.warn_before is None else order.warn_before
    ladder = kind.ladder if order.ladder is None else order.ladder
    in_business = (
        kind.business_time if kind.warn_in_business_time is None else kind.warn_in_business_time
    )
    early = [
        {**_DUE, "name": f"warn{number}", "shift": -each.total_seconds(), "business": in_business}
        for number, each in enumerate(sorted(set(warnings), reverse=True), 1)
    ]
    late = [
        {
            "name": f"step{number}",
            "shift": each.after.total_seconds(),
            "business": kind.business_time,
            "to": each.to,
            "reassign": each.reassign,
        }
        for number, each in enumerate(sorted(ladder, key=lambda step: step.after), 1)
    ]
    at_due = _DUE if order.tell_at_due else {**_DUE, "to": ""}
    return [*early, at_due, *late]


def moments_of(
    due: datetime, steps: Sequence[dict[str, Any]], calendar: Calendar
) -> list[datetime]:
    """Answer the moment of each step; in order, whatever the calendar makes of them."""
    moments = [shift(due, each["shift"], calendar, business=each["business"]) for each in steps]
    # Warnings of both kinds of time may change places: none comes after the one that follows it.
    for index in range(len(moments) - 2, -1, -1):
        moments[index] = min(moments[index], moments[index + 1])
    return moments


def counted_anew(row: Deadline, calendar: Calendar) -> tuple[datetime, list[datetime]]:
    """Answer the deadline and the moments of its steps as another calendar makes them.

    A moment that was given stays, and so does one that has passed and was told; what was counted
    is counted from where it began. Moments of steps that are past stay as they were.
    """
    due = row.due_at
    if row.state != "missed" and row.begun_at is not None and row.length is not None:
        seconds = row.length.total_seconds()
        due = shift(row.begun_at, seconds, calendar, business=row.is_business)
    return due, [*row.moments[: row.place], *moments_of(due, row.steps, calendar)[row.place :]]


def shift(
    moment: datetime, seconds: float, calendar: Calendar, *, business: bool = True
) -> datetime:
    """Answer a moment so much earlier or later; by plain time where the calendar never opens."""
    span = timedelta(seconds=abs(seconds))
    if business:
        try:
            return (
                clock.subtract(moment, span, calendar)
                if seconds < 0
                else clock.add(moment, span, calendar)
            )
        except NeverOpensError:
            pass
    return moment + timedelta(seconds=seconds)


def left(now: datetime, due: datetime, calendar: Calendar, *, business: bool = True) -> timedelta:
    """Answer the time that remains until a deadline, nothing when it has passed."""
    if due <= now:
        return timedelta()
    if business:
        try:
            return clock.between(now, due, calendar)
        except NeverOpensError:
            pass
    return due - now


def first_place(
    steps: Sequence[dict[str, Any]],
    moments: Sequence[datetime],
    now: datetime,
    *,
    is_missed: bool = False,
) -> int:
    """Answer which step comes next when a plan is made.

    What is past is not made up for, except for the deadline itself, of which everybody must hear.

    Args:
        is_missed: The same deadline was missed before, and told.
    """
    at_due = next(index for index, each in enumerate(steps) if each["name"] == DUE)
    ahead = next((index for index, each in enumerate(moments) if each > now), len(steps))
    if is_missed:
        return max(ahead, at_due + 1)
    return min(ahead, at_due)


def next_moment(moments: Sequence[datetime], place: int) -> datetime | None:
    """Answer when the next step is; None after the last."""
    return moments[place] if place < len(moments) else None
