"""Spreading an amount over parts: nothing is lost, nothing is invented."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from crmkit import N_
from crmkit_orders.domain.errors import AmountError
from crmkit_orders.domain.money import check_number, places_of, rounded

if TYPE_CHECKING:
    from collections.abc import Sequence


def spread(amount: Decimal, weights: Sequence[Decimal], currency: str) -> tuple[Decimal, ...]:
    """Spread an amount over parts by weight; the parts add up to it exactly.

    Each part is the exact share rounded down to the smallest unit of the currency; what is left
    goes, a unit each, to the parts that lost most, of equal ones to the first. So no part is a
    whole unit away from its exact share, and a part without weight gets nothing. A negative
    amount is spread like the positive one, with a minus.

    Args:
        amount: In the currency, in whole smallest units.
        weights: Not negative, such as list price by quantity; all zero means evenly.

    Returns:
        As many amounts as there are weights, in their order.

    Raises:
        AmountError: The amount has parts of the smallest unit, a weight is negative, or there is
            no part to give something to.
        CurrencyError: There is no such currency.

    Source:
        Order rule "its price is spread over them by largest remainder" (Hamilton's method).
    """
    places = places_of(currency)
    check_number(amount, places)
    for weight in weights:
        check_number(weight)
        if weight < 0:
            raise AmountError(N_("{number} is negative; enter 0 or more."), number=weight)
    if not weights:
        if amount:
            raise AmountError(N_("There is nothing to spread {number} over."), number=amount)
        return ()
    sign = -1 if amount < 0 else 1
    units = int(Fraction(abs(amount)) * 10**places)
    shares = _whole(weights)
    total = sum(shares)
    parts = [units * share // total for share in shares]
    lost = [units * share % total for share in shares]
    by_loss = sorted(range(len(shares)), key=lambda place: (-lost[place], place))
    for place in by_loss[: units - sum(parts)]:
        parts[place] += 1
    return tuple(rounded(Decimal(sign * part).scaleb(-places), places) for part in parts)


def _whole(weights: Sequence[Decimal]) -> list[int]:
    """Answer weights as integers of the same proportions; equal ones when all are zero."""
    if not any(weights):
        return [1] * len(weights)
    return [int(Fraction(weight) * 10**30) for weight in weights]  # `check_number` allows 30 places
