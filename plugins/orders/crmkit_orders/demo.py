"""A few invented products, quotes and orders, to try things out with; undone as one operation.

Orders stay drafts: what was confirmed is cancelled and never undone.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from crmkit_orders.agreement_tables import Agreement, AgreementLine
from crmkit_orders.tables import (
    Order,
    OrderLine,
    PriceList,
    Product,
    Quote,
    QuoteLine,
    Receipt,
    ReceiptLine,
)
from crmkit_orders.tables import Price as ListPrice

if TYPE_CHECKING:
    from crmkit import Context, LifeEvent

_TAX = Decimal(20)
#: Name, code, kind, unit, list price.
_PRODUCTS = (
    ("Desk lamp Lumen (sample)", "LMN-1", "goods", "C62", "48.50"),
    ("Oak shelf Fjord (sample)", "FJD-3", "goods", "C62", "189.00"),
    ("Wall paint Chalk, 10 l (sample)", "CHK-10", "goods", "C62", "62.00"),
    ("Assembly on site (sample)", "SRV-A", "service", "HUR", "55.00"),
    ("Delivery to the door (sample)", "SRV-D", "service", "C62", "25.00"),
)


async def write_samples(event: LifeEvent) -> None:
    """Write a catalogue, a price list, quotes, orders and what is expected from a supplier.

    Nobody of them has an e-mail address, so no message leaves.
    """
    ctx = event.ctx
    client = await ctx.create(
        "crm.company", name="Harbour Street Studio (sample)", sector="design", city="Hull",
        address="12 Harbour Street", source="sample", owner=ctx.user_id,
    )  # fmt: skip
    supplier = await ctx.create(
        "crm.company", name="Fjord Timber Works (sample)", sector="timber", city="Bergen",
        source="sample", owner=ctx.user_id,
    )  # fmt: skip
    products = [
        await ctx.create(
            Product, name=name, code=code, kind=kind, unit=unit, price=Decimal(price),
            currency=ctx.config.currency, tax_rate=_TAX,
        )
        for name, code, kind, unit, price in _PRODUCTS
    ]  # fmt: skip
    prices = await ctx.create(
        PriceList, name="Trade prices (sample)", currency=ctx.config.currency, company=client
    )
    await ctx.create(
        ListPrice, price_list=prices, product=products[1], min_quantity=Decimal(10),
        discount=Decimal(8), position=1,
    )  # fmt: skip
    await _quote(ctx, client, products)
    await _order(ctx, client, products)
    await _agreement(ctx, client, products)
    receipt = await ctx.create(
        Receipt, supplier=supplier, owner=ctx.user_id,
        expected_on=(ctx.now() + timedelta(days=5)).astimezone(ctx.time_zone).date(),
    )  # fmt: skip
    await ctx.create(
        ReceiptLine, receipt=receipt, product=products[1], text="Oak shelf Fjord (sample)",
        expected=Decimal(20), position=1,
    )  # fmt: skip


async def _quote(ctx: Context, client: int, products: list[int]) -> None:
    quote = await ctx.create(Quote, company=client, currency=ctx.config.currency, owner=ctx.user_id)
    for place, (product, count) in enumerate(((products[1], 12), (products[3], 4)), 1):
        await ctx.create(
            QuoteLine, quote=quote, product=product, quantity=Decimal(count), position=place
        )


async def _order(ctx: Context, client: int, products: list[int]) -> None:
    draft = await ctx.create(Order, company=client, currency=ctx.config.currency, owner=ctx.user_id)
    await ctx.create(OrderLine, order=draft, product=products[2], quantity=Decimal(8), position=1)
    order = await ctx.create(
        Order, company=client, currency=ctx.config.currency, owner=ctx.user_id,
        promised_at=ctx.now() + timedelta(days=2),
    )  # fmt: skip
    for place, (product, count) in enumerate(((products[0], 6), (products[4], 1)), 1):
        await ctx.create(
            OrderLine, order=order, product=product, quantity=Decimal(count), position=place
        )


async def _agreement(ctx: Context, client: int, products: list[int]) -> None:
    until = ctx.now().astimezone(ctx.time_zone).date() + timedelta(days=365)
    agreement = await ctx.create(
        Agreement, company=client, currency=ctx.config.currency, owner=ctx.user_id,
        valid_until=until,
    )  # fmt: skip
    for place, (product, count, price) in enumerate(
        ((products[2], Decimal(200), Decimal(54)), (products[3], None, Decimal(50))), 1
    ):
        await ctx.create(
            AgreementLine, agreement=agreement, product=product, quantity=count, unit_price=price,
            position=place,
        )  # fmt: skip
