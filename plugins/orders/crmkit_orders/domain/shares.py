"""What may be invoiced of a sold bundle part by part: shares of its net that add up to the cent."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import msgspec

from crmkit_orders.domain.money import places_of, rounded
from crmkit_orders.domain.spreading import spread

if TYPE_CHECKING:
    from collections.abc import Sequence

_ZERO = Decimal(0)


class PartCounts(msgspec.Struct, frozen=True):
    """A part of the bundles of a line, in the unit of the part."""

    #: In all bundles of the line.
    quantity: Decimal
    #: Its share of the line's net, in whole smallest units.
    net: Decimal
    #: Delivered, in whole bundles or by itself, and not come back.
    kept: Decimal = _ZERO
    #: By whole bundles and by itself, less what was credited.
    invoiced: Decimal = _ZERO
    #: What invoices took of its share so far.
    taken: Decimal = _ZERO


def due_of(part: PartCounts) -> Decimal:
    """Answer how much of a part is to be invoiced; negative is to be credited."""
    return part.kept - part.invoiced


def net_of(part: PartCounts, quantity: Decimal, currency: str) -> Decimal:
    """Answer what so much more of a part comes to; less than nothing gives its share back.

    It brings what was taken to the share of what is invoiced then. So the last of a part is what is
    left of its share, and the parts of a line come to its net.
    """
    reached = part.invoiced + quantity
    if not part.quantity:
        return -part.taken
    share = Fraction(part.net) * Fraction(reached) / Fraction(part.quantity)
    return _round(share, currency) - part.taken


def _round(amount: Fraction, currency: str) -> Decimal:
    """Round half up, away from zero, as amounts are."""
    places = places_of(currency)
    units, sign = abs(amount) * 10**places, -1 if amount < 0 else 1
    return rounded(Decimal(sign * int(units + Fraction(1, 2))).scaleb(-places), places)


def taken_by_whole(taken: Decimal, nets: Sequence[Decimal], currency: str) -> tuple[Decimal, ...]:
    """Answer what invoices of whole bundles took of each part's share, by largest remainder.

    Of all of them together, not of each: when all bundles are invoiced it is exactly the shares.

    Args:
        taken: Net of whole bundles so far.
        nets: Share of each part in the net of the line.
    """
    return spread(taken, [abs(net) for net in nets], currency)
