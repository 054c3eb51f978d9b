"""What a plugin adds to pages of others, and what becomes of it when it fails or is off."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crmkit.config import PluginsConfig
from crmkit.plugin.dispatch import MOST_FAILURES
from crmkit.records.plugins.switch import disable_plugin, enable_plugin

_PROOF = Path(__file__).parents[1] / "plugins"

if TYPE_CHECKING:
    from crmkit.testing.sites import Place, Running

_HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}
_TRIAL = """
class Trial(Plugin):
    def extensions(self):
        yield Extension(
            "crm.company",
            panels=[{panels}],
            columns=[{columns}],
        )
"""
_MANIFEST = 'id = "trial"\nname = "Trial"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'


async def _on(running: Running, plugin: str) -> Running:
    await enable_plugin(running.ctx, plugin, running.dsn)
    return await running.rebuild()


async def test_loyalty_adds_a_field_and_a_panel_to_people(loyalty: Place) -> None:
    async with loyalty.start() as running:
        await _on(running, "loyalty")
        ctx = running.ctx
        person = await ctx.create("crm.person", name="Nina", **{"custom.loyalty.tier": "gold"})
        await ctx.create("loyalty.points", person=person, amount=7)
        client = await running.client()
        page = (await client.get(f"/crm.person/{person}")).text
        assert 'id="panel-loyalty-balance"' in page
        assert "7 points" in page
        assert "Gold" in page
        listed = (await client.get("/crm.person?f=custom.loyalty.tier:is:gold")).text
        assert "Nina" in listed
        assert "Nina" not in (await client.get("/crm.person?f=custom.loyalty.tier:is:silver")).text
        for path in ("/loyalty.points", "/loyalty.points/1", "/loyalty.points/new",
                     "/loyalty.points/board", "/crm.person/new", "/"):  # fmt: skip
            assert 200 == (await client.get(path)).status_code, path
        form = {"name": "Olga", "custom.loyalty.tier": "silver"}
        assert 303 == (await client.post("/crm.person/new", data=form)).status_code
        assert 1 == await running.db.value(
            "SELECT count(*) FROM crm_person WHERE custom->'loyalty'->>'tier' = 'silver'"
        )


async def test_a_filter_on_an_added_field_has_its_index(loyalty: Place) -> None:
    async with loyalty.start() as running:
        await _on(running, "loyalty")
        await running.db.execute(
            "INSERT INTO crm_person (name, custom) SELECT 'P' || n, jsonb_build_object('loyalty', "
            "jsonb_build_object('tier', CASE WHEN n % 500 = 0 THEN 'gold' ELSE 'silver' END)) "
            "FROM generate_series(1, 20000) n"
        )
        await running.db.execute("ANALYZE crm_person")
        plan = await running.db.rows(
            "EXPLAIN SELECT id FROM crm_person t WHERE (t.custom->'loyalty'->>'tier') = 'gold'"
        )
        text = "\n".join(row[0] for row in plan)
        assert "loyalty_ext_" in text
        assert "Seq Scan" not in text


async def test_pages_of_a_plugin_that_is_off_are_gone(loyalty: Place) -> None:
    async with loyalty.start() as running:
        await _on(running, "loyalty")
        person = await running.ctx.create("crm.person", name="Nina")
        await running.ctx.create("loyalty.points", person=person, amount=7)
        await disable_plugin(running.ctx, "loyalty")
        await running.rebuild()
        client = await running.client()
        assert 404 == (await client.get("/loyalty.points")).status_code
        for path in (f"/crm.person/{person}", "/crm.person", "/history", "/", "/search?q=gift"):
            answer = await client.get(path)
            assert 200 == answer.status_code, path
            assert "panel-loyalty" not in answer.text


@pytest.mark.parametrize(
    "panel",
    [
        'Panel("torn", "Torn", lambda ctx, record: 1 / 0)',
        'Panel("torn", "Torn", _forty_two)',
        'Panel("torn", "Torn", _sleep)',
    ],
)
async def test_a_panel_that_fails_shows_a_line_and_the_page_works(
    place: Place, panel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crmkit.plugin.dispatch.ISOLATED_SECONDS", 0.1)
    place.write(
        "trial",
        "import asyncio\nasync def _forty_two(ctx, record):\n    return 42\n"
        "async def _sleep(ctx, record):\n    await asyncio.sleep(30)\n"
        + _TRIAL.format(panels=panel, columns=""),
        manifest=_MANIFEST,
    )
    async with place.start() as running:
        company = await running.ctx.create("crm.company", name="Kan-code")
        client = await running.client()
        page = await client.get(f"/crm.company/{company}")
        assert 200 == page.status_code
        assert "This part could not be shown." in page.text
        assert "Kan-code" in page.text
        again = f"/crm.company/{company}/panels/trial/torn"
        assert again in page.text
        assert 200 == (await client.get(again, headers=_HTMX)).status_code
        assert 303 == (await client.get(again)).status_code


async def test_a_panel_that_always_fails_is_silenced(place: Place) -> None:
    torn = 'Panel("torn", "Torn", lambda ctx, record: 1 / 0)'
    place.write("trial", _TRIAL.format(panels=torn, columns=""), manifest=_MANIFEST)
    async with place.start() as running:
        company = await running.ctx.create("crm.company", name="Kan-code")
        client = await running.client()
        for _ in range(MOST_FAILURES + 2):
            assert 200 == (await client.get(f"/crm.company/{company}")).status_code
        assert [("trial", "panel torn")] == [
            (each.plugin, each.hook) for each in running.site.hooks.silenced()
        ]


async def test_text_of_a_panel_is_escaped_and_hidden_when_empty(place: Place) -> None:
    place.write(
        "trial",
        "async def _text(ctx, record):\n    return '<b>bold</b>'\n"
        "async def _none(ctx, record):\n    return None\n"
        + _TRIAL.format(
            panels='Panel("text", "Text", _text), Panel("gone", "Gone", _none, '
            'hide_if_empty=True), Panel("later", "Later", _text, lazy=True)',
            columns="",
        ),
        manifest=_MANIFEST,
    )
    async with place.start() as running:
        company = await running.ctx.create("crm.company", name="Kan-code")
        client = await running.client()
        page = (await client.get(f"/crm.company/{company}")).text
        assert "&lt;b&gt;bold" in page
        assert "panel-trial-gone" not in page
        later = f"/crm.company/{company}/panels/trial/later"
        assert f'hx-get="{later}"' in page
        assert "&lt;b&gt;bold" in (await client.get(later, headers=_HTMX)).text


async def test_a_computed_column_is_loaded_once_for_all_rows(place: Place) -> None:
    place.write(
        "trial",
        "calls = []\nasync def _load(ctx, ids):\n    calls.append(list(ids))\n"
        "    return {each: f'no. {each}' for each in ids}\n"
        + _TRIAL.format(panels="", columns='Computed("number", "Number", _load)'),
        manifest=_MANIFEST,
    )
    async with place.start() as running:
        ids = [await running.ctx.create("crm.company", name=f"C{n}") for n in range(3)]
        client = await running.client()
        page = (await client.get("/crm.company")).text
        assert all(f"no. {each}" in page for each in ids)
        calls = sys.modules["plugins.trial"].calls
        assert [sorted(ids)] == [sorted(each) for each in calls]


async def test_of_two_that_add_the_same_the_later_one_stays_out(place: Place) -> None:
    for name in ("twina", "twinb"):
        place.add(_PROOF / name)
    place.options["plugins"] = PluginsConfig(enabled=("crm", "twina", "twinb"))
    async with place.start() as running:
        assert "enabled" == running.site.plugins["twina"].state
        info = running.site.plugins["twinb"]
        assert "failed" == info.state
        assert "`twina`" in info.reason
        assert "`twinb`" in info.reason
        assert "custom.twina.rank" in running.site.entity("crm.person").fields


async def test_an_extension_sleeps_while_its_owner_is_off(place: Place) -> None:
    place.write("trial", _TRIAL.format(panels="", columns=""), manifest=_MANIFEST)
    async with place.start(without=("crm",)) as running:
        info = running.site.plugins["trial"]
        assert "enabled" == info.state
        assert "waits until `crm` is switched on" in info.notices[0]


async def test_a_theme_replaces_a_template_and_can_extend_the_original(place: Place) -> None:
    folder = place.folder / "themes" / "acme"
    (folder / "templates").mkdir(parents=True)
    (folder / "theme.toml").write_text('name = "Acme"\n[light]\naccent = "#123456"\n')
    (folder / "templates" / "record.html").write_text(
        '{% extends "@core/record.html" %}'
        "{% block side %}<p>Acme side</p>{{ super() }}{% endblock %}"
    )
    place.options["theme"] = "acme"
    async with place.start() as running:
        company = await running.ctx.create("crm.company", name="Kan-code")
        client = await running.client()
        page = (await client.get(f"/crm.company/{company}")).text
        assert "Acme side" in page
        href = page.partition('href="/theme/')[2].partition('"')[0]
        css = await client.get(f"/theme/{href}")
        assert "--crm-accent: #123456" in css.text
        assert "immutable" in css.headers["cache-control"]


async def test_a_broken_template_of_a_theme_falls_back_to_the_original(place: Place) -> None:
    folder = place.folder / "themes" / "acme"
    (folder / "templates").mkdir(parents=True)
    (folder / "theme.toml").write_text('name = "Acme"\n')
    (folder / "templates" / "record.html").write_text("{% block %}")
    place.options["theme"] = "acme"
    async with place.start() as running:
        company = await running.ctx.create("crm.company", name="Kan-code")
        client = await running.client()
        page = await client.get(f"/crm.company/{company}")
        assert 200 == page.status_code
        assert "Kan-code" in page.text
