"""TRUST X2: what happens at once happens as if one came after the other."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from crmkit_orders import stock
from crmkit_orders.quoting import accept_quote

from crmkit.errors import ConflictError, CrmkitError
from crmkit.records.actions import run_action

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from conftest import Act, Decide, Draft
    from crmkit_orders.reading import Row

    from crmkit.model.context import Context

ORDER, QUOTE = "orders.order", "orders.quote"
#: How many at once, and how many rounds of it.
WAYS = [
    (4, 1),
    pytest.param(2, 25, marks=pytest.mark.long),
    pytest.param(8, 10, marks=pytest.mark.long),
    pytest.param(32, 4, marks=pytest.mark.long),
]
ways = pytest.mark.parametrize(("many", "rounds"), WAYS)


async def _at_once(work: Sequence[Awaitable[Any]]) -> tuple[list[Any], list[CrmkitError]]:
    """Answer what came of it, and what was refused; anything else is a failure."""
    done, refused = [], []
    for each in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(each, CrmkitError):
            refused.append(each)
        elif isinstance(each, BaseException):
            raise each
        else:
            done.append(each)
    return done, refused


async def _count(ctx: Context, sql: str, *args: object) -> int:
    return int(await ctx.db.value(f"SELECT count(*) FROM {sql}", *args))


async def _sell_the_last(
    ctx: Context, shop: dict[str, int], act: Act, draft: Draft, many: int
) -> tuple[int, int]:
    """Answer how many of so many orders got the last piece, and how many it says are reserved."""
    await ctx.save("orders.product", shop["pro"], is_stocked=True)
    await act("orders.product/count", shop["pro"], on_hand="1")
    orders = [await draft(pro=1, kit=0, company=None) for _ in range(many)]
    # Each of another client, so that the client's lock does not help.
    for number, order in enumerate(orders):
        company = await ctx.create("crm.company", name=f"Client {number}")
        await ctx.save(ORDER, order, company=company)
    done, _refused = await _at_once([act("orders.order/confirm", order) for order in orders])
    product = await ctx.get("orders.product", shop["pro"])
    return len(done), int(product["reserved"])


@ways
async def test_the_last_piece_is_sold_once(
    ctx: Context, shop: dict[str, int], act: Act, draft: Draft, many: int, rounds: int
) -> None:
    for _ in range(rounds):
        assert (1, 1) == await _sell_the_last(ctx, shop, act, draft, many)
        sold = await ctx.db.value("SELECT id FROM orders_order WHERE state = 'confirmed'")
        await act("orders.order/cancel", sold, reason="Next round")


async def test_without_the_lock_the_last_piece_is_sold_again(
    ctx: Context, shop: dict[str, int], act: Act, draft: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read(ctx: Context, ids: Sequence[int]) -> dict[int, Row]:
        rows = await ctx.db.rows("SELECT * FROM orders_product WHERE id = ANY($1)", list(ids))
        await asyncio.sleep(0.05)
        return {row["id"]: dict(row) for row in rows}

    monkeypatch.setattr(stock, "lock_products", read)
    sold, _reserved = await _sell_the_last(ctx, shop, act, draft, 4)
    assert 1 < sold


@ways
async def test_a_quote_accepted_at_once_is_one_order(
    ctx: Context, shop: dict[str, int], act: Act, many: int, rounds: int
) -> None:
    for _ in range(rounds):
        quote = await ctx.create(
            QUOTE, company=shop["company"], person=shop["person"], currency="EUR", owner=9001
        )
        await ctx.create("orders.quote_line", quote=quote, product=shop["kit"])
        await act("orders.quote/send", quote)
        done, refused = await _at_once(
            [accept_quote(ctx, quote, "Tom", "192.0.2.1") for _ in range(many)]
        )
        assert (many, 1, []) == (len(done), len(set(done)), refused)
        assert 1 == await _count(ctx, "orders_order WHERE quote = $1", quote)
        assert 1 == await _count(
            ctx, "core_journal WHERE entity = $1 AND record = $2 AND after->>'state' = 'accepted'",
            QUOTE, quote,
        )  # fmt: skip


@ways
async def test_an_order_confirmed_at_once_thanks_once(
    ctx: Context, act: Act, draft: Draft, many: int, rounds: int
) -> None:
    for _ in range(rounds):
        order = await draft()
        done, refused = await _at_once([act("orders.order/confirm", order) for _ in range(many)])
        assert (1, many - 1) == (len(done), len(refused))
        assert 1 == await _count(ctx, "core_message WHERE subject LIKE '%' || $1",
                                 (await ctx.get(ORDER, order))["number"])  # fmt: skip
        assert 3 == await _count(ctx, 'orders_step WHERE "order" = $1', order)
        assert 1 == await _count(
            ctx, "orders_step WHERE \"order\" = $1 AND state = 'active'", order
        )


@ways
async def test_a_delivery_shipped_at_once_leaves_once(
    ctx: Context, shop: dict[str, int], act: Act, draft: Draft, many: int, rounds: int
) -> None:
    await ctx.save("orders.product", shop["pro"], is_stocked=True)
    for _ in range(rounds):
        await act("orders.product/count", shop["pro"], on_hand="10")
        order = await draft(kit=0)
        await act("orders.order/confirm", order)
        # Two deliveries of the same goods, each sent off several times.
        first = await act("orders.order/deliver", order)
        line = await ctx.db.value(
            "SELECT line FROM orders_delivery_line WHERE delivery = $1", first
        )
        second = await ctx.create("orders.delivery", order=order)
        await ctx.create("orders.delivery_line", delivery=second, line=line, quantity=Decimal(2))
        done, _refused = await _at_once(
            [act("orders.delivery/ship", (first, second)[place % 2]) for place in range(many)]
        )
        assert 1 == len(done)
        product = await ctx.get("orders.product", shop["pro"])
        assert (Decimal(8), Decimal(0)) == (product["on_hand"], product["reserved"])


@ways
async def test_orders_of_the_same_products_in_opposite_order_never_lock_each_other_out(
    ctx: Context, shop: dict[str, int], draft: Draft, many: int, rounds: int
) -> None:
    for name in ("pro", "kit"):
        await ctx.save("orders.product", shop[name], is_stocked=True, may_go_negative=True)
    plan = ctx.site.entity(ORDER)

    async def order(place: int) -> None:
        # Lines are entered and confirmed in one go, which locks products twice.
        async with ctx.db.transaction():
            made = await draft(pro=0, kit=0)
            for name in ("pro", "kit") if place % 2 else ("kit", "pro"):
                await ctx.create(
                    "orders.order_line", order=made, product=shop[name], quantity=Decimal(1)
                )
            await run_action(ctx, plan, "confirm", made)

    for _ in range(rounds):
        before = await _count(ctx, "orders_order WHERE state = 'confirmed'")
        _done, refused = await _at_once([order(place) for place in range(many)])
        assert [] == refused
        assert many == await _count(ctx, "orders_order WHERE state = 'confirmed'") - before
    for name in ("pro", "kit"):
        reserved = (await ctx.get("orders.product", shop[name]))["reserved"]
        assert reserved == await _count(ctx, "orders_order WHERE state = 'confirmed'")


@ways
async def test_numbers_are_unique_though_some_are_given_up(
    ctx: Context, draft: Draft, many: int, rounds: int
) -> None:
    """TRUST X3, for numbers that may have gaps."""

    async def order(place: int) -> None:
        async with ctx.db.transaction():
            await draft(pro=0, kit=0)
            if place % 10 == 1:
                raise ConflictError("Given up.")

    for _ in range(rounds):
        await _at_once([order(place) for place in range(many)])
    rows = [row["number"] for row in await ctx.db.rows("SELECT number FROM orders_order")]
    kept = sum(place % 10 != 1 for place in range(many)) * rounds
    assert (kept, kept) == (len(rows), len(set(rows)))


@ways
async def test_credit_is_not_exceeded_by_two_at_once(
    ctx: Context,
    shop: dict[str, int],
    act: Act,
    draft: Draft,
    decide: Decide,
    many: int,
    rounds: int,
) -> None:
    decide(credit="block")
    limit: dict[str, Any] = {
        "custom.orders.credit_limit": Decimal(15000), "custom.orders.credit_currency": "EUR",
    }  # fmt: skip
    await ctx.save("crm.company", shop["company"], **limit)
    for _ in range(rounds):
        orders = [await draft() for _ in range(many)]
        done, refused = await _at_once([act("orders.order/confirm", each) for each in orders])
        assert (1, many - 1) == (len(done), len(refused))
        await act("orders.order/cancel", done[0], reason="Next round")
