"""Options of a quote: how much of one a client may take."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from crmkit import N_
from crmkit_orders.domain.errors import AmountError
from crmkit_orders.domain.money import check_quantity

if TYPE_CHECKING:
    from decimal import Decimal


class Span(NamedTuple):
    """The least and the most that may be taken, both included."""

    least: Decimal
    most: Decimal


def span_of(quantity: Decimal, least: Decimal | None, most: Decimal | None) -> Span:
    """Answer how much of an option may be taken: exactly its quantity where no bound is set.

    Raises:
        AmountError: Its quantity is not within its bounds, or a bound is no quantity.
    """
    found = Span(quantity if least is None else least, quantity if most is None else most)
    for bound in found:
        check_quantity(bound)
    check_taken(quantity, found)
    return found


def check_taken(quantity: Decimal, span: Span) -> None:
    """Refuse to take less or more of an option than is offered, or nothing of it.

    Raises:
        AmountError: It is so, or it is no quantity.
    """
    check_quantity(quantity)
    if not span.least <= quantity <= span.most or quantity == 0:
        text = N_("{number} is not from {least} to {most}.")
        raise AmountError(text, number=quantity, least=span.least, most=span.most)
