"""Texts and static files that a plugin brings in its own folder."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from crmkit.web.translate import Texts

if TYPE_CHECKING:
    from crmkit.testing.sites import Place

_MANIFEST = (
    'id = "{0}"\nname = "Loyal"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
    'summary = "Points for people"\n'
)
_CODE = """
async def _balance(ctx, record):
    return ctx.render("{0}/balance.html")


class Loyal(Plugin):
    def extensions(self):
        yield Extension("crm.company", panels=[Panel("balance", "Points balance", _balance)])
"""
_PO = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"

msgid "Points balance"
msgstr "{0}"

msgid "Points for people"
msgstr "Баллы для людей"

msgid "Home"
msgstr "не так"
"""


def _write(place: Place, name: str, text: str = "Остаток баллов") -> None:
    folder = place.write(name, _CODE.format(name), manifest=_MANIFEST.format(name))
    for path, content in {
        f"locale/ru/LC_MESSAGES/{name}.po": _PO.format(text),
        f"templates/{name}/balance.html": (
            '{{ _("Points balance") }}!<img src="{{ asset("' + name + '/star.svg") }}" alt="">'
        ),
        "static/star.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
        f"static/{name}.css": ".loyal { color: red; }",
        f"static/{name}.js": "document.body.dataset.loyal = 'yes';",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8")


async def test_texts_of_a_plugin_are_shown_in_the_reader_s_language(place: Place) -> None:
    _write(place, "loyal")
    async with place.start() as running:
        company = await running.ctx.create("crm.company", name="Kan-code")
        client = await running.client()
        assert "Points balance" in (await client.get(f"/crm.company/{company}")).text
        await running.db.execute("UPDATE core_user SET language = 'ru'")
        page = (await client.get(f"/crm.company/{company}")).text
        assert 1 == page.count("Остаток баллов!")
        assert "Points balance" not in page
        assert "Баллы для людей" in (await client.get("/settings/plugins")).text


async def test_what_crmkit_says_no_plugin_says_otherwise(place: Place) -> None:
    _write(place, "loyal")
    async with place.start() as running:
        assert "Главная" == Texts(running.site).of("ru").gettext("Home")


async def test_of_two_plugins_the_first_says_it_and_each_site_keeps_its_own(place: Place) -> None:
    _write(place, "loyal", "Первый")
    _write(place, "again", "Второй")
    async with place.start() as running:
        for _ in range(2):  # made twice: a catalogue must not be hung into itself
            texts = Texts(running.site).of("ru")
            assert "Второй" == texts.gettext("Points balance")
            assert "unknown" == texts.gettext("unknown")


@pytest.mark.parametrize(
    ("text", "place_named"),
    [("msgid 'x'\nrubbish\n", "loyal.po:"), ('msgid "a"\nmsgstr "\xe1"\n', "utf-8")],
)
async def test_texts_that_cannot_be_read_are_named_and_the_plugin_works(
    place: Place, text: str, place_named: str
) -> None:
    _write(place, "loyal")
    path = place.plugins / "loyal" / "locale" / "ru" / "LC_MESSAGES" / "loyal.po"
    path.write_bytes(text.encode("latin-1"))
    async with place.start() as running:
        info = running.site.plugins["loyal"]
        assert info.is_on
        assert [True] == [place_named in each for each in info.notices]


async def test_static_files_are_served_for_a_year_under_an_address_of_their_content(
    place: Place,
) -> None:
    _write(place, "loyal")
    async with place.start() as running:
        company = await running.ctx.create("crm.company", name="Kan-code")
        client = await running.client()
        page = (await client.get(f"/crm.company/{company}")).text
        star = re.search(r'src="(/static/loyal/[0-9a-f]{10}/star\.svg)"', page)
        assert star is not None
        answer = await client.get(star[1])
        assert 200 == answer.status_code
        assert "immutable" in answer.headers["cache-control"]
        home = (await client.get("/")).text
        for name in ("loyal.css", "loyal.js"):
            url = re.search(rf'"(/static/loyal/[0-9a-f]{{10}}/{name})"', home)
            assert url is not None
            assert 200 == (await client.get(url[1])).status_code
        (place.plugins / "loyal" / "static" / "star.svg").write_text("<svg/>")
    async with place.start() as running:
        page = (await (await running.client()).get(f"/crm.company/{company}")).text
        assert star[1] not in page


async def test_nothing_beside_the_static_folder_is_served(place: Place) -> None:
    _write(place, "loyal")
    async with place.start() as running:
        client = await running.client()
        home = (await client.get("/")).text
        found = re.search(r"/static/loyal/[0-9a-f]{10}/", home)
        assert found is not None
        for path in ("../plugin.toml", "..%2fplugin.toml", "__init__.py", ""):
            assert 404 == (await client.get(found[0] + path)).status_code
