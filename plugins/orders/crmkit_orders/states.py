"""Lifecycles, and when lines of a document can be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit import N_, Lifecycle, State
from crmkit_orders.settings import discount_limit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context


def needs_second_person(ctx: Context, record: Mapping[str, Any]) -> bool:
    """Say whether a document is discounted so much that somebody else has to look at it."""
    return (record.get("most_discount") or 0) > discount_limit(ctx)


QUOTE_STATES = Lifecycle(
    "state",
    (
        State("draft", N_("Draft"), hue=8),
        State("sent", N_("Sent"), "open", 50, 1),
        State("accepted", N_("Accepted"), "won", 100, 3),
        State("refused", N_("Refused"), "lost", 0, 6),
        State("expired", N_("Expired"), "lost", 0, 4),
        State("superseded", N_("Superseded"), "lost", 0, 8),
    ),
    moves={
        "draft": ("sent", "accepted"),
        "sent": ("accepted", "refused", "expired", "superseded"),
        "refused": ("superseded",),
        "expired": ("superseded",),
    },
    requires={"sent": ("company", "currency", "valid_until"), "refused": ("refused_reason",)},
    second_person={"sent": needs_second_person},
)
ORDER_STATES = Lifecycle(
    "state",
    (
        State("draft", N_("Draft"), hue=8),
        State("confirmed", N_("Confirmed"), hue=1),
        State("in_progress", N_("In progress"), hue=2),
        State("fulfilled", N_("Fulfilled"), hue=3),
        State("closed", N_("Closed"), "won", 100, 3),
        State("cancelled", N_("Cancelled"), "lost", 0, 6),
    ),
    moves={
        "draft": ("confirmed", "cancelled"),
        "confirmed": ("in_progress", "fulfilled", "cancelled"),
        "in_progress": ("confirmed", "fulfilled", "cancelled"),
        "fulfilled": ("in_progress", "closed"),
    },
    requires={
        "confirmed": ("company", "currency", "promised_at"),
        "cancelled": ("cancel_reason",),
    },
    second_person={"confirmed": needs_second_person},
)
DELIVERY_STATES = Lifecycle(
    "state",
    (
        State("planned", N_("Planned"), hue=8),
        State("packed", N_("Packed"), hue=2),
        State("shipped", N_("Shipped"), hue=1),
        State("delivered", N_("Arrived"), "won", 100, 3),
        State("returned", N_("Returned"), "lost", 0, 5),
    ),
    moves={
        "planned": ("packed", "shipped", "returned"),
        "packed": ("planned", "shipped", "returned"),
        "shipped": ("delivered", "returned"),
        "delivered": ("returned",),
    },
)
RECEIPT_STATES = Lifecycle(
    "state",
    (
        State("expected", N_("Expected"), hue=1),
        State("partly", N_("Partly received"), hue=4),
        State("received", N_("Received"), "won", 100, 3),
        State("cancelled", N_("Cancelled"), "lost", 0, 6),
    ),
    moves={"expected": ("partly", "received", "cancelled"), "partly": ("received", "cancelled")},
)
AGREEMENT_STATES = Lifecycle(
    "state",
    (
        State("draft", N_("Draft"), hue=8),
        State("running", N_("In force"), hue=1),
        State("closed", N_("Closed"), "won", 100, 3),
        State("cancelled", N_("Cancelled"), "lost", 0, 6),
    ),
    moves={"draft": ("running", "cancelled"), "running": ("closed", "cancelled")},
    requires={
        "running": ("company", "currency", "valid_until"),
        "cancelled": ("cancel_reason",),
    },
)

#: States of an order in which its lines can be changed.
OPEN_ORDER = frozenset({"draft", "confirmed", "in_progress"})
#: States of an order that has been confirmed and is not done.
RUNNING = frozenset({"confirmed", "in_progress"})
#: States of an order that follow from what was delivered.
FOLLOWING = frozenset({"confirmed", "in_progress", "fulfilled"})
#: An order that nobody does anything with any more.
ENDED = frozenset({"closed", "cancelled"})


def quote_locked(_ctx: Context, record: Mapping[str, Any]) -> str:
    """Say why lines of a quote cannot be changed: what was sent stays as it was read."""
    if record["state"] == "draft":
        return ""
    return N_("What was sent stays as it is. Make a new version to change it.")


def order_locked(_ctx: Context, record: Mapping[str, Any]) -> str:
    """Say why lines of an order cannot be changed."""
    return "" if record["state"] in OPEN_ORDER else N_("The order is done.")


def delivery_locked(_ctx: Context, record: Mapping[str, Any]) -> str:
    """Say why lines of a delivery cannot be changed."""
    if record["state"] in {"planned", "packed"}:
        return ""
    return N_("What was shipped stays as it is. A mistake is a return.")


def receipt_locked(_ctx: Context, record: Mapping[str, Any]) -> str:
    """Say why lines of a receipt cannot be changed."""
    return "" if record["state"] in {"expected", "partly"} else N_("The receipt is done.")


def agreement_locked(_ctx: Context, record: Mapping[str, Any]) -> str:
    """Say why lines of a blanket order cannot be changed in place."""
    if record["state"] == "draft":
        return ""
    if record["state"] == "running":
        return N_("What was agreed stays. “Raise or extend” adds quantity or time.")
    return N_("The blanket order is done.")
