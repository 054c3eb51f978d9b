"""Deadlines of orders: the promise to the client, and the due time of each step."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from crmkit import N_, DeadlineKind, DeadlineOrder, Step
from crmkit_orders.domain.quantities import open_quantity
from crmkit_orders.line_promises import LINE_KIND, warnings
from crmkit_orders.reading import read_row, read_rows
from crmkit_orders.states import RUNNING
from crmkit_orders.totals import counts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit import Context, Event

MISSED = "core.deadline.missed"
_LADDER = (Step(timedelta(hours=2)), Step(timedelta(hours=8), "head"))


async def promises_of(ctx: Context, orders: Sequence[int]) -> list[DeadlineOrder]:
    """Answer until when orders must be delivered, as they are now; two statements."""
    rows = await read_rows(
        ctx,
        "SELECT id, state, promised_at, coalesce(holder, owner) AS responsible, team "
        "FROM orders_order WHERE id = ANY($1)",
        list(orders),
    )
    lines = await read_rows(
        ctx,
        'SELECT * FROM orders_order_line WHERE "order" = ANY($1) AND trashed_at IS NULL',
        list(orders),
    )
    is_open = {row["order"] for row in lines if open_quantity(counts_of(row)) > 0}
    warned = warnings(ctx)
    made = []
    for row in rows:
        waits = row["state"] in RUNNING and row["id"] in is_open
        made.append(
            DeadlineOrder(
                record=row["id"],
                due=row["promised_at"] if waits else None,
                is_met=row["state"] in {*RUNNING, "fulfilled", "closed"} and not waits,
                warn_before=warned,
                responsible=row["responsible"],
                calendar=row["team"],
            )
        )
    return made


async def steps_of(ctx: Context, steps: Sequence[int]) -> list[DeadlineOrder]:
    """Answer until when steps must be done, as they are now; one statement.

    A step that is due with the promise itself counts, and is told of by the promise.
    """
    rows = await read_rows(
        ctx,
        "SELECT s.id, s.state, s.due_at, s.holder, o.team, "
        "(s.due_at IS NOT DISTINCT FROM o.promised_at) AS is_told "
        'FROM orders_step s JOIN orders_order o ON o.id = s."order" WHERE s.id = ANY($1)',
        list(steps),
    )
    warned = warnings(ctx)
    return [
        DeadlineOrder(
            record=row["id"],
            due=row["due_at"] if row["state"] == "active" else None,
            is_met=row["state"] == "done",
            tell_at_due=not row["is_told"],
            warn_before=() if row["is_told"] else warned,
            ladder=() if row["is_told"] else None,
            responsible=row["holder"],
            calendar=row["team"],
        )
        for row in rows
    ]


async def tell_late(event: Event) -> None:
    """Say that an order is late when its promise has passed, once for each promise.

    The deadline passes once, and what was done about it since is looked at again.
    """
    if event.name != MISSED or event.data.get("kind") != "orders.promise" or not event.record_id:
        return
    ctx, order_id = event.ctx, event.record_id
    order = await read_row(ctx, "SELECT state, promised_at FROM orders_order WHERE id = $1",
                           order_id)  # fmt: skip
    missed = datetime.fromisoformat(str(event.data["due"]))
    if order is None or order["state"] not in RUNNING or order["promised_at"] != missed:
        return
    await ctx.publish("orders.order.late", "orders.order", order_id, promised_at=missed.isoformat())


async def lines_of(ctx: Context, lines: Sequence[int]) -> list[DeadlineOrder]:
    """Answer until when lines must be delivered that are promised apart from their order."""
    rows = await read_rows(
        ctx,
        "SELECT l.id, l.due_at, l.open_quantity, o.state, o.promised_at, o.team, "
        "coalesce(o.holder, o.owner) AS responsible FROM orders_order_line l "
        'JOIN orders_order o ON o.id = l."order" WHERE l.id = ANY($1)',
        list(lines),
    )
    warned = warnings(ctx)
    made = []
    for row in rows:
        is_open = row["state"] in RUNNING and (row["open_quantity"] or 0) > 0
        is_apart = is_open and row["due_at"] != row["promised_at"]
        made.append(
            DeadlineOrder(
                record=row["id"], due=row["due_at"] if is_apart else None, is_met=not is_open,
                warn_before=warned, responsible=row["responsible"], calendar=row["team"],
            )
        )  # fmt: skip
    return made


PROMISE = DeadlineKind(
    "promise",
    N_("Promise"),
    ladder=_LADDER,
    entity="orders.order",
    fields=("state", "promised_at", "owner", "team"),
    follow=promises_of,
)
STEP = DeadlineKind(
    "step",
    N_("Step of an order"),
    ladder=_LADDER,
    entity="orders.step",
    fields=("state", "due_at", "holder"),
    follow=steps_of,
)
LINE = DeadlineKind(
    LINE_KIND.partition(".")[2],
    N_("Promise of a line"),
    ladder=_LADDER,
    entity="orders.order_line",
    fields=("promised_at",),
    follow=lines_of,
)
DEADLINES = (PROMISE, LINE, STEP)
