"""Races of goods: they are sold, leave, come and come back once.

Each race is one round, as those of documents.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from crmkit_orders.following import follow_goods
from orders_race import DELIVERY, LINE, ORDER, PRODUCT, RECEIPT

from crmkit import JobEvent
from crmkit.records.actions import run_action

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from orders_race import Race

#: Orders that wait for one another at every product; more of them only wait longer.
_MOST = 12


async def last_piece(race: Race, many: int) -> None:
    """The last piece is sold once."""
    await race.stock(1)
    while len(race.drafts) < many:
        # Each of another client, so that the client's lock does not help.
        company = await race.ctx.create("crm.company", name=f"Client {len(race.drafts)}")
        race.drafts.append(await race.draft(1, company=company))
    chosen = race.drafts[:many]
    done, _refused = await race.at_once([race.act("orders.order/confirm", o) for o in chosen])
    assert (1, (1, 1)) == (len(done), await race.counts())
    sold = await race.ctx.db.value("SELECT id FROM orders_order WHERE state = 'confirmed'")
    await race.act("orders.order/cancel", sold, reason="Next round")
    race.drafts.remove(sold)


async def shipping(race: Race, many: int) -> None:
    """Goods leave once, also when they stand in two deliveries."""
    await race.stock(10)
    order = await race.confirmed(2)
    first = await race.act("orders.order/deliver", order)
    second = await race.ctx.create(DELIVERY, order=order)
    line = (await race.line(order))["id"]
    await race.ctx.create("orders.delivery_line", delivery=second, line=line, quantity=Decimal(2))
    done, _refused = await race.at_once(
        [race.act("orders.delivery/ship", (first, second)[n % 2]) for n in range(many)]
    )
    assert (1, (8, 0)) == (len(done), await race.counts())
    assert Decimal(2) == (await race.line(order))["delivered"]
    # The first mail is the confirmation; a delivery has a number of its own.
    assert 1 == await race.count(
        "core_message m JOIN core_message_link l ON l.message = m.id "
        "WHERE l.entity = $1 AND l.record = $2 AND m.subject LIKE 'Delivery%'",
        ORDER, order,
    )  # fmt: skip


async def taking_back(race: Race, many: int) -> None:
    """What the client has is announced once and comes back once, by a return or as a whole."""
    await race.stock(10)
    order = await race.confirmed(4)
    first = await race.act("orders.order/deliver", order)
    await race.act("orders.delivery/ship", first)
    announced, _refused = await race.at_once(
        [race.act("orders.order/return", order) for _ in range(many)]
    )
    assert 1 == len(announced)
    both = (announced[0], first)
    done, _refused = await race.at_once(
        [race.act("orders.delivery/take-back", both[n % 2], reason="Broken") for n in range(many)]
    )
    row = await race.line(order)
    assert (1, Decimal(4), Decimal(4)) == (len(done), row["returned"], row["reserved"])
    assert (10, 4) == await race.counts()
    await race.act("orders.order/cancel", order, reason="Next round")


async def receiving(race: Race, many: int) -> None:
    """What comes of a product by several receipts is counted in once for each."""
    await race.stock(0)
    receipts = []
    for _ in range(many // 2):
        receipt = await race.ctx.create(RECEIPT)
        await race.ctx.create(
            "orders.receipt_line", receipt=receipt, product=race.shop["pro"], expected=Decimal(3)
        )
        receipts.append(receipt)
    done, _refused = await race.at_once(
        [race.act("orders.receipt/receive", each) for each in receipts * 2]
    )
    assert (many // 2, (3 * (many // 2), 0)) == (len(done), await race.counts())


async def opposite_lines(race: Race, many: int) -> None:
    """Orders of the same products in opposite order never lock each other out."""
    plan = race.ctx.site.entity(ORDER)

    async def order(place: int) -> int:
        # Lines are entered and confirmed in one go, which locks products twice.
        async with race.ctx.db.transaction():
            names = ("pro", "kit") if place % 2 else ("kit", "pro")
            made = await race.draft(1, 1, products=names)
            await run_action(race.ctx, plan, "confirm", made)
        return made

    _there, before = await race.counts()
    await race.stock(before + many)
    done, refused = await race.at_once([order(place) for place in range(many)])
    assert (many, []) == (len(done), refused)
    assert (before + many, before + many) == await race.counts()


async def coming_free(race: Race, many: int) -> None:
    """Two products leave, come back and come free in opposite order, and nobody locks others out.

    Each order moves one of its lines first, and the other one when all of them are gone over. Most
    wait for kits, and the job that follows those that come free runs beside all of it.
    """
    await race.stock(100_000)
    await race.act("orders.product/count", race.shop["kit"], on_hand="3")
    ways = (_send, _take_back, _cancel, _lower)
    many, work = min(many, _MOST), []
    for place in range(many):
        names = ("pro", "kit") if place % 2 else ("kit", "pro")
        order = await race.draft(2, 2, products=names)
        await race.act("orders.order/confirm", order)
        work.append(await ways[place // 2 % 4](race, order))
    done, refused = await race.at_once([*work, _follow(race), _follow(race)])
    assert (many + 2, []) == (len(done), refused)
    for name in ("pro", "kit"):
        held = "SELECT coalesce(sum(reserved), 0) FROM orders_order_line WHERE product = $1"
        product = await race.ctx.get(PRODUCT, race.shop[name])
        assert await race.ctx.db.value(held, race.shop[name]) == product["reserved"]


async def _follow(race: Race) -> None:
    """Count promises anew that wait for goods, as the job does."""
    args = {"products": [race.shop["pro"], race.shop["kit"]], "after": 0, "is_less": True}
    async with race.ctx.db.transaction():
        await follow_goods(JobEvent(race.ctx, 1, "orders.follow_goods", args, 1, _unheard))


def _unheard(_done: int, _total: int) -> None:
    return


async def _send(race: Race, order: int) -> Awaitable[object]:
    """Answer what sends off the first line of an order."""
    line = await race.ctx.db.value(
        'SELECT id FROM orders_order_line WHERE "order" = $1 ORDER BY id LIMIT 1', order
    )
    delivery = await race.ctx.create(DELIVERY, order=order)
    values = {"line": line, "quantity": Decimal(2)}
    await race.ctx.create("orders.delivery_line", delivery=delivery, **values)
    return race.act("orders.delivery/ship", delivery)


async def _take_back(race: Race, order: int) -> Awaitable[object]:
    """Answer what takes the first line of an order back."""
    await (await _send(race, order))
    back = await race.act("orders.order/return", order)
    return race.act("orders.delivery/take-back", back, reason="Not wanted")


async def _cancel(race: Race, order: int) -> Awaitable[object]:
    """Answer what cancels an order."""
    return race.act("orders.order/cancel", order, reason="Not wanted")


async def _lower(race: Race, order: int) -> Awaitable[object]:
    """Answer what confirms that less is wanted of each line of an order."""
    for row in await race.ctx.db.rows('SELECT id FROM orders_order_line WHERE "order" = $1', order):
        await race.ctx.save(LINE, row["id"], quantity=Decimal(1))
    return race.act("orders.order/confirm-changes", order)
