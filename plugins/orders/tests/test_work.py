"""Who holds what, by when, and what people see of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from crmkit_orders import board, days, deadlines, extensions, panels, report
from crmkit_orders.selling import find_product

from crmkit.plugin.events import PageEvent

if TYPE_CHECKING:
    from conftest import Act, Draft

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running


async def test_pages_of_an_order_show_steps_delivery_and_prices(
    site: Running, ctx: Context, draft: Draft, act: Act
) -> None:
    browser = await site.client("administrator")
    order = await draft(deliver_to="401 N Wabash Ave")
    page = (await browser.get(f"/orders.order/{order}")).text
    assert "ord-steps" not in page
    await act("orders.order/confirm", order)
    page = (await browser.get(f"/orders.order/{order}")).text
    assert 3 == page.count('<p class="ord-name">')
    assert "of slack" in page
    assert "401 N Wabash Ave" in page
    assert "Tom Whitfield" in page
    line = await ctx.db.value("SELECT min(id) FROM orders_order_line")
    assert f'href="/orders.order_line/{line}"' in page
    text = (await browser.get(f"/orders.order_line/{line}")).text
    assert "Why this price" in text
    assert "List price" in text
    delivery = await act("orders.order/deliver", order)
    await act("orders.delivery/ship", delivery)
    page = (await browser.get(f"/orders.order/{order}")).text
    assert "Deliveries and receipts" in page
    assert "off</" in page or " off" in page
