"""Blanket orders on a client's page: what is left, and calling off, a draft at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit import N_, format_full_date, format_number
from crmkit_orders.agreed import lines_of, runs_on, today_of
from crmkit_orders.agreements import AGREEMENT, left_text
from crmkit_orders.calling import make_draft, waiting_call
from crmkit_orders.client_pages import unit_label
from crmkit_orders.reading import read_row, read_rows
from crmkit_orders.settings import Settings
from crmkit_orders.told import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context
    from crmkit_orders.portal import Client
    from crmkit_orders.reading import Row

_LONGEST = 2000
#: Blanket orders on one page.
_MOST = 50


async def client_agreements(ctx: Context, client: Client, base: str) -> list[dict[str, Any]]:
    """Answer the running blanket orders of a client, where clients see prices; one statement.

    Args:
        base: Address of the client's page.
    """
    if not ctx.settings(Settings).clients_see_prices:
        return []
    rows = await read_rows(
        ctx,
        "SELECT a.id, a.number, a.client_number, a.valid_until, l.text, l.unit, l.quantity, "  # noqa: S608 - of our own
        "l.remaining, "
        '(SELECT max(o.number) FROM orders_reorder r JOIN orders_order o ON o.id = r."order" '
        "WHERE o.agreement = a.id AND o.state = 'draft' AND o.trashed_at IS NULL) AS waiting "
        "FROM orders_agreement a JOIN orders_agreement_line l ON l.agreement = a.id "
        f"AND l.trashed_at IS NULL WHERE a.{client.kind} = $1 AND a.state = 'running' "
        "AND a.trashed_at IS NULL AND coalesce(a.valid_from, $2) <= $2 "
        "AND coalesce(a.valid_until, $2) >= $2 ORDER BY a.valid_until, a.id, l.position, l.id "
        "LIMIT $3",
        client.id, today_of(ctx), _MOST * 10,
    )  # fmt: skip
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        until = row["valid_until"]
        each = found.setdefault(
            row["id"],
            {
                "number": row["number"], "client_number": row["client_number"],
                "until": format_full_date(ctx, until) if until else "",
                "waiting": row["waiting"] or "", "url": f"{base}/agreements/{row['id']}",
                "paper": f"{base}/papers/agreement/{row['id']}", "lines": [],
            },
        )  # fmt: skip
        each["lines"].append({"text": row["text"], "left": _left(ctx, row)})
    return list(found.values())[:_MOST]


def _left(ctx: Context, row: Mapping[str, Any]) -> str:
    """Answer what is left of a line in words."""
    if row["remaining"] is None:
        return ctx.translate(N_("as much as you want"))
    text = ctx.translate(N_("{left} of {agreed} left"))
    agreed = f"{format_number(ctx, plain(row['quantity']))} {unit_label(ctx, row['unit'])}"
    return text.format(left=left_text(ctx, row), agreed=agreed.strip())


async def find_agreement(ctx: Context, client: Client, number: int) -> Row | None:
    """Answer a blanket order of this client that can be called off today and may be shown."""
    if not ctx.settings(Settings).clients_see_prices:
        return None
    row = await read_row(
        ctx,
        f"SELECT * FROM orders_agreement WHERE id = $1 AND {client.kind} = $2 "  # noqa: S608 - of our own
        "AND trashed_at IS NULL",
        number, client.id,
    )  # fmt: skip
    return row if row is not None and runs_on(row, today_of(ctx)) else None


async def callable_lines(ctx: Context, agreement: int) -> list[dict[str, str]]:
    """Answer the lines of a blanket order with their price and what is left."""
    return [
        {
            "name": f"quantities.{row['id']}",
            "text": row["text"],
            "unit": unit_label(ctx, row["unit"]),
            "price": format_number(ctx, plain(row["unit_price"])),
            "left": _left(ctx, row),
        }
        for row in await lines_of(ctx, agreement)
    ]


async def call_by_client(
    ctx: Context, client: Client, agreement: int, quantities: Mapping[str, str], note: str
) -> str:
    """Make the draft that a client calls off, and answer its number.

    The blanket order is locked meanwhile, and one draft of it waits at a time: a second click, a
    reload or a retry finds the first one.

    Args:
        quantities: By the id of their line, as typed.
        note: What the client wrote.

    Raises:
        ConflictError: The blanket order does not run today.
        InvalidError: Nothing is wanted, or more than is left; names the line.
    """
    async with ctx.db.transaction():
        stored = await ctx.get(AGREEMENT, agreement, "edit", lock=True)
        waiting = await waiting_call(ctx, agreement)
        if waiting:
            return waiting
        made = await make_draft(ctx, stored, quantities)
        draft = await ctx.get("orders.order", made)
        await ctx.create(
            "orders.reorder", order=made, title=client.name[:200], note=note[:_LONGEST]
        )
        if stored["owner"]:
            await ctx.notify(
                [stored["owner"]], "orders.client",
                N_("{client} calls off {number}: the draft {draft} waits for you."),
                values={"client": client.name, "number": str(stored["number"]),
                        "draft": str(draft["number"])},
                entity="orders.order", record_id=made, key=f"call:{made}",
            )  # fmt: skip
    return str(draft["number"])
