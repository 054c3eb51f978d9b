"""Why an order is promised for its date, and where a product is in stock."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from crmkit import N_, Extension, Panel, _, format_date, format_moment, format_number, say_kept
from crmkit_orders.asking import Question
from crmkit_orders.availability import stock_elsewhere
from crmkit_orders.told import plain

if TYPE_CHECKING:
    from datetime import datetime

    from crmkit import Context
    from crmkit_orders.api import Stock

_LINES = 50


async def promise_panel(ctx: Context, order_id: int) -> object:
    """Answer for when each open line is promised and why; lines alike are told of once."""
    question = Question(ctx)
    order = question.add(order_id)
    rows = await question.rows(
        "SELECT t.text, t.due_at, t.promise_rule, o.is_promised_by_hand, o.promise_reason "  # noqa: S608
        'FROM orders_order_line t JOIN orders_order o ON o.id = t."order" '
        f'WHERE t."order" = {order}::bigint AND t.open_quantity > 0 '
        f"AND {question.may('orders.order_line')} ORDER BY t.due_at DESC, t.position, t.id "
        f"LIMIT {_LINES}"
    )
    if not rows:
        return ""
    if rows[0]["is_promised_by_hand"] and not any(row["promise_rule"] for row in rows):
        said = rows[0]["promise_reason"] or _("Without a reason")
        facts = [(_("Promised by hand"), said, None)]
        return ctx.render("orders/facts.html", facts=facts, slack="", tone="")
    alike: dict[tuple[datetime | None, str], list[str]] = {}
    for row in rows:
        alike.setdefault((row["due_at"], row["promise_rule"]), []).append(row["text"])
    facts = [
        (format_moment(ctx, due) if due else "", _told(ctx, _some(ctx, texts), rule), None)
        for (due, rule), texts in alike.items()
    ]
    return ctx.render("orders/facts.html", facts=facts, slack="", tone="")


def _told(ctx: Context, lines: str, stored: str) -> str:
    """Answer lines and why; a rule that begins with the line's name says it by itself."""
    if not stored:
        return lines
    rule = say_kept(ctx, stored)
    return rule if rule.startswith(f"{lines}:") else f"{lines}: {rule}"


def _some(ctx: Context, texts: list[str]) -> str:
    """Answer the names of a few lines, and how many there are besides."""
    if len(texts) <= 2:  # noqa: PLR2004 - more would not be read
        return ", ".join(texts)
    rest = format_number(ctx, len(texts) - 1)
    return _("%(first)s and %(n)s more") % {"first": texts[0], "n": rest}


async def stock_panel(ctx: Context, product_id: int) -> object:
    """Answer what is free, what is expected and when, and what is elsewhere."""
    product = await ctx.get("orders.product", product_id)
    question = Question(ctx)
    number = question.add(product_id)
    rows = await question.rows(
        "SELECT coalesce(t.expected_on, r.expected_on) AS day, r.id, r.number, "  # noqa: S608
        "t.expected - coalesce(t.received, 0) AS quantity FROM orders_receipt_line t "
        "JOIN orders_receipt r ON r.id = t.receipt AND r.state IN ('expected', 'partly') "
        f"AND {question.may('orders.receipt', 'r')} WHERE t.product = {number}::bigint "
        f"AND t.expected > coalesce(t.received, 0) AND {question.may('orders.receipt_line')} "
        "ORDER BY 1 NULLS LAST, t.id LIMIT 5"
    )
    elsewhere = (await stock_elsewhere(ctx, [product_id])).get(product_id, [])
    facts: list[tuple[str, str, str | None]] = []
    if product["is_stocked"]:
        free = (product["on_hand"] or Decimal(0)) - (product["reserved"] or Decimal(0))
        facts.append((_("Free"), format_number(ctx, plain(free)), None))
    for row in rows:
        day = format_date(ctx, row["day"]) if row["day"] else _("No date")
        text = f"{format_number(ctx, plain(row['quantity']))}, {day}"
        facts.append((_("Expected"), text, f"/orders.receipt/{row['id']}"))
    facts += [(each.place or _("Elsewhere"), _elsewhere(ctx, each), None) for each in elsewhere]
    return ctx.render("orders/facts.html", facts=facts, slack="", tone="") if facts else ""


def _elsewhere(ctx: Context, stock: Stock) -> str:
    said = [_("%(n)s free") % {"n": format_number(ctx, plain(stock.free))}]
    said += [
        f"{format_number(ctx, plain(quantity))}, {format_date(ctx, day)}"
        for day, quantity in stock.arrivals
    ]
    return " · ".join(said)


PROMISE_PANELS = (
    Extension(
        "orders.order",
        panels=[
            Panel(
                "promise", N_("Why this date"), promise_panel, order=15, hide_if_empty=True,
                lazy=True,
            )
        ],
    ),
    Extension(
        "orders.product",
        panels=[Panel("stock", N_("Stock"), stock_panel, order=10, hide_if_empty=True)],
    ),
)  # fmt: skip
