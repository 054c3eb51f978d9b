"""Plugins that cannot work are named with their reason, and the core serves."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from crmkit.records.plugins.switch import enable_plugin

PROOF = Path(__file__).parents[1] / "plugins"

if TYPE_CHECKING:
    from crmkit.testing.sites import Place


async def test_a_plugin_for_a_newer_api_is_not_imported(place: Place) -> None:
    place.add(PROOF / "future")
    async with place.start() as running:
        assert "incompatible" == running.site.plugins["future"].state
        assert "install a newer crmkit" in running.site.plugins["future"].reason
        async with await running.client() as client:
            assert 200 == (await client.get("/crm.company")).status_code


async def test_a_guard_that_cannot_load_closes_its_entity_alone(place: Place) -> None:
    place.add(PROOF / "guarded")
    async with place.start() as running:
        assert "failed" == running.site.plugins["guarded"].state
        assert "no licence" in running.site.plugins["guarded"].reason
        async with await running.client() as client:
            assert 503 == (await client.get("/crm.company")).status_code
            assert 200 == (await client.get("/crm.person")).status_code


async def test_a_plugin_whose_code_vanished_leaves_its_data(loyalty: Place) -> None:
    async with loyalty.start() as running:
        await enable_plugin(running.ctx, "loyalty", running.dsn)
        await running.rebuild()
        person = await running.ctx.create("crm.person", name="Nina Petrova")
        await running.ctx.create("loyalty.points", person=person, amount=5)
        before = await running.digest("loyalty_points", "crm_person")
    shutil.rmtree(loyalty.plugins / "loyalty")
    async with loyalty.start() as running:
        async with await running.client() as client:
            for path in ("/", f"/crm.person/{person}", "/settings/plugins"):
                assert 200 == (await client.get(path)).status_code, path
        assert before == await running.digest("loyalty_points", "crm_person")
