"""Boxes that are off: a browser sends nothing for them, and they are off all the same."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Act, Draft

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running


async def test_what_an_action_ticks_from_the_beginning_can_be_unticked_in_its_form(
    site: Running, ctx: Context, draft: Draft, act: Act
) -> None:
    order = await draft(kit=0)
    await act("orders.order/confirm", order)
    delivery = await act("orders.order/deliver", order)
    await act("orders.delivery/ship", delivery)
    client = await site.client()
    url = f"/orders.delivery/{delivery}/actions/take-back"
    page = (await client.get(f"/orders.delivery/{delivery}")).text
    form = page.partition(f'action="{url}"')[2].partition("</form>")[0]
    # A hidden "no" before the box, which the "yes" of a ticked one outweighs.
    before, _input, box = form.partition('type="checkbox"')
    assert '<input type="hidden" name="restock" value="0">' in before
    assert "checked" in box.partition(">")[0]
    refused = await client.post(url, data={"restock": "0", "reason": "x" * 999})
    assert 422 == refused.status_code
    again = refused.text.partition(f'action="{url}"')[2].partition("</form>")[0]
    box = again.partition('type="checkbox"')[2].partition(">")[0]
    assert 'value="1"' in box  # ticked again, it is ticked
    assert "checked" not in box
    answer = await client.post(url, data={"restock": "0", "reason": "Broken"})
    assert 303 == answer.status_code, answer.text
    assert False is (await ctx.get("orders.delivery", delivery))["restock"]


async def test_a_box_of_a_form_and_of_a_grid_is_off_when_nothing_is_sent(
    site: Running, ctx: Context, shop: dict[str, int]
) -> None:
    client = await site.client()
    product = await ctx.get("orders.product", shop["pro"])
    assert product["is_active"]
    form = {"name": "GTX Pro", "version": str(product["version"])}
    answer = await client.post(f"/orders.product/{shop['pro']}/edit", data=form)
    assert 303 == answer.status_code, answer.text
    assert not (await ctx.get("orders.product", shop["pro"]))["is_active"]
    quote = await ctx.create("orders.quote", company=shop["company"], currency="EUR")
    line = await ctx.create(
        "orders.quote_line", quote=quote, product=shop["kit"], quantity=Decimal(1),
        is_optional=True,
    )  # fmt: skip
    url = f"/orders.quote/{quote}/parts/orders.quote_line"
    row = {"1.id": str(line), "1.version": "1", "1.product": str(shop["kit"]), "1.quantity": "1"}
    assert 303 == (await client.post(url, data={**row, "1.is_optional": "1"})).status_code
    assert (await ctx.get("orders.quote_line", line))["is_optional"]
    row["1.version"] = str((await ctx.get("orders.quote_line", line))["version"])
    assert 303 == (await client.post(url, data=row)).status_code
    assert not (await ctx.get("orders.quote_line", line))["is_optional"]
