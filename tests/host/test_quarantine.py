"""A part that fails too often is silenced in every process, until somebody resumes it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest

from crmkit.access.sessions import open_session
from crmkit.plugin.dispatch import MOST_FAILURES
from crmkit.plugin.events import PageEvent
from crmkit.records.plugins.quarantine import add_quarantine, resume_plugin
from crmkit.records.plugins.switch import disable_plugin, enable_plugin
from crmkit.web.services import sign
from crmkit.web.site_host import SiteHost

if TYPE_CHECKING:
    from crmkit.testing.sites import Place, Running

_MANIFEST = 'id = "shaky"\nname = "Shaky"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
_CODE = """
async def _torn(ctx, record):
    raise ZeroDivisionError


class Shaky(Plugin):
    def extensions(self):
        yield Extension("crm.company", panels=[Panel("torn", "Torn", _torn)])

    async def timeline(self, event):
        raise KeyError("nothing")
"""


def _host(running: Running) -> SiteHost:
    return SiteHost(running.config, running.db, running.dsn, running.site)


async def _browser(running: Running, host: SiteHost, role: str) -> httpx.AsyncClient:
    user = await running.db.value(
        "INSERT INTO core_user (name, role) VALUES ('Anna', $1) RETURNING id", role
    )
    session = await open_session(running.db, user, "127.0.0.1", "test")
    transport = httpx.ASGITransport(app=host)  # type: ignore[arg-type]
    return httpx.AsyncClient(
        transport=transport,
        base_url="http://localhost",
        cookies={"crmkit": session.token},
        headers={"X-CSRF-Token": sign(session.token, "csrf")},
    )


async def _until_written(running: Running, parts: int) -> None:
    async with asyncio.timeout(10):
        while parts != await running.db.value("SELECT count(*) FROM core_quarantine"):  # noqa: ASYNC110 - the row is all there is
            await asyncio.sleep(0.02)


async def test_what_one_process_silences_no_other_calls(place: Place) -> None:
    place.write("shaky", _CODE, manifest=_MANIFEST)
    async with place.start() as running:
        one, other = _host(running), _host(running)
        await one.start()
        await other.start()
        company = await running.ctx.create("crm.company", name="Kan-code")
        boss = await _browser(running, one, "administrator")
        for _ in range(MOST_FAILURES):
            assert 200 == (await boss.get(f"/crm.company/{company}")).status_code
        await _until_written(running, 2)

        await other.renew()

        assert {"timeline", "panel torn"} == {each.hook for each in other.site.hooks.silenced()}
        assert "quarantined" == other.site.plugins["shaky"].state
        boss = await _browser(running, other, "administrator")
        assert 200 == (await boss.get(f"/crm.company/{company}")).status_code
        assert 0 == sum(each.calls for each in other.site.hooks.seen() if each.silenced)
        page = (await boss.get("/settings/plugins?show=shaky")).text
        assert "KeyError" in page
        assert "ZeroDivisionError" in page

        # Resumed by one, it is called again in both.
        answer = await boss.post("/settings/plugins/shaky/resume")
        assert 303 == answer.status_code
        await one.renew()
        for host in (one, other):
            assert [] == list(host.site.hooks.silenced())
            assert "enabled" == host.site.plugins["shaky"].state


async def test_administrators_read_of_it_above_each_page_and_nobody_else(place: Place) -> None:
    place.write("shaky", _CODE, manifest=_MANIFEST)
    async with place.start() as running:
        host = _host(running)
        await host.start()
        boss = await _browser(running, host, "administrator")
        seller = await _browser(running, host, "seller")
        assert "crm-notices" not in (await boss.get("/")).text
        await add_quarantine(running.db, "shaky", "timeline", "KeyError('nothing')")
        await host.renew()
        assert "the plugin Shaky failed too often" in (await boss.get("/crm.company")).text
        assert "crm-notices" not in (await seller.get("/crm.company")).text


async def test_a_site_that_could_not_be_built_is_told_to_administrators(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write("shaky", _CODE, manifest=_MANIFEST)
    async with place.start() as running:
        host = _host(running)
        await host.start()
        boss = await _browser(running, host, "administrator")

        async def fail(*_given: object) -> None:
            raise OSError("the disk is gone")

        monkeypatch.setattr("crmkit.web.site_host.rebuild_site", fail)
        await disable_plugin(running.ctx, "shaky")
        await host.renew()
        page = (await boss.get("/")).text
        assert "could not be taken up" in page
        assert "the disk is gone" in page
        monkeypatch.undo()
        await host.renew(again=True)
        assert "could not be taken up" not in (await boss.get("/")).text


@pytest.mark.parametrize("how", ["off and on", "resume"])
async def test_a_quarantine_ends(place: Place, how: str) -> None:
    place.write("shaky", _CODE, manifest=_MANIFEST)
    async with place.start() as running:
        await add_quarantine(running.db, "shaky", "timeline", "KeyError('nothing')")
        await running.rebuild()
        assert [] == await running.site.hooks.collect("timeline", PageEvent(running.ctx))
        if how == "resume":
            assert ("timeline",) == await resume_plugin(running.ctx, "shaky")
        else:
            await disable_plugin(running.ctx, "shaky")
            await enable_plugin(running.ctx, "shaky", running.dsn)
        await running.rebuild()
        assert "enabled" == running.site.plugins["shaky"].state
        assert [] == list(running.site.hooks.silenced())


async def test_a_new_version_is_not_silenced_for_what_the_old_one_did(place: Place) -> None:
    place.write("shaky", _CODE, manifest=_MANIFEST)
    async with place.start() as running:
        await add_quarantine(running.db, "shaky", "timeline", "KeyError('nothing')")
    async with place.start() as running:
        assert "quarantined" == running.site.plugins["shaky"].state
    place.write("shaky", _CODE, manifest=_MANIFEST.replace('"1"', '"2"', 1))
    async with place.start() as running:
        assert "enabled" == running.site.plugins["shaky"].state
