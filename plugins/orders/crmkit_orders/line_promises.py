"""By when each line of an order is promised and why, how much is open, and what watches it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from crmkit import (
    N_,
    DeadlineOrder,
    Sentence,
    capacity_of,
    deadlines,
    keep_sentences,
    next_business_time,
)
from crmkit_orders.availability import readiness_of
from crmkit_orders.domain.promises import promise_beside
from crmkit_orders.domain.quantities import LineCounts, open_quantity
from crmkit_orders.reading import read_row
from crmkit_orders.settings import Settings
from crmkit_orders.states import RUNNING
from crmkit_orders.step_load import minutes_of
from crmkit_orders.told import kept
from crmkit_orders.totals import counts_of, every_order_row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit import BusinessCalendar, Context
    from crmkit_orders.availability import Readiness

_ZERO = Decimal(0)
LINE_KIND = "orders.line"
_BY_HAND = keep_sentences(Sentence(N_("Promised by hand")))
#: Load is asked for so many days; who has more planned than that is free then, for all we know.
_AHEAD = timedelta(days=90)
_AWAY = """
SELECT EXISTS (SELECT FROM core_absence WHERE absentee = $1 AND deputy IS NULL
AND trashed_at IS NULL AND coalesce(last_day, first_day) >= $2)
"""


class LinePromise(msgspec.Struct, frozen=True):
    """What a line is promised for.

    Attributes:
        due: In UTC.
        rule: Why, kept for readers of any language.
        goods_on: Day it waits for.
        ready_at: When what it waited for came, or comes.
        is_open: Nothing more is expected of what it lacks.
        lacks: Of its scarcest product, how much is not there.
    """

    due: datetime
    rule: str
    goods_on: date | None = None
    ready_at: datetime | None = None
    is_open: bool = False
    lacks: Decimal = _ZERO


def open_agreed(row: Mapping[str, Any]) -> Decimal:
    """Answer how much of a line may be sent off: confirmed, still wanted, and open."""
    if row["confirmed"] is None or row["trashed_at"] is not None:
        return _ZERO
    return open_of(row, min(row["confirmed"], row["quantity"] or _ZERO))


def open_of(row: Mapping[str, Any], ordered: Decimal) -> Decimal:
    """Answer how much of a line is open when so much of it is ordered."""
    counts = counts_of(row)
    return open_quantity(
        LineCounts(
            ordered=ordered, delivered=counts.delivered, returned=counts.returned,
            cancelled=counts.cancelled,
        )
    )  # fmt: skip


async def line_promises(
    ctx: Context, order: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> dict[int, LinePromise]:
    """Answer for when the open lines of an order are promised: stock, calendar, capacity.

    A line begins when it was ordered, or when its goods are there, and takes the hours of the
    settings in open time of the order's team, beside what its owner has planned.

    Args:
        order: With `id`, `owner`, `team`, and `confirmed_at` where it is confirmed.
        rows: Its lines by position, as they are stored.
    """
    hours = Decimal(ctx.settings(Settings).promise_hours)
    calendar = await calendar_for(ctx, order["team"], order["owner"])
    confirmed = order.get("confirmed_at")
    planned = await _planned(ctx, order, confirmed or ctx.now(), calendar)
    ready = await readiness_of(ctx, order, rows)
    found = {}
    for row in rows:
        if open_quantity(counts_of(row)) <= 0:
            continue
        start = max(confirmed, row["created_at"]) if confirmed else ctx.now()
        goods_on, ready_at = _arrival(ctx, row, ready.get(row["id"]), calendar)
        begin = max(start, ready_at) if ready_at else start
        due = promise_beside(begin, hours, calendar, planned)
        own = ready.get(row["id"])
        is_open = own is not None and own.cover.is_open
        if is_open and row["due_at"] is not None:
            due = max(due, row["due_at"])  # nothing comes sooner because nothing is expected
        by_hand = row["promised_at"]
        found[row["id"]] = LinePromise(
            due=by_hand or due,
            rule=_BY_HAND if by_hand
            else _explain(begin, hours, own, planned, due, calendar),
            goods_on=goods_on, ready_at=ready_at, is_open=is_open,
            lacks=own.lacks if own is not None else _ZERO,
        )  # fmt: skip
    return found


async def calendar_for(ctx: Context, team: int | None, owner: int | None) -> BusinessCalendar:
    """Answer in which calendar an order is promised.

    The team's; days on which its owner is away are closed only while nobody stands in.
    """
    today = ctx.now().astimezone(ctx.config.zone).date()
    is_away = owner is not None and await ctx.db.value(_AWAY, owner, today)
    return await ctx.calendar(team=team, user=owner if is_away else None)


async def _planned(
    ctx: Context, order: Mapping[str, Any], begin: datetime, calendar: BusinessCalendar
) -> dict[date, int]:
    """Answer what the owner has planned besides this order, by day in minutes of open time."""
    if order["owner"] is None:
        return {}
    first = max(begin, ctx.now()).astimezone(ZoneInfo(calendar.zone)).date()
    last = first + _AHEAD
    days = await capacity_of(ctx, order["owner"], first, last, calendar)
    own = await minutes_of(ctx, order["owner"], first, last, order=order["id"])
    left = {day: each.planned - own.get(day, 0) for day, each in days.items()}
    return {day: minutes for day, minutes in left.items() if minutes > 0}


def _arrival(
    ctx: Context, row: Mapping[str, Any], own: Readiness | None, calendar: BusinessCalendar
) -> tuple[date | None, datetime | None]:
    """Answer the day a line waits for, and when its goods come or came."""
    if own is not None and own.cover.day is not None:
        midnight = datetime.combine(own.cover.day, time(), ZoneInfo(calendar.zone))
        return own.cover.day, next_business_time(midnight, calendar)
    if own is not None and own.cover.is_open:
        return None, row["ready_at"]
    # All of it is there: what was waited for has come just now.
    was_to_come = row["ready_at"] is not None and row["ready_at"] > ctx.now()
    has_come = row["goods_on"] is not None or was_to_come
    return None, ctx.now() if has_come else row["ready_at"]


def _explain(
    begin: datetime, hours: Decimal, own: Readiness | None,
    planned: Mapping[date, int], due: datetime, calendar: BusinessCalendar,
) -> str:  # fmt: skip
    said = []
    if own is not None and (own.cover.day or own.cover.is_open):
        values: dict[str, object] = {
            "product": own.product, "there": own.cover.there, "needed": own.needed,
        }  # fmt: skip
        text = N_("{product}: {there} of {needed} are there, and nothing more is expected")
        if own.cover.day is not None:
            text = N_("{product}: {there} of {needed} are there, the rest is expected on {day}")
            values["day"] = own.cover.day
        said.append(kept(text, values))
    # To the minute, as it is read: lines that are alike are told of once.
    moment = begin.replace(second=0, microsecond=0)
    text = N_("{hours} h of business time from {moment}")
    said.append(kept(text, {"moment": moment, "hours": hours}))
    last = due.astimezone(ZoneInfo(calendar.zone)).date()
    taken = sum(minutes for day, minutes in planned.items() if day <= last)
    if taken:
        planned_hours = round(Decimal(taken) / 60, 1)
        said.append(kept(N_("{hours} h are planned before it"), {"hours": planned_hours}))
    return keep_sentences(*said)


async def write_promises(ctx: Context, found: Mapping[int, LinePromise]) -> None:
    """Keep what lines are promised for, and why."""
    for number, each in found.items():
        await ctx.derive(
            "orders.order_line", number, due_at=each.due, promise_rule=each.rule,
            goods_on=each.goods_on, ready_at=each.ready_at, lacks=each.lacks,
        )  # fmt: skip


async def settle_lines(ctx: Context, order_id: int) -> None:
    """Bring what is open of lines, for when they are promised, and their deadlines up to date.

    A line that is promised with its order has no deadline of its own: the order's tells of it.
    """
    order = await read_row(ctx, "SELECT * FROM orders_order WHERE id = $1", order_id)
    if order is None:
        return
    is_running = order["state"] in RUNNING
    watched = []
    for row in await every_order_row(ctx, order_id):
        left = open_agreed(row)
        due = row["due_at"]
        if order["is_promised_by_hand"] or due is None:
            due = row["promised_at"] or order["promised_at"]
        if left != row["open_quantity"] or due != row["due_at"]:
            values: dict[str, Any] = {"open_quantity": left, "due_at": due}
            if order["is_promised_by_hand"]:
                values |= {"promise_rule": "", "goods_on": None}
            await ctx.derive("orders.order_line", row["id"], **values)
        if row["trashed_at"] is None:
            own = due if is_running and left > 0 and due != order["promised_at"] else None
            watched.append(
                DeadlineOrder(
                    record=row["id"], due=own, is_met=left <= 0, warn_before=warnings(ctx),
                    responsible=order["holder"] or order["owner"], calendar=order["team"],
                )
            )  # fmt: skip
    has_any = any(each.due is not None for each in watched) or await ctx.db.value(
        "SELECT EXISTS (SELECT FROM core_deadline d JOIN orders_order_line l ON l.id = d.record "
        "WHERE d.kind = $2 AND l.\"order\" = $1 AND d.state IN ('open', 'missed', 'paused'))",
        order_id, LINE_KIND,
    )  # fmt: skip
    if has_any:
        await deadlines.set_many(ctx, "orders.order_line", LINE_KIND, watched)


def warnings(ctx: Context) -> tuple[timedelta, ...]:
    """Answer how long before a promise somebody is warned, in business time."""
    hours = ctx.settings(Settings).warn_hours
    return (timedelta(hours=hours),) if hours else ()
