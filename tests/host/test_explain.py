"""Who put what where: on the page for administrators and on the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from crmkit.plugin.explain import explain_site
from tests.sites import crmkit

if TYPE_CHECKING:
    from pathlib import Path

    from crmkit.testing.sites import Place

_MANIFEST = 'id = "trial"\nname = "Trial"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
_CODE = """
async def _balance(ctx, record):
    return "fine"


async def _give(ctx, record, data, version):
    return None


async def _load(ctx, ids):
    return {}


class Trial(Plugin):
    def extensions(self):
        yield Extension(
            "crm.person",
            fields=[ExtField("tier", label="Tier")],
            panels=[Panel("balance", "Balance", _balance)],
            columns=[Computed("score", "Score", _load)],
            actions=[Action("give", "Give points", _give)],
        )

    def navigation(self):
        yield NavEntry("Trial board", "/crm.person")

    async def before_save(self, event):
        return None
"""


async def test_what_a_plugin_adds_is_named_with_it(place: Place) -> None:
    place.write("trial", _CODE, manifest=_MANIFEST)
    async with place.start() as running:
        found = {(each.kind, each.name): each for each in explain_site(running.site)}
        for key in (
            ("field", "custom.trial.tier"), ("panel", "balance"), ("column", "score"),
            ("action", "give"), ("navigation", "/crm.person"),
        ):  # fmt: skip
            assert "trial" == found[key].plugin, key
        assert "crm" == found["field", "email"].plugin
        assert "crm" == found["entity", "crm.person"].plugin
        assert ["core", "crm", "trial"] == sorted(
            each.plugin for each in explain_site(running.site) if each.name == "before_save"
        )


async def test_every_field_column_and_state_is_explained(place: Place) -> None:
    async with place.start() as running:
        said = {(each.place, each.name) for each in explain_site(running.site)}
        for plan in running.site.entities.values():
            assert {(plan.name, name) for name in plan.fields} <= said
            states = plan.lifecycle.states if plan.lifecycle else ()
            assert {(plan.name, state.name) for state in states} <= said
            assert {(plan.name, action.name) for action in plan.actions} <= said


async def test_the_page_finds_by_label_and_is_for_administrators(place: Place) -> None:
    place.write("trial", _CODE, manifest=_MANIFEST)
    async with place.start() as running:
        boss = await running.client()
        page = (await boss.get("/settings/explain?q=give+points")).text
        assert "Give points" in page
        assert "Trial" in page
        assert "Balance" not in page
        assert "Nothing is called that" in (await boss.get("/settings/explain?q=zzz")).text
        seller = await running.client("seller")
        assert 403 == (await seller.get("/settings/explain")).status_code


def test_the_command_says_the_same(tmp_path: Path) -> None:
    crmkit(tmp_path, "init")
    rows = json.loads(crmkit(tmp_path, "explain", "person", "email", "--json"))
    assert {"crm"} == {row["plugin"] for row in rows if row["kind"] == "field"}
    assert all("person" in " ".join(row.values()).casefold() for row in rows)
