"""Quantities of a line: what is ordered, delivered, returned, invoiced, cancelled."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from crmkit import N_
from crmkit_orders.domain.errors import CountsError
from crmkit_orders.domain.money import QUANTITY_PLACES, check_number
from crmkit_orders.domain.shares import due_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from crmkit_orders.domain.shares import PartCounts

#: What may be invoiced: what is ordered, at once, or only what was delivered.
Policy: TypeAlias = Literal["ordered", "delivered"]
Status: TypeAlias = Literal["none", "partial", "full"]

_ZERO = Decimal(0)


class LineCounts(msgspec.Struct, frozen=True):
    """The counts of a line, all in its unit and since its beginning; none ever has a minus."""

    ordered: Decimal
    #: Left the house; a return does not lower it.
    delivered: Decimal = _ZERO
    #: Came back of what was delivered.
    returned: Decimal = _ZERO
    #: On issued invoices, less what credit notes took back.
    invoiced: Decimal = _ZERO
    #: Of what is ordered, never to be delivered.
    cancelled: Decimal = _ZERO


def open_quantity(counts: LineCounts) -> Decimal:
    """Answer what is still to be delivered, never negative.

    What came back is open again, for a replacement; when there is to be none, it is cancelled.
    """
    return max(_ZERO, _wanted(counts) - _kept(counts))


def check_counts(
    counts: LineCounts,
    tolerance: Decimal,
    policy: Policy = "ordered",
    before: LineCounts | None = None,
) -> None:
    """Refuse counts that contradict each other.

    Nothing is negative; not more is returned than delivered, nor cancelled than ordered; what the
    client keeps is at most what is ordered and not cancelled, plus the tolerance; invoiced is at
    most what the policy allows.

    A return after the invoice leaves too much invoiced until the credit note, and that has to be
    possible. So with `before`, what is invoiced too much is refused only when more was invoiced,
    more cancelled, less ordered or less delivered than before.

    Args:
        tolerance: By how much a delivery may exceed the order, in the unit of the line.
        before: The counts as they were, when they change.

    Raises:
        CountsError: Names the first count that is wrong.
        AmountError: A count has over 4 places or too many digits.

    Source:
        Order rule "delivered - returned <= ordered + tolerance; invoiced <= what may be invoiced
        by policy".
    """
    for field in counts.__struct_fields__:
        count: Decimal = getattr(counts, field)
        check_number(count, QUANTITY_PLACES)
        if count < 0:
            raise CountsError(field, N_("{number} is negative; enter 0 or more."), number=count)
    if counts.returned > counts.delivered:
        text = N_("{returned} cannot come back: only {delivered} were delivered.")
        raise CountsError("returned", text, returned=counts.returned, delivered=counts.delivered)
    if counts.cancelled > counts.ordered:
        text = N_("{cancelled} cannot be cancelled: only {ordered} are ordered.")
        raise CountsError("cancelled", text, cancelled=counts.cancelled, ordered=counts.ordered)
    most = _wanted(counts) + tolerance
    if _kept(counts) > most:
        text = N_("{number} cannot be delivered: the order allows {most}.")
        raise CountsError("delivered", text, number=_kept(counts), most=most)
    allowed = _allowed(counts, policy)
    if counts.invoiced > allowed and not _leads_to_credit(counts, before):
        text = N_("{number} cannot be invoiced: the order allows {most} now.")
        raise CountsError("invoiced", text, number=counts.invoiced, most=allowed)


def invoiceable(counts: LineCounts, policy: Policy) -> Decimal:
    """Answer what may be invoiced now and is not yet, never negative.

    Args:
        policy: "ordered" allows what is ordered and not cancelled, "delivered" what was delivered
            and did not come back, also beyond what was ordered.

    Source:
        Order rule "invoiced <= what may be invoiced by policy (ordered or delivered)".
    """
    return max(_ZERO, _allowed(counts, policy) - counts.invoiced)


def creditable(counts: LineCounts, policy: Policy) -> Decimal:
    """Answer what is invoiced beyond what the policy allows, never negative: a credit note's."""
    return max(_ZERO, counts.invoiced - _allowed(counts, policy))


def lowest_ordered(counts: LineCounts) -> Decimal:
    """Answer to what `ordered` may be lowered: what the client keeps or has to pay, and cancelled.

    Source:
        Order rule "lowering ordered below delivered is refused"; the same goes for invoiced.
    """
    return counts.cancelled + max(_kept(counts), counts.invoiced)


def delivery_status(counts: Iterable[LineCounts], *, has_parts: bool = False) -> Status:
    """Say how far the lines of an order are delivered, from their counts.

    "none" while the client keeps nothing, also of a cancelled order; "full" when nothing is open.

    Args:
        has_parts: The client keeps parts of a bundle that is not whole yet.

    Source:
        Order rule "delivery and invoice status are derived from lines, never typed".
    """
    lines = tuple(counts)
    if not any(_kept(line) > 0 for line in lines) and not has_parts:
        return "none"
    return "partial" if any(open_quantity(line) > 0 for line in lines) else "full"


def invoice_status(
    counts: Iterable[LineCounts], policy: Policy, parts: Sequence[Sequence[PartCounts]] = ()
) -> Status:
    """Say how far the lines of an order are invoiced, from their counts.

    "full" when no line has anything to invoice, now or, under the policy "delivered", after the
    rest is delivered; "none" while nothing is invoiced.

    Args:
        parts: Of each line the parts it is invoiced by; none of a line that is invoiced whole.

    Source:
        Order rule "delivery and invoice status are derived from lines, never typed".
    """
    lines = tuple(counts)
    by_parts = parts or [()] * len(lines)
    each = tuple(zip(lines, by_parts, strict=True))
    if not any(line.invoiced > 0 or any(p.invoiced > 0 for p in own) for line, own in each):
        return "none"
    return "partial" if any(_is_to_invoice(line, policy, own) for line, own in each) else "full"


def _wanted(counts: LineCounts) -> Decimal:
    return counts.ordered - counts.cancelled


def _kept(counts: LineCounts) -> Decimal:
    return counts.delivered - counts.returned


def _allowed(counts: LineCounts, policy: Policy) -> Decimal:
    return _wanted(counts) if policy == "ordered" else _kept(counts)


def _is_to_invoice(counts: LineCounts, policy: Policy, parts: Sequence[PartCounts]) -> bool:
    later = policy == "delivered" and open_quantity(counts) > 0
    if parts:
        return later or any(due_of(part) > 0 for part in parts)
    return later or invoiceable(counts, policy) > 0


def _leads_to_credit(counts: LineCounts, before: LineCounts | None) -> bool:
    return before is not None and (
        counts.invoiced <= before.invoiced
        and counts.cancelled <= before.cancelled
        and counts.ordered >= before.ordered
        and counts.delivered >= before.delivered
    )
