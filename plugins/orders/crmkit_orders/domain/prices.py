"""Which price holds for a client, a quantity and a day, and why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from crmkit import N_
from crmkit_orders.domain.errors import PriceError
from crmkit_orders.domain.money import (
    EXACT,
    PRICE_PLACES,
    check_percent,
    check_price,
    check_quantity,
    places_of,
    rounded,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

#: What names a group: its number or its key.
Group: TypeAlias = int | str


class PriceRule(msgspec.Struct, frozen=True, kw_only=True):
    """A price of one product, or a discount on its list price, and for whom it holds.

    Raises:
        PriceError: It gives no price, or a price and a discount; or it ends before it begins.
        AmountError: A number does not fit.
        CurrencyError: There is no such currency.
    """

    id: int
    #: What people call the list it stands in.
    list_name: str
    #: Number of the only client it holds for; None is everybody.
    company: int | None = None
    #: The only group of clients it holds for; None is every group.
    group: Group | None = None
    #: Reached by this quantity and more, in the unit of the product.
    min_quantity: Decimal = Decimal(0)
    #: Of one unit, up to 6 places; None when there is a discount.
    price: Decimal | None = None
    #: Percent of the list price; None when there is a price.
    discount: Decimal | None = None
    #: First day it holds; None is since ever.
    valid_from: date | None = None
    #: Last day it holds, inclusive; None is for ever.
    valid_until: date | None = None
    #: Of the price, and of the only documents it holds for.
    currency: str
    #: It was agreed on with the client in a blanket order, whose line `id` names.
    is_agreed: bool = False
    #: What is left of an agreed quantity, in the unit of the product; None is as much as is wanted.
    left: Decimal | None = None

    def __post_init__(self) -> None:
        """Check what the rule says."""
        places_of(self.currency)
        check_quantity(self.min_quantity)
        if (self.price is None) == (self.discount is None):
            text = N_("A price rule gives a price or a discount; enter one of both.")
            raise PriceError(text)
        if self.price is not None:
            check_price(self.price)
        if self.discount is not None:
            check_percent(self.discount)
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            text = N_("The rule ends on {until}, before it begins on {begin}.")
            raise PriceError(text, until=self.valid_until, begin=self.valid_from)


class PriceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a price is looked for."""

    #: Number of the product; the rules that are looked at are those of it.
    product: int
    company: int | None = None
    #: The group the client is in.
    group: Group | None = None
    #: In the unit of the product.
    quantity: Decimal
    #: The day the price holds, by the site's clock.
    on: date
    #: Of the document.
    currency: str


class Step(msgspec.Struct, frozen=True):
    """A rule that was looked at, or the list price, and what came of it."""

    #: None is the list price.
    rule_id: int | None
    is_taken: bool
    #: English sentence with named places, marked for translation.
    text: str
    #: Name of a place to what stands there: text, Decimal or date, not formatted.
    values: Mapping[str, str | Decimal | date]


class FoundPrice(msgspec.Struct, frozen=True):
    """A price and why it holds."""

    #: Without tax, in the currency that was asked for, up to 6 places.
    unit_price: Decimal
    #: None is the list price.
    rule_id: int | None
    #: In the order of rank; exactly one is taken.
    steps: tuple[Step, ...]
    #: Line of the blanket order it was agreed on in; None is no such price.
    agreement_line: int | None = None


_Values: TypeAlias = "dict[str, str | Decimal | date]"
_Rank: TypeAlias = tuple[int, Decimal, int, int, int, int, int]


def find_price(
    list_price: Decimal | None, rules: Iterable[PriceRule], request: PriceRequest
) -> FoundPrice:
    """Answer the price that holds, and for each rule why it was taken or not.

    Of the rules that match, these decide, one after another:

    1. Whom it names: what was agreed with the client in a blanket order, before the client, before
       a group, before everybody. A rule that names both needs both and counts as the client's. A
       blanket order gives its price for what is left of it, and for nothing beyond.
    2. The largest quantity break that is reached.
    3. The narrowest validity: with two ends before one before none, then fewer days, then the
       later begin, then the earlier end.
    4. The lowest id.

    A discount is taken off the list price and rounded to 6 places, half up. Without a match the
    list price holds. Another currency never matches; nothing is converted.

    Args:
        list_price: Of one unit in the currency of the request; None is not known, then rules with
            a discount do not match.
        rules: Those of the product, in any order; the answer does not depend on it.

    Raises:
        PriceError: No rule matches and there is no list price.
        AmountError: A number does not fit.
        CurrencyError: There is no such currency.

    Source:
        Order rule "price = first match by specificity (client, group, list), then quantity break,
        then validity".
    """
    places_of(request.currency)
    check_quantity(request.quantity)
    if list_price is not None:
        check_price(list_price)
    taken: PriceRule | None = None
    steps = []
    for rule in sorted(rules, key=_rank):
        reason = _refusal(rule, request, list_price)
        if reason is None and taken is None:
            taken = rule
            reason = _Reason(_taken(rule), _of(rule))
        elif reason is None and taken is not None:
            reason = _outranked(rule, taken)
        if reason is not None:
            text, values = reason.text, {"list": rule.list_name, **reason.values}
            steps.append(Step(rule.id, rule is taken, text, values))
    if taken is None and list_price is None:
        raise PriceError(N_("No price in {currency} is known."), currency=request.currency)
    if list_price is not None:
        text = _LIST_TAKEN if taken is None else _LIST_LEFT
        steps.append(Step(None, taken is None, text, {"price": list_price}))
    unit_price = _price_of(taken, list_price)
    number = None if taken is None else taken.id
    agreed = number if taken is not None and taken.is_agreed else None
    return FoundPrice(unit_price, number, tuple(steps), agreed)


def agreed_step(number: int, agreement: str, price: Decimal, left: Decimal | None) -> FoundPrice:
    """Answer the price of who takes of a blanket order already: agreed, whatever is left of it.

    Args:
        number: Of the line of the blanket order.
        agreement: What people call the blanket order.
        left: Of the agreed quantity, in the unit of the blanket order; None is no limit.
    """
    values: _Values = {"list": agreement, "price": price}
    if left is not None:
        values["left"] = max(Decimal(0), left)
    text = _TAKEN_OPEN if left is None else _TAKEN_AGREED
    return FoundPrice(
        price, number, (Step(number, is_taken=True, text=text, values=values),), number
    )


class _Reason(msgspec.Struct, frozen=True):
    text: str
    values: _Values


_TAKEN = N_("{list}: taken, {price} from a quantity of {quantity}")
_TAKEN_DISCOUNT = N_("{list}: taken, {discount} % off the list price from a quantity of {quantity}")
_TAKEN_AGREED = N_("Blanket order {list}: taken, {price}; {left} are left")
_TAKEN_OPEN = N_("Blanket order {list}: taken, {price} for as much as is wanted")
#: Why a blanket order does not give its price: what is asked for is more than is left.
TOO_LITTLE = N_("Blanket order {list}: only {left} are left, asked were {quantity}")
_LIST_TAKEN = N_("List price: taken, {price}")
_LIST_LEFT = N_("List price: not needed, {price}")


def _taken(rule: PriceRule) -> str:
    if rule.is_agreed:
        return _TAKEN_OPEN if rule.left is None else _TAKEN_AGREED
    return _TAKEN if rule.price is not None else _TAKEN_DISCOUNT


def _of(rule: PriceRule) -> _Values:
    values: _Values = {"quantity": rule.min_quantity}
    if rule.left is not None:
        values["left"] = rule.left
    if rule.price is not None:
        values["price"] = rule.price
    if rule.discount is not None:
        values["discount"] = rule.discount
    return values


def _level(rule: PriceRule) -> int:
    """Answer -1 for what was agreed, 0 for a client's rule, 1 for a group's, 2 for everybody's."""
    if rule.is_agreed:
        return -1
    if rule.company is not None:
        return 0
    return 2 if rule.group is None else 1


def _rank(rule: PriceRule) -> _Rank:
    """The order of `find_price`; the lowest goes first. Only days within a rank are compared."""
    begin, end = rule.valid_from, rule.valid_until
    return (
        _level(rule),
        -rule.min_quantity,
        (begin is None) + (end is None),
        (end - begin).days if begin and end else 0,
        -begin.toordinal() if begin else 0,
        end.toordinal() if end else 0,
        rule.id,
    )


def _refusal(rule: PriceRule, request: PriceRequest, list_price: Decimal | None) -> _Reason | None:
    """Say why a rule does not match; None when it does."""
    found: _Reason | None = None
    if rule.currency != request.currency:
        found = _Reason(N_("{list}: is in {currency}"), {"currency": rule.currency})
    elif rule.company is not None and rule.company != request.company:
        found = _Reason(N_("{list}: is for another client"), {})
    elif rule.group is not None and rule.group != request.group:
        found = _Reason(N_("{list}: is for another group of clients"), {})
    elif request.quantity < rule.min_quantity:
        text = N_("{list}: begins at a quantity of {needed}, asked were {quantity}")
        found = _Reason(text, {"needed": rule.min_quantity, "quantity": request.quantity})
    elif rule.valid_from is not None and request.on < rule.valid_from:
        found = _Reason(N_("{list}: begins on {begin}"), {"begin": rule.valid_from})
    elif rule.valid_until is not None and rule.valid_until < request.on:
        found = _Reason(N_("{list}: ended on {until}"), {"until": rule.valid_until})
    elif rule.discount is not None and list_price is None:
        found = _Reason(N_("{list}: is a discount, and there is no list price"), {})
    elif rule.left is not None and rule.left < request.quantity:
        found = _Reason(TOO_LITTLE, {"left": rule.left, "quantity": request.quantity})
    return found


def _outranked(rule: PriceRule, taken: PriceRule) -> _Reason:
    values: _Values = {"other": taken.list_name}
    if _level(rule) != _level(taken):
        if taken.is_agreed:
            return _Reason(N_("{list}: the blanket order {other} goes first"), values)
        if _level(taken) == 0:
            return _Reason(N_("{list}: a price of the client goes first ({other})"), values)
        return _Reason(N_("{list}: a price of the group goes first ({other})"), values)
    if rule.min_quantity != taken.min_quantity:
        text = N_("{list}: a larger quantity break is reached ({other})")
    elif _rank(rule)[:-1] != _rank(taken)[:-1]:
        text = N_("{list}: a narrower or later validity goes first ({other})")
    else:
        text = N_("{list}: the same as an earlier rule, which goes first ({other})")
    return _Reason(text, values)


def _price_of(rule: PriceRule | None, list_price: Decimal | None) -> Decimal:
    if rule is not None and rule.price is not None:
        return rule.price
    price = Decimal(0) if list_price is None else list_price
    if rule is None or rule.discount is None:
        return price
    with localcontext(EXACT):
        return rounded((price * (100 - rule.discount)).scaleb(-2), PRICE_PLACES)
