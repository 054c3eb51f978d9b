"""Somebody leaves, or gives all of it away: open records, deadlines and what plugins know of."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Annotated

import msgspec

from crmkit.errors import InvalidError
from crmkit.model.action import Action
from crmkit.model.values import N_
from crmkit.plugin.events import PeriodEvent
from crmkit.records.holding import is_held, open_where, said_of
from crmkit.records.save import save_record
from crmkit.work.deadline_rows import note
from crmkit.work.events import gathering

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

_USER = "core.user"
_NOBODY = (
    N_("is nobody's name or address here"),
    N_("is the name of several; enter the e-mail address"),
    N_("is the person who hands over; choose another"),
)


class HandOver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who takes over, and whether the person leaves."""

    to: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    disable: bool = False


async def hand_over(
    ctx: Context, user_id: int, data: HandOver, version: int | None = None
) -> str | None:
    """Pass what a person has to do to another one, in one transaction that can be undone.

    Done again it finds nothing left. What is closed stays with who closed it: figures of the past
    do not change hands.

    Args:
        user_id: Who hands over; locked by the caller.
        version: As the page showed the person; used when the account is disabled.

    Returns:
        Always None: the page of the person is shown again.

    Raises:
        InvalidError: Who takes over is not there, or may not sign in.
        Veto: A plugin refuses.
    """
    taker = await _find_taker(ctx, user_id, data.to)
    await pass_on(ctx, user_id, taker)
    if data.disable:
        await save_record(ctx, ctx.site.entity(_USER), user_id, {"active": False}, version)
    return None


async def pass_on(ctx: Context, user_id: int, taker: int) -> dict[str, int]:
    """Pass open records, deadlines and what plugins hold; answer counts by English name.

    Raises:
        Veto: A plugin refuses.
    """
    counts: Counter[str] = Counter()
    async with gathering(ctx) as inner:
        for _name, plan in sorted(ctx.site.entities.items()):
            counts[plan.label] += await _pass_records(inner, plan, user_id, taker)
    today = ctx.now().astimezone(ctx.config.zone).date()
    event = PeriodEvent(ctx, user_id, today, date.max, taker, is_leaving=True)
    for _plugin, answer in await ctx.site.hooks.answers("handover", event):
        counts.update(answer)
    counts["Deadlines"] += await _pass_deadlines(ctx, user_id, taker)
    found = {name: count for name, count in counts.items() if count}
    if found:
        name = await ctx.db.value("SELECT name FROM core_user WHERE id = $1", user_id)
        await ctx.notify(
            [taker], "core.handover", N_("{person} handed over to you: {what}."),
            values={"person": name, "what": said_of(ctx, found)}, entity=_USER, record_id=user_id,
            key=f"handover:{ctx.operation}:{user_id}",
        )  # fmt: skip
    return found


async def _pass_records(ctx: Context, plan: EntityPlan, user_id: int, taker: int) -> int:
    if not is_held(plan):
        return 0
    condition, ended = open_where(plan, 2)
    rows = await ctx.db.rows(
        f'SELECT t.id FROM "{plan.tablename}" t WHERE t.owner = $1 AND {condition} ORDER BY t.id',  # noqa: S608 - declared names
        user_id,
        ended,
    )
    for row in rows:
        await save_record(ctx, plan, row["id"], {"owner": taker})
    return len(rows)


async def _pass_deadlines(ctx: Context, user_id: int, taker: int) -> int:
    """Pass the deadlines that were set for the person and not for the owner of their record."""
    rows = await ctx.db.rows(
        "UPDATE core_deadline SET responsible = $2 WHERE responsible = $1 "
        "AND state IN ('open', 'missed', 'paused') RETURNING id, revision",
        user_id,
        taker,
    )
    await note(ctx, [(row["id"], row["revision"], "changed", "") for row in rows])
    return len(rows)


async def _find_taker(ctx: Context, user_id: int, text: str) -> int:
    rows = await ctx.db.rows(
        "SELECT id FROM core_user WHERE active AND trashed_at IS NULL AND (lower(email) = "
        "lower($1) OR lower(name) = lower($1)) ORDER BY id LIMIT 2",
        text.strip(),
    )
    problem = _NOBODY[min(len(rows), 1) if len(rows) != 1 else 2]
    if len(rows) == 1 and rows[0]["id"] != user_id:
        return int(rows[0]["id"])
    refused = ctx.translate(N_("Nothing was handed over."))
    raise InvalidError(refused, {"to": ctx.translate(problem)})


#: What can be done with a user besides what is declared of him.
HAND_OVER = Action(
    "hand-over",
    N_("Hand over"),
    hand_over,
    "admin",
    input=HandOver,
    icon="user-share",
    bulk=False,
    quiet=True,
    labels={
        "to": N_("E-mail or name of who takes over"),
        "disable": N_("This person may no longer sign in"),
    },
    kinds={"to": "user"},
    done=N_("Handed over"),
)
