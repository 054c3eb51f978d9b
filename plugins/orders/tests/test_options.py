"""Options of a quote: the client takes as much of one as is offered, and what he took is kept."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from crmkit_orders.domain.errors import AmountError
from crmkit_orders.domain.hashing import shown_hash
from crmkit_orders.domain.options import check_taken, span_of
from crmkit_orders.mailing import quote_link
from crmkit_orders.papers import quote_values
from crmkit_orders.quoting import accept_quote, shown_of
from crmkit_orders.totals import quote_rows

from crmkit.errors import Veto

if TYPE_CHECKING:
    import httpx
    from conftest import Act

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

QUOTE, LINE = "orders.quote", "orders.quote_line"
Q = Decimal
_FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
async def offer(ctx: Context, shop: dict[str, int], act: Act) -> dict[str, Any]:
    """A quote of a controller that was sent, with 2 to 10 hours and exactly 4 kits as options."""
    quote = await ctx.create(
        QUOTE, company=shop["company"], person=shop["person"], currency="EUR", owner=9001
    )
    await ctx.create(LINE, quote=quote, product=shop["pro"], quantity=Q(1), position=1)
    hours = await ctx.create(
        LINE, quote=quote, product=shop["work"], quantity=Q(6), position=2, is_optional=True,
        min_quantity=Q(2), max_quantity=Q(10),
    )  # fmt: skip
    kits = await ctx.create(
        LINE, quote=quote, product=shop["kit"], quantity=Q(4), position=3, is_optional=True
    )
    await act("orders.quote/send", quote)
    path = "/orders/" + quote_link(ctx, quote).partition("/orders/")[2]
    return {"quote": quote, "hours": hours, "kits": kits, "path": path}


def _form(offer: dict[str, Any], option: str, quantity: str = "") -> dict[str, str]:
    number = offer[option]
    typed = {f"quantity.{number}": quantity} if quantity else {}
    return {"name": "Tom", f"option.{number}": "1", **typed}


async def _ordered(ctx: Context) -> list[tuple[str, Decimal]]:
    rows = await ctx.db.rows("SELECT text, quantity FROM orders_order_line ORDER BY position")
    return [(row["text"], row["quantity"]) for row in rows]


def test_an_option_without_bounds_is_taken_as_it_is_or_not_at_all() -> None:
    assert (Q(4), Q(4)) == span_of(Q(4), None, None)
    assert (Q(2), Q(4)) == span_of(Q(4), Q(2), None)
    assert (Q(4), Q(9)) == span_of(Q(4), None, Q(9))
    check_taken(Q(4), span_of(Q(4), None, None))
    for wrong in (Q(3), Q(5), Q(-4), Q("4.00001")):
        with pytest.raises(AmountError):
            check_taken(wrong, span_of(Q(4), None, None))
    for bounds in ((Q(5), None), (None, Q(3)), (Q(-1), None)):
        with pytest.raises(AmountError):
            span_of(Q(4), *bounds)


async def test_what_is_taken_of_an_option_is_ordered_and_part_of_what_was_shown(
    ctx: Context, offer: dict[str, Any], guest: httpx.AsyncClient
) -> None:
    form = _form(offer, "hours", "7.5")
    for _again in range(2):
        done = await guest.post(f"{offer['path']}/acceptance", data=form)
        assert 303 == done.status_code
    assert [("GTX Pro", Q(1)), ("Installation", Q("7.5"))] == await _ordered(ctx)
    quote = await ctx.get(QUOTE, offer["quote"])
    assert Q("5533.50") == quote["net"]  # 4821 + 7.5 x 95
    rows = await quote_rows(ctx, offer["quote"])
    assert quote["shown"] == shown_hash(shown_of(quote, rows))
    other = [{**row, "quantity": Q(8)} if row["is_chosen"] else row for row in rows]
    wider = [{**row, "max_quantity": Q(99)} if row["is_chosen"] else row for row in rows]
    for changed in (other, wider):
        assert quote["shown"] != shown_hash(shown_of(quote, changed))
    stored = await ctx.get(LINE, offer["hours"])
    assert (Q(6), Q("7.5"), Q("712.50")) == (
        stored["quantity"], stored["chosen_quantity"], stored["net"],
    )  # fmt: skip
    assert "7.5" in (await guest.get(offer["path"])).text


@pytest.mark.parametrize(
    ("option", "quantity"),
    [("hours", "1"), ("hours", "10.0001"), ("hours", "0"), ("hours", "-3"), ("hours", "many"),
     ("hours", "7.00001"), ("kits", "5"), ("kits", "3")],
)  # fmt: skip
async def test_less_or_more_than_is_offered_is_refused_and_stays_in_the_form(
    ctx: Context, offer: dict[str, Any], guest: httpx.AsyncClient, option: str, quantity: str
) -> None:
    form = _form(offer, option, quantity)
    page = await guest.post(f"{offer['path']}/acceptance", data=form)
    assert 422 == page.status_code
    assert "enter a quantity from" in page.text
    if option == "hours":
        assert f'value="{quantity}"' in page.text
    assert 'value="Tom"' in page.text
    assert [] == await _ordered(ctx)
    with pytest.raises(Veto):
        await accept_quote(ctx, offer["quote"], "Tom", "192.0.2.1", {offer[option]: Q(11)})
    assert [] == await _ordered(ctx)


async def test_an_option_is_taken_as_offered_where_nothing_else_is_entered(
    ctx: Context, offer: dict[str, Any], guest: httpx.AsyncClient
) -> None:
    form = _form(offer, "hours") | _form(offer, "kits", "4")
    assert 303 == (await guest.post(f"{offer['path']}/acceptance", data=form)).status_code
    found = await _ordered(ctx)
    assert [("GTX Pro", Q(1)), ("Installation", Q(6)), ("MG Special", Q(4))] == found


async def test_the_total_follows_what_is_entered_with_and_without_scripts(
    ctx: Context, offer: dict[str, Any], guest: httpx.AsyncClient
) -> None:
    url = f"{offer['path']}/total"
    whole = await guest.post(url, data=_form(offer, "hours", "10"))
    assert "€5,771" in whole.text
    assert f'name="quantity.{offer["hours"]}" value="10"' in whole.text
    part = (await guest.post(url, data=_form(offer, "hours", "10"), headers=_FRAGMENT)).text
    assert "€5,771" in part
    assert f'id="n{offer["hours"]}" hx-swap-oob="true"' in part
    wrong = (await guest.post(url, data=_form(offer, "hours", "11"), headers=_FRAGMENT)).text
    assert "Installation: enter a quantity from 2 to 10." in wrong
    unticked = await guest.post(url, data={f"quantity.{offer['hours']}": "10"})
    assert f'name="quantity.{offer["hours"]}" value="10"' in unticked.text
    assert "€4,821" in unticked.text
    assert not await ctx.db.value("SELECT bool_or(is_chosen) FROM orders_quote_line")


async def test_a_client_enters_a_quantity_as_his_language_writes_it(
    ctx: Context, shop: dict[str, int], offer: dict[str, Any], guest: httpx.AsyncClient
) -> None:
    await ctx.save("crm.person", shop["person"], language="Russian")
    form = _form(offer, "hours", "2,125")
    assert 303 == (await guest.post(f"{offer['path']}/acceptance", data=form)).status_code
    assert ("Installation", Q("2.125")) in await _ordered(ctx)


async def test_bounds_belong_to_options_and_hold_their_quantity(
    ctx: Context, offer: dict[str, Any], act: Act, shop: dict[str, int]
) -> None:
    options = (await quote_values(ctx, offer["quote"]))["options"]
    assert ["2–10 hour", "4"] == [row[1] for row in options]
    made = await act("orders.quote/revise", offer["quote"])
    copied = [(r["min_quantity"], r["max_quantity"]) for r in await quote_rows(ctx, made)]
    assert [(None, None), (Q(2), Q(10)), (None, None)] == copied
    line = (await quote_rows(ctx, made))[1]["id"]
    for values, field in (
        ({"quantity": Q(11)}, "quantity"),
        ({"min_quantity": Q(7)}, "min_quantity"),
        ({"max_quantity": Q("9.12345")}, "max_quantity"),
        ({"is_optional": False}, "min_quantity"),
    ):
        with pytest.raises(Veto) as refused:
            await ctx.save(LINE, line, **values)
        assert field in refused.value.problems
    with pytest.raises(Veto):
        await ctx.create(LINE, quote=made, product=shop["kit"], max_quantity=Q(3))


async def test_bounds_stand_in_the_grid_where_there_is_an_option(
    site: Running, ctx: Context, shop: dict[str, int]
) -> None:
    quote = await ctx.create(QUOTE, company=shop["company"], currency="EUR")
    line = await ctx.create(LINE, quote=quote, product=shop["work"], quantity=Q(6))
    browser = await site.client()
    assert "At least" not in (await browser.get(f"/orders.quote/{quote}")).text
    await ctx.save(LINE, line, is_optional=True)
    assert "At least" in (await browser.get(f"/orders.quote/{quote}")).text
