"""What plugins add to pages by hooks: buttons and hits, and what becomes of wrong ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmkit.testing.sites import Place

_MANIFEST = 'id = "trial"\nname = "Warehouse"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
_CODE = """
class Trial(Plugin):
    async def record_actions(self, event):
        if event.entity.name == "crm.company":
            return [ActionButton(name="stock", label="See stock", url="{url}", method="get")]

    async def search(self, event):
        return [SearchResult(html="Shelf <3>", url="{url}", sub=event.text)]
"""


async def test_hook_record_actions(place: Place) -> None:
    place.write("trial", _CODE.format(url="/crm.person"), _MANIFEST)
    async with place.start() as running:
        company = await running.ctx.create("crm.company", name="Kan-code")
        person = await running.ctx.create("crm.person", name="Nina")
        async with await running.client() as client:
            page = (await client.get(f"/crm.company/{company}")).text
            assert "See stock" in page
            assert "Warehouse" in page
            assert "See stock" not in (await client.get(f"/crm.person/{person}")).text


async def test_hook_search(place: Place) -> None:
    place.write("trial", _CODE.format(url="/crm.person"), _MANIFEST)
    async with place.start() as running, await running.client() as client:
        page = (await client.get("/search?q=bolts")).text
        assert "Shelf &lt;3&gt;" in page
        assert "bolts" in page
        assert "1 result" in page
        assert "Shelf" not in (await client.get("/search")).text


async def test_a_button_or_hit_that_leads_elsewhere_is_left_out(place: Place) -> None:
    place.write("trial", _CODE.format(url="//elsewhere.example/"), _MANIFEST)
    async with place.start() as running, await running.client() as client:
        company = await running.ctx.create("crm.company", name="Kan-code")
        assert "elsewhere" not in (await client.get(f"/crm.company/{company}")).text
        answer = await client.get("/search?q=bolts")
        assert 200 == answer.status_code
        assert "elsewhere" not in answer.text
