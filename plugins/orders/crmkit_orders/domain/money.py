"""Amounts: lines, totals, tax, in one currency.

Sources: the order rule "line net rounded to the currency once"; EN 16931 for the order of the
steps (BT-131 line net, BT-106 its sum, BR-CO-17 tax of a rate from the base of that rate).
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation, localcontext
from typing import TYPE_CHECKING

import msgspec

from crmkit import N_, find_currency_places
from crmkit_orders.domain.errors import AmountError, CurrencyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

QUANTITY_PLACES = 4
PRICE_PLACES = 6
_RATE_PLACES = 4
_MOST_DIGITS = 15  # before the point
_WHOLE = Decimal(100)

# Products of what `check_number` lets through have under 100 digits; the default context keeps 28
# and would round before the rule does. Inexact is trapped: rounding happens in `rounded` only.
#: Computes without any rounding; refuses where it would have to.
EXACT = Context(prec=120, traps=[Inexact, InvalidOperation])
_ROUNDING = Context(prec=120, rounding=ROUND_HALF_UP, traps=[InvalidOperation])


class Line(msgspec.Struct, frozen=True):
    """What a line of a quote or an order says about money.

    Raises:
        AmountError: A number does not fit; its text names it.
    """

    #: In the unit of the line, not negative, up to 4 places.
    quantity: Decimal
    #: Of one unit, without tax, in the currency of the document, up to 6 places; negative rebates.
    unit_price: Decimal
    #: Percent of the price, 0 to 100.
    discount: Decimal = Decimal(0)
    #: Percent, 0 to 100; 19 is 19 %.
    tax_rate: Decimal = Decimal(0)
    #: Of one unit, in the currency of the document, up to 6 places; None is unknown.
    cost: Decimal | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_quantity(self.quantity)
        check_price(self.unit_price)
        check_percent(self.discount)
        check_percent(self.tax_rate)
        if self.cost is not None:
            check_price(self.cost)


class TaxGroup(msgspec.Struct, frozen=True):
    """The tax of all lines of one rate."""

    #: Percent.
    rate: Decimal
    #: Sum of the rounded nets of the lines, in the currency.
    base: Decimal
    #: Of the base, rounded once.
    tax: Decimal


class Totals(msgspec.Struct, frozen=True):
    """What a document comes to; each amount has exactly the places of the currency."""

    #: Sum of the rounded nets of the lines.
    net: Decimal
    #: Sum of the taxes of the groups.
    tax: Decimal
    #: Net and tax.
    gross: Decimal
    #: Sum of the costs of the lines, each rounded once; None while that of a line is unknown.
    cost: Decimal | None
    #: Net less cost; None while the cost is unknown. No tax is in it.
    margin: Decimal | None
    #: By rate, the lowest first.
    tax_groups: tuple[TaxGroup, ...]


def places_of(currency: str) -> int:
    """Answer how many places after the point amounts of a currency have.

    Raises:
        CurrencyError: There is no such currency.
    """
    places = find_currency_places(currency)
    if places is None:
        text = N_("`{currency}` is no currency; use a code such as EUR.")
        raise CurrencyError(text, currency=currency[:20])
    return places


def round_money(amount: Decimal, currency: str) -> Decimal:
    """Round an amount to the places of its currency.

    Half goes up, away from zero: 0.125 EUR is 0.13, -0.125 EUR is -0.13. So a credit note of the
    whole is the invoice with a minus.

    Raises:
        CurrencyError: There is no such currency.
        AmountError: It is not finite or too large.

    Source:
        Regulation (EC) 1103/97, article 5: what is exactly half-way is rounded up. Away from zero
        is what bookkeeping does with negative amounts (DIN 1333).
    """
    places = places_of(currency)
    check_number(amount)
    return rounded(amount, places)


def rounded(amount: Decimal, places: int) -> Decimal:
    """Round half up, away from zero, to places after the point; there is no minus zero."""
    result = amount.quantize(Decimal(1).scaleb(-places), context=_ROUNDING)
    return result.copy_abs() if result.is_zero() else result


def line_net(line: Line, currency: str) -> Decimal:
    """Answer quantity by price less discount, without tax, rounded to the currency once.

    Raises:
        CurrencyError: There is no such currency.

    Source:
        Order rule "line net rounded to the currency once"; EN 16931 BT-131.
    """
    with localcontext(EXACT):
        whole = line.quantity * line.unit_price * (_WHOLE - line.discount)
        return round_money(whole.scaleb(-2), currency)


def totals_of(lines: Iterable[Line], currency: str) -> Totals:
    """Add lines up.

    Tax is not rounded per line: the rounded nets of the lines of one rate are added, and the tax
    of the sum is rounded once. So totals are equal to the cent whatever the order of lines, and
    `net` is the sum of what stands beside the lines.

    Raises:
        CurrencyError: There is no such currency.

    Source:
        EN 16931 BR-CO-10 (net), BR-CO-14 (tax), BR-CO-17 (tax of a rate).
    """
    zero = rounded(Decimal(0), places_of(currency))
    net, cost = zero, zero
    is_cost_known = True
    bases: dict[Decimal, Decimal] = {}
    with localcontext(EXACT):
        for line in lines:
            own = line_net(line, currency)
            net += own
            bases[line.tax_rate] = bases.get(line.tax_rate, zero) + own
            if line.cost is None:
                is_cost_known = False
            else:
                cost += round_money(line.quantity * line.cost, currency)
        groups = tuple(_groups(bases, currency))
        tax = sum((group.tax for group in groups), zero)
        return Totals(
            net=net,
            tax=tax,
            gross=net + tax,
            cost=cost if is_cost_known else None,
            margin=net - cost if is_cost_known else None,
            tax_groups=groups,
        )


def _groups(bases: dict[Decimal, Decimal], currency: str) -> Iterator[TaxGroup]:
    for rate in sorted(bases):
        base = bases[rate]
        yield TaxGroup(_plain(rate), base, round_money((base * rate).scaleb(-2), currency))


def share_of(gross: Decimal, percent: Decimal, currency: str) -> Decimal:
    """Answer a share of an amount, such as a prepayment, rounded to the currency once.

    Args:
        gross: In the currency.
        percent: 0 to 100.

    Raises:
        AmountError: A number does not fit.
        CurrencyError: There is no such currency.

    Source:
        Order rule "a stated share is invoiced at acceptance"; what is left is `gross` less this,
        not a second share, so that both add up.
    """
    check_number(gross)
    check_percent(percent)
    with localcontext(EXACT):
        return round_money((gross * percent).scaleb(-2), currency)


def check_quantity(quantity: Decimal) -> None:
    """Refuse a quantity that is negative or has over 4 places.

    Raises:
        AmountError: It does not fit.
    """
    check_number(quantity, QUANTITY_PLACES)
    if quantity < 0:
        raise AmountError(N_("{number} is negative; enter 0 or more."), number=quantity)


def check_price(price: Decimal) -> None:
    """Refuse a price of one unit with over 6 places.

    Raises:
        AmountError: It does not fit.
    """
    check_number(price, PRICE_PLACES)


def check_percent(percent: Decimal) -> None:
    """Refuse what is not 0 to 100 percent, with up to 4 places.

    Raises:
        AmountError: It does not fit.
    """
    check_number(percent, _RATE_PLACES)
    if not 0 <= percent <= _WHOLE:
        text = N_("{number} is no share; enter a percentage from 0 to 100.")
        raise AmountError(text, number=percent)


def check_number(number: Decimal, places: int = 30) -> None:
    """Refuse what cannot be counted with exactly: NaN, infinity, too many digits.

    Args:
        places: Most places after the point that are not zero.

    Raises:
        AmountError: It does not fit, or is no Decimal.
    """
    # A float has lost its cents before it comes here; not all callers are typed.
    given: object = number
    if not isinstance(given, Decimal) or not given.is_finite():
        raise AmountError(N_("{number} is no decimal number."), number=str(number)[:40])
    if number.is_zero():
        fits = abs(int(number.as_tuple().exponent)) <= 30  # noqa: PLR2004 - see `places`
    else:
        fits = number.adjusted() < _MOST_DIGITS
    if not fits:
        raise AmountError(N_("{number} is too large."), number=_shown(number))
    if _places(number) > places:
        text = N_("{number} has more than {n} digits after the point; round it.")
        raise AmountError(text, number=_shown(number), n=places)


def _shown(number: Decimal) -> str:
    plain = str(number)
    return plain if len(plain) <= 40 else f"{number:.6E}"  # noqa: PLR2004 - fits a line


def _places(number: Decimal) -> int:
    """Count the places after the point, zeros at the end left aside."""
    _sign, digits, exponent = number.as_tuple()
    places = -int(exponent)
    for digit in reversed(digits):
        if digit or places <= 0:
            break
        places -= 1
    return places


def _plain(number: Decimal) -> Decimal:
    """Answer the same number without zeros at the end, never with an exponent: 20, not 2E+1."""
    short = number.normalize()
    return short.quantize(Decimal(1)) if int(short.as_tuple().exponent) > 0 else short
