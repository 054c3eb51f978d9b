"""When goods are there: what is free now, and what is expected, against what others wait for."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

_ZERO = Decimal(0)


class Arrival(msgspec.Struct, frozen=True, order=True):
    """Goods that are expected on a day, in the unit of their product."""

    day: date
    quantity: Decimal


class Cover(msgspec.Struct, frozen=True):
    """How a need is covered."""

    #: What is there for it now, at most what is needed.
    there: Decimal
    #: Day on which the rest has come; None when all is there, or nothing more is expected.
    day: date | None = None
    #: Not even what is expected is enough.
    is_open: bool = False


def cover_of(needed: Decimal, free: Decimal, ahead: Decimal, arrivals: Iterable[Arrival]) -> Cover:
    """Answer by what a need is covered: first what is there, then the earliest arrivals.

    Args:
        needed: Not negative.
        free: What is on hand, also for those ahead.
        ahead: What orders that were confirmed before hold and wait for.
        arrivals: In any order; of a day that has passed they may come any moment.

    Returns:
        The earliest day on which stock and arrivals together reach what is ahead and needed.

    Source:
        Order rules "the promised date is computed from stock, calendar and capacity" and "the next
        date is the earliest expected date with an open quantity".
    """
    level = free - ahead
    there = min(needed, max(_ZERO, level))
    if level >= needed:
        return Cover(needed)
    for arrival in sorted(arrivals):
        level += arrival.quantity
        if level >= needed:
            return Cover(there, arrival.day)
    return Cover(there, None, is_open=True)
