"""Recurring orders: a draft for each period, once, also for periods that were missed."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from crmkit import N_, ConflictError, InvalidError, NotFoundError, Veto
from crmkit_orders.ordering import repeat_order
from crmkit_orders.reading import read_row
from crmkit_orders.totals import order_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context, JobEvent, SaveEvent

_MONTHS = {"month": 1, "quarter": 3, "year": 12}
#: Orders that one run makes; the rest are made by the next one.
MOST = 50
_REFUSALS = (ConflictError, InvalidError, NotFoundError, Veto)
_DUE = """
SELECT * FROM orders_plan WHERE is_active AND trashed_at IS NULL AND next_on <= $1
AND id <> ALL($2::bigint[]) ORDER BY next_on, id LIMIT 1 FOR UPDATE SKIP LOCKED
"""


def next_day(day: date, every: str, of_month: int) -> date:
    """Answer when the period after that of a day begins.

    Args:
        every: week, month, quarter or year.
        of_month: The day that is kept where the month has it: 31 is 28 February, then 31 March.
    """
    if every == "week":
        return day + timedelta(days=7)
    months = day.year * 12 + day.month - 1 + _MONTHS[every]
    year, month = divmod(months, 12)
    return date(year, month + 1, min(of_month, monthrange(year, month + 1)[1]))


async def repeat_orders(event: JobEvent) -> None:
    """Make the orders that are due, one period after the other."""
    ctx = event.ctx
    if await repeat_due(ctx) == MOST:
        await ctx.enqueue("orders.repeat", key="repeat")


async def repeat_due(ctx: Context, most: int = MOST) -> int:
    """Make the orders of recurring ones that are due, and answer for how many periods it was.

    A plan is locked while its order is made, and names the next period in the same transaction: so
    of two that run at once only one makes it, and who is killed makes none.
    """
    today = ctx.now().astimezone(ctx.config.zone).date()
    failed: list[int] = []
    made = 0
    while made < most:
        async with ctx.db.transaction():
            plan = await read_row(ctx, _DUE, today, failed)
            if plan is None:
                break
            try:
                async with ctx.db.transaction():
                    await _repeat(ctx, plan)
                made += 1
            except _REFUSALS as error:
                failed.append(plan["id"])
                await _tell(ctx, plan, N_("{plan} made no order: {reason}"), reason=str(error))
    return made


async def _repeat(ctx: Context, plan: Mapping[str, Any]) -> None:
    source = await ctx.get("orders.order", plan["order"])
    made = await repeat_order(ctx, plan["order"], plan["owner"] or source["owner"])
    await _check_calls(ctx, plan["order"], made)
    await ctx.save(
        "orders.plan", plan["id"], last_on=plan["next_on"],
        next_on=next_day(plan["next_on"], plan["every"], plan["day"] or plan["next_on"].day),
    )  # fmt: skip
    order = await ctx.get("orders.order", made)
    text = N_("{plan} made the draft {number}. Look at it and confirm it.")
    await _tell(ctx, plan, text, made, number=str(order["number"]))


async def _check_calls(ctx: Context, source: int, made: int) -> None:
    """Refuse an order that would no longer be at the prices of the blanket order it calls off.

    Raises:
        ConflictError: The blanket order has ended, or too little is left of it.
    """
    rows = zip(await order_rows(ctx, source), await order_rows(ctx, made), strict=True)
    for old, new in rows:
        if old["agreement_line"] and not new["agreement_line"]:
            text = ctx.translate(
                N_("the blanket order of {line} has ended, or too little is left of it")
            )
            raise ConflictError(text.format(line=old["text"]))


async def _tell(
    ctx: Context, plan: Mapping[str, Any], text: str, order: int | None = None, **values: str
) -> None:
    if plan["owner"]:
        await ctx.notify(
            [plan["owner"]], "orders.plan", text, values={"plan": str(plan["name"]), **values},
            entity="orders.order" if order else "orders.plan", record_id=order or plan["id"],
            key=f"plan:{plan['id']}:{plan['next_on']}:{bool(order)}",
        )  # fmt: skip


def check_plan(event: SaveEvent) -> None:
    """Refuse a period that was made already.

    Raises:
        Veto: It is so.
    """
    if event.entity.name != "orders.plan":
        return
    whole = {**event.before, **event.values}
    first, last = whole.get("next_on"), whole.get("last_on")
    if first is not None and last is not None and first <= last:
        text = event.ctx.translate(N_("was made already; choose a later day"))
        raise Veto(event.ctx.translate(N_("The recurring order was not changed.")), next_on=text)


async def note_day(event: SaveEvent) -> None:
    """Note the day of the month that somebody chose, which short months do not change."""
    if event.entity.name != "orders.plan" or event.record_id is None:
        return
    chosen = event.values.get("next_on")
    if chosen is not None and "last_on" not in event.values:
        await event.ctx.derive("orders.plan", event.record_id, day=chosen.day)
