"""Tabs beside the timeline, and entries in the menu of the signed-in person."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmkit.testing.sites import Place

_MANIFEST = 'id = "trial"\nname = "Trial"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
_CODE = """
called = []

async def _map(ctx, record):
    called.append(record)
    return "a map of it"


async def _torn(ctx, record):
    raise ZeroDivisionError


class Trial(Plugin):
    def extensions(self):
        yield Extension("crm.company", panels=[
            Panel("map", "On the map", _map, slot="detail.tabs"),
            Panel("torn", "Torn", _torn, slot="detail.tabs"),
            Panel("pay", "Pay", _map, slot="detail.tabs", permission="admin"),
        ])
        yield Extension("core.user", panels=[Panel("map", "On the map", _map, slot="detail.tabs")])

    def navigation(self):
        yield NavEntry("My badge", "/crm.company", slot="user.menu")
        yield NavEntry("All badges", "/crm.company", slot="user.menu", permission="trial.badges")

    def permissions(self):
        yield Permission("trial.badges", "See all badges")
"""


async def test_a_tab_is_rendered_when_it_is_opened(place: Place) -> None:
    place.write("trial", _CODE, manifest=_MANIFEST)
    async with place.start() as running:
        company = await running.ctx.create("crm.company", name="Kan-code")
        boss = await running.client()
        url = f"/crm.company/{company}"
        page = (await boss.get(url)).text
        assert f"{url}?show=trial.map" in page
        assert "a map of it" not in page
        assert "created this record" in page
        opened = (await boss.get(f"{url}?show=trial.map")).text
        assert "a map of it" in opened
        assert "created this record" not in opened
        torn = await boss.get(f"{url}?show=trial.torn")
        assert 200 == torn.status_code
        assert "This part could not be shown." in torn.text
        # A name of nothing is the timeline.
        assert "created this record" in (await boss.get(f"{url}?show=trial.nothing")).text
        htmx = {"HX-Request": "true", "HX-Request-Type": "partial"}
        part = (await boss.get(f"{url}?show=trial.map", headers=htmx)).text
        assert part.lstrip().startswith('<div id="timeline">')
        assert "a map of it" in part


async def test_a_tab_of_another_right_is_not_shown(place: Place) -> None:
    place.write("trial", _CODE, manifest=_MANIFEST)
    async with place.start() as running:
        company = await running.ctx.create("crm.company", name="Kan-code")
        reader = await running.client("read-only")
        page = (await reader.get(f"/crm.company/{company}?show=trial.pay")).text
        assert "trial.pay" not in page.replace("?show=trial.pay", "", 1) or "Pay<" not in page
        assert "a map of it" not in page


async def test_records_without_a_timeline_of_their_own_have_tabs_too(place: Place) -> None:
    place.write("trial", _CODE, manifest=_MANIFEST)
    async with place.start() as running:
        boss = await running.client()
        assert "a map of it" in (await boss.get("/core.user/1?show=trial.map")).text


async def test_entries_of_the_person_s_menu(place: Place) -> None:
    place.write("trial", _CODE, manifest=_MANIFEST)
    async with place.start() as running:
        page = (await (await running.client()).get("/")).text
        menu = page.partition('<div id="me"')[2].partition("</div>")[0]
        assert "My badge" in menu
        assert "All badges" in menu
        assert 1 == page.count("My badge")
        seller = (await (await running.client("seller")).get("/")).text
        assert "My badge" in seller
        assert "All badges" not in seller
