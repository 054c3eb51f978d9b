"""What is read of deadlines: their history, names of people, and those that are open."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from crmkit.work.deadline_rows import Deadline, find_row, select

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crmkit.model.context import Context


class StepLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the history.

    Attributes:
        step: Name in the plan; "" where somebody changed the deadline.
        what: made, late (a warning that was passed over), or moved, changed, paused, resumed, met,
            cleared, back, recounted.
        people: Ids of those it was for.
        owner: To whom the record was given.
        note: The moment before a change, why it was cleared, or why a record was not given.
        by_user: Who changed it; None is crmkit.
        why: Which change of working hours counted it anew: holiday, calendar, absence, team or
            plugin, and a name behind ":".
    """

    at: datetime
    step: str
    what: str
    people: list[int]
    owner: int | None
    note: str
    by_user: int | None
    why: str


_LINES = ", ".join(StepLine.__struct_fields__)


async def list_lines(ctx: Context, number: int) -> list[StepLine]:
    """Answer what happened to a deadline, the last first."""
    rows = await ctx.db.rows(
        f"SELECT {_LINES} FROM core_deadline_step WHERE deadline = $1 "  # noqa: S608 - of our own
        "ORDER BY id DESC LIMIT 200",
        number,
    )
    return [StepLine(**dict(row)) for row in rows]


async def names_of(ctx: Context, people: Iterable[int | None]) -> dict[int, str]:
    """Answer id to name."""
    ids = sorted({each for each in people if each is not None})
    if not ids:
        return {}
    rows = await ctx.db.rows("SELECT id, name FROM core_user WHERE id = ANY($1)", ids)
    return {row["id"]: row["name"] for row in rows}


async def list_open(ctx: Context, *, is_missed: bool = False, most: int = 1000) -> list[Deadline]:
    """Answer deadlines of the whole site that run, or were missed, by their moment."""
    states = ["missed"] if is_missed else ["open", "paused", "missed"]
    return await select(ctx, "d.state = ANY($1) ORDER BY d.due_at, d.id LIMIT $2", states, most)


async def find_deadline(ctx: Context, number: int) -> Deadline | None:
    """Answer a deadline by its number; whether its record may be read is for the caller to ask."""
    return await find_row(ctx, number)
