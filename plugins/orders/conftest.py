"""A site with orders on, and the few records most tests need."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest
from crmkit_orders.settings import Settings
from orders_agreements import AGREED, AGREEMENT, today_of

from crmkit.model.context import Principal
from crmkit.plugin.site import Site
from crmkit.records.actions import run_action
from crmkit.records.plugins.switch import enable_plugin
from crmkit.testing.sites import new_place
from crmkit.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

    Act = Callable[..., Awaitable[int]]
    Draft = Callable[..., Awaitable[int]]
    Decide = Callable[..., None]
    Agree = Callable[..., Awaitable[int]]

_TABLES = (
    "orders_claim", "orders_handover", "orders_step", "orders_delivery_line", "orders_delivery",
    "orders_line_part",
    "orders_receipt_line", "orders_receipt", "orders_plan", "orders_order_line",
    "orders_quote_line", "orders_order", "orders_quote", "orders_agreement", "orders_price",
    "orders_price_list",
    "orders_cost", "orders_bundle_part", "orders_product", "core_message", "core_notification",
    "core_job", "core_deadline", "crm_activity", "crm_opportunity", "crm_person", "crm_company",
    "core_search",
)  # fmt: skip


@pytest.fixture
async def guest(site: Running) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without an account."""
    app = create_app(site.site, site.db, site.config, owner_dsn=site.dsn)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        client.headers["Origin"] = "http://localhost"
        yield client


@pytest.fixture(scope="session")
async def orders_site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A site with the plugin on; one for all tests of a process."""
    async with new_place(tmp_path_factory.mktemp("orders")) as place, place.start() as running:
        await enable_plugin(running.ctx, "orders", running.dsn)
        yield await running.rebuild()


@pytest.fixture
async def site(orders_site: Running) -> Running:
    """The site as it was at first."""
    for table in _TABLES:
        await orders_site.db.execute(f"DELETE FROM {table}")
    await orders_site.db.execute(
        "INSERT INTO core_user (id, name, email, role) OVERRIDING SYSTEM VALUE "
        "VALUES (9001, 'Anna Snelling', 'anna@example.org', 'administrator'), "
        "(9002, 'Boris Marlow', 'boris@example.org', 'administrator') "
        "ON CONFLICT DO NOTHING"
    )
    return orders_site


@pytest.fixture
def ctx(site: Running) -> Context:
    """The context of the command line."""
    return site.ctx


@pytest.fixture
async def shop(ctx: Context) -> dict[str, int]:
    """A client, a person with an address, and three products."""
    company = await ctx.create("crm.company", name="Kan-code", sector="software")
    person = await ctx.create(
        "crm.person", name="Tom Whitfield", email="tom@example.com", company=company
    )
    values: dict[str, dict[str, Any]] = {
        "pro": {"name": "GTX Pro", "code": "GTX-P", "price": Decimal(4821)},
        "kit": {"name": "MG Special", "code": "MG-S", "price": Decimal(55)},
        "work": {"name": "Installation", "kind": "service", "unit": "HUR", "price": Decimal(95)},
    }
    made = {"company": company, "person": person}
    for key, each in values.items():
        made[key] = await ctx.create(
            "orders.product", **each, currency="EUR", tax_rate=Decimal("10.25")
        )
    return made


@pytest.fixture
def act(ctx: Context) -> Act:
    """Do `orders.<entity>/<action>` with a record and answer the id of what it leads to."""

    async def run(action: str, record: int, /, **raw: str) -> int:
        entity, _slash, name = action.partition("/")
        result = await run_action(ctx, ctx.site.entity(entity), name, record, raw)
        return int(result.url.rpartition("/")[2].partition("#")[0])

    return run


@pytest.fixture
def draft(ctx: Context, shop: dict[str, int]) -> Draft:
    """Make a draft of two controllers and four kits, or of other counts."""

    async def make(pro: int = 2, kit: int = 4, **more: object) -> int:
        values = {"company": shop["company"], "person": shop["person"], "currency": "EUR"}
        order = await ctx.create("orders.order", **{**values, "owner": 9001, **more})
        for place, (name, count) in enumerate((("pro", pro), ("kit", kit)), 1):
            if count:
                await ctx.create(
                    "orders.order_line", order=order, product=shop[name], position=place,
                    quantity=Decimal(count),
                )  # fmt: skip
        return order

    return make


@pytest.fixture
def agree(ctx: Context, shop: dict[str, int], act: Act) -> Agree:
    """Make a blanket order of 100 kits at 50 and as much work as is wanted at 90, that runs."""

    async def make(*, runs: bool = True, days: int = 60, kits: int = 100, **more: Any) -> int:  # noqa: ANN401 - of any field
        values = {"company": shop["company"], "person": shop["person"], "currency": "EUR"}
        until = today_of(ctx) + timedelta(days=days)
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


@pytest.fixture
def anna(ctx: Context) -> Context:
    """Who owns the orders."""
    return _person(ctx, 9001, "Anna Snelling")


@pytest.fixture
def boris(ctx: Context) -> Context:
    """Somebody else."""
    return _person(ctx, 9002, "Boris Marlow")


def _person(ctx: Context, number: int, name: str) -> Context:
    return replace(ctx, principal=Principal(number, name, ctx.site.roles["administrator"]))


@pytest.fixture
def decide(monkeypatch: pytest.MonkeyPatch) -> Decide:
    """Decide settings of the plugin for a test."""
    chosen: dict[str, Any] = {}
    found = Site.settings

    def settings(site: Site, kind: type[msgspec.Struct]) -> msgspec.Struct:
        if kind is Settings:
            return msgspec.structs.replace(Settings(), **chosen)
        return found(site, kind)

    def choose(**values: object) -> None:
        chosen.update(values)

    monkeypatch.setattr(Site, "settings", settings)
    return choose
