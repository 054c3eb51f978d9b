"""A site is exchanged for the next while it serves; nobody's request is lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx

from crmkit.access.sessions import open_session
from crmkit.plugin.stored import raise_generation
from crmkit.records.plugins.switch import disable_plugin, enable_plugin
from crmkit.web.site_host import SiteHost

if TYPE_CHECKING:
    import pytest

    from tests.places import Place, Running


async def _host(running: Running) -> tuple[SiteHost, httpx.AsyncClient]:
    host = SiteHost(running.config, running.db, running.dsn, running.site)
    await host.start()
    transport = httpx.ASGITransport(app=host)  # type: ignore[arg-type]
    client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
    user = await running.db.value(
        "INSERT INTO core_user (name, role) VALUES ('Anna', 'administrator') RETURNING id"
    )
    session = await open_session(running.db, user, "127.0.0.1", "test")
    client.cookies.set("crmkit", session.token)
    return host, client


async def test_no_request_fails_while_sites_are_exchanged(loyalty: Place) -> None:
    async with loyalty.start() as running:
        host, client = await _host(running)
        statuses: list[int] = []
        stop = asyncio.Event()

        async def load() -> None:
            while not stop.is_set():
                statuses.append((await client.get("/crm.company")).status_code)

        loads = [asyncio.create_task(load()) for _ in range(4)]
        for number in range(6):
            ctx = running.ctx
            if number % 2:
                await disable_plugin(ctx, "loyalty")
            else:
                await enable_plugin(ctx, "loyalty", running.dsn)
            await host.renew()
            running.site = host.site
            assert (number % 2 == 0) is ("loyalty.points" in host.site.entities)
        stop.set()
        await asyncio.gather(*loads)
        assert {200} == set(statuses)
        assert len(statuses) > 6
        await host.stop()


async def test_what_another_process_switched_is_seen(loyalty: Place) -> None:
    async with loyalty.start() as running:
        host, client = await _host(running)
        watching = asyncio.create_task(host.watch())
        await enable_plugin(running.ctx, "loyalty", running.dsn)
        for _ in range(40):
            await asyncio.sleep(0.1)
            if 200 == (await client.get("/loyalty.points")).status_code:
                break
        assert "loyalty.points" in host.site.entities
        watching.cancel()
        await host.stop()


async def test_when_a_build_fails_the_site_before_it_goes_on(
    loyalty: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with loyalty.start() as running:
        host, client = await _host(running)
        (loyalty.folder / "config").mkdir()
        (loyalty.folder / "config" / "roles.toml").write_text("[seller]\nlabel = 'S'\n")
        await raise_generation(running.db)
        await host.renew()
        assert "administrator" in host.problem
        assert 200 == (await client.get("/crm.company")).status_code
        (loyalty.folder / "config" / "roles.toml").unlink()
        await raise_generation(running.db)
        await host.renew()
        assert "" == host.problem
        await host.stop()
