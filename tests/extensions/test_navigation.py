"""A plugin's own page and its entry of the menu."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.db.ddl import BASE

if TYPE_CHECKING:
    from crmkit.testing.sites import Place

_MANIFEST = 'id = "trial"\nname = "Trial"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
_CODE = """
from litestar import get

@get("/trial/board", policy="signed-in", media_type="text/plain")
async def board() -> str:
    return "a page of its own"

class Trial(Plugin):
    def routes(self):
        return [board]
    def navigation(self):
        yield NavEntry("Trial board", "/trial/board", group="Records")
        yield NavEntry("Secrets", "/trial/board", permission="core.user")
        yield NavEntry("Elsewhere", "/trial/board")
"""


async def test_an_entry_joins_its_group_and_leads_to_a_page_of_the_plugin(place: Place) -> None:
    place.write("trial", _CODE, manifest=_MANIFEST)
    async with place.start() as running:
        client = await running.client("read-only")
        page = (await client.get("/")).text
        records = page.partition("Records</div>")[2].partition("crm-nav-label")[0]
        assert "Trial board" in records
        assert "Trial</div>" in page
        assert "a page of its own" == (await client.get("/trial/board")).text
        # What stands below /trial/ hides no generic page (TRAPS L9).
        assert 200 == (await client.get("/crm.company")).status_code
        await running.rebuild()
    async with place.start(without=("trial",)) as running:
        client = await running.client()
        assert "Trial board" not in (await client.get("/")).text
        assert 404 == (await client.get("/trial/board")).status_code


_SEALED = """
from crmkit.model.columns import Line


class Seal(Record, tablename="trial_seal"):
    name = Line(length=100)
    company = Reference("crm_company", on_delete="cascade")


class Trial(Plugin):
    def entities(self):
        yield Entity(Seal, "Seals", singular="Seal", title=Seal.name,
                     filters=[Seal.company], in_menu=False)
"""
_SEALS = f"""
CREATE TABLE trial_seal ({BASE}, name text NOT NULL DEFAULT '',
    company bigint REFERENCES crm_company (id) ON DELETE CASCADE);
-- backwards
DROP TABLE trial_seal;
"""


async def test_an_entity_without_a_place_in_the_menu_is_met_elsewhere(place: Place) -> None:
    place.write("trial", _SEALED, manifest=_MANIFEST, m0001_seal=_SEALS)
    async with place.start() as running:
        company = await running.ctx.create("crm.company", name="Kan-code")
        client = await running.client()
        today = (await client.get("/")).text
        assert "/crm.company" in today
        assert "/trial.seal" not in today
        # The page of what it belongs to offers it, its list is there, and the palette knows it.
        assert (
            f"/trial.seal/new?company={company}"
            in (await client.get(f"/crm.company/{company}")).text
        )
        assert 200 == (await client.get("/trial.seal")).status_code
        found = await client.get(
            "/search", params={"q": "seals"},
            headers={"HX-Request": "true", "HX-Request-Type": "partial"},
        )  # fmt: skip
        assert 'href="/trial.seal"' in found.text
