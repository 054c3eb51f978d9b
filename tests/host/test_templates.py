"""Templates are compiled once in a process, however often the Site is exchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from jinja2 import Environment

if TYPE_CHECKING:
    from crmkit.testing.sites import Place


async def test_the_next_site_compiles_no_template_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place.start() as running:
        browser = await running.client()
        for path in ("/", "/crm.company", "/crm.person/new"):
            assert 200 == (await browser.get(path)).status_code

        def fail(*_given: object) -> None:
            pytest.fail("a template was compiled again")

        monkeypatch.setattr(Environment, "_parse", fail)
        again = await running.client()
        for path in ("/", "/crm.company", "/crm.person/new"):
            assert 200 == (await again.get(path)).status_code


async def test_a_template_that_changed_is_compiled_anew(place: Place) -> None:
    manifest = 'id = "trial"\nname = "Trial"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
    code = """
async def _panel(ctx, record):
    return ctx.render("trial/p.html")


class Trial(Plugin):
    def extensions(self):
        yield Extension("crm.company", panels=[Panel("p", "P", _panel)])
"""
    folder = place.write("trial", code, manifest=manifest) / "templates" / "trial"
    folder.mkdir(parents=True)
    async with place.start() as running:
        company = await running.ctx.create("crm.company", name="Kan-code")
        for word in ("first", "second"):
            (folder / "p.html").write_text(f"<p>{word}</p>")
            page = (await (await running.client()).get(f"/crm.company/{company}")).text
            assert f"<p>{word}</p>" in page
