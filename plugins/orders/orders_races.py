"""Races of documents: what people do at once comes out as if one came after the other.

Each race is one round. It asserts what is so whatever came first, and so fails when a guard is
gone.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import httpx
from crmkit_orders.mailing import quote_link
from crmkit_orders.repeating import repeat_due
from orders_race import LINE, ORDER, QUOTE

from crmkit.errors import ConflictError
from crmkit.web.app import create_app

if TYPE_CHECKING:
    from orders_race import Race, Work


async def acceptance(race: Race, many: int) -> None:
    """A quote that is accepted by its link again and again is one order, and all are thanked."""
    quote = await race.ctx.create(
        QUOTE, company=race.shop["company"], person=race.shop["person"], currency="EUR", owner=9001
    )
    await race.ctx.create("orders.quote_line", quote=quote, product=race.shop["kit"])
    await race.act("orders.quote/send", quote)
    path = "/orders/" + quote_link(race.ctx, quote).partition("/orders/")[2]
    app = create_app(race.running.site, race.ctx.db, race.running.config)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost", headers={"Origin": "http://localhost"}
    ) as client:
        form = {"name": "Tom"}
        work = [client.post(f"{path}/acceptance", data=form) for _ in range(many)]
        answers, _refused = await race.at_once(work)
    assert [303] * many == [each.status_code for each in answers]
    assert 1 == await race.count("orders_order WHERE quote = $1", quote)
    accepted = "core_journal WHERE entity = $1 AND record = $2 AND after->>'state' = 'accepted'"
    assert 1 == await race.count(accepted, QUOTE, quote)


async def confirmation(race: Race, many: int) -> None:
    """An order is confirmed once: one mail, its steps once."""
    await race.stock(2)
    order = await race.draft(2)
    done, refused = await race.at_once(
        [race.act("orders.order/confirm", order) for _ in range(many)]
    )
    assert (1, many - 1) == (len(done), len(refused))
    assert 1 == await race.mails(order)
    steps = [
        row["state"]
        for row in await race.ctx.db.rows('SELECT state FROM orders_step WHERE "order" = $1', order)
    ]
    assert ["active", "waiting", "waiting"] == sorted(steps)
    assert (2, 2) == await race.counts()
    await race.act("orders.order/cancel", order, reason="Next round")


async def step_end(race: Race, many: int) -> None:
    """A page that shows one step ends one step, however often its button is pressed."""
    await race.stock(2)
    order = await race.confirmed(2)
    shown = (await race.ctx.get(ORDER, order))["version"]
    done, refused = await race.at_once(
        [race.act("orders.order/finish-step", order, version=shown) for _ in range(many)]
    )
    assert (1, many - 1) == (len(done), len(refused))
    assert 1 == await race.count("orders_step WHERE \"order\" = $1 AND state = 'done'", order)
    second = "orders_step WHERE \"order\" = $1 AND state = 'active' AND position = 2"
    assert 1 == await race.count(second, order)
    await race.act("orders.order/cancel", order, reason="Next round")


async def cancellation(race: Race, many: int) -> None:
    """An order that one confirms while another cancels it is cancelled, and holds nothing."""
    await race.stock(9)
    order = await race.draft(3)
    work = [
        race.act("orders.order/cancel", order, reason="Not wanted")
        if place % 2
        else race.act("orders.order/confirm", order)
        for place in range(many)
    ]
    done, _refused = await race.at_once(work)
    stored, line = await race.ctx.get(ORDER, order), await race.line(order)
    was_confirmed = stored["confirmed_at"] is not None
    assert (1 + was_confirmed, "cancelled") == (len(done), stored["state"])
    assert (9, 0) == await race.counts()
    assert (Decimal(3), Decimal(0)) == (line["cancelled"], line["reserved"])
    assert was_confirmed == await race.mails(order)
    assert 0 == await race.count(
        "orders_step WHERE \"order\" = $1 AND state IN ('active', 'waiting')", order
    )


async def editing(race: Race, many: int) -> None:
    """Lines that change while the order is confirmed are confirmed, or an amendment."""
    await race.stock(500)
    order = await race.draft(2)
    line = (await race.line(order))["id"]
    wanted = [Decimal(3 + place) for place in range(1, many, 2)]
    work: Work = [
        *(race.ctx.save(LINE, line, quantity=quantity) for quantity in wanted),
        *(race.act("orders.order/confirm", order) for _ in range(many - len(wanted))),
    ]
    done, _refused = await race.at_once(work)
    assert len(wanted) + 1 == len(done)
    stored, row = await race.ctx.get(ORDER, order), await race.line(order)
    assert row["quantity"] in wanted
    assert row["confirmed"] in {Decimal(2), *wanted}
    assert (row["quantity"] != row["confirmed"]) == stored["is_amended"]
    assert (row["confirmed"], (500, row["confirmed"])) == (row["reserved"], await race.counts())
    assert (row["quantity"] * 4821, row["net"]) == (row["net"], stored["net"])
    await race.act("orders.order/cancel", order, reason="Next round")


async def repeating(race: Race, many: int) -> None:
    """Each period of a recurring order is made once, however many look for it."""
    ctx, weeks = race.ctx, 3
    source = await race.draft(1, note=f"Plan {race.chance.random()}")
    note = (await ctx.get(ORDER, source))["note"]
    first = ctx.now().date() - timedelta(weeks=weeks - 1)
    await ctx.create(
        "orders.plan", name="Weekly", order=source, every="week", next_on=first, is_active=True,
        owner=9001,
    )  # fmt: skip
    while sum((await race.at_once([repeat_due(ctx, 1) for _ in range(many)]))[0]):
        pass
    assert weeks + 1 == await race.count("orders_order WHERE note = $1", note)


async def numbering(race: Race, many: int) -> None:
    """Every order gets a number of its own at the first try, though some are given up."""
    before = await race.count("orders_order")

    async def order(place: int) -> None:
        async with race.ctx.db.transaction():
            await race.ctx.create(ORDER, company=race.shop["company"])
            if place % 10 == 1:
                raise ConflictError("Given up.")

    done, _refused = await race.at_once([order(place) for place in range(many)])
    kept = sum(place % 10 != 1 for place in range(many))
    numbers = [row["number"] for row in await race.ctx.db.rows("SELECT number FROM orders_order")]
    assert (kept, before + kept) == (len(done), len(set(numbers)))


async def converting(race: Race, many: int) -> None:
    """An opportunity that several make an order of has one."""
    opportunity = await race.ctx.create(
        "crm.opportunity", name="GTX Pro", amount=Decimal(4821), currency="EUR", stage="won",
        company=race.shop["company"], owner=9001,
    )  # fmt: skip
    done, _refused = await race.at_once(
        [race.act("crm.opportunity/make-order", opportunity) for _ in range(many)]
    )
    assert (many, 1) == (len(done), len(set(done)))
    assert 1 == await race.count("orders_order WHERE opportunity = $1", opportunity)


async def calling_off(race: Race, many: int) -> None:
    """Orders of one blanket order never take more of it than was agreed."""
    ctx = race.ctx
    agreement = await ctx.create(
        "orders.agreement", company=race.shop["company"], person=race.shop["person"],
        currency="EUR", valid_until=ctx.now().date() + timedelta(days=30), owner=9001,
    )  # fmt: skip
    line = await ctx.create(
        "orders.agreement_line", agreement=agreement, product=race.shop["work"],
        quantity=Decimal(3), unit_price=Decimal(80),
    )  # fmt: skip
    await ctx.save("orders.agreement", agreement, state="running")
    orders = [await race.draft(2, products=("work",)) for _ in range(many)]
    assert many == await race.count("orders_order_line WHERE agreement_line = $1", line)
    done, refused = await race.at_once([race.act("orders.order/confirm", o) for o in orders])
    assert (1, many - 1) == (len(done), len(refused))
    taken = await ctx.db.row(
        "SELECT called, remaining FROM orders_agreement_line WHERE id = $1", line
    )
    assert taken is not None
    assert (Decimal(2), Decimal(1)) == tuple(taken)


async def clicks(race: Race, many: int) -> None:
    """A page that shows a blanket order calls off once, however often its button is pressed."""
    ctx = race.ctx
    agreement = await ctx.create(
        "orders.agreement", company=race.shop["company"], currency="EUR",
        valid_until=ctx.now().date() + timedelta(days=30), owner=9001,
    )  # fmt: skip
    await ctx.create(
        "orders.agreement_line", agreement=agreement, product=race.shop["work"],
        quantity=Decimal(3), unit_price=Decimal(80),
    )  # fmt: skip
    await ctx.save("orders.agreement", agreement, state="running")
    shown = (await ctx.get("orders.agreement", agreement))["version"]
    done, refused = await race.at_once(
        [race.act("orders.agreement/call-off", agreement, version=shown) for _ in range(many)]
    )
    assert (many, 1, []) == (len(done), len(set(done)), refused)
    assert 1 == await race.count("orders_order WHERE agreement = $1", agreement)


async def credit(race: Race, many: int) -> None:
    """Orders of one client stay within the limit together."""
    await race.stock(2 * many)
    company = await race.ctx.create(
        "crm.company",
        name="Careful",
        **{"custom.orders.credit_limit": "15000", "custom.orders.credit_currency": "EUR"},
    )
    orders = [await race.draft(2, company=company) for _ in range(many)]
    done, refused = await race.at_once([race.act("orders.order/confirm", o) for o in orders])
    assert (1, many - 1) == (len(done), len(refused))
    await race.act("orders.order/cancel", done[0], reason="Next round")
