"""How far a line is below the price that holds for it, whatever way it got there."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

import msgspec

from crmkit_orders.domain.money import EXACT, check_percent, check_price, rounded

if TYPE_CHECKING:
    from collections.abc import Iterable

_WHOLE = Decimal(100)
_ZERO = Decimal(0)
_PLACES = 4


class Discounted(msgspec.Struct, frozen=True):
    """What a line says about discounts.

    Raises:
        AmountError: A number does not fit.
    """

    #: Of one unit, without tax; negative rebates.
    unit_price: Decimal
    #: Percent of the unit price, 0 to 100.
    discount: Decimal
    #: What the rules of prices give for one unit; None where none gives one.
    rule_price: Decimal | None
    #: Of the line, rounded.
    net: Decimal

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_price(self.unit_price)
        check_percent(self.discount)
        if self.rule_price is not None:
            check_price(self.rule_price)

    @property
    def is_rebate(self) -> bool:
        """Whether the line only takes from the others: negative, and no rule says so."""
        return self.net < 0 and (self.rule_price is None or self.rule_price > 0)


def line_discount(line: Discounted) -> Decimal:
    """Answer the percent by which a line is below the price of the rules, with up to 4 places.

    A lowered unit price is a discount: 50 instead of 100 is 50 %, and 10 % of it more is 55 %. A
    price above the rules makes a discount smaller. Without a rule the percent that was typed is
    the discount.

    Returns:
        0 to 100; half goes up.

    Source:
        Order rule "discounts above a limit per role need approval by another person".
    """
    if line.rule_price is None or line.rule_price <= 0:
        return line.discount
    with localcontext(EXACT):
        paid = line.unit_price * (_WHOLE - line.discount)
        asked = line.rule_price * _WHOLE
        below = (asked - paid) * _WHOLE
    if below <= 0:
        return _ZERO
    return min(_WHOLE, _percent(below, asked))


def most_discount(lines: Iterable[Discounted]) -> Decimal:
    """Answer the largest discount of a document, in percent with up to 4 places.

    Lines that are nothing but rebates count together, as their share of what the others come to:
    a line of -500 beside one of 1000 is 50 %.
    """
    found = list(lines)
    most = max((line_discount(line) for line in found if not line.is_rebate), default=_ZERO)
    rebates = -sum((line.net for line in found if line.is_rebate), _ZERO)
    if rebates <= 0:
        return most
    rest = sum((line.net for line in found if line.net > 0), _ZERO)
    share = _percent(rebates * _WHOLE, rest) if rest else _WHOLE
    return max(most, min(_WHOLE, share))


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    """Divide, rounded half up to 4 places."""
    with localcontext(EXACT) as context:
        context.clear_traps()
        return rounded(part / whole, _PLACES)
