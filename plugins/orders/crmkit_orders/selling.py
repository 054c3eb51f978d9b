"""From an opportunity to its quote and its order."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit import predicate
from crmkit_orders.domain.matching import fold
from crmkit_orders.domain.pasting import KnownProduct, match_lines, parse_lines
from crmkit_orders.reading import read_row, read_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context

_LONGEST = 300
_SURE = frozenset({"code", "name"})
_CANDIDATES = 200


async def make_quote(
    ctx: Context, opportunity_id: int, _data: None, _version: int | None = None
) -> str:
    """Make a draft of a quote from an opportunity and answer its address.

    The open quote that it has already is the one.
    """
    row = await read_row(
        ctx,
        "SELECT id FROM orders_quote WHERE opportunity = $1 AND state IN ('draft', 'sent') "
        "AND trashed_at IS NULL ORDER BY id DESC LIMIT 1",
        opportunity_id,
    )
    return f"/orders.quote/{row['id'] if row else await _make(ctx, opportunity_id, 'quote')}"


async def make_order(
    ctx: Context, opportunity_id: int, _data: None, _version: int | None = None
) -> str:
    """Make a draft of an order from a won opportunity and answer its address.

    An opportunity that has an order gives that one; the opportunity is locked meanwhile, so two
    who press the button get the same.
    """
    row = await read_row(
        ctx,
        "SELECT id FROM orders_order WHERE opportunity = $1 AND state <> 'cancelled' "
        "AND trashed_at IS NULL ORDER BY id LIMIT 1",
        opportunity_id,
    )
    return f"/orders.order/{row['id'] if row else await _make(ctx, opportunity_id, 'order')}"


async def _make(ctx: Context, opportunity_id: int, kind: str) -> int:
    """Make a document with one line: what was sold, for the amount of the opportunity."""
    deal = await ctx.get("crm.opportunity", opportunity_id, lock=True)
    document = await ctx.create(
        f"orders.{kind}", opportunity=opportunity_id, company=deal["company"],
        person=deal["person"], currency=deal["currency"] or ctx.config.currency,
        owner=deal["owner"], team=deal["team_id"],
    )  # fmt: skip
    product = await find_product(ctx, deal)
    values: dict[str, object] = {
        kind: document, "position": 1, "product": product, "quantity": Decimal(1),
        "is_unmatched": product is None,
    }  # fmt: skip
    if product is None:
        values["text"] = str(deal["name"])[:_LONGEST]
    if deal["amount"] is not None:
        values["unit_price"] = deal["amount"]
    await ctx.create(f"orders.{kind}_line", **values)
    return document


async def find_product(ctx: Context, deal: Mapping[str, Any]) -> int | None:
    """Answer the product that an opportunity is called after; None when it is not clear.

    "GTX Plus Basic Cancity" is the GTX Plus Basic for Cancity: the name, and the name without the
    client's, are matched like a pasted line; else the longest product the name begins with.
    """
    name = str(deal["name"])
    allowed = predicate(ctx, ctx.site.entity("orders.product"), "read", "t", 3)
    # Only what the name holds, so that a large catalogue is not read for each opportunity.
    rows = await read_rows(
        ctx,
        "SELECT t.id, t.code, t.name FROM orders_product t WHERE t.trashed_at IS NULL "  # noqa: S608 - a predicate
        "AND t.is_active AND (strpos($1, replace(t.name_key, ' ', '')) > 0 "
        "OR (t.code <> '' AND strpos($2, replace(lower(t.code), ' ', '')) > 0)) "
        f"AND ({allowed.text}) ORDER BY length(t.name) DESC, t.id LIMIT {_CANDIDATES}",
        fold(name), name.casefold().replace(" ", ""), *allowed.args,
    )  # fmt: skip
    if not rows:
        return None
    known = [KnownProduct(row["id"], row["code"], row["name"]) for row in rows]
    for text in _texts(name, str(deal["company__title"] or "")):
        lines = parse_lines(text)
        if len(lines) != 1:
            continue
        (found,) = await asyncio.to_thread(match_lines, lines, known)
        if found.product_id is not None and found.how in _SURE:
            return found.product_id
    begun = [row for row in rows if fold(name).startswith(fold(row["name"]))]
    longest = [row for row in begun if len(fold(row["name"])) == len(fold(begun[0]["name"]))]
    return int(longest[0]["id"]) if len(longest) == 1 else None


def _texts(name: str, client: str) -> list[str]:
    """Answer the name, and what is left of it without the client's."""
    texts = [name.strip()]
    folded, other = name.casefold(), client.casefold().strip()
    if other and folded.endswith(other):
        texts.append(name[: -len(other)].strip(" -–—:,/"))
    elif other and folded.startswith(other):
        texts.append(name[len(other) :].strip(" -–—:,/"))
    return [text for text in texts if text]
