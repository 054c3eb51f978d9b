"""The figures of metrics, as far as the reader may see what they count."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.access.predicate import may_use
from crmkit.errors import NotFoundError
from crmkit.model.values import N_
from crmkit.records.filters import Filter
from crmkit.records.query import ListQuery, where_clause
from crmkit.records.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from crmkit.model.context import Context
    from crmkit.plugin.metrics import MetricPlan

_DATES = frozenset({"date", "datetime"})


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """What a metric comes to.

    Attributes:
        count: Records counted or added up, in all currencies.
        value: The sum, or the count of a metric without a measure; of money what is in
            `currency`, the site's own.
        others: Sums in other currencies, which cannot be added to it.
        filters: Those of the list that shows the same records.
    """

    name: str
    entity: str
    count: int
    value: Decimal
    currency: str = ""
    others: dict[str, Decimal] = {}
    filters: tuple[Filter, ...] = ()


async def metric_values(
    ctx: Context, names: Iterable[str], more: Sequence[Filter] = ()
) -> dict[str, Figure]:
    """Answer figures by the metric's whole name; one statement for all of them.

    Those whose entity the reader may not read are left out.

    Args:
        more: Further filters, such as the reader's own records.

    Raises:
        NotFoundError: There is no such metric.
    """
    metrics = [find_metric(ctx, name) for name in names]
    statement = Statement()
    parts: list[str] = []
    asked: list[tuple[MetricPlan, tuple[Filter, ...]]] = []
    for metric in metrics:
        if not await may_use(ctx, ctx.site.entity(metric.entity), "read"):
            continue
        filters = (*more, *metric_filters(ctx, metric))
        parts.append(await _part(ctx, metric, filters, len(asked), statement))
        asked.append((metric, filters))
    if not parts:
        return {}
    rows = await ctx.db.rows(" UNION ALL ".join(parts), *statement.args)
    return {
        metric.name: _figure(ctx, metric, filters, [row for row in rows if row["place"] == place])
        for place, (metric, filters) in enumerate(asked)
    }


def find_metric(ctx: Context, name: str) -> MetricPlan:
    """Answer a metric of the Site.

    Raises:
        NotFoundError: It has none of that name.
    """
    found: MetricPlan | None = ctx.site.metrics.get(name)
    if found is None:
        text = ctx.translate(N_("There is no metric `{name}` here."))
        raise NotFoundError(text.format(name=name[:80]))
    return found


def metric_filters(ctx: Context, metric: MetricPlan) -> tuple[Filter, ...]:
    """Answer the filters of a metric, with `today`, `week` and the like as days of the reader."""
    plan = ctx.site.entity(metric.entity)
    today = ctx.now().astimezone(ctx.time_zone).date()
    monday = today - timedelta(days=today.weekday())
    days = {
        "today": today,
        "tomorrow": today + timedelta(days=1),
        "week": monday,
        "next_week": monday + timedelta(days=7),
        "month": today.replace(day=1),
        "year": today.replace(month=1, day=1),
    }
    made = []
    for name, op, value in metric.metric.filters:
        field = plan.field(name)
        is_day = field is not None and field.kind in _DATES and value in days
        made.append(Filter(name, op, days[value].isoformat() if is_day else value))
    return tuple(made)


async def _part(
    ctx: Context,
    metric: MetricPlan,
    filters: tuple[Filter, ...],
    place: int,
    statement: Statement,
) -> str:
    plan = ctx.site.entity(metric.entity)
    where = await where_clause(ctx, plan, ListQuery(filters=filters), statement)
    total, currency = "NULL::numeric", "''::text"
    if metric.measure:
        total = f"coalesce(sum({plan.fields[metric.measure].sql()}), 0)::numeric"
        if _is_money(ctx, metric):
            currency = f"coalesce(nullif(t.currency, ''), {statement.add(ctx.config.currency)})"
    return (
        f"SELECT {int(place)} AS place, {currency} AS currency, count(*) AS count, "  # noqa: S608 - checked names
        f'{total} AS total FROM "{plan.tablename}" t WHERE {where} GROUP BY 2'
    )


def _is_money(ctx: Context, metric: MetricPlan) -> bool:
    plan = ctx.site.entity(metric.entity)
    field = plan.field(metric.measure)
    return field is not None and field.kind == "money" and "currency" in plan.fields


def _figure(
    ctx: Context, metric: MetricPlan, filters: tuple[Filter, ...], rows: Sequence[Any]
) -> Figure:
    count = sum(row["count"] for row in rows)
    own = ctx.config.currency if _is_money(ctx, metric) else ""
    sums = {row["currency"]: row["total"] for row in rows if row["total"] is not None}
    value = sums.pop(own, Decimal(0)) if metric.measure else Decimal(count)
    return Figure(
        name=metric.name,
        entity=metric.entity,
        count=count,
        value=value,
        currency=own,
        others=sums,
        filters=filters,
    )
