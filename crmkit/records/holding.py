"""What a person holds: open records, and what plugins know of; who leaves has to hand it over."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.model.values import N_
from crmkit.plugin.events import PeriodEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.model.job import JobEvent
    from crmkit.plugin.plan import EntityPlan

_USER = "core.user"
#: Users and teams have an owner as every record has, and it means nothing there.
_CORE = "core"


def is_held(plan: EntityPlan) -> bool:
    """Say whether records of an entity are somebody's to see to."""
    return plan.plugin != _CORE and plan.part_of is None and "owner" in plan.fields


def open_where(plan: EntityPlan, place: int) -> tuple[str, list[str]]:
    """Answer under which condition a record `t` is open, and the argument at this place."""
    ended: list[str] = []
    state = "''"
    if plan.lifecycle is not None:
        ended = [each.name for each in plan.lifecycle.states if each.kind != "open"]
        state = f't."{plan.lifecycle.column}"'
    return f"t.trashed_at IS NULL AND {state} <> ALL(${place}::text[])", ended


async def held_by(ctx: Context, user_id: int) -> dict[str, int]:
    """Answer what a person holds by English name, in its order; nothing of what is closed.

    Deadlines are not counted: they are those of what is.
    """
    args: list[Any] = [user_id]
    parts = []
    for name, plan in sorted(ctx.site.entities.items()):
        if is_held(plan):
            condition, ended = open_where(plan, len(args) + 1)
            args.append(ended)
            parts.append(
                f"SELECT '{name}' AS entity, count(*) AS number FROM \"{plan.tablename}\" t "  # noqa: S608 - declared names
                f"WHERE t.owner = $1 AND {condition}"
            )
    counts: Counter[str] = Counter()
    for row in await ctx.db.rows(" UNION ALL ".join(parts), *args) if parts else ():
        counts[ctx.site.entity(row["entity"]).label] += row["number"]
    today = ctx.now().astimezone(ctx.config.zone).date()
    event = PeriodEvent(ctx, user_id, today, date.max, is_leaving=True)
    for _plugin, answer in await ctx.site.hooks.collect("holds", event, _counts):
        counts.update(answer)
    return {name: count for name, count in sorted(counts.items()) if count}


def _counts(answer: Any) -> Mapping[str, int]:  # noqa: ANN401 - a stranger's answer
    """Answer counts by name.

    Raises:
        msgspec.ValidationError: It is something else.
    """
    return msgspec.convert(answer, dict[str, int])


def said_of(ctx: Context, counts: Mapping[str, int]) -> str:
    """Answer counts by name as one line, such as "Companies 4, Orders 2"."""
    return ", ".join(f"{ctx.translate(name)} {count}" for name, count in sorted(counts.items()))


async def tell_of_held(event: JobEvent) -> None:
    """Tell administrators what somebody still holds who may no longer sign in, once."""
    ctx, user_id = event.ctx, event.args["user"]
    row = await ctx.db.row(
        "SELECT name FROM core_user WHERE id = $1 AND (NOT active OR trashed_at IS NOT NULL)",
        user_id,
    )
    held = await held_by(ctx, user_id) if row is not None else {}
    if row is None or not held:
        return
    roles = [name for name, role in ctx.site.roles.items() if role.scope(_USER, "admin") == "all"]
    rows = await ctx.db.rows(
        "SELECT id FROM core_user WHERE role = ANY($1) AND active AND trashed_at IS NULL", roles
    )
    await ctx.notify(
        [each["id"] for each in rows], "core.left",
        N_("{person} may no longer sign in and still holds: {what}. Hand it over."),
        values={"person": row["name"], "what": said_of(ctx, held)}, entity=_USER,
        record_id=user_id, key=f"held:{user_id}:{event.args['at']}",
    )  # fmt: skip
