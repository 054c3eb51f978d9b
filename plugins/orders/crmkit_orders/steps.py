"""The steps of an order: one is active, one person holds it, and each hand-over is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from crmkit import N_, ConflictError, InvalidError, Veto
from crmkit_orders.reading import read_row, read_rows
from crmkit_orders.states import FOLLOWING
from crmkit_orders.step_names import kept_name
from crmkit_orders.step_plans import due_of, holder_of, planned_steps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit import Context, PeriodEvent, SaveEvent

_HELD = """
SELECT id, "order" FROM orders_step WHERE holder = $1 AND trashed_at IS NULL
AND state IN ('active', 'waiting') AND ($2 OR (state = 'active'
    AND (due_at IS NULL OR (due_at AT TIME ZONE $4)::date <= $3))) ORDER BY "order", id
"""
#: Of a step that goes to somebody else because who held it is away or has left.
_AWAY = N_("Stands in")


class FinishStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the step was done or skipped; skipping has a reason."""

    skip: bool = False
    reason: Annotated[str, msgspec.Meta(max_length=300)] = ""


class HandOver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who takes the step."""

    to: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    reason: Annotated[str, msgspec.Meta(max_length=300)] = ""


async def begin_steps(ctx: Context, order: Mapping[str, Any]) -> None:
    """Give a confirmed order the steps of the company's plan.

    Raises:
        Veto: Nobody is there to hold it.
    """
    if not order["owner"]:
        text = ctx.translate(N_("Nobody is responsible for the first step. Choose an owner."))
        raise Veto(text, owner=ctx.translate(N_("is needed; fill it in")))
    if await _rows(ctx, order["id"]):
        return
    for place, plan in enumerate(await planned_steps(ctx), 1):
        await ctx.create(
            "orders.step", order=order["id"], position=place, name=plan["name"], plan=plan["id"],
            ends_with=plan["ends_with"],
        )  # fmt: skip
    await _go_on(ctx, order)
    await _note(ctx, order["id"])


async def check_step(event: SaveEvent) -> None:
    """Refuse to begin a step of an order that is not running, or to end none, such as by an undo.

    Raises:
        Veto: It is so.
    """
    before, state = event.before, event.values.get("state")
    if event.entity.name != "orders.step" or not before or state not in {"active", "waiting"}:
        return
    order = await event.ctx.db.value(
        "SELECT state FROM orders_order WHERE id = $1", before["order"]
    )
    if state == "active" and order not in FOLLOWING:
        raise Veto(event.ctx.translate(N_("The order is not running, so no step of it begins.")))
    if state == "waiting" and before["position"] == 1:
        raise Veto(event.ctx.translate(N_("The first step waits for nothing.")))


async def _note(ctx: Context, order: int, version: int | None = None) -> None:
    """Save at the order which step it is at and who holds it.

    A new version, so that a step is not ended twice by a page that shows the one before, and
    deadlines go to who holds it now.
    """
    active = next((row for row in await _rows(ctx, order) if row["state"] == "active"), None)
    name = await kept_name(ctx, active) if active else ""
    await ctx.save(
        "orders.order", order, version=version,
        step=name, holder=active["holder"] if active else None,
    )  # fmt: skip


async def _rows(ctx: Context, order: int) -> Sequence[Mapping[str, Any]]:
    return await read_rows(
        ctx,
        'SELECT * FROM orders_step WHERE "order" = $1 AND trashed_at IS NULL ORDER BY position, id',
        order,
    )


async def _go_on(ctx: Context, order: Mapping[str, Any], before: int | None = None) -> None:
    """Begin the first step that waits, with whom the plan names; else the one before, or the owner.

    Args:
        before: Who held the step before.
    """
    rows = await _rows(ctx, order["id"])
    waiting = next((row for row in rows if row["state"] == "waiting"), None)
    if waiting is None:
        return
    plan = await read_row(ctx, "SELECT * FROM orders_step_plan WHERE id = $1", waiting["plan"])
    who = waiting["holder"] or await holder_of(ctx, plan, order, before)
    due = waiting["due_at"] or await due_of(ctx, plan, waiting, order)
    await ctx.save(
        "orders.step", waiting["id"], state="active", holder=who, began_at=ctx.now(), due_at=due
    )
    if who is not None:
        await _tell(ctx, order, waiting, who, f"step:{waiting['id']}:{who}")


async def _tell(
    ctx: Context, order: Mapping[str, Any], step: Mapping[str, Any], who: int, key: str
) -> None:
    await ctx.notify(
        [who], "orders.step", N_("{order} is with you: {step}."),
        values={"order": str(order["number"]), "step": await kept_name(ctx, step)},
        entity="orders.order", record_id=order["id"], key=key,
    )  # fmt: skip


async def finish_step(
    ctx: Context, order_id: int, data: FinishStep, version: int | None = None
) -> None:
    """End the active step and begin the next one.

    Raises:
        InvalidError: It is skipped without a reason.
        ConflictError: No step is active.
        StaleVersionError: The order changed since the page was shown.
    """
    if data.skip and not data.reason.strip():
        text = ctx.translate(N_("is needed when a step is skipped"))
        raise InvalidError(ctx.translate(N_("The step was not skipped.")), {"reason": text})
    order = await ctx.get("orders.order", order_id, "edit", lock=True)
    step = await active_step(ctx, order_id)
    await _end(ctx, order, step, "skipped" if data.skip else "done", data.reason)
    await _note(ctx, order_id, version)


async def active_step(ctx: Context, order_id: int) -> Mapping[str, Any]:
    """Answer the step an order is at.

    Raises:
        ConflictError: None is active.
    """
    for row in await _rows(ctx, order_id):
        if row["state"] == "active":
            return row
    raise ConflictError(ctx.translate(N_("No step of this order is active.")))


async def _end(
    ctx: Context, order: Mapping[str, Any], step: Mapping[str, Any], state: str, reason: str = ""
) -> None:
    """End a step and begin the next one."""
    await ctx.save("orders.step", step["id"], state=state, ended_at=ctx.now(), reason=reason)
    await _go_on(ctx, order, step["holder"])


async def finish_after(ctx: Context, order: Mapping[str, Any], happened: Sequence[str]) -> None:
    """End active steps while they end with what has happened.

    Args:
        happened: Of "shipped", "delivered" and "invoiced".
    """
    while True:
        rows = await _rows(ctx, order["id"])
        active = next((row for row in rows if row["state"] == "active"), None)
        if active is None or active["ends_with"] not in happened:
            return
        await _end(ctx, order, active, "done")
        await _note(ctx, order["id"])


async def skip_rest(ctx: Context, order: Mapping[str, Any], reason: str) -> None:
    """Skip all steps that are not done: the order was cancelled."""
    for row in await _rows(ctx, order["id"]):
        if row["state"] in {"waiting", "active"}:
            await ctx.save(
                "orders.step", row["id"], state="skipped", ended_at=ctx.now(), reason=reason
            )
    await _note(ctx, order["id"])


async def hand_over(
    ctx: Context, order_id: int, data: HandOver, version: int | None = None
) -> None:
    """Give the active step to somebody else, who is told.

    Raises:
        InvalidError: There is nobody of that name or address, or there are several.
        ConflictError: No step is active.
        StaleVersionError: The order changed since the page was shown.
    """
    order = await ctx.get("orders.order", order_id, "edit", lock=True)
    step = await active_step(ctx, order_id)
    taker = await _find_user(ctx, data.to)
    await _give(ctx, order, step, taker, data.reason, version)


async def _give(
    ctx: Context, order: Mapping[str, Any], step: Mapping[str, Any], taker: int, reason: str,
    version: int | None = None,
) -> None:  # fmt: skip
    if taker == step["holder"]:
        return
    await ctx.create(
        "orders.handover", order=order["id"], step=step["name"], giver=step["holder"], taker=taker,
        reason=reason,
    )  # fmt: skip
    await ctx.save("orders.step", step["id"], holder=taker)
    await _note(ctx, order["id"], version)
    await ctx.publish(
        "orders.step.handed_over", "orders.order", order["id"],
        step=step["name"], giver=step["holder"], taker=taker,
    )  # fmt: skip
    await _tell(ctx, order, step, taker, f"step:{step['id']}:{taker}:{ctx.now()}")


async def count_steps(event: PeriodEvent) -> dict[str, int]:
    """Answer how many steps somebody holds that would pass when he leaves."""
    ctx = event.ctx
    rows = await read_rows(ctx, _HELD, event.user_id, event.is_leaving, event.last,
                           str(ctx.config.time_zone))  # fmt: skip
    return {"Steps of orders": len(rows)}


async def pass_steps(event: PeriodEvent) -> dict[str, int]:
    """Pass the steps somebody holds to the deputy; answer how many.

    All of them when the person leaves; while the person is away those that are late or due then,
    and those that nobody gave a due time.
    """
    ctx, taker = event.ctx, event.deputy
    if taker is None:
        return {}
    rows = await read_rows(ctx, _HELD, event.user_id, event.is_leaving, event.last,
                           str(ctx.config.time_zone))  # fmt: skip
    for row in rows:
        order = await read_row(
            ctx, "SELECT * FROM orders_order WHERE id = $1 FOR NO KEY UPDATE", row["order"]
        )
        # Only then what is read is what holds.
        step = await read_row(ctx, "SELECT * FROM orders_step WHERE id = $1", row["id"])
        if order is None or step is None or step["holder"] != event.user_id:
            continue
        if step["state"] == "active":
            await _give(ctx, order, step, taker, ctx.translate(_AWAY))
        else:
            await ctx.save("orders.step", step["id"], holder=taker)
    return {"Steps of orders": len(rows)}


async def _find_user(ctx: Context, text: str) -> int:
    rows = await read_rows(
        ctx,
        "SELECT id FROM core_user WHERE active AND trashed_at IS NULL "
        "AND (lower(email) = lower($1) OR lower(name) = lower($1)) ORDER BY id LIMIT 2",
        text.strip(),
    )
    if len(rows) != 1:
        told = N_("is nobody's name or address here") if not rows else N_("is the name of several")
        raise InvalidError(
            ctx.translate(N_("The step was not handed over.")), {"to": ctx.translate(told)}
        )
    return int(rows[0]["id"])
