"""Blanket orders: begun, kept as agreed, ended, renewed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from crmkit_orders.agreements import end_agreements
from crmkit_orders.watching import warn_owners
from orders_agreements import (
    AGREED,
    AGREEMENT,
    agreed_lines,
    at_noon,
    call_off,
    counts_of,
    owners_told,
    today_of,
)

from crmkit import ConflictError, InvalidError, Veto
from crmkit.records.actions import run_action
from crmkit.records.handing_over import pass_on
from crmkit.records.merge import merge_records

if TYPE_CHECKING:
    from conftest import Act, Agree, Decide

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

ORDER, LINE = "orders.order", "orders.order_line"


async def test_an_incomplete_blanket_order_does_not_begin(
    ctx: Context, shop: dict[str, int], act: Act
) -> None:
    today = today_of(ctx)
    made = await ctx.create(AGREEMENT, currency="EUR", valid_until=today)
    with pytest.raises(InvalidError) as refused:
        await act("orders.agreement/begin", made)
    assert "company" in refused.value.problems
    await ctx.save(AGREEMENT, made, company=shop["company"])
    with pytest.raises(Veto, match="no line yet"):
        await act("orders.agreement/begin", made)
    line = await ctx.create(AGREED, agreement=made, text="Something")
    with pytest.raises(Veto, match="price is missing"):
        await act("orders.agreement/begin", made)
    await ctx.save(AGREED, line, product=shop["kit"])
    assert Decimal(55) == (await ctx.get(AGREED, line))["unit_price"]  # the price that holds
    twice = await ctx.create(AGREED, agreement=made, product=shop["kit"])
    with pytest.raises(Veto, match="two lines"):
        await act("orders.agreement/begin", made)
    await ctx.trash(AGREED, twice)
    with pytest.raises(Veto):
        await ctx.save(AGREED, line, quantity=Decimal(0))
    late = at_noon(ctx, today + timedelta(days=1))
    with pytest.raises(Veto) as passed:
        await run_action(late, ctx.site.entity(AGREEMENT), "begin", made)
    assert {"valid_until"} == set(passed.value.problems)
    await act("orders.agreement/begin", made)
    assert today == (await ctx.get(AGREEMENT, made))["valid_from"]


async def test_what_was_agreed_stays_and_is_only_raised_or_extended(
    ctx: Context, agree: Agree, shop: dict[str, int]
) -> None:
    agreement = await agree()
    kit, work = [line["id"] for line in await agreed_lines(ctx, agreement)]
    until = (await ctx.get(AGREEMENT, agreement))["valid_until"]
    other = await ctx.create("crm.company", name="Isdom")
    for values in (
        {"company": other}, {"currency": "USD"}, {"valid_from": today_of(ctx) - timedelta(days=3)},
        {"valid_until": until - timedelta(days=1)}, {"valid_until": None}, {"state": "draft"},
    ):  # fmt: skip
        with pytest.raises(InvalidError) as refused:
            await ctx.save(AGREEMENT, agreement, **values)
        assert set(values) <= set(refused.value.problems), values
    for values in (
        {"unit_price": Decimal(40)}, {"quantity": Decimal(99)}, {"product": shop["pro"]},
        {"unit": "KGM"},
    ):  # fmt: skip
        with pytest.raises(Veto) as told:
            await ctx.save(AGREED, kit, **values)
        assert set(values) == set(told.value.problems)
    with pytest.raises(Veto):
        await ctx.save(AGREED, work, quantity=Decimal(5))  # from no limit to one
    with pytest.raises(Veto):
        await ctx.create(AGREED, agreement=agreement, product=shop["pro"], unit_price=Decimal(1))
    with pytest.raises(Veto):
        await ctx.trash(AGREED, kit)
    with pytest.raises(Veto):
        await ctx.trash(AGREEMENT, agreement)
    plan = ctx.site.entity(AGREEMENT)
    later = until + timedelta(days=30)
    raw = {"quantities": {str(kit): "150"}, "until": later.isoformat()}
    await run_action(ctx, plan, "raise", agreement, raw)
    stored = await ctx.get(AGREEMENT, agreement)
    assert (later, Decimal(7500)) == (stored["valid_until"], stored["net"])
    assert (Decimal(0), Decimal(150)) == await counts_of(ctx, agreement)
    with pytest.raises(InvalidError) as less:
        await run_action(ctx, plan, "raise", agreement, {"quantities": {str(kit): "10"}})
    assert {f"quantities.{kit}"} == set(less.value.problems)
    with pytest.raises(InvalidError, match="Nothing was changed"):
        await run_action(ctx, plan, "raise", agreement, {"quantities": {str(kit): "150"}})
    kept = await ctx.db.rows(
        "SELECT before->>'quantity' AS old FROM core_journal WHERE entity = $1 AND record = $2 "
        "AND action = 'update'",
        AGREED, kit,
    )  # fmt: skip
    assert "100.0000" in [row["old"] for row in kept]


async def test_it_ends_by_itself_after_its_last_day_and_drafts_of_it_are_still_confirmed(
    site: Running, ctx: Context, agree: Agree, act: Act
) -> None:
    agreement = await agree(days=3)
    order = await call_off(ctx, agreement, "10")
    last = today_of(ctx) + timedelta(days=3)
    assert 0 == await end_agreements(at_noon(ctx, last))
    after = at_noon(ctx, last + timedelta(days=1))
    with pytest.raises(ConflictError, match="does not run"):
        await call_off(after, agreement, "1")
    assert 1 == await end_agreements(after)
    stored = await ctx.get(AGREEMENT, agreement)
    assert ("closed", last + timedelta(days=1)) == (stored["state"], stored["closed_on"])
    assert 0 == await end_agreements(after)
    await act("orders.order/confirm", order)
    assert (Decimal(10), Decimal(90)) == await counts_of(ctx, agreement)


async def test_the_clock_ends_it(site: Running, ctx: Context, agree: Agree) -> None:
    agreement = await agree(days=1)
    await ctx.db.execute(
        "UPDATE orders_agreement SET valid_until = $1", today_of(ctx) - timedelta(1)
    )
    await ctx.enqueue("orders.watch_agreements")
    await site.work()
    assert "closed" == (await ctx.get(AGREEMENT, agreement))["state"]


async def test_drafts_of_a_cancelled_one_are_refused(ctx: Context, agree: Agree, act: Act) -> None:
    agreement = await agree()
    order = await call_off(ctx, agreement, "10")
    await act("orders.agreement/cancel", agreement, reason="The client went elsewhere")
    with pytest.raises(Veto, match="was cancelled"):
        await act("orders.order/confirm", order)


async def test_owners_are_told_once_that_it_ends_and_that_little_is_left(
    ctx: Context, agree: Agree, act: Act, decide: Decide
) -> None:
    agreement = await agree(days=20)
    await agree(days=20, owner=None)
    for _ in range(2):
        await warn_owners(ctx)
    assert [] == await owners_told(ctx)
    soon = at_noon(ctx, today_of(ctx) + timedelta(days=6))
    for _ in range(2):
        await warn_owners(soon)
    assert 1 == len(await owners_told(ctx))
    until = (await ctx.get(AGREEMENT, agreement))["valid_until"]
    await ctx.save(AGREEMENT, agreement, valid_until=until + timedelta(days=2))
    await warn_owners(at_noon(ctx, today_of(ctx) + timedelta(days=8)))
    assert 2 == len(await owners_told(ctx))  # another end
    await act("orders.order/confirm", await call_off(ctx, agreement, "89"))
    await warn_owners(ctx)
    assert 2 == len(await owners_told(ctx))
    await act("orders.order/confirm", await call_off(ctx, agreement, "1"))
    for _ in range(2):
        await warn_owners(ctx)
    assert 3 == len(await owners_told(ctx))
    decide(agreement_days=0, agreement_percent=0)
    await ctx.db.execute("DELETE FROM core_notification")
    await warn_owners(soon)
    assert [] == await owners_told(ctx)


async def test_a_client_that_is_merged_keeps_its_blanket_orders_and_orders(
    ctx: Context, agree: Agree, act: Act, shop: dict[str, int]
) -> None:
    agreement = await agree()
    order = await call_off(ctx, agreement, "10")
    await act("orders.order/confirm", order)
    draft = await call_off(ctx, agreement, "5")
    kept = await ctx.create("crm.company", name="Kancode")
    await merge_records(ctx, ctx.site.entity("crm.company"), kept, shop["company"])
    assert kept == (await ctx.get(AGREEMENT, agreement))["company"]
    assert [kept] * 2 == [(await ctx.get(ORDER, each))["company"] for each in (order, draft)]
    await act("orders.order/confirm", draft)
    assert (Decimal(15), Decimal(85)) == await counts_of(ctx, agreement)


async def test_it_is_renewed_as_a_draft_that_begins_when_it_ends(
    ctx: Context, agree: Agree, act: Act
) -> None:
    agreement = await agree(days=10)
    made = await act("orders.agreement/renew", agreement)
    old, new = await ctx.get(AGREEMENT, agreement), await ctx.get(AGREEMENT, made)
    assert ("draft", old["valid_until"] + timedelta(days=1)) == (new["state"], new["valid_from"])
    assert [(Decimal(100), Decimal(50)), (None, Decimal(90))] == [
        (line["quantity"], line["unit_price"]) for line in await agreed_lines(ctx, made)
    ]
    assert (Decimal(0), Decimal(100)) == await counts_of(ctx, made)


async def test_what_happens_to_it_is_published_and_it_is_handed_over_while_it_runs(
    ctx: Context, agree: Agree, act: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    publish = type(ctx).publish

    async def noted(self: Context, name: str, *args: Any, **data: Any) -> None:  # noqa: ANN401 - as the method
        said.append(name)
        await publish(self, name, *args, **data)

    monkeypatch.setattr(type(ctx), "publish", noted)
    first, second = await agree(), await agree()
    await act("orders.agreement/close", first)
    await pass_on(ctx, 9001, 9002)
    owners = [(await ctx.get(AGREEMENT, each))["owner"] for each in (first, second)]
    assert [9001, 9002] == owners  # what is done stays with who did it
    await act("orders.agreement/cancel", second, reason="No more")
    begun = ["orders.agreement.begun"] * 2
    assert [*begun, "orders.agreement.closed", "orders.agreement.cancelled"] == said
