"""TRUST X2, X3: what happens at once happens as if one came after the other."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import orders_races as documents
import orders_races_of_goods as goods
import orders_races_of_parts as parts
import pytest
from crmkit_orders import shipping, steps
from orders_race import begin, without

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from conftest import Decide
    from orders_race import Guard, Race

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

#: How many at once, and how many rounds of it.
WAYS = [
    (4, 1),
    pytest.param(2, 50, marks=pytest.mark.long),
    pytest.param(8, 50, marks=pytest.mark.long),
    pytest.param(32, 50, marks=pytest.mark.long),
]
#: Rounds in which a race without its guard is lost once at least.
CONTROL_WAYS, CONTROL_ROUNDS = 4, 10
_RECORD, _STOCK = without("FOR UPDATE OF t"), without("FOR NO KEY UPDATE")
_MAX_NUMBER = (
    "SELECT coalesce(max(substring(number FROM 4)::bigint), 0) + 1 "
    "FROM orders_order WHERE $1::text <> ''"
)


def _both(monkeypatch: pytest.MonkeyPatch) -> None:
    _RECORD(monkeypatch)
    _STOCK(monkeypatch)


def _version(monkeypatch: pytest.MonkeyPatch) -> None:
    note = steps._note

    async def any_version(ctx: Context, order: int, _version: int | None = None) -> None:
        await note(ctx, order)

    monkeypatch.setattr(steps, "_note", any_version)


def _goods(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(_ctx: Context, _order: int) -> None:
        return

    monkeypatch.setattr(shipping, "lock_goods", nothing)


#: Name to the race, and to what takes each of its guards away.
RACES: dict[str, tuple[Callable[[Race, int], Awaitable[None]], tuple[Guard, ...]]] = {
    "last piece": (goods.last_piece, (_STOCK,)),
    "acceptance": (documents.acceptance, (_RECORD,)),
    # Without the lock of the record, that of the client's credit is still there.
    "confirmation": (documents.confirmation, (_both,)),
    "end of a step": (documents.step_end, (_version,)),
    # Without the lock of the order, that of its goods is still there.
    "shipping": (goods.shipping, (_both,)),
    "confirmation and cancellation": (documents.cancellation, (_RECORD,)),
    "change and confirmation": (documents.editing, (_RECORD,)),
    "return": (goods.taking_back, (_both,)),
    "receipt": (goods.receiving, (_RECORD, _STOCK)),
    "recurring order": (documents.repeating, (without("FOR UPDATE SKIP LOCKED"),)),
    "number": (documents.numbering, (without("SELECT nextval($1::regclass)", _MAX_NUMBER),)),
    "conversion": (documents.converting, (_RECORD,)),
    # A stronger lock would wait for everybody who enters a line of the product.
    "products in opposite order": (goods.opposite_lines, (without("NO KEY UPDATE", "UPDATE"),)),
    "goods that come free": (goods.coming_free, (_goods,)),
    "a part that leaves": (parts.leaving, (_both,)),
    "a part that comes back": (parts.coming_back, (_both,)),
    "a part on invoices": (parts.invoicing, (_RECORD,)),
    "a part that is credited": (parts.crediting, (_RECORD,)),
    "credit": (documents.credit, (_STOCK,)),
    "calling off": (documents.calling_off, (_STOCK,)),
    "clicks of a call-off": (documents.clicks, (_RECORD,)),
}
_GUARDS = [
    pytest.param(name, guard, id=f"{name}-{place}")
    for name, (_race, guards) in RACES.items()
    for place, guard in enumerate(guards)
]


@asynccontextmanager
async def _racing(
    site: Running, shop: dict[str, int], decide: Decide, many: int
) -> AsyncIterator[Race]:
    decide(credit="block", invoice_by="delivered")
    seed = random.getrandbits(32)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it with a failure
    race = await begin(site, shop, many, seed)
    try:
        yield race
    finally:
        await race.ctx.db.close()


@pytest.mark.parametrize(("many", "rounds"), WAYS)
@pytest.mark.parametrize("name", RACES)
async def test_what_happens_at_once_comes_out_as_if_one_came_after_the_other(
    site: Running, shop: dict[str, int], decide: Decide, name: str, many: int, rounds: int
) -> None:
    race, _guards = RACES[name]
    async with _racing(site, shop, decide, many) as racing:
        for _ in range(rounds):
            await race(racing, many)


@pytest.mark.long
@pytest.mark.parametrize(("name", "guard"), _GUARDS)
async def test_a_race_without_its_guard_is_lost(
    site: Running, shop: dict[str, int], decide: Decide, name: str, guard: Guard,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    race, _guards = RACES[name]
    async with _racing(site, shop, decide, CONTROL_WAYS) as racing:
        guard(monkeypatch)
        with pytest.raises(AssertionError):  # noqa: PT012 - in one of the rounds
            for _ in range(CONTROL_ROUNDS):
                await race(racing, CONTROL_WAYS)
