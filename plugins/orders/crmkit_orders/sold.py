"""What was sold of each product, bundles by the shares of their parts."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from crmkit import (
    N_,
    Report,
    Request,
    Response,
    _,
    answer,
    context_of,
    format_money,
    format_number,
    get,
)
from crmkit_orders.asking import Question
from crmkit_orders.domain.money import round_money
from crmkit_orders.tables import UNIT_CHOICES
from crmkit_orders.told import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context

URL = "/orders/sold"
_DAYS = 365
_MOST = 200
_UNITS = {each.value: each.label for each in UNIT_CHOICES}
REPORT = Report("orders-sold", N_("Sold by product"), URL, "chart-bar", "orders.order")

# A line of a bundle counts by its parts, each with its share; what came back is taken off by its
# part of the net, as a whole bundle or by itself.
_SOLD = """
SELECT l.product, l.unit, l.quantity, coalesce(l.returned, 0) AS returned, l.net, l.unit_cost,
    l."order"
FROM orders_order_line l
WHERE l.trashed_at IS NULL AND l.product IS NOT NULL AND l.quantity > 0 AND NOT EXISTS (
    SELECT 1 FROM orders_line_part p WHERE p.line = l.id AND p.trashed_at IS NULL)
UNION ALL
SELECT p.product, b.unit, p.quantity,
    least(p.quantity, coalesce(p.returned, 0)
        + p.quantity * coalesce(l.returned, 0) / l.quantity), p.net, p.unit_cost, p."order"
FROM orders_line_part p JOIN orders_order_line l ON l.id = p.line AND l.quantity > 0
JOIN orders_product b ON b.id = p.product
WHERE p.trashed_at IS NULL AND p.quantity > 0
"""


class SoldLine(NamedTuple):
    """What was sold of a product in one currency, returns taken off.

    Attributes:
        cost: None where the cost of something is unknown.
    """

    product: int
    name: str
    unit: str
    currency: str
    quantity: Decimal
    net: Decimal
    cost: Decimal | None

    @property
    def margin(self) -> Decimal | None:
        """Net less cost."""
        return None if self.cost is None else self.net - self.cost


async def sold_by_product(ctx: Context) -> list[SoldLine]:
    """Answer what orders confirmed in the last year come to by product, currency and unit.

    The largest net of each currency is first; amounts of different currencies are never added.
    """
    question = Question(ctx)
    since = question.add(ctx.now() - timedelta(days=_DAYS))
    own = question.add(ctx.config.currency)
    rows = await question.rows(
        f"WITH sold AS ({_SOLD}) SELECT s.product, p.name, s.unit, "  # noqa: S608 - a predicate
        f"coalesce(nullif(t.currency, ''), {own}::text) AS currency, "
        "sum(s.quantity - s.returned) AS quantity, "
        "sum(s.net * (s.quantity - s.returned) / s.quantity) AS net, "
        "CASE WHEN count(*) = count(s.unit_cost) "
        "THEN sum(s.unit_cost * (s.quantity - s.returned)) END AS cost "
        'FROM sold s JOIN orders_order t ON t.id = s."order" '
        "JOIN orders_product p ON p.id = s.product "
        "WHERE t.state IN ('confirmed', 'in_progress', 'fulfilled', 'closed') "
        f"AND t.confirmed_at >= {since}::timestamptz AND {question.may('orders.order')} "
        f"AND {question.may('orders.product', 'p')} "
        f"GROUP BY 1, 2, 3, 4 ORDER BY 4, net DESC, 2 LIMIT {_MOST}"
    )
    return [_line(row) for row in rows]


def _line(row: Mapping[str, Any]) -> SoldLine:
    currency, cost = row["currency"], row["cost"]
    return SoldLine(
        row["product"], row["name"], row["unit"], currency, plain(row["quantity"]),
        round_money(row["net"] or Decimal(0), currency),
        None if cost is None else round_money(cost, currency),
    )  # fmt: skip


@get(URL, policy="orders.order.read")
async def sold_show(request: Request[Any, Any, Any]) -> Response[str]:
    """Show what was sold of each product; the margin to those who may know it."""
    ctx = context_of(request)
    is_margin = ctx.may("orders.margin")
    lines = [
        {
            "url": f"/orders.product/{each.product}",
            "name": each.name,
            "quantity": _counted(ctx, each),
            "net": format_money(ctx, each.net, each.currency),
            "margin": ""
            if each.margin is None or not is_margin
            else format_money(ctx, each.margin, each.currency),
        }
        for each in await sold_by_product(ctx)
    ]
    return answer(
        request, "orders/sold.html", title=_("Sold by product"), lines=lines, is_margin=is_margin
    )


def _counted(ctx: Context, line: SoldLine) -> str:
    unit = "" if line.unit in {"C62", "H87", "EA"} else ctx.translate(_UNITS.get(line.unit, ""))
    return f"{format_number(ctx, line.quantity)} {unit}".strip()
