"""Blanket orders: begun, kept as agreed, called off, never beyond what was agreed, ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from crmkit_orders.agreements import end_agreements
from crmkit_orders.repeating import repeat_due
from crmkit_orders.watching import warn_owners

from crmkit import ConflictError, InvalidError, Veto
from crmkit.errors import StaleVersionError
from crmkit.records.actions import run_action
from crmkit.records.handing_over import pass_on
from crmkit.records.merge import merge_records

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from conftest import Act, Decide, Draft

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

    Agree = Callable[..., Awaitable[int]]

AGREEMENT, AGREED = "orders.agreement", "orders.agreement_line"
ORDER, LINE = "orders.order", "orders.order_line"


def _today(ctx: Context) -> date:
    return ctx.now().astimezone(ctx.config.zone).date()


def _at(ctx: Context, day: date) -> Context:
    moment = datetime.combine(day, time(12), ctx.config.zone)
    return replace(ctx, clock=lambda: moment)


@pytest.fixture
def agree(ctx: Context, shop: dict[str, int], act: Act) -> Agree:
    """Make a blanket order of 100 kits at 50 and as much work as is wanted at 90, that runs."""

    async def make(*, runs: bool = True, days: int = 60, kits: int = 100, **more: Any) -> int:  # noqa: ANN401 - of any field
        values = {"company": shop["company"], "person": shop["person"], "currency": "EUR"}
        until = _today(ctx) + timedelta(days=days)
        made = await ctx.create(
            AGREEMENT, **{**values, "owner": 9001, "valid_until": until, **more}
        )
        await ctx.create(
            AGREED, agreement=made, product=shop["kit"], quantity=Decimal(kits),
            unit_price=Decimal(50), position=1,
        )  # fmt: skip
        await ctx.create(
            AGREED, agreement=made, product=shop["work"], unit_price=Decimal(90), position=2
        )
        if runs:
            await act("orders.agreement/begin", made)
        return made

    return make


async def _lines(ctx: Context, agreement: int) -> list[Any]:
    return await ctx.db.rows(
        "SELECT * FROM orders_agreement_line WHERE agreement = $1 ORDER BY position", agreement
    )


async def _call(
    ctx: Context, agreement: int, kits: str, work: str = "", version: int | None = None
) -> int:
    kit, hours = await _lines(ctx, agreement)
    raw = {"quantities": {str(kit["id"]): kits, str(hours["id"]): work}}
    plan = ctx.site.entity(AGREEMENT)
    result = await run_action(ctx, plan, "call-off", agreement, raw, version)
    return int(result.url.rpartition("/")[2])


async def _order_lines(ctx: Context, order: int) -> list[Any]:
    return await ctx.db.rows(
        'SELECT * FROM orders_order_line WHERE "order" = $1 AND trashed_at IS NULL '
        "ORDER BY position, id",
        order,
    )


async def _counts(ctx: Context, agreement: int) -> tuple[Decimal, Decimal]:
    kit = (await _lines(ctx, agreement))[0]
    return kit["called"] or Decimal(0), kit["remaining"]


async def _told(ctx: Context) -> list[str]:
    rows = await ctx.db.rows(
        "SELECT text FROM core_notification WHERE kind = 'orders.agreement' ORDER BY id"
    )
    return [row["text"] for row in rows]


async def test_calling_off_makes_a_draft_at_the_agreed_price_and_confirming_takes_of_it(
    ctx: Context, agree: Agree, act: Act
) -> None:
    agreement = await agree()
    stored = await ctx.get(AGREEMENT, agreement)
    assert ("running", Decimal(5000), Decimal(5000)) == (
        stored["state"], stored["net"], stored["net_left"],
    )  # fmt: skip
    order = await _call(ctx, agreement, "40", "8,5")
    made = await ctx.get(ORDER, order)
    assert ("draft", agreement, 9001) == (made["state"], made["agreement"], made["owner"])
    kit, work = await _order_lines(ctx, order)
    assert (Decimal(50), Decimal(40), False) == (
        kit["unit_price"], kit["quantity"], kit["is_by_hand"],
    )  # fmt: skip
    assert (Decimal(90), Decimal("8.5"), "HUR") == (
        work["unit_price"], work["quantity"], work["unit"],
    )  # fmt: skip
    assert stored["number"] in kit["price_rule"]
    assert (Decimal(0), Decimal(100)) == await _counts(ctx, agreement)  # drafts take nothing
    await act("orders.order/confirm", order)
    assert (Decimal(40), Decimal(60)) == await _counts(ctx, agreement)
    assert Decimal(3000) == (await ctx.get(AGREEMENT, agreement))["net_left"]
    assert (Decimal("8.5"), None) == (
        (await _lines(ctx, agreement))[1]["called"], (await _lines(ctx, agreement))[1]["remaining"],
    )  # fmt: skip


async def test_without_quantities_all_that_is_left_is_called_off(
    ctx: Context, agree: Agree, act: Act
) -> None:
    agreement = await agree()
    await act("orders.order/confirm", await _call(ctx, agreement, "30"))
    order = await act("orders.agreement/call-off", agreement)
    (line,) = await _order_lines(ctx, order)
    assert Decimal(70) == line["quantity"]
    await act("orders.order/confirm", order)
    with pytest.raises(InvalidError, match="one line at least"):
        await act("orders.agreement/call-off", agreement)


async def test_an_empty_form_calls_nothing_off(ctx: Context, agree: Agree) -> None:
    agreement = await agree()
    with pytest.raises(InvalidError, match="one line at least"):
        await _call(ctx, agreement, "", " ")
    assert 0 == await ctx.db.value("SELECT count(*) FROM orders_order")


@pytest.mark.parametrize("quantity", ["-1", "x", "NaN", "1.23456", "1e30"])
async def test_what_is_no_quantity_is_refused_at_its_line(
    ctx: Context, agree: Agree, quantity: str
) -> None:
    agreement = await agree()
    kit, _work = await _lines(ctx, agreement)
    with pytest.raises(InvalidError) as refused:
        await _call(ctx, agreement, quantity)
    assert {f"quantities.{kit['id']}"} == set(refused.value.problems)


async def test_a_line_of_another_blanket_order_is_not_called_off_here(
    ctx: Context, agree: Agree
) -> None:
    agreement, other = await agree(), await agree()
    strange = (await _lines(ctx, other))[0]["id"]
    plan = ctx.site.entity(AGREEMENT)
    with pytest.raises(InvalidError) as refused:
        await run_action(ctx, plan, "call-off", agreement, {"quantities": {str(strange): "1"}})
    assert {f"quantities.{strange}"} == set(refused.value.problems)


async def test_a_double_click_gives_one_order(ctx: Context, agree: Agree) -> None:
    agreement = await agree()
    shown = (await ctx.get(AGREEMENT, agreement))["version"]
    first = await _call(ctx, agreement, "10", version=shown)
    assert first == await _call(ctx, agreement, "10", version=shown)
    # Who saw the page after it calls off once more; who saw an older one that made nothing is told.
    again = (await ctx.get(AGREEMENT, agreement))["version"]
    assert first != await _call(ctx, agreement, "10", version=again)
    await ctx.save(AGREEMENT, agreement, client_number="PO-9")
    with pytest.raises(StaleVersionError):
        await _call(ctx, agreement, "10", version=shown + 2)
    assert 2 == await ctx.db.value("SELECT count(*) FROM orders_order")


async def test_more_than_is_left_is_refused_with_line_rest_and_remedy(
    ctx: Context, agree: Agree, act: Act
) -> None:
    agreement = await agree()
    with pytest.raises(InvalidError) as refused:
        await _call(ctx, agreement, "101")
    assert "100" in next(iter(refused.value.problems.values()))
    first, second = await _call(ctx, agreement, "60"), await _call(ctx, agreement, "60")
    await act("orders.order/confirm", first)
    with pytest.raises(Veto) as told:
        await act("orders.order/confirm", second)
    number = (await ctx.get(AGREEMENT, agreement))["number"]
    for part in ("MG Special", "60", "40", str(number), "Lower the quantity"):
        assert part in told.value.message
    assert "draft" == (await ctx.get(ORDER, second))["state"]
    assert (Decimal(60), Decimal(40)) == await _counts(ctx, agreement)
    await ctx.save(LINE, (await _order_lines(ctx, second))[0]["id"], quantity=Decimal(40))
    await act("orders.order/confirm", second)
    assert (Decimal(100), Decimal(0)) == await _counts(ctx, agreement)


async def test_more_than_is_left_is_told_where_the_settings_say_so(
    ctx: Context, agree: Agree, act: Act, decide: Decide
) -> None:
    decide(over_call="warn")
    agreement = await agree()
    order = await _call(ctx, agreement, "120")
    await act("orders.order/confirm", order)
    assert (Decimal(120), Decimal(-20)) == await _counts(ctx, agreement)
    assert 1 == len(await _told(ctx))
    assert Decimal(0) == (await ctx.get(AGREEMENT, agreement))["net_left"]


async def test_cancelling_gives_back_and_amendments_change_what_was_called_off(
    ctx: Context, agree: Agree, act: Act
) -> None:
    agreement = await agree()
    order = await _call(ctx, agreement, "40")
    await act("orders.order/confirm", order)
    line = (await _order_lines(ctx, order))[0]["id"]
    await ctx.save(LINE, line, quantity=Decimal(55))
    assert (Decimal(40), Decimal(60)) == await _counts(ctx, agreement)  # nobody confirmed it
    await act("orders.order/confirm-changes", order)
    assert (Decimal(55), Decimal(45)) == await _counts(ctx, agreement)
    await ctx.save(LINE, line, quantity=Decimal(101))
    with pytest.raises(Veto, match="only 100 are left"):
        await act("orders.order/confirm-changes", order)
    await ctx.save(LINE, line, quantity=Decimal(20))
    await act("orders.order/confirm-changes", order)
    assert (Decimal(20), Decimal(80)) == await _counts(ctx, agreement)
    await act("orders.order/cancel", order, reason="Not wanted")
    assert (Decimal(0), Decimal(100)) == await _counts(ctx, agreement)


async def test_a_line_typed_by_hand_gets_the_agreed_price_as_far_as_something_is_left(
    ctx: Context, agree: Agree, act: Act, shop: dict[str, int]
) -> None:
    prices = await ctx.create(
        "orders.price_list", name="Kan-code's own", currency="EUR", company=shop["company"]
    )
    await ctx.create("orders.price", price_list=prices, product=shop["kit"], price=Decimal(1))
    agreement = await agree()
    number = (await ctx.get(AGREEMENT, agreement))["number"]
    kit_line = (await _lines(ctx, agreement))[0]["id"]
    order = await ctx.create(ORDER, company=shop["company"], currency="EUR", owner=9001)
    near = await ctx.create(LINE, order=order, product=shop["kit"], quantity=Decimal(100))
    over = await ctx.create(LINE, order=order, product=shop["kit"], quantity=Decimal(101))
    hand = await ctx.create(
        LINE, order=order, product=shop["kit"], quantity=Decimal(1), unit_price=Decimal(49)
    )
    near_row, over_row, hand_row = [await ctx.get(LINE, each) for each in (near, over, hand)]
    assert (Decimal(50), kit_line) == (near_row["unit_price"], near_row["agreement_line"])
    assert f"Blanket order {number}: taken, 50; 100 are left" == near_row["price_rule"]
    assert (Decimal(1), None) == (over_row["unit_price"], over_row["agreement_line"])
    assert f"Blanket order {number}: only 100 are left, asked were 101" in over_row["price_rule"]
    assert (Decimal(49), None, Decimal(50)) == (
        hand_row["unit_price"], hand_row["agreement_line"], hand_row["rule_price"],
    )  # fmt: skip
    other = await ctx.create("crm.company", name="Isdom")
    strange = await ctx.create(ORDER, company=other, currency="EUR")
    line = await ctx.create(LINE, order=strange, product=shop["kit"], quantity=Decimal(1))
    assert Decimal(55) == (await ctx.get(LINE, line))["unit_price"]


async def test_a_quote_at_the_agreed_price_is_called_off_when_it_is_accepted(
    ctx: Context, agree: Agree, act: Act, shop: dict[str, int]
) -> None:
    agreement = await agree()
    quote = await ctx.create(
        "orders.quote", company=shop["company"], person=shop["person"], currency="EUR", owner=9001
    )
    for price in (None, Decimal(49)):
        values = {} if price is None else {"unit_price": price}
        await ctx.create(
            "orders.quote_line", quote=quote, product=shop["kit"], quantity=Decimal(10), **values
        )
    order = await act("orders.quote/accept", quote, name="Tom")
    agreed, lower = await _order_lines(ctx, order)
    assert (Decimal(50), Decimal(49)) == (agreed["unit_price"], lower["unit_price"])
    assert (await _lines(ctx, agreement))[0]["id"] == agreed["agreement_line"]
    assert lower["agreement_line"] is None


async def test_a_line_keeps_its_blanket_order_until_it_is_taken_off(
    ctx: Context, agree: Agree, shop: dict[str, int]
) -> None:
    agreement = await agree()
    kit_line, work_line = [line["id"] for line in await _lines(ctx, agreement)]
    order = await _call(ctx, agreement, "10")
    line = (await _order_lines(ctx, order))[0]["id"]
    await ctx.save(LINE, line, quantity=Decimal(500))  # refused when it is confirmed
    stored = await ctx.get(LINE, line)
    assert (kit_line, Decimal(50)) == (stored["agreement_line"], stored["unit_price"])
    await ctx.save(LINE, line, agreement_line=None)
    stored = await ctx.get(LINE, line)
    assert (None, Decimal(55)) == (stored["agreement_line"], stored["unit_price"])
    await ctx.save(LINE, line, quantity=Decimal(5))
    assert (await ctx.get(LINE, line))["agreement_line"] is None
    await ctx.save(LINE, line, agreement_line=kit_line)
    assert Decimal(50) == (await ctx.get(LINE, line))["unit_price"]
    with pytest.raises(Veto) as refused:
        await ctx.save(LINE, line, agreement_line=work_line)
    assert {"agreement_line"} == set(refused.value.problems)
    await ctx.save(LINE, line, product=shop["work"])
    assert work_line == (await ctx.get(LINE, line))["agreement_line"]
    other = await ctx.create("crm.company", name="Isdom")
    with pytest.raises(Veto) as refused:
        await ctx.save(ORDER, order, company=other)
    assert {"company"} == set(refused.value.problems)


async def test_units_convert_into_the_agreed_one(
    ctx: Context, shop: dict[str, int], act: Act
) -> None:
    oil = await ctx.create(
        "orders.product", name="Oil", unit="GRM", price=Decimal(9), currency="EUR"
    )
    agreement = await ctx.create(
        AGREEMENT, company=shop["company"], currency="EUR", owner=9001,
        valid_until=_today(ctx) + timedelta(days=9),
    )  # fmt: skip
    agreed = await ctx.create(
        AGREED, agreement=agreement, product=oil, unit="KGM", quantity=Decimal(2),
        unit_price=Decimal("7000.01"),
    )  # fmt: skip
    await act("orders.agreement/begin", agreement)
    order = await ctx.create(
        ORDER, company=shop["company"], person=shop["person"], currency="EUR", owner=9001
    )
    line = await ctx.create(LINE, order=order, product=oil, quantity=Decimal(500), unit="GRM")
    stored = await ctx.get(LINE, line)
    assert (agreed, Decimal("7.00001")) == (stored["agreement_line"], stored["unit_price"])
    await act("orders.order/confirm", order)
    assert (Decimal("0.5"), Decimal("1.5")) == await _counts(ctx, agreement)


async def test_an_incomplete_blanket_order_does_not_begin(
    ctx: Context, shop: dict[str, int], act: Act
) -> None:
    today = _today(ctx)
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
    late = _at(ctx, today + timedelta(days=1))
    with pytest.raises(Veto) as passed:
        await run_action(late, ctx.site.entity(AGREEMENT), "begin", made)
    assert {"valid_until"} == set(passed.value.problems)
    await act("orders.agreement/begin", made)
    assert today == (await ctx.get(AGREEMENT, made))["valid_from"]


async def test_what_was_agreed_stays_and_is_only_raised_or_extended(
    ctx: Context, agree: Agree, shop: dict[str, int]
) -> None:
    agreement = await agree()
    kit, work = [line["id"] for line in await _lines(ctx, agreement)]
    until = (await ctx.get(AGREEMENT, agreement))["valid_until"]
    other = await ctx.create("crm.company", name="Isdom")
    for values in (
        {"company": other}, {"currency": "USD"}, {"valid_from": _today(ctx) - timedelta(days=3)},
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
    assert (Decimal(0), Decimal(150)) == await _counts(ctx, agreement)
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
    order = await _call(ctx, agreement, "10")
    last = _today(ctx) + timedelta(days=3)
    assert 0 == await end_agreements(_at(ctx, last))
    after = _at(ctx, last + timedelta(days=1))
    with pytest.raises(ConflictError, match="does not run"):
        await _call(after, agreement, "1")
    assert 1 == await end_agreements(after)
    stored = await ctx.get(AGREEMENT, agreement)
    assert ("closed", last + timedelta(days=1)) == (stored["state"], stored["closed_on"])
    assert 0 == await end_agreements(after)
    await act("orders.order/confirm", order)
    assert (Decimal(10), Decimal(90)) == await _counts(ctx, agreement)


async def test_the_clock_ends_it(site: Running, ctx: Context, agree: Agree) -> None:
    agreement = await agree(days=1)
    await ctx.db.execute("UPDATE orders_agreement SET valid_until = $1", _today(ctx) - timedelta(1))
    await ctx.enqueue("orders.watch_agreements")
    await site.work()
    assert "closed" == (await ctx.get(AGREEMENT, agreement))["state"]


async def test_drafts_of_a_cancelled_one_are_refused(ctx: Context, agree: Agree, act: Act) -> None:
    agreement = await agree()
    order = await _call(ctx, agreement, "10")
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
    assert [] == await _told(ctx)
    soon = _at(ctx, _today(ctx) + timedelta(days=6))
    for _ in range(2):
        await warn_owners(soon)
    assert 1 == len(await _told(ctx))
    until = (await ctx.get(AGREEMENT, agreement))["valid_until"]
    await ctx.save(AGREEMENT, agreement, valid_until=until + timedelta(days=2))
    await warn_owners(_at(ctx, _today(ctx) + timedelta(days=8)))
    assert 2 == len(await _told(ctx))  # another end
    await act("orders.order/confirm", await _call(ctx, agreement, "89"))
    await warn_owners(ctx)
    assert 2 == len(await _told(ctx))
    await act("orders.order/confirm", await _call(ctx, agreement, "1"))
    for _ in range(2):
        await warn_owners(ctx)
    assert 3 == len(await _told(ctx))
    decide(agreement_days=0, agreement_percent=0)
    await ctx.db.execute("DELETE FROM core_notification")
    await warn_owners(soon)
    assert [] == await _told(ctx)


async def test_a_client_that_is_merged_keeps_its_blanket_orders_and_orders(
    ctx: Context, agree: Agree, act: Act, shop: dict[str, int]
) -> None:
    agreement = await agree()
    order = await _call(ctx, agreement, "10")
    await act("orders.order/confirm", order)
    draft = await _call(ctx, agreement, "5")
    kept = await ctx.create("crm.company", name="Kancode")
    await merge_records(ctx, ctx.site.entity("crm.company"), kept, shop["company"])
    assert kept == (await ctx.get(AGREEMENT, agreement))["company"]
    assert [kept] * 2 == [(await ctx.get(ORDER, each))["company"] for each in (order, draft)]
    await act("orders.order/confirm", draft)
    assert (Decimal(15), Decimal(85)) == await _counts(ctx, agreement)


async def test_it_is_renewed_as_a_draft_that_begins_when_it_ends(
    ctx: Context, agree: Agree, act: Act
) -> None:
    agreement = await agree(days=10)
    made = await act("orders.agreement/renew", agreement)
    old, new = await ctx.get(AGREEMENT, agreement), await ctx.get(AGREEMENT, made)
    assert ("draft", old["valid_until"] + timedelta(days=1)) == (new["state"], new["valid_from"])
    assert [(Decimal(100), Decimal(50)), (None, Decimal(90))] == [
        (line["quantity"], line["unit_price"]) for line in await _lines(ctx, made)
    ]
    assert (Decimal(0), Decimal(100)) == await _counts(ctx, made)


async def test_a_recurring_order_calls_off_each_period_while_something_is_left(
    ctx: Context, agree: Agree, act: Act
) -> None:
    agreement = await agree(kits=30)
    source = await _call(ctx, agreement, "10")
    await act("orders.order/confirm", source)
    plan = await ctx.create(
        "orders.plan", name="Monthly", order=source, every="month", next_on=_today(ctx),
        is_active=True, owner=9001,
    )  # fmt: skip
    assert 1 == await repeat_due(ctx)
    made = await ctx.db.value("SELECT max(id) FROM orders_order")
    (line,) = await _order_lines(ctx, made)
    assert (Decimal(50), Decimal(10)) == (line["unit_price"], line["quantity"])
    assert line["agreement_line"] is not None
    await act("orders.agreement/close", agreement)
    later = _at(ctx, (await ctx.get("orders.plan", plan))["next_on"])
    assert 0 == await repeat_due(later)  # not at the price of the list
    told = await ctx.db.value(
        "SELECT values->>'reason' FROM core_notification WHERE kind = 'orders.plan' "
        "ORDER BY id DESC LIMIT 1"
    )
    assert "has ended" in told


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


async def test_a_draft_of_the_client_without_a_blanket_order_is_as_ever(
    ctx: Context, draft: Draft, act: Act
) -> None:
    order = await draft()
    await act("orders.order/confirm", order)
    assert [None, None] == [line["agreement_line"] for line in await _order_lines(ctx, order)]
