"""What orders and quotes say of a person, and emptying it; the amounts stay for the accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit import N_, erase_texts, remove_documents
from crmkit_orders.reading import read_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context, PersonEvent

_PERSON = "crm.person"
_ORDERS = (
    "id, number, state, created_at, promised_at, gross, currency, client_number, deliver_to, note"
)
_QUOTES = (
    "id, number, state, created_at, gross, currency, note, refused_reason, accepted_by, "
    "accepted_from, accepted_at"
)
#: Columns that may name or describe a human, by entity.
_TEXTS = {
    "orders.order": ("deliver_to", "note", "client_number", "credit_override", "promise_reason",
                     "cancel_reason"),
    "orders.quote": ("note", "accepted_by", "accepted_from", "refused_reason"),
    "orders.delivery": ("deliver_to", "note", "tracking"),
    "orders.agreement": ("note", "client_number", "cancel_reason"),
    "orders.reorder": ("title", "note"),
    "orders.person_page": ("name",),
}  # fmt: skip


async def held_about(event: PersonEvent) -> Mapping[str, Any] | None:
    """Answer orders, quotes and deliveries of a person; None for others."""
    if event.entity != _PERSON:
        return None
    ctx, person = event.ctx, event.record_id
    return {
        "orders": await read_rows(
            ctx, f"SELECT {_ORDERS} FROM orders_order WHERE person = $1 ORDER BY id", person  # noqa: S608
        ),
        "quotes": await read_rows(
            ctx, f"SELECT {_QUOTES} FROM orders_quote WHERE person = $1 ORDER BY id", person  # noqa: S608
        ),
        "blanket_orders": await read_rows(
            ctx,
            "SELECT id, number, state, valid_from, valid_until, net, currency, client_number, note "
            "FROM orders_agreement WHERE person = $1 ORDER BY id",
            person,
        ),
        "deliveries": await read_rows(
            ctx,
            "SELECT d.id, d.number, d.deliver_to, d.carrier, d.tracking, d.shipped_at, d.note "
            'FROM orders_delivery d JOIN orders_order o ON o.id = d."order" '
            "WHERE o.person = $1 ORDER BY d.id",
            person,
        ),
        "ordered_again": await read_rows(
            ctx,
            'SELECT r."order", r.note, r.created_at FROM orders_reorder r '
            'JOIN orders_order o ON o.id = r."order" WHERE o.person = $1 ORDER BY r.id',
            person,
        ),
    }  # fmt: skip


async def erase_about(event: PersonEvent) -> list[str] | None:
    """Empty the texts of a person's orders, quotes and deliveries, and remove their documents.

    Returns:
        That the records themselves stay: what was sold, and for how much.
    """
    if event.entity != _PERSON:
        return None
    ctx, person = event.ctx, event.record_id
    ids = {
        "orders.order": await _ids(ctx, "SELECT id FROM orders_order WHERE person = $1", person),
        "orders.quote": await _ids(ctx, "SELECT id FROM orders_quote WHERE person = $1", person),
        "orders.agreement": await _ids(
            ctx, "SELECT id FROM orders_agreement WHERE person = $1", person
        ),
        "orders.delivery": await _ids(
            ctx,
            'SELECT d.id FROM orders_delivery d JOIN orders_order o ON o.id = d."order" '
            "WHERE o.person = $1",
            person,
        ),
        "orders.reorder": await _ids(
            ctx,
            'SELECT r.id FROM orders_reorder r JOIN orders_order o ON o.id = r."order" '
            "WHERE o.person = $1",
            person,
        ),
        "orders.person_page": await _ids(
            ctx, "SELECT id FROM orders_person_page WHERE person = $1", person
        ),
    }
    for entity, found in ids.items():
        await erase_texts(ctx, entity, found, "", only=_TEXTS[entity])
        await remove_documents(ctx, entity, found)
    if not any(ids.values()):
        return None
    return [ctx.translate(N_("Numbers, goods and amounts of orders and quotes, for the accounts"))]


async def _ids(ctx: Context, sql: str, person: int) -> list[int]:
    return [row["id"] for row in await read_rows(ctx, sql + " ORDER BY 1", person)]
