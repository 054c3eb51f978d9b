"""A bundle is sold as one line and delivered by its parts, which share its price."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from crmkit_orders.api import BillingClaim
from crmkit_orders.domain.spreading import spread
from crmkit_orders.invoicing import billable_lines, claim_lines, release_lines
from crmkit_orders.papers import order_values, slip_values
from crmkit_orders.sold import sold_by_product
from crmkit_orders.stock import recount
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import ConflictError, Veto, find_currency_places
from crmkit.records.history import undo_operation
from crmkit.records.journal import one_operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conftest import Act, Decide, Draft

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

LINE, ORDER, PART = "orders.order_line", "orders.order", "orders.line_part"
Q = Decimal


@pytest.fixture
async def bundle(ctx: Context, shop: dict[str, int]) -> dict[str, int]:
    """A bundle of a controller and three kits, for 3000."""
    made = await ctx.create(
        "orders.product", name="Starter", kind="bundle", price=Q(3000), currency="EUR",
        tax_rate=Q(0),
    )  # fmt: skip
    for place, (name, count) in enumerate((("pro", 1), ("kit", 3)), 1):
        await ctx.create(
            "orders.bundle_part", bundle=made, product=shop[name], quantity=Q(count),
            position=place,
        )  # fmt: skip
    order = await ctx.create(
        ORDER, company=shop["company"], person=shop["person"], currency="EUR", owner=9001
    )
    line = await ctx.create(LINE, order=order, product=made, quantity=Q(2))
    return {**shop, "bundle": made, "order": order, "line": line}


async def _parts(ctx: Context) -> list[dict[str, Any]]:
    rows = await ctx.db.rows(
        "SELECT * FROM orders_line_part WHERE trashed_at IS NULL ORDER BY position"
    )
    return [dict(row) for row in rows]


async def test_each_part_of_a_bundle_has_its_share_to_the_cent(
    ctx: Context, bundle: dict[str, int]
) -> None:
    parts = await _parts(ctx)
    # 6000 by 4821 to 3 x 55.
    assert [(Q(2), "5801.44"), (Q(6), "198.56")] == [(p["quantity"], str(p["net"])) for p in parts]
    await ctx.save(LINE, bundle["line"], discount=Q("33.33"), quantity=Q(1))
    net = (await ctx.get(LINE, bundle["line"]))["net"]
    parts = await _parts(ctx)
    assert [Q(1), Q(3)] == [part["quantity"] for part in parts]
    assert net == sum(part["net"] for part in parts)


async def test_shares_follow_the_line_and_not_the_prices_of_the_day(
    ctx: Context, bundle: dict[str, int]
) -> None:
    before = await _parts(ctx)
    await ctx.save("orders.product", bundle["kit"], price=Q(900))
    await ctx.save(LINE, bundle["line"], text="For the office")
    assert before == await _parts(ctx)
    await ctx.save(LINE, bundle["line"], product=bundle["pro"])
    assert [] == await _parts(ctx)
    await ctx.save(LINE, bundle["line"], product=bundle["bundle"])
    await ctx.trash(LINE, bundle["line"])
    assert [] == await _parts(ctx)


async def test_nobody_throws_away_a_part_alone_but_an_undo_takes_line_and_parts(
    ctx: Context, anna: Context, bundle: dict[str, int]
) -> None:
    with pytest.raises(Veto):
        await ctx.trash(PART, (await _parts(ctx))[0]["id"])
    async with one_operation(anna, "parts") as inner:
        await inner.create(LINE, order=bundle["order"], product=bundle["bundle"])
    assert 4 == len(await _parts(ctx))
    assert () == (await undo_operation(anna, int(inner.operation or 0))).kept
    assert 2 == len(await _parts(ctx))


async def test_the_client_reads_one_price_and_the_packer_what_is_inside(
    ctx: Context, act: Act, bundle: dict[str, int]
) -> None:
    await act("orders.order/confirm", bundle["order"])
    rows = (await order_values(ctx, bundle["order"]))["rows"]
    assert ["Starter", "– 2 × GTX Pro", "– 6 × MG Special"] == [row[0] for row in rows]
    assert [[""] * 5] * 2 == [row[1:] for row in rows[1:]]
    delivery = await act("orders.order/deliver", bundle["order"])
    line = await ctx.db.value("SELECT id FROM orders_delivery_line")
    await ctx.save("orders.delivery_line", line, quantity=Q(1))
    rows = (await slip_values(ctx, delivery))["rows"]
    assert [["Starter", "1"], ["– GTX Pro", "1"], ["– MG Special", "3"]] == rows


async def test_one_part_comes_back_and_no_more_of_it_than_the_client_has(
    ctx: Context, act: Act, bundle: dict[str, int]
) -> None:
    kit = bundle["kit"]
    await ctx.save("orders.product", kit, is_stocked=True, may_go_negative=True)
    await act("orders.order/confirm", bundle["order"])
    delivery = await act("orders.order/deliver", bundle["order"])
    part = (await _parts(ctx))[1]["id"]
    await act("orders.delivery/ship", delivery)
    assert Q(-6) == (await ctx.get("orders.product", kit))["on_hand"]

    for count, fits in ((5, True), (2, False)):
        back = await ctx.create("orders.delivery", order=bundle["order"], direction="return")
        await ctx.create("orders.delivery_line", delivery=back, part=part, quantity=Q(count))
        if fits:
            await act("orders.delivery/take-back", back, reason="Broken")
            continue
        with pytest.raises(Veto):
            await act("orders.delivery/take-back", back, reason="Broken")
    assert Q(-1) == (await ctx.get("orders.product", kit))["on_hand"]
    line = await ctx.get(LINE, bundle["line"])
    assert (Q(2), Q(5)) == (line["delivered"], (await _parts(ctx))[1]["returned"])
    assert not line["returned"]

    whole = await act("orders.order/return", bundle["order"])
    with pytest.raises(Veto):  # of one kit nothing else is left
        await act("orders.delivery/take-back", whole, reason="All of it")


async def test_only_where_there_are_bundles_the_lines_of_a_delivery_ask_for_a_part(
    site: Running, ctx: Context, act: Act, bundle: dict[str, int], draft: Draft
) -> None:
    client, plain = await site.client(), await draft()
    for order in (bundle["order"], plain):
        await act("orders.order/confirm", order)
    asks = {}
    for order in (bundle["order"], plain):
        for direction in ("out", "return"):
            delivery = await ctx.create("orders.delivery", order=order, direction=direction)
            page = (await client.get(f"/orders.delivery/{delivery}")).text
            asks[order, direction] = "Only this part" in page
            assert "Line of the order" in page
    assert {bundle["order"]} == {order for (order, _way), is_asked in asks.items() if is_asked}
    assert 2 == sum(asks.values())


async def _send(ctx: Context, act: Act, order: int, part: int, count: int) -> None:
    delivery = await ctx.create("orders.delivery", order=order)
    await ctx.create("orders.delivery_line", delivery=delivery, part=part, quantity=Q(count))
    await act("orders.delivery/ship", delivery)


async def _stock(ctx: Context, bundle: dict[str, int]) -> list[tuple[Decimal, Decimal]]:
    rows = [await ctx.get("orders.product", bundle[name]) for name in ("pro", "kit")]
    return [(row["on_hand"], row["reserved"]) for row in rows]


async def test_a_part_is_sent_ahead_and_the_rest_makes_its_bundle_whole(
    ctx: Context, act: Act, bundle: dict[str, int]
) -> None:
    order = bundle["order"]
    for name, count in (("pro", 2), ("kit", 6)):
        await ctx.save("orders.product", bundle[name], is_stocked=True)
        await act("orders.product/count", bundle[name], on_hand=str(count))
    await act("orders.order/confirm", order)
    assert [(Q(2), Q(2)), (Q(6), Q(6))] == await _stock(ctx, bundle)
    pro, kit = (part["id"] for part in await _parts(ctx))
    with pytest.raises(Veto, match="the order allows 2 of it"):
        await _send(ctx, act, order, pro, 3)
    await ctx.db.execute("DELETE FROM orders_delivery")
    await _send(ctx, act, order, pro, 1)
    assert [(Q(1), Q(1)), (Q(6), Q(6))] == await _stock(ctx, bundle)
    stored, line = await ctx.get(ORDER, order), await ctx.get(LINE, bundle["line"])
    assert ("in_progress", "partial") == (stored["state"], stored["delivery_status"])
    assert (None, Q(2)) == (line["delivered"] or None, line["reserved"])
    await recount(ctx, [bundle["pro"], bundle["kit"]])
    assert [(Q(1), Q(1)), (Q(6), Q(6))] == await _stock(ctx, bundle)
    for refused in (
        act("orders.order/cancel", order, reason="Too late"),
        ctx.save(LINE, bundle["line"], quantity=Q("0.5")),
        ctx.trash(LINE, bundle["line"]),
    ):
        with pytest.raises(Veto):
            await refused

    rest = await act("orders.order/deliver", order)
    lines = await ctx.db.rows(
        "SELECT text, quantity, part FROM orders_delivery_line WHERE delivery = $1 "
        "ORDER BY position", rest,
    )  # fmt: skip
    assert [("Starter", Q(1), None), ("MG Special", Q(3), kit)] == [tuple(row) for row in lines]
    assert 409 == (await _again(ctx, act, order)), "all of it is planned"
    await act("orders.delivery/ship", rest)
    line = await ctx.get(LINE, bundle["line"])
    assert (Q(2), Q(0)) == (line["delivered"], line["reserved"])
    assert [Q(0), Q(0)] == [part["delivered"] or Q(0) for part in await _parts(ctx)]
    assert [(Q(0), Q(0)), (Q(0), Q(0))] == await _stock(ctx, bundle)
    assert "fulfilled" == (await ctx.get(ORDER, order))["state"]


async def _again(ctx: Context, act: Act, order: int) -> int:
    with pytest.raises(ConflictError):
        await act("orders.order/deliver", order)
    return 409


async def test_a_bundle_is_not_sent_whole_where_too_many_parts_went_ahead(
    ctx: Context, act: Act, bundle: dict[str, int]
) -> None:
    await act("orders.order/confirm", bundle["order"])
    whole = await act("orders.order/deliver", bundle["order"])
    _pro, kit = (part["id"] for part in await _parts(ctx))
    await _send(ctx, act, bundle["order"], kit, 4)
    with pytest.raises(Veto, match="besides whole bundles"):
        await act("orders.delivery/ship", whole)
    back = await act("orders.order/return", bundle["order"])
    await act("orders.delivery/take-back", back, reason="Not wanted")
    assert [Q(0), Q(4)] == [part["returned"] or Q(0) for part in await _parts(ctx)]
    await act("orders.order/cancel", bundle["order"], reason="Not wanted")
    rows = await ctx.db.rows("SELECT reserved FROM orders_product WHERE is_stocked")
    assert not any(row["reserved"] for row in rows)


class _Ask:
    """What a plugin that invoices asks with."""

    def __init__(
        self, ctx: Context, claims: Sequence[BillingClaim] = (), keys: Sequence[str] = ()
    ) -> None:
        self.ctx, self.claims, self.keys = ctx, claims, keys
        self.company: int | None = None


async def _due(ctx: Context) -> list[tuple[str, Decimal, str]]:
    lines = await billable_lines(_Ask(ctx))
    return [(each.kind, each.quantity, str(each.net)) for each in lines]


async def _invoice(ctx: Context, number: str, *, quantity: Decimal | None = None) -> None:
    lines = await billable_lines(_Ask(ctx))
    claims = [
        BillingClaim(kind=each.kind, order=each.order, part=each.part, net=each.net,
                     quantity=quantity or each.quantity, key=f"{number}:{place}")
        for place, each in enumerate(lines)
    ]  # fmt: skip
    async with ctx.db.transaction():
        await claim_lines(_Ask(ctx, claims))


async def test_what_was_delivered_of_a_bundle_is_invoiced_by_shares_and_credited_by_them(
    ctx: Context, act: Act, bundle: dict[str, int], decide: Decide
) -> None:
    decide(invoice_by="delivered")
    order = bundle["order"]
    await act("orders.order/confirm", order)
    pro, kit = (part["id"] for part in await _parts(ctx))
    await _send(ctx, act, order, pro, 1)
    assert [("part", Q(1), "2900.72")] == await _due(ctx)
    with pytest.raises(Veto, match="cannot be invoiced"):
        await _invoice(ctx, "I-0", quantity=Q(2))
    await _invoice(ctx, "I-1")
    assert ([], "partial") == (await _due(ctx), (await ctx.get(ORDER, order))["invoice_status"])
    await act("orders.delivery/ship", await act("orders.order/deliver", order))
    assert [("part", Q(1), "2900.72"), ("part", Q(6), "198.56")] == await _due(ctx)
    line = BillingClaim(order=order, part=bundle["line"], net=Q(3000), key="whole")
    with pytest.raises(Veto, match="by its parts now"):
        await claim_lines(_Ask(ctx, [line]))
    await _invoice(ctx, "I-2")
    assert ([], "full") == (await _due(ctx), (await ctx.get(ORDER, order))["invoice_status"])
    taken = await ctx.db.value("SELECT sum(net) FROM orders_claim")
    assert Q(6000) == taken, "to the cent"

    back = await ctx.create("orders.delivery", order=order, direction="return")
    await ctx.create("orders.delivery_line", delivery=back, part=kit, quantity=Q(1))
    await act("orders.delivery/take-back", back, reason="Broken")
    assert [("part", Q(-1), "-33.09")] == await _due(ctx)
    with pytest.raises(Veto, match="cannot be invoiced"):
        await _invoice(ctx, "C-0", quantity=Q(-2))
    await _invoice(ctx, "C-1")
    assert [] == await _due(ctx)
    async with ctx.db.transaction():
        await release_lines(_Ask(ctx, keys=["C-1:0"]))
    assert [("part", Q(-1), "-33.09")] == await _due(ctx)


async def test_a_part_that_comes_back_from_an_invoiced_bundle_gives_its_share_back(
    ctx: Context, act: Act, bundle: dict[str, int], decide: Decide
) -> None:
    decide(invoice_by="delivered")
    order = bundle["order"]
    await act("orders.order/confirm", order)
    await act("orders.delivery/ship", await act("orders.order/deliver", order))
    assert [("line", Q(2), "6000.00")] == await _due(ctx)
    await _invoice(ctx, "I-1")
    kit = (await _parts(ctx))[1]["id"]
    back = await ctx.create("orders.delivery", order=order, direction="return")
    await ctx.create("orders.delivery_line", delivery=back, part=kit, quantity=Q(6))
    await act("orders.delivery/take-back", back, reason="Broken")
    assert [("part", Q(-6), "-198.56")] == await _due(ctx)
    decide(invoice_by="ordered")
    assert [] == await _due(ctx), "where all that is ordered is invoiced, a credit is by hand"


async def test_what_was_delivered_keeps_its_parts_when_the_bundle_becomes_another(
    ctx: Context, act: Act, bundle: dict[str, int]
) -> None:
    await act("orders.order/confirm", bundle["order"])
    delivery = await act("orders.order/deliver", bundle["order"])
    await act("orders.delivery/ship", delivery)
    await ctx.create(
        "orders.bundle_part", bundle=bundle["bundle"], product=bundle["work"], quantity=Q(1)
    )
    back = await act("orders.order/return", bundle["order"])
    await act("orders.delivery/take-back", back, reason="Back")
    assert [bundle["pro"], bundle["kit"]] == [part["product"] for part in await _parts(ctx)]


async def test_a_report_by_product_counts_bundles_by_their_shares(
    ctx: Context, act: Act, bundle: dict[str, int]
) -> None:
    for name, cost in (("pro", 3000), ("kit", 20)):
        await ctx.create("orders.cost", product=bundle[name], amount=Q(cost))
    # A new line keeps the costs of today; a bundle costs what its parts do.
    await ctx.trash(LINE, bundle["line"])
    line = await ctx.create(LINE, order=bundle["order"], product=bundle["bundle"], quantity=Q(2))
    cost = await ctx.db.value("SELECT unit_cost FROM orders_order_line WHERE id = $1", line)
    assert Q(3060) == cost
    await ctx.create(LINE, order=bundle["order"], product=bundle["kit"], quantity=Q(2))
    await act("orders.order/confirm", bundle["order"])
    found = {each.name: each for each in await sold_by_product(ctx)}
    assert {"GTX Pro", "MG Special"} == set(found)
    assert (Q(8), Q("308.56"), Q("148.56")) == (
        found["MG Special"].quantity, found["MG Special"].net, found["MG Special"].margin,
    )  # fmt: skip
    order = await ctx.get(ORDER, bundle["order"])
    assert order["net"] == sum(each.net for each in found.values())


@settings(max_examples=120, deadline=None, print_blob=False, derandomize=True)
@given(
    st.integers(-(10**9), 10**9),
    st.lists(st.integers(0, 10**8), min_size=1, max_size=9),
    st.sampled_from(("EUR", "JPY", "KWD", "CLF", "IQD", "AFN", "UYW", "XAU")),
)
def test_shares_add_up_in_every_currency(units: int, weights: list[int], currency: str) -> None:
    places = find_currency_places(currency)
    assert places is not None
    net = Decimal(units).scaleb(-places)
    assert net == sum(spread(net, [Decimal(each).scaleb(-4) for each in weights], currency))
