"""From the quote to the goods at the client's door, by the actions."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Act

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running


async def test_a_quote_becomes_an_order_that_is_delivered(
    ctx: Context, shop: dict[str, int], act: Act, site: Running
) -> None:
    quote = await ctx.create(
        "orders.quote", company=shop["company"], person=shop["person"], currency="EUR", owner=9001
    )
    for place, (name, count) in enumerate((("pro", 2), ("kit", 4), ("work", 6)), 1):
        await ctx.create(
            "orders.quote_line", quote=quote, product=shop[name], quantity=Decimal(count),
            position=place,
        )  # fmt: skip
    stored = await ctx.get("orders.quote", quote)
    assert Decimal("10432.00") == stored["net"]  # 2 x 4821 + 4 x 55 + 6 x 95
    assert Decimal("1069.28") == stored["tax"]
    await act("orders.quote/send", quote)
    order = await act("orders.quote/accept", quote, name="Tom")
    await act("orders.order/confirm", order)
    stored = await ctx.get("orders.order", order)
    assert ("confirmed", "Prepare", 9001) == (stored["state"], stored["step"], stored["holder"])
    browser, column = await site.client(), 'data-label="Delivered"'
    assert column not in (await browser.get(f"/orders.order/{order}")).text, "nothing has left"
    delivery = await act("orders.order/deliver", order)
    await act("orders.delivery/ship", delivery)
    assert column in (await browser.get(f"/orders.order/{order}")).text
    stored = await ctx.get("orders.order", order)
    assert ("fulfilled", "full") == (stored["state"], stored["delivery_status"])
    subjects = await ctx.db.rows("SELECT subject FROM core_message ORDER BY id")
    assert 3 == len(subjects)
