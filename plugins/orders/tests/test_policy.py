"""TRUST A1 to A5 over orders: what `policies.toml` says is what holds, at every door."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from crmkit_orders.mailing import ORDER_USE, QUOTE_USE
from crmkit_orders.settings import MARGIN

from crmkit import sign_link
from crmkit.access.policies import differences
from crmkit.model.role import RINGS
from crmkit.testing.matrix.assignment import Assignment
from crmkit.testing.matrix.fields import Guarded
from crmkit.testing.matrix.rings import Rings
from crmkit.testing.matrix.routes import Routes, cells, principals
from crmkit.testing.matrix.stage import Stage, Staged, one_connection, undone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from crmkit.testing.sites import Running

#: A document and a line of it; the long run takes all entities and everybody.
_TYPICAL = ("orders.order", "orders.order_line")
_COMPUTED = (*_TYPICAL, "orders.quote", "orders.product", "orders.step")
#: A cost that nothing else comes to, and what is earned with it, as pages write them.
_COST = Decimal("31337.125")
#: With the point: digits alone stand by chance in tokens and digests of a page.
_GIVEN_AWAY = ("31337.1", "31,337.1", "62674.2", "62,674.2", "62574.2", "62,574.2")


@pytest.fixture
async def stage(site: Running) -> AsyncIterator[Stage]:
    """The reader and colleagues; all of it is taken back."""
    async with undone(site.db), one_connection(site.db):
        yield await Stage(site, "orders").fill()


async def _all(found: AsyncIterator[str]) -> list[str]:
    return [each async for each in found]


def test_the_policies_are_what_the_built_in_roles_give(orders_site: Running) -> None:
    assert [] == [str(each) for each in differences(orders_site.site, "orders")]


async def test_every_route_of_the_plugin_answers_everybody_as_its_policy_says(
    stage: Stage,
) -> None:
    own = list(cells(stage, [], only="orders"))
    assert {"/orders/board", "/orders/report"} <= {cell.path for cell in own}
    for principal in principals(stage):
        client = await stage.client(principal)
        assert [] == await _all(Routes(stage, principal, client).problems(own))


@pytest.mark.parametrize("principal", ["", "no-rights"])
async def test_no_door_of_an_order_opens_to_who_may_not(stage: Stage, principal: str) -> None:
    plan = stage.running.site.entity(_TYPICAL[0])
    asked = [cell for cell in cells(stage, [plan], only="orders") if cell.entity]
    assert len(asked) > 60
    client = await stage.client(principal)
    assert [] == await _all(Routes(stage, principal, client).problems(asked))


@pytest.mark.long
async def test_no_door_of_any_entity_opens_to_who_may_not(stage: Stage) -> None:
    asked = list(cells(stage, stage.entities, only="orders"))
    for principal in principals(stage):
        client = await stage.client(principal)
        assert [] == await _all(Routes(stage, principal, client).problems(asked))


async def test_every_role_reaches_the_rings_of_every_entity_its_policy_says(stage: Stage) -> None:
    for role in ("administrator", "manager", "seller", "read-only", "no-rights"):
        for plan in stage.entities:
            found = Rings(stage, role).of_rows(plan, ["team", "other"])
            assert [] == await _all(found)


async def test_a_strangers_record_is_there_for_a_seller_by_no_door(stage: Stage) -> None:
    client, boss = await stage.as_reader("seller"), await stage.client("administrator")
    rings = Rings(stage, "seller", client, boss)
    for name in _TYPICAL:
        plan = stage.running.site.entity(name)
        assert [] == await _all(rings.of_records(plan, ["other"]))
        assert [] == await _all(rings.of_lists(plan, ["other"]))
    assert [] == await _all(rings.of_common_pages())


@pytest.mark.long
@pytest.mark.parametrize(
    "role",
    ["administrator", "manager", "seller", "read-only", "no-rights", "seller-own", "orders-admin"],
)
async def test_a_role_reaches_the_rings_its_policy_says(stage: Stage, role: str) -> None:
    client, boss = await stage.as_reader(role), await stage.client("administrator")
    rings = Rings(stage, role, client, boss)
    for plan in stage.entities:
        assert [] == await _all(rings.of_records(plan, RINGS))
        assert [] == await _all(rings.of_lists(plan))
    assert [] == await _all(rings.of_common_pages())


async def _costly(stage: Stage) -> None:
    """Let the reader have an order and a quote of a product whose cost is known."""
    ctx = stage.running.ctx
    mine = {"owner": stage.reader}
    product = await ctx.create(
        "orders.product", name="Zyxw costly", price=Decimal(50), currency="EUR"
    )
    await ctx.create("orders.cost", product=product, amount=_COST)
    for name in ("order", "quote"):
        document = await ctx.create(f"orders.{name}", currency="EUR", **mine)
        values = {name: document, "product": product, "quantity": Decimal(2)}
        line = await ctx.create(f"orders.{name}_line", **values)
        stage.records[f"orders.{name}", "own"] = Staged(document, "")
        stage.records[f"orders.{name}_line", "own"] = Staged(line, "")
    stage.records["orders.product", "own"] = Staged(product, "")


@pytest.mark.parametrize(
    "role", ["reviewer", *(pytest.param(name, marks=pytest.mark.long) for name in
                           ("manager", "seller", "read-only"))]
)  # fmt: skip
async def test_costs_and_margins_are_no_ones_without_the_permission(
    stage: Stage, role: str
) -> None:
    site = stage.running.site
    assert not site.roles[role].grants(MARGIN)
    await _costly(stage)
    plans = [
        site.entity(f"orders.{name}")
        for name in ("order", "quote", "order_line", "quote_line", "product")
    ]
    boss = await stage.as_reader("administrator")
    order = stage.known(plans[0], "own").id
    assert "62,574.25" in (await boss.get(f"/orders.order/{order}")).text
    assert "31337" in (await boss.get("/api/v1/orders.cost")).text
    guarded = Guarded(stage, await stage.as_reader(role), _GIVEN_AWAY)
    assert [] == await _all(guarded.shows(plans))
    assert [] == await _all(guarded.closed(site.entity("orders.cost")))
    for plan in plans[2:4]:
        assert [] == await _all(guarded.tells(plan, "unit_cost"))


async def test_nothing_that_is_computed_or_kept_is_taken_from_a_request(stage: Stage) -> None:
    assignment = Assignment(stage, await stage.client("administrator"))
    for name in _COMPUTED:
        assert [] == await _all(assignment.at_once(stage.running.site.entity(name)))


@pytest.mark.long
@pytest.mark.parametrize("role", ["administrator", "seller"])
async def test_no_name_alone_is_taken_by_a_door(stage: Stage, role: str) -> None:
    assignment = Assignment(stage, await stage.as_reader(role))
    for plan in stage.entities:
        assert [] == await _all(assignment.at_once(plan))
        assert [] == await _all(assignment.one_by_one(plan))


async def test_a_clients_link_opens_what_was_signed_and_nothing_else(stage: Stage) -> None:
    ctx, nobody = stage.running.ctx, await stage.client("")
    order, quote = [
        (await stage.record(stage.running.site.entity(f"orders.{name}"), "other")).id
        for name in ("order", "quote")
    ]
    await stage.db.execute("UPDATE orders_order SET state = 'confirmed' WHERE id = $1", order)
    await stage.db.execute(
        "UPDATE orders_quote SET state = 'sent', valid_until = NULL WHERE id = $1", quote
    )
    good = {
        "/orders/quotes/": sign_link(ctx, QUOTE_USE, str(quote)),
        "/orders/status/": sign_link(ctx, ORDER_USE, f"{order}-1"),
    }
    before = await stage.digest()
    for path, token in good.items():
        assert 200 == (await nobody.get(f"{path}{token}")).status_code
        other = sign_link(ctx, "orders.other", str(quote))
        swapped = next(each for each in good.values() if each != token)
        subject, dot, signature = token.partition(".")
        forged = [other, swapped, token[:-1] + ("A" if token[-1] != "A" else "B"), subject,
                  f"{subject}1{dot}{signature}", f"{dot}{signature}"]  # fmt: skip
        for each in forged:
            for more in ("", "/total", "/acceptance", "/refusal"):
                method = "POST" if more else "GET"
                answer = await nobody.request(method, f"{path}{each}{more}", data={"name": "Eve"})
                assert answer.status_code in {404, 405}, (path, each, more)
    assert before == await stage.digest()
