"""TRUST F3: quotes, orders, deliveries, returns, receipts and stock against a plain model."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from crmkit_orders import line_promises, lines, ordering, quoting, reserving, shipping
from crmkit_orders.domain.quantities import check_counts
from crmkit_orders.stock import change_counts
from crmkit_orders.totals import quote_rows
from orders_machine import Orders
from orders_machine_run import run_machine
from orders_model import TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from conftest import Decide
    from crmkit_orders.reading import Row

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running


def check(
    site: Running, examples: int, steps: int, *, number: int | None = None, shrinks: bool = True
) -> None:
    """Do so many times so many steps, as `run_machine` does."""
    run_machine(Orders, site, examples, steps, number=number, shrinks=shrinks)


@pytest.fixture(autouse=True)
def tolerant(decide: Decide) -> None:
    """Deliveries may exceed orders by as much as the model says."""
    decide(tolerance=TOLERANCE)


def test_orders_do_what_the_plain_model_says(site: Running) -> None:
    check(site, examples=4, steps=30)


@pytest.mark.long
def test_orders_do_what_the_plain_model_says_for_long(site: Running) -> None:
    """Another share of the 2,000 times 50 each time."""
    number = random.getrandbits(32)
    print(f"seed {number}")  # noqa: T201 - pytest shows it with a failure
    check(site, examples=400, steps=50, number=number)


async def _nothing(_ctx: Context, *_args: object) -> None:
    pass


async def _release_lines_only(ctx: Context, rows: Sequence[Row]) -> None:
    for row in rows:
        await ctx.derive("orders.order_line", row["id"], reserved=Decimal(0))


def _open_of_the_first_delivery(row: Row) -> Decimal:
    return Decimal(0) if row["delivered"] else line_promises.open_agreed(row)


async def _count_in_twice(ctx: Context, **changes: Any) -> None:  # noqa: ANN401 - as the function
    came = changes.get("on_hand") or {}
    if any(amount > 0 for amount in came.values()):
        changes["on_hand"] = {product: amount * 2 for product, amount in came.items()}
    await change_counts(ctx, **changes)


_accept = quoting._accept


async def _accept_again(
    ctx: Context, quote_id: int, name: str, address: str, chosen: Mapping[int, Decimal]
) -> int:
    quote = await ctx.get("orders.quote", quote_id, "edit", lock=True)
    if quote["state"] != "accepted":
        return await _accept(ctx, quote_id, name, address, chosen)
    return await quoting._make_order(ctx, {**quote, "id": None}, await quote_rows(ctx, quote_id))


def _no_tolerance(*args: Any, **_more: Any) -> None:  # noqa: ANN401 - as the function
    counts, _tolerance, *rest = args
    check_counts(counts, Decimal(0), *rest)


#: What is planted, where, and instead of what.
MUTATIONS: dict[str, tuple[object, str, Callable[..., Any]]] = {
    "what came back is not reserved again": (reserving, "_reserve_again", _nothing),
    "an amendment is not seen": (lines, "mark_amended", _nothing),
    "the tolerance is ignored": (shipping, "check_counts", _no_tolerance),
    "cancelled orders keep what they reserved": (ordering, "release", _release_lines_only),
    "a back-order is forgotten": (shipping, "open_agreed", _open_of_the_first_delivery),
    "a return is counted twice": (shipping, "change_counts", _count_in_twice),
    "a quote is accepted twice": (quoting, "_accept", _accept_again),
}


@pytest.mark.long
@pytest.mark.parametrize("fault", MUTATIONS)
def test_the_machine_finds_a_planted_fault(
    site: Running, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*MUTATIONS[fault])
    with pytest.raises(AssertionError):
        check(site, examples=50, steps=30, shrinks=False)
