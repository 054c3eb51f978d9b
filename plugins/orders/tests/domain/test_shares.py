"""Shares of a bundle: whatever is delivered, invoiced and credited, they come to its net."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from crmkit_orders.domain.money import round_money
from crmkit_orders.domain.shares import PartCounts, due_of, net_of, taken_by_whole
from crmkit_orders.domain.spreading import spread
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import find_currency_places

_SETTINGS = settings(max_examples=200, deadline=None, print_blob=False, derandomize=True)


def _invoice(parts: list[PartCounts], kept: list[Decimal], currency: str) -> list[PartCounts]:
    made = []
    for part, each in zip(parts, kept, strict=True):
        now = msgspec.structs.replace(part, kept=each)
        due = due_of(now)
        net = net_of(now, due, currency) if due else Decimal(0)
        made.append(
            msgspec.structs.replace(now, invoiced=now.invoiced + due, taken=now.taken + net)
        )
    return made


@_SETTINGS
@given(data=st.data(), currency=st.sampled_from(("EUR", "JPY", "KWD", "CLF")))
def test_all_that_is_invoiced_of_parts_comes_to_the_net_of_their_bundle(
    data: st.DataObject, currency: str
) -> None:
    places = find_currency_places(currency) or 0
    net = Decimal(data.draw(st.integers(-(10**9), 10**9))).scaleb(-places)
    each = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    weights = data.draw(st.lists(st.integers(0, 10**6), min_size=len(each), max_size=len(each)))
    bundles = data.draw(st.integers(1, 4))
    nets = spread(net, [Decimal(weight) for weight in weights], currency)
    whole = data.draw(st.integers(0, bundles))
    taken = net if whole == bundles else round_money(net * whole / bundles, currency)
    parts = [
        PartCounts(quantity=Decimal(bundles * n), net=share, kept=Decimal(whole * n),
                   invoiced=Decimal(whole * n), taken=done)
        for n, share, done in zip(each, nets, taken_by_whole(taken, nets, currency), strict=True)
    ]  # fmt: skip
    for _move in range(data.draw(st.integers(0, 4))):
        kept = [Decimal(data.draw(st.integers(0, int(part.quantity)))) for part in parts]
        parts = _invoice(parts, kept, currency)
    parts = _invoice(parts, [part.quantity for part in parts], currency)
    assert net == sum(part.taken for part in parts)
    assert list(nets) == [part.taken for part in parts]
    parts = _invoice(parts, [Decimal(0) for _part in parts], currency)
    assert {Decimal(0)} == {part.taken for part in parts}, "what came back gives all of it back"


def test_the_last_of_a_part_is_what_is_left_of_its_share() -> None:
    part = PartCounts(quantity=Decimal(3), net=Decimal("1.00"))
    taken = []
    for count in range(1, 4):
        (part,) = _invoice([part], [Decimal(count)], "EUR")
        taken.append(str(part.taken))
    assert ["0.33", "0.67", "1.00"] == taken
    assert Decimal(-1) == due_of(msgspec.structs.replace(part, kept=Decimal(2)))
