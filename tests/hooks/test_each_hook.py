"""Each hook of the contract: called when it should be, or named with the service it waits for."""

from __future__ import annotations

import ast
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crmkit import deadlines
from crmkit.errors import CrmkitError, NotFoundError, Veto
from crmkit.plugin.hookspecs import HOOKS, Kind
from crmkit.records.plugins.archive import archive_plugin
from crmkit.records.plugins.purge import purge_plugin
from crmkit.records.plugins.switch import disable_plugin, enable_plugin
from crmkit.web.site_host import SiteHost

if TYPE_CHECKING:
    from crmkit.testing.sites import Place, Running

_TESTS = Path(__file__).parents[1]
#: Hooks whose service comes later: they are specified and their declarations checked now.
LATER = frozenset({"automation", "next_number", "storages"})
_MANIFEST = 'id = "every"\nname = "Every"\nversion = "{0}"\ncrmkit = ">=1"\n{1}'
_LIFE = """
told = []
veto = []


class Every(Plugin):
    async def install(self, event):
        await self._note("install", event)
    async def before_upgrade(self, event):
        await self._note("before_upgrade", event)
    async def after_upgrade(self, event):
        await self._note("after_upgrade", event)
    async def enable(self, event):
        await self._note("enable", event)
    async def disable(self, event):
        await self._note("disable", event)
    async def before_purge(self, event):
        await self._note("before_purge", event)
    async def startup(self, event):
        told.append(("startup", ""))
    async def shutdown(self, event):
        told.append(("shutdown", ""))

    async def _note(self, hook, event):
        # What a hook writes must stand or fall with the switch.
        await event.ctx.create("crm.company", name=hook)
        told.append((hook, event.from_version))
        if hook in veto:
            raise Veto(f"Not now: {hook}.")
"""
_PAGE = """
class Every(Plugin):
    {code}
"""


async def _companies(running: Running) -> list[str]:
    rows = await running.db.rows("SELECT name FROM crm_company ORDER BY id")
    return [row["name"] for row in rows]


def _module(running: Running) -> dict[str, list[object]]:
    plugin = running.site.hooks.plugins["every"]
    found: dict[str, list[object]] = vars(__import__(type(plugin).__module__, fromlist=["told"]))
    return found


async def _switch(running: Running, to: str) -> None:
    if to == "on":
        await enable_plugin(running.ctx, "every", running.dsn)
    else:
        await disable_plugin(running.ctx, "every")
    await running.rebuild()


def test_every_hook_is_shown_by_a_test_or_waits_for_its_service() -> None:
    names: set[str] = set()
    for path in _TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names.add(node.name)
    shown = {
        hook
        for hook in HOOKS
        if any(name.startswith("test_hook_") and f"_{hook}_" in f"{name}_" for name in names)
    }
    assert set() == LATER - set(HOOKS)
    assert set() == shown & LATER, "no longer waiting"
    assert set(HOOKS) == shown | LATER


@pytest.mark.parametrize("hook", sorted(h for h, k in HOOKS.items() if k is Kind.REGISTRATION))
@pytest.mark.parametrize("code", ["return [7]", "return 7", "raise KeyError('x')"])
async def test_a_declaration_of_the_wrong_kind_leaves_its_plugin_out(
    place: Place, hook: str, code: str
) -> None:
    place.write(
        "every",
        f"class Every(Plugin):\n    def {hook}(self):\n        {code}\n",
        manifest=_MANIFEST.format("1", "default = true\n"),
    )
    async with place.start() as running:
        running.fit()
        info = running.site.plugins["every"]
        assert info.state in {"failed", "blocked"}, info
        assert hook in info.reason
        assert "crm.company" in running.site.entities


async def test_hook_install(place: Place) -> None:
    place.write("every", _LIFE, manifest=_MANIFEST.format("1", ""))
    async with place.start() as running:
        await _switch(running, "on")
        assert "install" in await _companies(running)
        for to in ("off", "on"):
            await _switch(running, to)
        assert 1 == (await _companies(running)).count("install")
        await _switch(running, "off")
        await archive_plugin(running.ctx, "every", running.dsn)
        await running.rebuild()
        await _switch(running, "on")
        assert 2 == (await _companies(running)).count("install")


async def test_hook_enable(place: Place) -> None:
    place.write("every", _LIFE, manifest=_MANIFEST.format("1", ""))
    async with place.start() as running:
        for to in ("on", "off", "on"):
            await _switch(running, to)
        assert 2 == (await _companies(running)).count("enable")


async def test_hook_disable(place: Place) -> None:
    place.write("every", _LIFE, manifest=_MANIFEST.format("1", ""))
    async with place.start() as running:
        await _switch(running, "on")
        module = _module(running)
        module["veto"].append("disable")
        with pytest.raises(Veto, match="Not now: disable"):
            await _switch(running, "off")
        assert "disable" not in await _companies(running)
        assert "enabled" == await running.db.value("SELECT state FROM core_plugin WHERE id='every'")
        module["veto"].clear()
        await _switch(running, "off")
        assert "disable" in await _companies(running)


async def test_hook_before_upgrade(place: Place) -> None:
    place.write("every", _LIFE, manifest=_MANIFEST.format("1", "default = true\n"))
    async with place.start() as running:
        # Code is loaded once in a process; what is vetoed is asked of the same module.
        _module(running)["veto"].append("before_upgrade")
    place.write("every", _LIFE, manifest=_MANIFEST.format("2", "default = true\n"))
    async with place.start() as running:
        info = running.site.plugins["every"]
        assert "blocked" == info.state
        assert "Not now: before_upgrade." in info.reason
        assert "before_upgrade" not in await _companies(running)
        assert "1" == await running.db.value("SELECT version FROM core_plugin WHERE id='every'")


async def test_hook_after_upgrade(place: Place) -> None:
    place.write("every", _LIFE, manifest=_MANIFEST.format("1", "default = true\n"))
    async with place.start():
        pass
    place.write("every", _LIFE, manifest=_MANIFEST.format("2", "default = true\n"))
    async with place.start() as running:
        assert ["install", "before_upgrade", "after_upgrade"] == await _companies(running)
        assert ("after_upgrade", "1") in _module(running)["told"]
    async with place.start() as running:
        assert 1 == (await _companies(running)).count("after_upgrade")


async def test_hook_before_purge(place: Place) -> None:
    place.write("every", _LIFE, manifest=_MANIFEST.format("1", ""))
    async with place.start() as running:
        await _switch(running, "on")
        _module(running)["veto"].append("before_purge")
        with pytest.raises(CrmkitError, match="Not now: before_purge"):
            await purge_plugin(running.ctx, "every", running.dsn)
        assert "enabled" == await running.db.value("SELECT state FROM core_plugin WHERE id='every'")


async def test_hook_startup_and_shutdown(place: Place) -> None:
    place.write("every", _LIFE, manifest=_MANIFEST.format("1", ""))
    async with place.start() as running:
        await _switch(running, "on")
        host = SiteHost(running.config, running.db, running.dsn, running.site)
        await host.start()
        told = _module(running)["told"]
        assert ("startup", "") in told
        assert ("shutdown", "") not in told
        await host.stop()
        assert ("shutdown", "") in told


async def _page(place: Place, code: str, path: str) -> str:
    place.write(
        "every", _PAGE.format(code=code), manifest=_MANIFEST.format("1", "default = true\n")
    )
    async with place.start() as running:
        await running.ctx.create("crm.company", name="Kan-code")
        answer = await (await running.client()).get(path)
        assert 200 == answer.status_code
        return answer.text


async def test_hook_initial_values(place: Place) -> None:
    code = "async def initial_values(self, event): return {'city': 'Tromsø'}"
    assert 'value="Tromsø"' in await _page(place, code, "/crm.company/new")


async def test_hook_page_panels(place: Place) -> None:
    code = (
        "async def page_panels(self, event):\n"
        "        from crmkit.web.views import Panel as Card\n"
        "        return [Card(id='p', title='Aside', html='told here')]"
    )
    page = await _page(place, code, "/crm.company/1")
    assert "Aside" in page
    assert "told here" in page


async def test_hook_page_context(place: Place) -> None:
    code = "async def page_context(self, event): return {'loose_ends': [LooseEnd(label='Loose rope', count='1', url='/crm.lead')]}"  # noqa: E501
    assert "Loose rope" in await _page(place, code, "/?scope=all")


async def test_hook_agenda(place: Place) -> None:
    code = (
        "async def agenda(self, event):\n"
        "        item = AgendaItem(id='1', title='Water the plants', url='/crm.lead')\n"
        "        return {'sections': ["
        "AgendaSection(name='g', label='Garden', count='1', items=(item,))]}"
    )
    assert "Water the plants" in await _page(place, code, "/?scope=all")


async def test_hook_timeline(place: Place) -> None:
    code = (
        "async def timeline(self, event):\n"
        "        item = TimelineItem(id='x', icon='star', who='Moon', what='rose', time='')\n"
        "        return [(event.ctx.now(), item)]"
    )
    page = await _page(place, code, "/crm.company/1")
    assert "Moon" in page


async def test_hook_entities(place: Place) -> None:
    assert "Companies" in await _page(place, "pass", "/crm.company")


async def test_hook_extensions(place: Place) -> None:
    code = (
        "def extensions(self):\n"
        "        yield Extension('crm.company', fields=[ExtField('shoe', label='Shoe size')])"
    )
    assert "Shoe size" in await _page(place, code, "/crm.company/new")


async def test_hook_metrics_and_widgets(place: Place) -> None:
    code = (
        "def metrics(self):\n"
        "        yield Metric('all', 'All the companies', 'crm.company')\n"
        "    def widgets(self):\n"
        "        yield Widget('every.all')"
    )
    assert "All the companies" in await _page(place, code, "/?scope=all")


async def test_hook_navigation(place: Place) -> None:
    code = "def navigation(self): yield NavEntry('To the moon', '/crm.company')"
    assert "To the moon" in await _page(place, code, "/")


async def test_hook_jobs(place: Place) -> None:
    place.write(
        "every",
        "async def remember(event):\n"
        "    await event.ctx.create('crm.company', name=event.args['name'])\n\n\n"
        "class Every(Plugin):\n    def jobs(self):\n        return [Job('remember', remember)]\n",
        manifest=_MANIFEST.format("1", ""),
    )
    async with place.start() as running:
        await _switch(running, "on")
        await running.ctx.enqueue("every.remember", {"name": "first"})
        assert (1, 0) == (await running.work(), await running.work())
        assert ["first"] == await _companies(running)
        await running.ctx.enqueue("every.remember", {"name": "parked"})
        await _switch(running, "off")
        assert 0 == await running.work()
        with pytest.raises(NotFoundError, match=r"no job `every.remember`"):
            await running.ctx.enqueue("every.remember", {"name": "never"})
        await _switch(running, "on")
        assert 1 == await running.work()
        assert ["first", "parked"] == await _companies(running)


async def test_hook_deadlines(place: Place) -> None:
    place.write(
        "every",
        "from datetime import timedelta\n\n\nclass Every(Plugin):\n    def deadlines(self):\n"
        "        return [DeadlineKind('visit', 'Visit', (timedelta(hours=1),))]\n",
        manifest=_MANIFEST.format("1", ""),
    )
    async with place.start() as running:
        await _switch(running, "on")
        record = await running.ctx.create("crm.company", name="Northgate")
        due = running.ctx.now() + timedelta(hours=5)
        await deadlines.set(running.ctx, "crm.company", record, "every.visit", due)
        (row,) = await deadlines.list_deadlines(running.ctx, "crm.company", record)
        assert (due, ["warn1", "due"]) == (row.due_at, [step["name"] for step in row.steps])
        await _switch(running, "off")
        with pytest.raises(NotFoundError, match=r"no kind of deadline `every.visit`"):
            await deadlines.set(running.ctx, "crm.company", record, "every.visit", due)


async def test_hook_channels(place: Place) -> None:
    place.write(
        "every",
        "from crmkit.errors import UnavailableError\n\n\n"
        "async def ring(ctx, number):\n"
        "    if number.endswith('0'):\n"
        "        raise UnavailableError('Your desk phone is unplugged.')\n"
        "    await ctx.create('crm.company', name=number)\n\n\n"
        "class Every(Plugin):\n    def channels(self):\n"
        "        return [Adapter('channel', 'desk', 'Desk phone', dial=ring)]\n",
        manifest=_MANIFEST.format("1", "default = true\n"),
    )
    async with place.start() as running:
        company = await running.ctx.create("crm.company", name="Kan-code", phone="+49 30 1234567")
        client = await running.client()
        page = await client.get(f"/crm.company/{company}")
        assert 'data-dial="/calls/dial"' in page.text
        data = {"number": "+49301234567", "csrf_token": client.headers["X-CSRF-Token"]}
        answer = await client.post("/calls/dial", data=data)
        assert (200, "Desk phone calls the number") == (answer.status_code, answer.json()["text"])
        assert ["Kan-code", "+49301234567"] == await _companies(running)
        answer = await client.post("/calls/dial", data=data | {"number": "+49301234560"})
        assert (503, "Your desk phone is unplugged.") == (
            answer.status_code, answer.json()["text"],
        )  # fmt: skip
        assert 422 == (await client.post("/calls/dial", data=data | {"number": "no"})).status_code


async def test_hook_calendar_items(place: Place) -> None:
    place.write(
        "every",
        "from datetime import timedelta\n\n\n"
        "class Every(Plugin):\n    async def calendar_items(self, event):\n"
        "        assert 490 == (event.last - event.first).days\n"
        "        who = event.ctx.principal.name\n"
        "        begin = event.ctx.now()\n"
        "        return [CalendarItem(id='7', title='Tea with ' + who, begin=begin,\n"
        "                             end=begin + timedelta(hours=1), url='/crm.lead')]\n",
        manifest=_MANIFEST.format("1", "default = true\n"),
    )
    async with place.start() as running:
        client = await running.client()
        made = await client.post("/settings/calendar")
        found = re.search(r"http://localhost(/calendar/[\w-]{43}\.ics)", made.text)
        assert found is not None, made.text
        client.cookies.clear()
        feed = await client.get(found[1])
        assert 200 == feed.status_code
        assert "SUMMARY:Tea with Anna Snelling" in feed.text
        assert "UID:crmkit-every-7" in feed.text
        assert "http://localhost/crm.lead" in feed.text


async def test_hook_documents(place: Place) -> None:
    folder = place.write(
        "every",
        "async def values(ctx, record_id):\n"
        "    return {'name': (await ctx.get('crm.company', record_id))['name']}\n\n\n"
        "class Every(Plugin):\n    def documents(self):\n"
        "        return [DocumentTemplate('badge', 'crm.company', 'Badge', values, 'badge.typ')]\n",
        manifest=_MANIFEST.format("1", "default = true\n"),
    )
    (folder / "documents").mkdir()
    (folder / "documents" / "badge.typ").write_text(
        '#import "@crmkit/document:1.0.0": data\n#data.values.name\n'
    )
    async with place.start() as running:
        company = await running.ctx.create("crm.company", name="Kan-code")
        client = await running.client()
        assert "Badge" in (await client.get(f"/crm.company/{company}")).text
        made = await client.post("/api/v1/crm.company/actions/badge", json={"ids": [company]})
        assert 1 == made.json()["changed"], made.text
        assert 1 == await running.work()
        row = await running.db.row("SELECT * FROM core_document")
        assert row is not None
        assert ("every.badge", "made", "") == (row["name"], row["state"], row["error"])
        assert row["content"].startswith(b"%PDF-")


async def test_hook_routes(place: Place) -> None:
    code = (
        "def routes(self):\n"
        "        @get('/every/page', policy='signed-in', media_type='text/plain')\n"
        "        async def page() -> str: return 'its own'\n"
        "        return [page]"
    )
    assert "its own" == await _page(place, code, "/every/page")
