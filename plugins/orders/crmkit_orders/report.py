"""Promised against actual, by month, and how long steps take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from babel.dates import format_date

from crmkit import N_, Report, Request, Response, _, answer, context_of, format_number, get
from crmkit_orders.asking import Question
from crmkit_orders.board import BOARD
from crmkit_orders.panels import span_text
from crmkit_orders.step_names import staff_names

if TYPE_CHECKING:
    from datetime import date

    from crmkit import Context

URL = "/orders/report"
_MONTHS = 12

REPORT = Report("orders", N_("Promised and kept"), URL, "chart-bar", "orders.order")


class MonthLine(NamedTuple):
    """A month of fulfilled orders; the bar is in percent of the chart."""

    label: str
    short: str
    fulfilled: str
    on_time: str
    share: str
    percent: float
    delay: str


@get(URL, policy="orders.order.read")
async def report_show(request: Request[Any, Any, Any]) -> Response[str]:
    """Show the share of orders that kept their first promise, and the time steps took."""
    ctx = context_of(request)
    months = await months_of(ctx)
    total = await _total(ctx)
    return answer(
        request, "orders/report.html", title=_("Promised and kept"),
        months=months, total=total, steps=await steps_of(ctx), board_url=BOARD,
    )  # fmt: skip


_KEPT = "count(*) FILTER (WHERE t.fulfilled_at <= t.first_promise)"
_KNOWN = "t.fulfilled_at IS NOT NULL AND t.first_promise IS NOT NULL AND t.state <> 'cancelled'"


async def months_of(ctx: Context) -> list[MonthLine]:
    """Answer the months of the last year in which orders were fulfilled, the oldest first."""
    question = Question(ctx)
    zone = question.add(str(ctx.time_zone))
    rows = await question.rows(
        f"SELECT date_trunc('month', t.fulfilled_at AT TIME ZONE {zone}::text)::date AS month, "  # noqa: S608
        f"count(*) AS many, {_KEPT} AS kept, "
        "extract(epoch FROM avg(t.fulfilled_at - t.first_promise) "
        "FILTER (WHERE t.fulfilled_at > t.first_promise)) AS delay "
        f"FROM orders_order t WHERE {_KNOWN} AND {question.may('orders.order')} "
        f"GROUP BY 1 ORDER BY 1 DESC LIMIT {_MONTHS}"
    )
    return [
        MonthLine(
            label=_month(ctx, row["month"], "LLLL y"),
            short=_month(ctx, row["month"], "LLL"),
            fulfilled=format_number(ctx, row["many"]),
            on_time=format_number(ctx, row["kept"]),
            share=_percent(ctx, row["kept"], row["many"]),
            percent=100 * row["kept"] / row["many"],
            delay=span_text(int(row["delay"])) if row["delay"] else "",
        )
        for row in reversed(rows)
    ]


def _month(ctx: Context, day: date, pattern: str) -> str:
    return format_date(day, pattern, locale=ctx.language)


def _percent(ctx: Context, part: int, whole: int) -> str:
    return f"{format_number(ctx, round(100 * part / whole))} %"


async def _total(ctx: Context) -> dict[str, str]:
    """Answer what all orders together come to; {} without one."""
    question = Question(ctx)
    now = question.add(ctx.now())
    (row,) = await question.rows(
        f"SELECT count(*) FILTER (WHERE {_KNOWN}) AS many, "  # noqa: S608 - a predicate
        f"{_KEPT[:-1]} AND {_KNOWN}) AS kept, "
        f"count(*) FILTER (WHERE t.state IN ('confirmed', 'in_progress') "
        f"AND t.delivery_status <> 'full' AND t.promised_at < {now}::timestamptz) AS late "
        f"FROM orders_order t WHERE {question.may('orders.order')}"
    )
    if not row["many"] and not row["late"]:
        return {}
    return {
        "share": _percent(ctx, row["kept"], row["many"]) if row["many"] else "",
        "many": format_number(ctx, row["many"]),
        "late": format_number(ctx, row["late"]) if row["late"] else "",
    }


async def steps_of(ctx: Context) -> list[dict[str, str]]:
    """Answer how long each step took, from its begin to its end."""
    question = Question(ctx)
    rows = await question.rows(
        "SELECT t.name, max(t.plan) AS plan, min(t.position) AS place, count(*) AS many, "  # noqa: S608 - a predicate
        "extract(epoch FROM avg(t.ended_at - t.began_at)) AS mean, "
        "extract(epoch FROM percentile_cont(0.9) WITHIN GROUP (ORDER BY t.ended_at - t.began_at)) "
        "AS most FROM orders_step t WHERE t.state = 'done' AND t.began_at IS NOT NULL "
        f"AND t.ended_at IS NOT NULL AND {question.may('orders.step')} "
        "GROUP BY t.name ORDER BY place, t.name"
    )
    names = await staff_names(ctx)
    return [
        {
            "label": names.of(ctx, row),
            "many": format_number(ctx, row["many"]),
            "mean": span_text(int(row["mean"])),
            "most": span_text(int(row["most"])),
        }
        for row in rows
    ]
