"""What the tests of deadlines share: a site with kinds of deadlines, and a clock to turn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from crmkit.model.job import JobEvent
from crmkit.work.deadline_steps import step_deadline

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.testing.sites import Running
    from crmkit.work.deadline_rows import Deadline

HOUR = timedelta(hours=1)
#: `visit` is of companies, by plain time; `answer` by business time, with reassigning; `wait` is
#: for one person, whose absences count.
CODE = """
from datetime import timedelta

hour = timedelta(hours=1)


class Promises(Plugin):
    def deadlines(self):
        return [
            DeadlineKind("visit", "Visit", (2 * hour,),
                         (Step(2 * hour, "responsible"), Step(4 * hour, "manager")),
                         business_time=False),
            DeadlineKind("answer", "Answer", (hour,), (
                Step(hour, "responsible"), Step(2 * hour, "deputy"),
                Step(3 * hour, "manager", reassign=True), Step(4 * hour, "head"))),
            DeadlineKind("wait", "Wait", (hour,), counts_absences=True),
        ]
"""


async def now_of(running: Running) -> datetime:
    """Answer the present moment of the database."""
    found: datetime = await running.db.value("SELECT clock_timestamp()")
    return found


async def turn_clock(ctx: Context, span: timedelta) -> None:
    """Let time pass, or go back: whatever is stored is so much earlier, or later."""
    await ctx.db.execute(
        "UPDATE core_deadline SET due_at = due_at - $1::interval, since = since - $1::interval, "
        "next_at = next_at - $1::interval, set_at = set_at - $1::interval, "
        "begun_at = begun_at - $1::interval, "
        "moments = ARRAY(SELECT m - $1::interval FROM unnest(moments) m)",
        span,
    )
    await ctx.db.execute(
        "UPDATE core_job SET run_at = run_at - $1::interval "
        "WHERE state IN ('later', 'ready', 'parked')",
        span,
    )
    await ctx.db.execute("UPDATE crm_activity SET due_at = due_at - $1::interval", span)


async def fire(ctx: Context) -> int:
    """Run the timers that are due, as a worker does, until none is; answer how many."""
    count = 0
    while True:
        async with ctx.db.transaction():
            row = await ctx.db.row(
                "UPDATE core_job SET state = 'running', worker = 'test', "
                "lease_until = now() + interval '1 hour' WHERE id = ("
                "SELECT id FROM core_job WHERE name = 'core.step_deadline' "
                "AND state IN ('later', 'ready') AND run_at <= clock_timestamp() LIMIT 1) "
                "RETURNING id, args"
            )
            if row is None:
                return count
            event = JobEvent(ctx, row["id"], "core.step_deadline", row["args"], 1, lambda *_: None)
            await step_deadline(event)
            await ctx.db.execute("UPDATE core_job SET state = 'done' WHERE id = $1", row["id"])
        count += 1


async def lines(ctx: Context, *what: str) -> list[tuple[str, str, list[int]]]:
    """Answer the steps that were made: (step, what became of it, whom it was for)."""
    rows = await ctx.db.rows(
        "SELECT step, what, people FROM core_deadline_step WHERE step <> '' "
        "AND ($1::text[] = '{}' OR what = ANY($1)) ORDER BY id",
        list(what),
    )
    return [(row["step"], row["what"], row["people"]) for row in rows]


async def timers(ctx: Context) -> dict[int, datetime]:
    """Answer deadline to the moment of its timer, of all that wait."""
    rows = await ctx.db.rows(
        "SELECT key, run_at FROM core_job WHERE name = 'core.step_deadline' "
        "AND state IN ('later', 'ready', 'parked')"
    )
    found = {int(row["key"]): row["run_at"] for row in rows}
    assert len(found) == len(rows)
    return found


async def person(ctx: Context, name: str, team: int | None = None, **more: Any) -> int:  # noqa: ANN401
    """Make somebody who may sign in."""
    values = {"name": name, "role": "seller", "team": team, **more}
    names = ", ".join(values)
    marks = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    found: int = await ctx.db.value(
        f"INSERT INTO core_user ({names}) VALUES ({marks}) RETURNING id",
        *values.values(),
    )
    return found


def only(rows: list[Deadline]) -> Deadline:
    """Answer the one deadline there is."""
    (row,) = rows
    return row


def at(text: str) -> datetime:
    """Answer a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
