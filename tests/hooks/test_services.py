"""What plugins offer besides records is reached where people look for it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from crmkit.access.passwords import hash_password
from crmkit.errors import ConflictError, PluginError
from crmkit.plugin.policies import read_policy
from crmkit.records.plugins.demo import add_demo
from crmkit.records.plugins.switch import disable_plugin
from crmkit.testing.checks.rights import policies_hold
from crmkit.testing.checks.trial import Trial
from tests.sites import crmkit

if TYPE_CHECKING:
    from pathlib import Path

    from crmkit.testing.sites import Place

_MANIFEST = 'id = "trial"\nname = "Trial"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'


async def test_hook_file_formats(place: Place) -> None:
    code = """
def _write(lines):
    return "|".join(";".join(line) for line in lines).encode()


async def _score(ctx, ids):
    return {each: f"={each}" for each in ids}


class Trial(Plugin):
    def file_formats(self):
        yield FileFormat("bars", "Bars", "bar", "text/x-bars", _write)
        yield FileFormat("broken", "Broken", "txt", "text/plain", lambda lines: 1 / 0)
        yield FileFormat("text", "Text", "txt", "text/plain", lambda lines: "text")

    def extensions(self):
        yield Extension("crm.company", columns=[Computed("score", "Score", _score)])
"""
    place.write("trial", code, manifest=_MANIFEST)
    async with place.start() as running:
        first = await running.ctx.create("crm.company", name="Kan-code")
        await running.ctx.create("crm.company", name="Acme")
        boss = await running.client()
        listed = (await boss.get("/crm.company?columns=name")).text
        assert "Export as Bars" in listed
        sent = await boss.get("/crm.company/export?columns=name&as=bars")
        assert 200 == sent.status_code
        assert sent.headers["content-disposition"].endswith('.bar"')
        # A computed column comes last, and no sheet runs it as a formula.
        assert f"Name;Score|Kan-code;'={first}|Acme;'={first + 1}" == sent.text
        assert f"'={first}" in (await boss.get("/crm.company/export?columns=name")).text
        for name in ("broken", "text"):
            assert 503 == (await boss.get(f"/crm.company/export?as={name}")).status_code
        assert 404 == (await boss.get("/crm.company/export?as=pdf")).status_code
        reader = await running.client("read-only")
        assert 403 == (await reader.get("/crm.company/export?as=bars")).status_code


async def test_hook_reports(place: Place) -> None:
    code = """
from crmkit import get

@get("/trial/sums", policy="trial.sums", media_type="text/plain")
async def sums() -> str:
    return "12"


class Trial(Plugin):
    def routes(self):
        return [sums]

    def permissions(self):
        yield Permission("trial.sums", "See sums")

    def reports(self):
        yield Report("sums", "Sums of the year", "/trial/sums", permission="trial.sums")
        yield Report("away", "Elsewhere", "//elsewhere.example/")
"""
    place.write("trial", code, manifest=_MANIFEST)
    async with place.start() as running:
        page = (await (await running.client()).get("/")).text
        assert "Sums of the year" in page
        assert "elsewhere.example" not in page
        assert "Sums of the year" not in (await (await running.client("seller")).get("/")).text


_COMMANDS = """
import click

@click.command()
@click.argument("name")
@click.pass_obj
def greet(site, name):
    "Make a company."
    async def work(ctx):
        number = await ctx.create("crm.company", name=name)
        if name == "stop":
            raise Veto("Not this one.")
        click.echo(f"made {number}")
    site.run(work)


class Trial(Plugin):
    def commands(self):
        yield greet
"""


def _run(site: Path, plugin: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "crmkit", plugin, "--site", str(site), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_hook_commands(tmp_path: Path) -> None:
    folder = tmp_path / "plugins" / "trial"
    folder.mkdir(parents=True)
    (folder / "plugin.toml").write_text(_MANIFEST)
    (folder / "__init__.py").write_text("from crmkit import *\n" + _COMMANDS)
    crmkit(tmp_path, "init")
    made = _run(tmp_path, "trial", "greet", "Kan-code")
    assert (0, "made 1\n") == (made.returncode, made.stdout), made.stderr
    refused = _run(tmp_path, "trial", "greet", "stop")
    assert 1 == refused.returncode
    assert "Not this one." in refused.stderr
    rows = crmkit(tmp_path, "export", "crm.company", "--machine")
    assert 2 == len(rows.splitlines())
    listed = _run(tmp_path, "trial", "--help")
    assert "Make a company." in listed.stdout, listed.stderr
    crmkit(tmp_path, "plugin", "disable", "trial")
    off = _run(tmp_path, "trial", "greet", "x")
    assert 2 == off.returncode
    assert "is not on" in off.stderr
    assert "No such command" in _run(tmp_path, "nothing", "x").stderr


async def test_hook_demo_data(place: Place) -> None:
    code = """
class Trial(Plugin):
    asked = 0

    async def demo_data(self, event):
        await event.ctx.create("crm.company", name="Sample", owner=event.ctx.user_id)
        self.asked += 1
        if self.asked == 1:
            raise Veto("Not at the first time.")
"""
    place.write("trial", code, manifest=_MANIFEST)
    async with place.start() as running:
        boss = await running.client()
        assert "Add sample records" in (await boss.get("/settings/plugins?show=trial")).text
        before = await running.digest()
        assert 422 == (await boss.post("/settings/plugins/trial/demo")).status_code
        assert before == await running.digest()
        operation = await add_demo(running.ctx, "trial")
        count = "SELECT count(*) FROM crm_company WHERE trashed_at IS NULL"
        assert 1 == await running.db.value(count)
        # Nobody asks from the command line; what belongs to nobody is on nobody's day.
        owner = "SELECT u.role FROM crm_company c JOIN core_user u ON u.id = c.owner"
        assert "administrator" == await running.db.value(owner)
        await boss.post(f"/history/{operation}/undo")
        assert 0 == await running.db.value(count)
        seller = await running.client("seller")
        assert 403 == (await seller.post("/settings/plugins/trial/demo")).status_code


async def test_the_samples_of_crm_are_undone_as_one(place: Place) -> None:
    async with place.start() as running:
        boss = await running.client()
        answer = await boss.post("/settings/plugins/crm/demo")
        assert 303 == answer.status_code
        home = (await boss.get("/?scope=all")).text
        assert "Call before Friday" in home
        tables = ("crm_company", "crm_person", "crm_lead", "crm_opportunity", "crm_activity")
        counts = [
            await running.db.value(f"SELECT count(*) FROM {t} WHERE trashed_at IS NULL")
            for t in tables
        ]
        assert [3, 3, 2, 4, 4] == counts
        operation = await running.db.value("SELECT max(id) FROM core_operation")
        await boss.post(f"/history/{operation}/undo")
        for table in tables:
            assert 0 == await running.db.value(
                f"SELECT count(*) FROM {table} WHERE trashed_at IS NULL"
            )


async def test_what_brings_no_samples_says_so(place: Place) -> None:
    place.write("trial", "class Trial(Plugin):\n    pass\n", manifest=_MANIFEST)
    async with place.start() as running:
        with pytest.raises(ConflictError, match="brings no sample records"):
            await add_demo(running.ctx, "trial")


_DIRECTORY = """
from crmkit import enter, get

async def _begin(url):
    return f"/trial/provider?next={url}"


@get("/trial/back", policy="public")
async def back(request: Request) -> Response[str]:
    return await enter(request, {"ticket": request.query_params.get("ticket")}, "/crm.company")


class Trial(Plugin):
    def routes(self):
        return [back]

    def auth_providers(self):
        yield Adapter("auth", "house", "the house", _begin)

    async def authenticate(self, event):
        if event.proof == "rubbish":
            return "not a number"
        if event.proof == "broken":
            raise ConnectionError("the directory is down")
        if event.name == "anna" and event.proof == "by the directory":
            return 1
        if event.name == "gone" and event.proof == "by the directory":
            return 2
        if event.proof == {"ticket": "good"}:
            return 1
"""


async def test_hook_authenticate(place: Place) -> None:
    place.write("trial", _DIRECTORY, manifest=_MANIFEST)
    async with place.start() as running:
        browser = await running.client("seller")  # user 1
        await running.client("seller")
        await running.db.execute("UPDATE core_user SET active = id = 1")

        async def status(name: str, password: str) -> int:
            browser.cookies.clear()
            sent = {"name": name, "password": password}
            return (await browser.post("/login", data=sent)).status_code

        assert 303 == await status("anna", "by the directory")
        assert 200 == (await browser.get("/crm.company")).status_code
        # Unknown, disabled, wrong, and a plugin that fails or answers rubbish: nobody comes in.
        assert 422 == await status("anna", "wrong")
        assert 422 == await status("gone", "by the directory")
        assert 422 == await status("anna", "rubbish")
        assert 422 == await status("anna", "broken")
        assert 303 == (await browser.get("/crm.company")).status_code


async def test_hook_auth_providers(place: Place) -> None:
    place.write("trial", _DIRECTORY, manifest=_MANIFEST)
    async with place.start() as running:
        browser = await running.client("seller")
        browser.cookies.clear()
        assert "Sign in with the house" in (await browser.get("/login")).text
        begun = await browser.get("/login/with/house?next=//elsewhere.example/")
        assert "/trial/provider?next=/" == begun.headers["location"]
        assert 404 == (await browser.get("/login/with/nobody")).status_code
        refused = await browser.get("/trial/back?ticket=forged")
        assert refused.status_code in {303, 401}
        assert 303 == (await browser.get("/crm.company")).status_code
        came = await browser.get("/trial/back?ticket=good")
        assert "/crm.company" == came.headers["location"]
        assert 200 == (await browser.get("/crm.company")).status_code


async def test_a_failing_directory_locks_nobody_out(place: Place) -> None:
    code = """
class Trial(Plugin):
    async def authenticate(self, event):
        raise ConnectionError("the directory is down")
"""
    place.write("trial", code, manifest=_MANIFEST)
    async with place.start() as running:
        browser = await running.client("seller")
        await running.db.execute(
            "UPDATE core_user SET login = 'anna', password_hash = $1",
            await hash_password("correct horse battery"),
        )
        browser.cookies.clear()
        sent = {"name": "anna", "password": "correct horse battery"}
        assert 303 == (await browser.post("/login", data=sent)).status_code


_POLICIES = """
[[rights]]
entities = ["crm.company", "crm.nothing"]
roles.administrator = "all"
roles.manager = { read = "all", create = "all", edit = "all", delete = "team", export = "team" }
roles.seller = { read = "all", create = "all", edit = "team", delete = "team" }
roles.king = "all"

[permissions]
"trial.gift" = ["seller"]

[guards]
"trial.gift" = ["crm.company", "crm.company.nothing"]

[public]
addresses = ["/trial/door"]
"""


async def test_hook_policies(place: Place) -> None:
    code = """
class Trial(Plugin):
    def policies(self):
        yield read_policy(__file__)

    def permissions(self):
        yield Permission("trial.gift", "Give points")
"""
    folder = place.write("trial", code, manifest=_MANIFEST)
    (folder / "policies.toml").write_text(_POLICIES)
    async with place.start() as running:
        found = [each async for each in policies_hold(Trial(place, running, "trial"))]
        assert {
            "`king`: there is no such role here",
            "`crm.nothing`: there is no such entity here",
            "`crm.company` for manager: import is team, not none",
            "`crm.company` for seller: delete is own, not team",
            "`trial.gift` for administrator: is had, not denied",
            "`trial.gift` for seller: is not had",
            "`crm.company`: needs no permission, not trial.gift",
            "`crm.company.nothing`: there is nothing of that name to guard",
            "`/trial/door`: is no address that is open without signing in",
        } == set(found)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[rights]", "policies.toml"),
        ("[rihgts]", "rihgts"),
        ('[[rights]]\nentities = ["crm.lead"]\nroles.seller = { wread = "own" }', "wread"),
        ('[[rights]]\nentities = ["crm.lead"]\nroles.seller = { read = "some" }', "some"),
        ('[[rights]]\nentities = ["crm.lead", "crm.lead"]\nroles.seller = "own"', "twice"),
        ('[parts]\n"trial.line" = "trial.whole"', "trial.whole"),
        (None, "cannot be read"),
    ],
)
def test_policies_that_cannot_be_read_name_the_place(
    tmp_path: Path, text: str | None, told: str
) -> None:
    if text is not None:
        (tmp_path / "policies.toml").write_text(text)
    with pytest.raises(PluginError, match=told) as refused:
        read_policy(tmp_path / "__init__.py")
    assert "policies.toml" in refused.value.message


async def test_hook_roles_and_permissions(place: Place) -> None:
    code = """
class Trial(Plugin):
    def permissions(self):
        yield Permission("trial.gift", "Give points")

    def roles(self):
        yield Role("counter", "Counter", (Right("crm.company", "read", "all"),))
"""
    place.write("trial", code, manifest=_MANIFEST)
    async with place.start() as running:
        assert "all" == running.site.roles["counter"].scope("crm.company", "read")
        assert "none" == running.site.roles["counter"].scope("crm.company", "edit")
        assert not running.site.roles["counter"].grants("trial.gift")
        boss = await running.client()
        assert "Give points" in (await boss.get("/settings/plugins?show=trial&to=disabled")).text
        assert "Counter" in (await boss.get("/settings/roles")).text
        counter = await running.client("counter")
        assert 200 == (await counter.get("/crm.company")).status_code
        assert 403 == (await counter.get("/crm.person")).status_code


def test_commands_of_a_site_are_named_in_json_as_well(tmp_path: Path) -> None:
    crmkit(tmp_path, "init")
    rows = json.loads(crmkit(tmp_path, "plugin", "list", "--json"))
    assert "crm" in [row["id"] for row in rows]


_SHOE = """
def _parse(text):
    if text == "broken":
        raise ZeroDivisionError
    if text == "list":
        return [text]
    if not text.isdigit():
        raise ValueError("is no size; enter digits, such as 42")
    return f"EU{text}"


def _show(stored):
    if stored == "EU13":
        raise KeyError(stored)
    return f"{stored[2:]} (EU)"


class Trial(Plugin):
    def field_types(self):
        yield FieldType("trial.shoe", "Shoe size", _parse, _show)
"""


async def test_hook_field_types(place: Place) -> None:
    place.write("trial", _SHOE, manifest=_MANIFEST)
    async with place.start() as running:
        boss = await running.client()
        assert "Shoe size" in (await boss.get("/settings/fields/new")).text
        asked = {"entity": "crm.person", "label": "Shoes", "kind": "trial.shoe"}
        assert 303 == (await boss.post("/settings/fields/new", data=asked)).status_code
        await running.rebuild()
        boss = await running.client()
        assert "Shoe size" in (await boss.get("/settings/fields")).text
        field = "custom.user.shoes"

        async def status(text: str) -> tuple[int, str]:
            answer = await boss.post("/crm.person/new", data={"name": "Nina", field: text})
            return answer.status_code, answer.text

        assert 303 == (await status("42"))[0]
        stored = "SELECT custom->'user'->>'shoes' FROM crm_person WHERE id = 1"
        assert "EU42" == await running.db.value(stored)
        assert "42 (EU)" in (await boss.get("/crm.person/1")).text
        assert "42 (EU)" in (await boss.get("/crm.person/export")).text
        code, page = await status("large")
        assert 422 == code
        assert "is no size; enter digits, such as 42" in page
        for text in ("broken", "list"):
            code, page = await status(text)
            assert 422 == code
            assert "the plugin of this kind failed" in page
        sent = {"name": "Api", "custom": {"user": {"shoes": "x"}}}
        assert 422 == (await boss.post("/api/v1/crm.person", json=sent)).status_code
        # One that cannot be shown is shown as it is kept; the page stays.
        assert 303 == (await status("13"))[0]
        assert "EU13" in (await boss.get("/crm.person?columns=name&columns=" + field)).text
        await disable_plugin(running.ctx, "trial")
        await running.rebuild()
        off = await running.client()
        assert "EU42" in (await off.get("/crm.person/1")).text
        assert 200 == (await off.get("/crm.person/1/edit")).status_code
