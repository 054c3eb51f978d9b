"""Discounts: how large those of a document are, and what the role of a person allows."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit import N_, Veto
from crmkit_orders.domain.discounts import Discounted, line_discount, most_discount
from crmkit_orders.domain.money import line_net
from crmkit_orders.settings import discount_limit
from crmkit_orders.states import RUNNING
from crmkit_orders.told import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crmkit import SaveEvent
    from crmkit_orders.domain.money import Line

_ZERO, _WHOLE = Decimal(0), Decimal(100)


def largest(pairs: Iterable[tuple[Mapping[str, Any], Line]], currency: str) -> Decimal:
    """Answer the largest discount of a document.

    Args:
        pairs: Rows of its lines, and what each says about money.
    """
    return most_discount(
        Discounted(line.unit_price, line.discount, row["rule_price"], line_net(line, currency))
        for row, line in pairs
    )


def check_running(event: SaveEvent, document: Mapping[str, Any]) -> None:
    """Refuse a line of a confirmed order that is discounted further than one person may.

    Raises:
        Veto: It is; names the field that says so.
    """
    if document["state"] not in RUNNING:
        return
    ctx, values = event.ctx, event.values
    limit = discount_limit(ctx)
    given = _given({**event.before, **values})
    if given <= limit or (event.before and given <= _given(event.before)):
        return
    text = ctx.translate(N_("is more than {limit} %, which a second person allows in a quote"))
    if "discount" in values:
        problem = {"discount": text.format(limit=limit)}
    else:
        text = ctx.translate(
            N_("is {given} % below the price that holds; up to {limit} % needs no second person")
        )
        problem = {"unit_price": text.format(given=plain(given), limit=limit)}
    raise Veto(ctx.translate(N_("The line was not changed.")), **problem)


def _given(row: Mapping[str, Any]) -> Decimal:
    """Answer the discount of one line; a line that only takes from the others is all of it."""
    price = row.get("unit_price") or _ZERO
    line = Discounted(price, row.get("discount") or _ZERO, row.get("rule_price"), price)
    return _WHOLE if line.is_rebate and row.get("quantity") else line_discount(line)
