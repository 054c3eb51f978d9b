"""Numbers of orders: each a figure, the list behind it, and a value of the API."""

from __future__ import annotations

from crmkit import N_, Metric, Widget
from crmkit_orders.agreement_tables import Agreement
from crmkit_orders.tables import Order

_RUNNING = ("state", "in", "confirmed,in_progress")
_OPEN = ("delivery_status", "not", "full")
_OUT = ("direction", "is", "out")

METRICS = (
    Metric(
        "late", N_("Late orders"), "orders.order",
        [_RUNNING, _OPEN, ("promised_at", "under", "now")], better="less",
        help=N_("The promise has passed, and not all of it is delivered."),
    ),
    Metric(
        "late_lines", N_("Late lines of orders"), "orders.order_line",
        [("open_quantity", "over", "0"), ("due_at", "under", "now")], better="less",
        help=N_("Promised before now, and not all of them is delivered."),
    ),
    Metric(
        "open_value", N_("Value of open orders"), "orders.order", [_RUNNING], Order.gross, "more",
    ),
    Metric(
        "promised_this_week", N_("Promised this week"), "orders.order",
        [_RUNNING, ("promised_at", "from", "week"), ("promised_at", "under", "next_week")],
    ),
    Metric(
        "next_deliveries", N_("Deliveries to be sent"), "orders.delivery",
        [("state", "in", "planned,packed"), _OUT],
    ),
    Metric(
        "on_their_way", N_("Deliveries on their way"), "orders.delivery",
        [("state", "is", "shipped"), _OUT],
    ),
    Metric(
        "receipts_expected", N_("Receipts expected"), "orders.receipt",
        [("state", "in", "expected,partly")],
    ),
    Metric(
        "quotes_out", N_("Quotes that wait for an answer"), "orders.quote",
        [("state", "is", "sent")],
    ),
    Metric(
        "agreements_ending", N_("Blanket orders that end soon"), "orders.agreement",
        [("state", "is", "running"), ("valid_until", "coming", "30")],
        help=N_("Within 30 days."),
    ),
    Metric(
        "agreements_left", N_("Value left in blanket orders"), "orders.agreement",
        [("state", "is", "running")], Agreement.net_left, "more",
    ),
)  # fmt: skip
WIDGETS = tuple(
    Widget(f"orders.{name}", "home", order)
    for order, name in enumerate(
        ("late", "open_value", "promised_this_week", "next_deliveries", "on_their_way",
         "receipts_expected", "agreements_ending"),
        30,
    )
)  # fmt: skip
