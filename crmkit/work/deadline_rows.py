"""Rows of deadlines: read, written many at once, ended and brought back with their timers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.errors import NotFoundError
from crmkit.model.values import N_
from crmkit.work.timers import put_timers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.context import Context

#: The job that makes the next step of a deadline.
TIMER = "core.step_deadline"
#: States in which it may still come to something.
RUNNING = ("open", "paused", "missed")
_RUNS = "state IN ('open', 'paused', 'missed')"


class Deadline(msgspec.Struct, frozen=True, kw_only=True):
    """A deadline as it stands.

    Attributes:
        kind: `<plugin>.<name>`.
        state: open, paused, met, missed or cleared.
        responsible: Id of the person who must see to it.
        team: Whose calendar counts; None is the default one.
        is_business: Whether the ladder and pauses are counted by that calendar.
        steps: Of the plan, by their moments: `name`, `shift` in seconds from the deadline,
            `business`, `to`, `reassign`.
        moments: Of the steps.
        place: Number of steps that are past.
        next_at: Moment of the next step; None when there is none, or it is paused.
        remaining: Time left while it is paused.
        begun_at: Where `length` was counted from; None when its moment was given.
        length: Time it was counted by.
        counts_absences: Whether absences of the responsible are left out of business time.
        since: When it came into its state; of one that was met, when that was.
        ended_by: Why it was cleared: hand, trash, final or merge.
    """

    id: int
    entity: str
    record: int
    kind: str
    plugin: str
    state: str
    due_at: datetime
    set_at: datetime
    set_by: int | None
    responsible: int | None
    team: int | None
    is_business: bool
    steps: list[dict[str, Any]]
    moments: list[datetime]
    place: int
    next_at: datetime | None
    revision: int
    remaining: timedelta | None
    since: datetime
    ended_by: str
    was: str
    begun_at: datetime | None
    length: timedelta | None
    counts_absences: bool

    @property
    def is_running(self) -> bool:
        """Whether it may still come to something."""
        return self.state in RUNNING

    @property
    def is_late(self) -> bool:
        """Whether it was met after its moment."""
        return self.state == "met" and self.since > self.due_at


_COLUMNS = ", ".join(f"d.{name}" for name in Deadline.__struct_fields__)
_WRITE = """
INSERT INTO core_deadline AS d (entity, record, kind, plugin, set_by, state, due_at, responsible,
    team, is_business, begun_at, length, counts_absences, steps, moments, place, next_at)
SELECT $1, o.record, $2, $3, $4, o.state, o.due_at, o.responsible, o.team, o.is_business,
    o.begun_at, o.length, o.counts_absences,
    o.plan -> 'steps',
    ARRAY(SELECT m.text::timestamptz FROM jsonb_array_elements_text(o.plan -> 'moments')
        WITH ORDINALITY m (text, n) ORDER BY m.n),
    o.place, o.next_at
FROM unnest($5::bigint[], $6::text[], $7::timestamptz[], $8::bigint[], $9::bigint[],
    $10::boolean[], $11::timestamptz[], $12::interval[], $13::boolean[], $14::jsonb[], $15::int[],
    $16::timestamptz[])
    o (record, state, due_at, responsible, team, is_business, begun_at, length, counts_absences,
    plan, place, next_at)
ORDER BY o.record
ON CONFLICT (entity, record, kind) WHERE state IN ('open', 'paused', 'missed')
DO UPDATE SET state = excluded.state, due_at = excluded.due_at, set_by = excluded.set_by,
    responsible = excluded.responsible, team = excluded.team, is_business = excluded.is_business,
    begun_at = excluded.begun_at, length = excluded.length,
    counts_absences = excluded.counts_absences,
    steps = excluded.steps, moments = excluded.moments, place = excluded.place,
    next_at = excluded.next_at, remaining = NULL, revision = d.revision + 1,
    since = clock_timestamp()
RETURNING d.id, d.next_at
"""
_NAMES = (
    "record", "state", "due_at", "responsible", "team", "is_business", "begun_at", "length",
    "counts_absences",
)  # fmt: skip
_END = f"""
WITH ended AS (
    UPDATE core_deadline SET state = $4::text, was = state,
        ended_by = CASE WHEN $4 = 'cleared' THEN $5::text ELSE '' END, next_at = NULL,
        since = clock_timestamp()
    WHERE entity = $1 AND record = ANY($2) AND ($3::text IS NULL OR kind = $3) AND {_RUNS}
    RETURNING id, plugin, revision
), gone AS (
    DELETE FROM core_job j USING ended e
    WHERE j.plugin = e.plugin AND j.name = '{TIMER}' AND j.key = e.id::text
        AND j.state IN ('later', 'ready', 'parked')
), told AS (
    INSERT INTO core_deadline_step (deadline, revision, what, note, by_user)
    SELECT id, revision, $4::text, CASE WHEN $4 = 'cleared' THEN $5::text ELSE '' END, $6 FROM ended
)
SELECT count(*) FROM ended
"""  # noqa: S608 - of our own
_BACK = f"""
WITH back AS (
    UPDATE core_deadline d SET state = was, was = '', ended_by = '', since = clock_timestamp(),
        next_at = CASE WHEN was = 'paused' THEN NULL ELSE moments[place + 1] END
    WHERE entity = $1 AND record = ANY($2) AND state = 'cleared' AND ended_by = $3
        AND ($5::bigint[] IS NULL OR id = ANY($5))
        AND NOT EXISTS (SELECT FROM core_deadline o WHERE o.entity = d.entity
            AND o.record = d.record AND o.kind = d.kind AND o.id <> d.id
            AND (o.{_RUNS} OR o.id > d.id AND o.state = 'cleared' AND o.ended_by = $3))
    RETURNING d.id, d.plugin, d.next_at, d.revision
), told AS (
    INSERT INTO core_deadline_step (deadline, revision, what, note, by_user)
    SELECT id, revision, 'back', $3, $4 FROM back
)
SELECT id, plugin, next_at FROM back
"""  # noqa: S608 - of our own


async def read_rows(
    ctx: Context,
    entity: str,
    records: Sequence[int],
    *,
    kind: str | None = None,
    all_of_them: bool = False,
) -> list[Deadline]:
    """Answer the deadlines of records that run, or all that there are, by id."""
    return await select(
        ctx,
        "d.entity = $1 AND d.record = ANY($2) AND ($3::text IS NULL OR d.kind = $3) "
        f"AND ($4 OR d.{_RUNS}) ORDER BY d.id",
        entity, list(records), kind, all_of_them,
    )  # fmt: skip


async def select(ctx: Context, condition: str, *args: Any) -> list[Deadline]:  # noqa: ANN401
    """Answer the deadlines of a condition on `core_deadline d`."""
    rows = await ctx.db.rows(
        f"SELECT {_COLUMNS} FROM core_deadline d WHERE {condition}",  # noqa: S608 - of our own
        *args,
    )
    return [Deadline(**dict(row)) for row in rows]


async def find_row(ctx: Context, number: int, *, lock: bool = False) -> Deadline | None:
    """Answer a deadline by its number."""
    row = await ctx.db.row(
        f"SELECT {_COLUMNS} FROM core_deadline d WHERE d.id = $1"  # noqa: S608 - of our own
        + (" FOR UPDATE" if lock else ""),
        number,
    )
    return None if row is None else Deadline(**dict(row))


async def get_running(ctx: Context, entity: str, record_id: int, kind: str) -> Deadline:
    """Answer the running deadline of a kind.

    Raises:
        NotFoundError: There is none.
    """
    rows = await read_rows(ctx, entity, [record_id], kind=kind)
    if not rows:
        raise NotFoundError(ctx.translate(N_("This record has no such deadline any more.")))
    return rows[0]


async def write_rows(
    ctx: Context, entity: str, kind: str, plugin: str, rows: Sequence[dict[str, Any]]
) -> None:
    """Write plans of deadlines, and put the timers of their next steps."""
    # As objects: the driver takes lists in a list for an array of two dimensions.
    plans = [
        {"steps": row["steps"], "moments": [each.isoformat() for each in row["moments"]]}
        for row in rows
    ]
    written = await ctx.db.rows(
        _WRITE, entity, kind, plugin, ctx.user_id,
        *([row[name] for row in rows] for name in _NAMES), plans,
        [row["place"] for row in rows], [row["next_at"] for row in rows],
    )  # fmt: skip
    await put_timers(
        ctx, TIMER, "deadline",
        [(plugin, row["id"], row["next_at"]) for row in written if row["next_at"] is not None],
    )  # fmt: skip


async def end_rows(
    ctx: Context, entity: str, records: Sequence[int], kind: str | None, state: str, by: str
) -> int:
    """End what runs, with its timers, and answer how many; one statement."""
    return int(await ctx.db.value(_END, entity, list(records), kind, state, by, ctx.user_id))


async def bring_back(
    ctx: Context,
    entity: str,
    records: Sequence[int],
    by: str,
    only: Sequence[int] | None = None,
) -> list[int]:
    """Bring back what was cleared by the trash, a final state or a merge, late steps at once.

    Args:
        only: Numbers of deadlines; None is all of these records.

    Returns:
        The numbers of those that came back.
    """
    rows = await ctx.db.rows(_BACK, entity, list(records), by, ctx.user_id, only)
    await put_timers(
        ctx, TIMER, "deadline",
        [(row["plugin"], row["id"], row["next_at"]) for row in rows if row["next_at"] is not None],
    )  # fmt: skip
    return [row["id"] for row in rows]


async def note(ctx: Context, lines: Sequence[tuple[int, int, str, str]], *, why: str = "") -> None:
    """Write into the history of deadlines: (number, revision, what, more).

    Args:
        why: Which change of working hours did it, as `Change` of deadline_recount writes it.
    """
    await ctx.db.execute(
        "INSERT INTO core_deadline_step (deadline, revision, what, note, by_user, why) "
        "SELECT o.deadline, o.revision, o.what, o.note, $5, $6 "
        "FROM unnest($1::bigint[], $2::int[], $3::text[], $4::text[]) "
        "o (deadline, revision, what, note)",
        [line[0] for line in lines], [line[1] for line in lines],
        [line[2] for line in lines], [line[3] for line in lines], ctx.user_id, why,
    )  # fmt: skip
