"""A plugin may publish hooks of its own; who implements one works without it as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from crmkit.errors import HookFailedError, PluginError
from crmkit.plugin.hookspecs import Plugin, hookimpl
from crmkit.records.plugins.switch import disable_plugin

if TYPE_CHECKING:
    from crmkit.testing.sites import Place

_MANIFEST = 'id = "{0}"\nname = "{0}"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
_BILLING = """
class Billing(Plugin):
    publishes = {"billing_lines": "I", "billing_issued": "T"}
"""
_ORDERS = """
class Orders(Plugin):
    @hookimpl(optionalhook=True)
    async def billing_lines(self, event):
        return ["an order"]

    @hookimpl(optionalhook=True)
    async def billing_issued(self, event):
        await event.create("crm.company", name="issued")
        if event.config.name == "Broken":
            raise ZeroDivisionError
"""
_TORN = """
class Torn(Plugin):
    @hookimpl(optionalhook=True)
    async def billing_lines(self, event):
        raise KeyError("lines")
"""


def _write(place: Place, **plugins: str) -> None:
    for name, code in plugins.items():
        place.write(name, code, manifest=_MANIFEST.format(name))


async def test_who_publishes_a_hook_gets_the_answers_of_others(place: Place) -> None:
    _write(place, billing=_BILLING, sales=_ORDERS, torn=_TORN)
    async with place.start() as running:
        answers = await running.site.hooks.collect("billing_lines", running.ctx)
        assert [("sales", ["an order"])] == answers
        torn = next(each for each in running.site.hooks.seen() if each.plugin == "torn")
        assert 1 == torn.failed
        async with running.db.transaction():
            await running.site.hooks.run("billing_issued", running.ctx)
        assert 1 == await running.db.value("SELECT count(*) FROM crm_company")


async def test_one_of_the_transaction_that_fails_ends_it(place: Place) -> None:
    place.options["name"] = "Broken"
    _write(place, billing=_BILLING, sales=_ORDERS)
    async with place.start() as running:
        with pytest.raises(HookFailedError, match="sales"):
            async with running.db.transaction():
                await running.site.hooks.run("billing_issued", running.ctx)
        assert 0 == await running.db.value("SELECT count(*) FROM crm_company")


async def test_without_the_publisher_a_listener_waits_and_works(place: Place) -> None:
    _write(place, billing=_BILLING, sales=_ORDERS)
    async with place.start() as running:
        assert () == running.site.plugins["sales"].notices
        await disable_plugin(running.ctx, "billing")
        await running.rebuild()
        info = running.site.plugins["sales"]
        assert "enabled" == info.state
        assert [True] == ["`billing_lines`; what it does there waits" in each
                          for each in info.notices]  # fmt: skip


async def test_a_hook_nobody_implements_has_no_answers(place: Place) -> None:
    _write(place, billing=_BILLING)
    async with place.start() as running:
        assert [] == await running.site.hooks.collect("billing_lines", running.ctx)
        await running.site.hooks.run("billing_issued", running.ctx)


@pytest.mark.parametrize("published", ['{"lines": "I"}', '{"billing_lines": "F"}'])
async def test_a_hook_of_a_wrong_name_or_kind_leaves_its_plugin_out(
    place: Place, published: str
) -> None:
    _write(place, billing=f"class Billing(Plugin):\n    publishes = {published}\n")
    async with place.start() as running:
        info = running.site.plugins["billing"]
        assert "failed" == info.state
        assert "must be named `billing_...`" in info.reason


def test_who_does_not_mark_it_is_told_how() -> None:
    async def billing_lines(self: Any, event: object) -> None:  # noqa: ANN401
        """Answer lines."""

    with pytest.raises(PluginError, match="optionalhook=True"):
        type("Orders", (Plugin,), {"billing_lines": billing_lines})
    made = type("Orders", (Plugin,), {"billing_lines": hookimpl(optionalhook=True)(billing_lines)})
    assert issubclass(made, Plugin)


def test_a_marked_hook_of_another_shape_is_refused() -> None:
    def billing_lines(self: Any, event: object) -> None:  # noqa: ANN401
        """Answer lines."""

    with pytest.raises(PluginError, match="async def"):
        type("Orders", (Plugin,), {"billing_lines": hookimpl(optionalhook=True)(billing_lines)})
