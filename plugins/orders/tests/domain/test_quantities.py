from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import msgspec
import pytest
from crmkit_orders.domain import quantities
from crmkit_orders.domain.errors import AmountError, CountsError
from crmkit_orders.domain.quantities import (
    LineCounts,
    Policy,
    check_counts,
    creditable,
    delivery_status,
    invoice_status,
    invoiceable,
    lowest_ordered,
    open_quantity,
)
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

FEW = st.integers(1, 6)


def counts(
    ordered: int, delivered: int = 0, returned: int = 0, invoiced: int = 0, cancelled: int = 0
) -> LineCounts:
    return LineCounts(*map(Decimal, (ordered, delivered, returned, invoiced, cancelled)))


class Counts(RuleBasedStateMachine):
    """A line against lists of pieces: whatever is asked of it, what was allowed adds up."""

    policy: Policy = "ordered"
    TOLERANCE = 1

    def __init__(self) -> None:
        super().__init__()
        self.line = counts(5)
        #: Pieces that are wanted, that are with the client, that an invoice is about.
        self.wanted, self.there, self.paid = 5, 0, 0

    def ask(self, **steps: int) -> bool:
        """Add to counts if the rules allow it; say whether they did."""
        values = {name: getattr(self.line, name) + step for name, step in steps.items()}
        changed = msgspec.structs.replace(self.line, **values)
        with suppress(CountsError):
            check_counts(changed, Decimal(self.TOLERANCE), self.policy, before=self.line)
            self.line = changed
            return True
        return False

    @property
    def most(self) -> int:
        return self.wanted if self.policy == "ordered" else self.there

    @rule(number=FEW)
    def deliver(self, number: int) -> None:
        allowed = self.there + number <= self.wanted + self.TOLERANCE
        assert allowed == self.ask(delivered=number)
        self.there += number * allowed

    @rule(number=FEW)
    def take_back(self, number: int) -> None:
        allowed = number <= self.there
        assert allowed == self.ask(returned=number)
        self.there -= number * allowed

    @rule(number=FEW)
    def invoice(self, number: int) -> None:
        allowed = self.paid + number <= self.most
        assert allowed == (number <= invoiceable(self.line, self.policy))
        assert allowed == self.ask(invoiced=number)
        self.paid += number * allowed

    @rule(number=FEW)
    def credit(self, number: int) -> None:
        allowed = number <= self.paid
        assert allowed == self.ask(invoiced=-number)
        self.paid -= number * allowed

    @rule(number=FEW)
    def cancel(self, number: int) -> None:
        rest = self.wanted - number
        paid_for = rest if self.policy == "ordered" else self.there
        allowed = rest >= 0 and self.there <= rest + self.TOLERANCE and self.paid <= paid_for
        assert allowed == self.ask(cancelled=number)
        self.wanted -= number * allowed

    @rule(number=st.integers(-4, 4))
    def order(self, number: int) -> None:
        rest = self.wanted + number
        paid_for = rest if self.policy == "ordered" else self.there
        allowed = rest >= 0 and self.there <= rest + self.TOLERANCE
        allowed = allowed and (self.paid <= paid_for or number >= 0)
        assert allowed == self.ask(ordered=number)
        self.wanted += number * allowed

    @invariant()
    def what_is_derived_agrees(self) -> None:
        line = self.line
        assert max(0, self.wanted - self.there) == open_quantity(line)
        assert max(0, self.most - self.paid) == invoiceable(line, self.policy)
        assert max(0, self.paid - self.most) == creditable(line, self.policy)
        assert ("none" == delivery_status([line])) == (self.there == 0)
        assert ("none" == invoice_status([line], self.policy)) == (self.paid == 0)
        if delivery_status([line]) == "full":
            assert self.there >= self.wanted


class DeliveredCounts(Counts):
    policy: Policy = "delivered"


@pytest.mark.parametrize("machine", [Counts, DeliveredCounts])
def test_counts_agree_with_pieces_that_are_moved(machine: type[Counts]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            print_blob=False,
            derandomize=True,
        ),
    )


def test_the_machine_sees_a_rule_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantities, "_kept", lambda line: line.delivered)
    with pytest.raises(AssertionError):
        test_counts_agree_with_pieces_that_are_moved(Counts)


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (counts(5, delivered=7), "delivered"),
        (counts(5, delivered=5, cancelled=2), "delivered"),
        (counts(5, delivered=2, returned=3), "returned"),
        (counts(5, cancelled=6), "cancelled"),
        (counts(5, invoiced=6), "invoiced"),
        (counts(-1), "ordered"),
    ],
)
def test_the_count_that_is_wrong_is_named(line: LineCounts, field: str) -> None:
    with pytest.raises(CountsError) as error:
        check_counts(line, Decimal(1))
    assert field == error.value.field


def test_a_count_finer_than_a_quantity_is_refused() -> None:
    with pytest.raises(AmountError):
        check_counts(LineCounts(Decimal("0.00001")), Decimal(0))


def test_a_replacement_may_be_delivered_after_a_return() -> None:
    line = counts(5, delivered=5, returned=2)
    assert 2 == open_quantity(line)
    check_counts(msgspec.structs.replace(line, delivered=Decimal(7)), Decimal(0))


def test_a_return_after_the_invoice_is_allowed_and_leads_to_a_credit_note() -> None:
    before = counts(5, delivered=5, invoiced=5)
    after = msgspec.structs.replace(before, returned=Decimal(2))

    check_counts(after, Decimal(0), "delivered", before=before)

    assert 2 == creditable(after, "delivered")
    assert 0 == invoiceable(after, "delivered")
    with pytest.raises(CountsError):
        check_counts(after, Decimal(0), "delivered")


def test_an_order_is_never_lowered_below_what_the_client_keeps_or_pays() -> None:
    assert 4 == lowest_ordered(counts(9, delivered=4, returned=1, cancelled=1))
    assert 7 == lowest_ordered(counts(9, delivered=4, invoiced=6, cancelled=1))


def test_the_status_of_an_order_comes_from_all_its_lines() -> None:
    full, half, none, gone = counts(2, 2), counts(2, 1), counts(2), counts(2, cancelled=2)
    assert ["full", "partial", "partial", "full", "none", "none", "none"] == [
        delivery_status(lines)
        for lines in ([full], [half], [full, none], [full, gone], [none], [gone], [])
    ]


def test_all_is_invoiced_when_nothing_more_will_be() -> None:
    line = counts(4, delivered=2, invoiced=2)
    assert "partial" == invoice_status([line], "ordered")
    assert "partial" == invoice_status([line], "delivered")
    assert "full" == invoice_status(
        [msgspec.structs.replace(line, cancelled=Decimal(2))], "delivered"
    )
    assert "none" == invoice_status([counts(4, delivered=4)], "delivered")
