"""The page of plugins says what would change, then does it, and names what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from crmkit.config import PluginsConfig

if TYPE_CHECKING:
    from crmkit.testing.sites import Place

_SETTINGS = """
from typing import Annotated, Literal
import msgspec
from msgspec import Meta

class Limits(msgspec.Struct, frozen=True):
    most: Annotated[int, Meta(ge=1, le=50, title="Most points")] = 10
    strict: bool = False
    mode: Annotated[Literal["off", "on"], Meta(extra={"labels": {"off": "Never at all"}})] = "off"
    key: Annotated[str, Meta(extra={"secret": True})] = "hush-hush"
    by_role: Annotated[
        dict[str, Annotated[int, Meta(le=50)]], Meta(title="Points by role", extra={"by": "role"})
    ] = {}

class Trial(Plugin):
    Settings = Limits
"""
_DEFAULT = 'id = "trial"\nname = "Trial"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'


async def test_a_plugin_is_switched_on_and_off_from_the_page(loyalty: Place) -> None:
    async with loyalty.start() as running:
        client = await running.client()
        page = await client.get("/settings/plugins?show=loyalty&to=enabled")
        assert "What would change" in page.text
        assert "Person: panel Loyalty" in page.text
        assert "available" == running.site.plugins["loyalty"].state
        sent = await client.post("/settings/plugins/loyalty/state", data={"to": "enabled"})
        assert 303 == sent.status_code
        assert 200 == (await client.get("/loyalty.points")).status_code
        await client.post("/settings/plugins/loyalty/state", data={"to": "disabled"})
        assert 404 == (await client.get("/loyalty.points")).status_code
        refused = await client.post(
            "/settings/plugins/loyalty/state", data={"to": "purged", "confirm": "loyalti"}
        )
        assert 422 == refused.status_code
        assert await running.db.value("SELECT to_regclass('loyalty_points') IS NOT NULL")
        await client.post(
            "/settings/plugins/loyalty/state", data={"to": "purged", "confirm": "loyalty"}
        )
        assert not await running.db.value("SELECT to_regclass('loyalty_points') IS NOT NULL")


async def test_only_administrators_see_and_switch_plugins(loyalty: Place) -> None:
    async with loyalty.start() as running:
        client = await running.client("manager")
        assert 403 == (await client.get("/settings/plugins")).status_code
        sent = await client.post("/settings/plugins/loyalty/state", data={"to": "enabled"})
        assert 403 == sent.status_code
        assert 0 == await running.db.value("SELECT count(*) FROM core_plugin WHERE id = 'loyalty'")


async def test_the_page_says_when_crmkit_toml_decides(loyalty: Place) -> None:
    loyalty.options["plugins"] = PluginsConfig(enabled=("crm",))
    async with loyalty.start() as running:
        client = await running.client()
        assert "crmkit.toml decides" in (await client.get("/settings/plugins")).text
        sent = await client.post("/settings/plugins/loyalty/state", data={"to": "enabled"})
        assert 409 == sent.status_code


_MANIFEST = 'id = "{0}"\nname = "{0}"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'


@pytest.mark.parametrize(
    ("code", "manifest", "told"),
    [
        ("", 'id = "bad"\nnme = "Bad"\n', "unknown key `nme`. Did you mean `name`"),
        ("", 'id = 7\nname = "Bad"\nversion = "1"\ncrmkit = ">=1"\n', "Expected `str`"),
        ("", _MANIFEST.format("bad") + 'requires = ["gone"]\n', "`gone`, which is not installed"),
        ("", _MANIFEST.format("bad").replace(">=1", ">=9"), "install a newer crmkit"),
        ("import no_such_module", "", "no_such_module"),
        ("def broken(:", "", "line 4"),
        ("class Bad(Plugin):\n    def entties(self): return ()", "", "Did you mean `entities`"),
        ("class Bad(Plugin):\n    async def entities(self): return ()", "", "must be `def`"),
        ("class Bad(Plugin):\n    async def before_save(self, ev, more): ...", "", "takes (self"),
        ("class Bad(Plugin):\n    def metrics(self): return [7]", "", "which is no Metric"),
        (
            ("class T(Record, tablename='contact'):\n    name = Name(length=9)\n"
            "class Bad(Plugin):\n    def entities(self): yield Entity(T, 'T', title=T.name)"),
            "", "must be named `bad_",
        ),
        (
            ("class Bad(Plugin):\n    def extensions(self):\n"
            "        yield Extension('crm.person', fields=[ExtField('x', type=set)])"),
            "", "take str, int",
        ),
        (
            ("class Bad(Plugin):\n    def routes(self):\n        from litestar import get\n"
            "        @get('/crm/stolen')\n        async def page() -> str: return ''\n"
            "        return [page]"),
            "", "must begin with `/bad/`",
        ),
        (
            ("class Bad(Plugin):\n    def routes(self):\n        from litestar import get\n"
            "        @get('/bad/page')\n        async def page() -> str: return ''\n"
            "        return [page]"),
            "", "no policy",
        ),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_a_plugin_is_named_and_the_rest_serves(
    place: Place, code: str, manifest: str, told: str
) -> None:
    place.write("bad", code, manifest=manifest or _MANIFEST.format("bad"))
    async with place.start() as running:
        running.fit()
        client = await running.client()
        for path in ("/", "/crm.company", "/settings/plugins"):
            assert 200 == (await client.get(path)).status_code, path
        shown = await client.get("/settings/plugins?show=bad")
        text = (
            (await client.get("/settings/plugins")).text
            if 404 == shown.status_code
            else (shown.text)
        )
        assert told in text.replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'")


async def test_an_id_that_stands_twice_is_named_with_both_places(place: Place) -> None:
    place.write("one", manifest=_MANIFEST.format("same"))
    place.write("two", manifest=_MANIFEST.format("same"))
    async with place.start() as running:
        assert "there twice" in running.site.failed["same"]
        assert "/plugins/one" in running.site.failed["same"]
        assert "/plugins/two" in running.site.failed["same"]
        assert "same" in (await (await running.client()).get("/settings/plugins")).text


async def test_settings_are_checked_kept_and_handed_out(place: Place) -> None:
    place.write("trial", _SETTINGS, manifest=_DEFAULT)
    async with place.start() as running:
        client = await running.client()
        kind: Any = type(running.site.hooks.plugins["trial"]).Settings
        assert 10 == running.ctx.settings(kind).most
        path = "/settings/plugins/trial/settings"
        page = (await client.get(path)).text
        assert "Most points" in page
        assert '<option value="off" selected>Never at all</option>' in page
        assert '<option value="on">On</option>' in page
        assert "hush-hush" not in page
        wrong = await client.post(path, data={"most": "99", "key": ""})
        assert 422 == wrong.status_code
        assert "must be 50 or less" in wrong.text
        assert 'value="99"' in wrong.text
        await client.post(path, data={"most": "20", "strict": "1", "key": "new secret"})
        await client.post(path, data={"most": "21", "key": ""})
        await running.rebuild()
        found = running.ctx.settings(kind)
        assert (21, False, "new secret") == (found.most, found.strict, found.key)
        assert "new secret" not in (await client.get(path)).text


async def test_a_setting_by_role_has_an_input_for_each_role(place: Place) -> None:
    place.write("trial", _SETTINGS, manifest=_DEFAULT)
    async with place.start() as running:
        client = await running.client()
        kind: Any = type(running.site.hooks.plugins["trial"]).Settings
        path = "/settings/plugins/trial/settings"
        page = (await client.get(path)).text
        assert "Points by role" in page
        for role in running.site.roles:
            assert f'name="by_role.{role}"' in page
        sent = {"most": "9", "key": "", "by_role.seller": "99", "by_role.manager": ""}
        wrong = await client.post(path, data=sent)
        assert 422 == wrong.status_code
        assert 'value="99"' in wrong.text
        assert "must be 50 or less" in wrong.text
        await client.post(path, data={**sent, "by_role.seller": "0", "by_role.manager": " "})
        await running.rebuild()
        assert {"seller": 0} == running.ctx.settings(kind).by_role
        page = (await client.get(path)).text
        assert 'value="0"' in next(i for i in page.split("<input") if "by_role.seller" in i)


async def test_what_was_silenced_is_shown_and_resumed(place: Place) -> None:
    place.write(
        "trial",
        "class Trial(Plugin):\n    async def timeline(self, event):\n"
        "        raise ValueError('boom')\n",
        manifest=_DEFAULT,
    )
    async with place.start() as running:
        client = await running.client()
        company = await running.ctx.create("crm.company", name="Kan-code")
        for _ in range(20):
            assert 200 == (await client.get(f"/crm.company/{company}")).status_code
        page = (await client.get("/settings/plugins?show=trial")).text
        assert "Quarantined" in page
        assert "boom" in page
        assert 303 == (await client.post("/settings/plugins/trial/resume")).status_code
        assert "Quarantined" not in (await client.get("/settings/plugins?show=trial")).text
