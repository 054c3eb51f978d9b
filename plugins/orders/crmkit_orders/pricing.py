"""The price that holds for a line, read from the catalogue and the price lists."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit import keep_sentences
from crmkit_orders.agreed import agreed_rules, called_price
from crmkit_orders.domain.errors import RuleError
from crmkit_orders.domain.prices import (
    TOO_LITTLE,
    FoundPrice,
    PriceRequest,
    PriceRule,
    find_price,
)
from crmkit_orders.domain.units import convert
from crmkit_orders.reading import read_row, read_rows
from crmkit_orders.told import fill, kept

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context

_ONE = Decimal(1)


async def price_of(
    ctx: Context, product: Mapping[str, Any], document: Mapping[str, Any], quantity: Decimal,
    unit: str, line: Mapping[str, Any] | None = None, *, agreed: bool = True,
) -> FoundPrice | None:  # fmt: skip
    """Answer the price of one unit of a line and why it holds; None when nothing gives one.

    Args:
        product: Row of the product.
        document: Row of the quote or order: company, currency.
        quantity: In `unit`.
        unit: UN/ECE code of the line; the price is converted from the product's.
        line: Row of the line itself, where it is there: what it takes of a blanket order already
            is left for it.
        agreed: Blanket orders of the client are looked at as well.

    Raises:
        UnitError: The unit of the line does not convert into that of the product.
    """
    currency = document["currency"] or ctx.config.currency
    counted, factor = quantity, _ONE
    if unit and unit != product["unit"]:
        counted = round(convert(quantity, unit, product["unit"]), 4)
        factor = convert(_ONE, unit, product["unit"])
    company = await read_row(
        ctx, "SELECT id, sector FROM crm_company WHERE id = $1", document["company"]
    )
    request = PriceRequest(
        product=product["id"],
        company=company["id"] if company else None,
        group=company["sector"] if company and company["sector"] else None,
        quantity=counted,
        on=ctx.now().astimezone(ctx.time_zone).date(),
        currency=currency,
    )
    own = product["currency"] or ctx.config.currency
    known = product["price"] if own == currency else None
    rules = await _rules(ctx, product["id"], currency)
    if agreed:
        rules += await agreed_rules(ctx, product, document, currency, request.on, line)
    try:
        found = find_price(known, rules, request)
    except RuleError:
        return None
    if found.agreement_line is not None:
        # Of the unit it was agreed in, not of the product's: no digit is lost on the way.
        exact = await called_price(ctx, found.agreement_line, unit)
        return msgspec.structs.replace(found, unit_price=exact.unit_price) if exact else found
    if factor == _ONE:
        return found
    return msgspec.structs.replace(found, unit_price=round(found.unit_price * factor, 6))


async def _rules(ctx: Context, product: int, currency: str) -> list[PriceRule]:
    rows = await read_rows(
        ctx,
        "SELECT p.id, p.min_quantity, p.price, p.discount, p.valid_from, p.valid_until, "
        "l.name, l.company, l.sector, l.currency, l.valid_from AS list_from, "
        "l.valid_until AS list_until FROM orders_price p "
        "JOIN orders_price_list l ON l.id = p.price_list AND l.trashed_at IS NULL AND l.is_active "
        "WHERE p.product = $1 AND p.trashed_at IS NULL "
        "AND coalesce(nullif(l.currency, ''), $3) = $2 ORDER BY p.id",
        product, currency, ctx.config.currency,
    )  # fmt: skip
    made = []
    for row in rows:
        first = max((d for d in (row["valid_from"], row["list_from"]) if d), default=None)
        last = min((d for d in (row["valid_until"], row["list_until"]) if d), default=None)
        if first and last and last < first:
            continue  # the price and its list are never valid together
        made.append(
            PriceRule(
                id=row["id"], list_name=row["name"], company=row["company"],
                group=row["sector"] or None, min_quantity=row["min_quantity"] or Decimal(0),
                price=row["price"], discount=None if row["price"] is not None else row["discount"],
                valid_from=first, valid_until=last, currency=currency,
            )
        )  # fmt: skip
    return made


def explain(ctx: Context, found: FoundPrice) -> list[str]:
    """Answer each rule that was looked at, and why it was taken or not."""
    return [fill(ctx, step.text, step.values) for step in found.steps]


def taken(found: FoundPrice) -> str:
    """Answer the rule that gave the price, and the blanket order that would have; "" is the list's.

    Who enters more than is left of a blanket order reads so beside the line, in his language.
    """
    said = [
        kept(each.text, each.values)
        for each in found.steps
        if (each.is_taken and each.rule_id is not None)
        or (each.text == TOO_LITTLE and found.agreement_line is None)
    ]
    return keep_sentences(*said) if said else ""
