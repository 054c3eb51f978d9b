"""Pages of a plugin's own answer whom their policy names, and nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crmkit.testing.sites import Place

_MANIFEST = 'id = "trial"\nname = "Trial"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
_CODE = """
from crmkit import Request, Response, answer, context_of, get, post, go, Flash

@get("/trial/users", policy="core.user.admin", media_type="text/plain")
async def users() -> str:
    return "users"

@get("/trial/gift", policy="trial.gift", media_type="text/plain")
async def gift() -> str:
    return "gift"

@get("/trial/companies", policy="crm.company.read")
async def companies(request: Request) -> Response[str]:
    rows = await context_of(request).rows("crm.company")
    return answer(request, "trial/page.html", title="Ours", names=[r["name"] for r in rows])

@post("/trial/companies", policy="crm.company.create")
async def more(request: Request) -> Response[str]:
    form = await request.form()
    await context_of(request).create("crm.company", name=form["name"])
    return go(request, "/trial/companies", Flash(text="Made"))


class Trial(Plugin):
    def routes(self):
        return [users, gift, companies, more]

    def permissions(self):
        yield Permission("trial.gift", "Give points")
"""
_PAGE = '{% extends "layout.html" %}{% block content %}<p>{{ names|join(", ") }}</p>{% endblock %}'


def _write(place: Place, code: str = _CODE) -> None:
    folder = place.write("trial", code, manifest=_MANIFEST)
    (folder / "templates" / "trial").mkdir(parents=True, exist_ok=True)
    (folder / "templates" / "trial" / "page.html").write_text(_PAGE)


@pytest.mark.parametrize(
    ("path", "role", "status"),
    [
        ("/trial/users", "administrator", 200),
        ("/trial/users", "seller", 403),
        ("/trial/gift", "administrator", 200),
        ("/trial/gift", "seller", 403),
        ("/trial/companies", "read-only", 200),
    ],
)
async def test_a_policy_may_be_a_verb_of_an_entity_or_a_permission(
    place: Place, path: str, role: str, status: int
) -> None:
    _write(place)
    async with place.start() as running:
        assert status == (await (await running.client(role)).get(path)).status_code


async def test_a_page_is_drawn_in_the_frame_and_changes_by_post(place: Place) -> None:
    _write(place)
    async with place.start() as running:
        boss = await running.client()
        answer = await boss.post("/trial/companies", data={"name": "Kan-code"})
        assert 303 == answer.status_code
        page = (await boss.get("/trial/companies")).text
        assert "<p>Kan-code</p>" in page
        assert "crm-side" in page
        reader = await running.client("read-only")
        sent = {"name": "Other"}
        assert 403 == (await reader.post("/trial/companies", data=sent)).status_code
        del boss.headers["X-CSRF-Token"]
        assert 403 == (await boss.post("/trial/companies", data=sent)).status_code
        assert 1 == await running.db.value("SELECT count(*) FROM crm_company")


@pytest.mark.parametrize("policy", ["trial.theft", "crm.company.steal", "crm.nothing.read", ""])
async def test_a_policy_nobody_declares_leaves_the_plugin_out(place: Place, policy: str) -> None:
    _write(place, _CODE.replace('policy="trial.gift"', f'policy="{policy}"'))
    async with place.start() as running:
        running.fit()
        assert "failed" == running.site.plugins["trial"].state or (
            "/trial/gift" in running.site.plugins["trial"].reason
        )
        assert 200 == (await (await running.client()).get("/crm.company")).status_code
