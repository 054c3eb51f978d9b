"""Races of single parts of bundles: each leaves, comes back, is invoiced and credited once.

Each race is one round, as those of documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from crmkit_orders.api import BillableLine, BillingClaim
from crmkit_orders.invoicing import billable_lines, claim_lines
from orders_race import DELIVERY, LINE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from orders_race import Race

    from crmkit.model.context import Context


@dataclass
class _Ask:
    """What a plugin that invoices asks with."""

    ctx: Context
    claims: Sequence[BillingClaim] = ()
    company: int | None = None


async def leaving(race: Race, many: int) -> None:
    """A part leaves once, whoever sends it, and is taken from the stock once."""
    order, part = await _sold(race)
    deliveries = [await _delivery(race, order, part) for _ in range(many)]
    done, _refused = await race.at_once(
        [race.act("orders.delivery/ship", each) for each in deliveries]
    )
    row = await race.ctx.get("orders.line_part", part)
    assert (1, Decimal(2), (8, 0)) == (len(done), row["delivered"], await race.counts())


async def coming_back(race: Race, many: int) -> None:
    """A part comes back once, whoever takes it back."""
    order, part = await _sold(race)
    await race.act("orders.delivery/ship", await _delivery(race, order, part))
    returns = [await _delivery(race, order, part, direction="return") for _ in range(many)]
    done, _refused = await race.at_once(
        [race.act("orders.delivery/take-back", each, reason="Broken") for each in returns]
    )
    row = await race.ctx.get("orders.line_part", part)
    assert (1, Decimal(2), 10) == (len(done), row["returned"], (await race.counts())[0])


async def invoicing(race: Race, many: int) -> None:
    """A part that left is invoiced once, whoever invoices it, for its share of the net."""
    order, part = await _sold(race)
    await race.act("orders.delivery/ship", await _delivery(race, order, part))
    done, _refused = await race.at_once(await _invoices(race, order, many))
    assert (1, Decimal(2)) == (len(done), await _invoiced(race, order))


async def crediting(race: Race, many: int) -> None:
    """A part that came back is credited once, whoever does it."""
    order, part = await _sold(race)
    await race.act("orders.delivery/ship", await _delivery(race, order, part))
    (first,) = await _invoices(race, order, 1)
    await first
    back = await _delivery(race, order, part, direction="return")
    await race.act("orders.delivery/take-back", back, reason="Broken")
    done, _refused = await race.at_once(await _invoices(race, order, many))
    assert (1, Decimal(0)) == (len(done), await _invoiced(race, order))


async def _sold(race: Race) -> tuple[int, int]:
    """Confirm an order of two bundles of a controller and three kits; answer it and its part."""
    await race.stock(10)
    bundle = await race.ctx.create(
        "orders.product", name="Starter", kind="bundle", price=Decimal(3000), currency="EUR"
    )
    for place, (name, count) in enumerate((("pro", 1), ("kit", 3)), 1):
        await race.ctx.create(
            "orders.bundle_part", bundle=bundle, product=race.shop[name], quantity=Decimal(count),
            position=place,
        )  # fmt: skip
    order = await race.draft()
    await race.ctx.create(LINE, order=order, product=bundle, quantity=Decimal(2))
    await race.act("orders.order/confirm", order)
    sql = 'SELECT id FROM orders_line_part WHERE "order" = $1 AND product = $2'
    return order, int(await race.ctx.db.value(sql, order, race.shop["pro"]))


async def _delivery(race: Race, order: int, part: int, **values: str) -> int:
    delivery = await race.ctx.create(DELIVERY, order=order, **values)
    await race.ctx.create("orders.delivery_line", delivery=delivery, part=part, quantity=Decimal(2))
    return delivery


async def _invoices(race: Race, order: int, many: int) -> list[Awaitable[None]]:
    """Answer what invoices all that is due of an order, each by an invoice of its own."""
    due = [each for each in await billable_lines(_Ask(race.ctx)) if each.order == order]
    (line,) = due
    return [_claim(race, line, f"{order}:{line.quantity}:{number}") for number in range(many)]


async def _claim(race: Race, line: BillableLine, key: str) -> None:
    claim = BillingClaim(
        kind=line.kind, order=line.order, part=line.part, net=line.net, quantity=line.quantity,
        key=key,
    )  # fmt: skip
    async with race.ctx.db.transaction():
        await claim_lines(_Ask(race.ctx, [claim]))


async def _invoiced(race: Race, order: int) -> Decimal:
    """Answer how much claims of an order take, less what they give back, as its part counts it."""
    taken = await race.ctx.db.value(
        'SELECT sum(quantity) FROM orders_claim WHERE "order" = $1 AND released_at IS NULL', order
    )
    counted = await race.ctx.db.value(
        'SELECT sum(invoiced) FROM orders_line_part WHERE "order" = $1', order
    )
    assert taken == counted
    return Decimal(taken)
