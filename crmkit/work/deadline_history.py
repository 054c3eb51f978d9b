"""What is read of deadlines: their history, names of people, and those that are open."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from crmkit.access.predicate import check, predicate
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


async def list_open(
    ctx: Context,
    *,
    is_missed: bool = False,
    plugin: str = "",
    kind: str = "",
    most: int = 1000,
    skip: int = 0,
) -> list[Deadline]:
    """Answer deadlines of the whole site that run, those that were missed first, by their moment.

    Args:
        is_missed: Only those that were missed.
        plugin: Id of the plugin that declares their kind; "" is any.
        kind: Whole name; "" is any.
        most: How many at most.
        skip: How many come before.

    Raises:
        ForbiddenError: The role does not administer the site.
    """
    check(ctx, ctx.site.entity("core.user"), "admin")
    states = ["missed"] if is_missed else ["open", "paused", "missed"]
    return await select(
        ctx,
        "d.state = ANY($1) AND ($2 = '' OR d.plugin = $2) AND ($3 = '' OR d.kind = $3) "
        "ORDER BY d.state <> 'missed', d.due_at, d.id LIMIT $4 OFFSET $5",
        states, plugin, kind, most, skip,
    )  # fmt: skip


async def count_open(ctx: Context) -> dict[tuple[str, str], int]:
    """Answer (plugin, kind) to how many run, of those that have any.

    Raises:
        ForbiddenError: The role does not administer the site.
    """
    check(ctx, ctx.site.entity("core.user"), "admin")
    rows = await ctx.db.rows(
        "SELECT plugin, kind, count(*) AS number FROM core_deadline "
        "WHERE state IN ('open', 'paused', 'missed') GROUP BY plugin, kind ORDER BY kind LIMIT 200"
    )
    return {(row["plugin"], row["kind"]): row["number"] for row in rows}


async def titles_of(ctx: Context, rows: Iterable[Deadline]) -> dict[tuple[str, int], str]:
    """Answer (entity, record) to its title, of those that the reader may read."""
    by_entity: dict[str, set[int]] = {}
    for row in rows:
        by_entity.setdefault(row.entity, set()).add(row.record)
    found: dict[tuple[str, int], str] = {}
    for entity, records in by_entity.items():
        if entity not in ctx.site.entities:
            continue
        plan = ctx.site.entity(entity)
        rule = predicate(ctx, plan, "read", "t", 2)
        stored = await ctx.db.rows(
            f'SELECT t.id, t."{plan.title}"::text AS title FROM "{plan.tablename}" t '  # noqa: S608 - of the plan
            f"WHERE t.id = ANY($1) AND ({rule.text})",
            sorted(records), *rule.args,
        )  # fmt: skip
        found |= {(entity, row["id"]): row["title"] or "" for row in stored}
    return found


async def find_deadline(ctx: Context, number: int) -> Deadline | None:
    """Answer a deadline by its number; whether its record may be read is for the caller to ask."""
    return await find_row(ctx, number)
