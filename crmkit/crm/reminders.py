"""Reminders of activities: before they are due, at the moment, and up the ladder after it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from crmkit import N_, DeadlineKind, DeadlineOrder, Step
from crmkit.crm.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit import Context


async def reminders_of(ctx: Context, activities: Sequence[int]) -> list[DeadlineOrder]:
    """Answer what activities are to be reminded of, as they are now; one statement."""
    rows = await ctx.db.rows(
        "SELECT t.id, t.due_at, t.done_at, t.owner, "
        "coalesce(o.owner, c.owner, p.owner, l.owner) AS responsible FROM crm_activity t "
        "LEFT JOIN crm_opportunity o ON o.id = t.opportunity "
        "LEFT JOIN crm_company c ON c.id = t.company "
        "LEFT JOIN crm_person p ON p.id = t.person LEFT JOIN crm_lead l ON l.id = t.lead "
        "WHERE t.id = ANY($1) AND t.kind <> 'note'",
        list(activities),
    )
    settings = ctx.settings(Settings)
    return [
        DeadlineOrder(
            record=row["id"],
            due=None if row["done_at"] or not (row["owner"] or row["responsible"])
            else row["due_at"],
            is_met=row["done_at"] is not None,
            tell_at_due=settings.at_due,
            warn_before=(timedelta(minutes=settings.minutes_before),)
            if settings.minutes_before
            else (),
            ladder=_ladder(settings.hours_after, row["responsible"]),
            responsible=row["owner"] or row["responsible"],
        )
        for row in rows
    ]  # fmt: skip


def _ladder(hours: int, responsible: int | None) -> tuple[Step, ...]:
    """Answer who hears of an overdue activity: who owns what it belongs to, then the managers."""
    if not hours:
        return ()
    return (
        Step(timedelta(hours=hours), responsible or "responsible"),
        Step(timedelta(hours=2 * hours), "manager"),
        Step(timedelta(hours=4 * hours), "head"),
    )


REMINDER = DeadlineKind(
    "reminder",
    N_("Activity"),
    # Fifteen minutes before nine o'clock is a quarter to nine, be it open or not.
    warn_in_business_time=False,
    skips_past=True,
    entity="crm.activity",
    fields=("due_at", "done_at", "kind", "owner", "opportunity", "company", "person", "lead"),
    follow=reminders_of,
)
