"""Questions to a second person follow their record when it is merged into another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.model.notification import Telling
from crmkit.model.values import N_
from crmkit.work.notifications import notify

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

#: Why a question was taken back; stored in English, shown in the reader's language.
MERGED = N_("Its record was merged, and the same was asked of the one that stays.")
_MOVE = """
UPDATE core_approval a SET record = $3 WHERE a.entity = $1 AND a.record = $2
    AND a.state = 'waiting' AND ($4::bigint[] IS NULL OR a.id = ANY($4))
    AND NOT EXISTS (SELECT FROM core_approval o WHERE o.entity = $1 AND o.record = $3
        AND o.action = a.action AND o.state = 'waiting')
RETURNING a.id
"""
_WITHDRAW = """
UPDATE core_approval SET state = 'withdrawn', decided_at = $3, reason = $4
WHERE entity = $1 AND record = $2 AND state = 'waiting' RETURNING id, asked_by
"""
_AGAIN = """
UPDATE core_approval a SET state = 'waiting', decided_at = NULL, reason = ''
WHERE a.id = ANY($1) AND a.state = 'withdrawn' AND a.reason = $2
    AND NOT EXISTS (SELECT FROM core_approval o WHERE o.entity = a.entity
        AND o.record = a.record AND o.action = a.action AND o.state = 'waiting')
RETURNING a.id
"""


async def move_approvals(
    ctx: Context, plan: EntityPlan, gone: int, kept: int, title: str
) -> dict[str, list[int]]:
    """Move what waits to the record that stays; what waits there as well is taken back.

    Both records are locked already. Who asked hears of a question that was taken back.

    Args:
        title: Of the record that goes.

    Returns:
        For the journal: "moved" and "withdrawn" by their numbers.
    """
    moved = await _move(ctx, plan, gone, kept, None)
    rows = await ctx.db.rows(_WITHDRAW, plan.name, gone, ctx.now(), MERGED)
    for row in rows:
        telling = Telling(
            kind="core.approval",
            text=N_("{title} was merged: your question was taken back, the other one waits."),
            values={"title": title}, key=f"approval:{row['id']}:merged",
            url="/approvals?show=own",
        )  # fmt: skip
        await notify(ctx, [row["asked_by"]], telling)
    return {"moved": moved, "withdrawn": [row["id"] for row in rows]}


async def bind_approvals(
    ctx: Context, plan: EntityPlan, record_id: int, numbers: Sequence[int]
) -> None:
    """Let moved questions be about the record as it is now: whoever answers sees that one."""
    if numbers:
        await ctx.db.execute(
            f'UPDATE core_approval SET version = (SELECT version FROM "{plan.tablename}" '  # noqa: S608 - of the plan
            "WHERE id = $1) WHERE id = ANY($2) AND record = $1 AND state = 'waiting'",
            record_id,
            list(numbers),
        )


async def turn_approvals(
    ctx: Context,
    plan: EntityPlan,
    approvals: Mapping[str, list[int]],
    *,
    kept: int,
    gone: int,
    parting: bool,
) -> None:
    """Take back what `move_approvals` did, or do it again, when both records are put back."""
    numbers = approvals.get("moved", [])
    if parting:
        back = await _move(ctx, plan, kept, gone, numbers)
        again = await ctx.db.rows(_AGAIN, approvals.get("withdrawn", []), MERGED)
        await bind_approvals(ctx, plan, gone, [*back, *(row["id"] for row in again)])
        return
    await bind_approvals(ctx, plan, kept, await _move(ctx, plan, gone, kept, numbers))
    await ctx.db.rows(_WITHDRAW, plan.name, gone, ctx.now(), MERGED)


async def _move(
    ctx: Context, plan: EntityPlan, begin: int, end: int, numbers: Sequence[int] | None
) -> list[int]:
    only = None if numbers is None else list(numbers)
    return [row["id"] for row in await ctx.db.rows(_MOVE, plan.name, begin, end, only)]
