"""The Site is exchanged while people work: no request is lost, and old ones end as they began."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import httpx

from crmkit.access.sessions import open_session
from crmkit.plugin.stored import raise_generation
from crmkit.records.plugins.switch import disable_plugin, enable_plugin
from crmkit.web.site_host import SiteHost

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from crmkit.testing.sites import Place, Running

_PAGES = ("/", "/crm.company", "/crm.person/new", "/history", "/healthz")
_CALLERS = 24
_SWAPS = 6


def _host(running: Running) -> SiteHost:
    return SiteHost(running.config, running.db, running.dsn, running.site)


async def _client(running: Running, app: object) -> httpx.AsyncClient:
    """Answer an administrator's browser that reaches an application of one's own."""
    user = await running.db.value(
        "INSERT INTO core_user (name, role) VALUES ('Anna', 'administrator') RETURNING id"
    )
    session = await open_session(running.db, user, "127.0.0.1", "test")
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    return httpx.AsyncClient(
        transport=transport, base_url="http://localhost", cookies={"crmkit": session.token}
    )


async def _switch(running: Running, host: SiteHost) -> None:
    """Switch loyalty to what it is not, and take it up."""
    running.site = host.site
    if host.site.plugins["loyalty"].state == "enabled":
        await disable_plugin(running.ctx, "loyalty")
    else:
        await enable_plugin(running.ctx, "loyalty", running.dsn)
    await host.renew()


async def test_no_request_fails_while_sites_are_exchanged(loyalty: Place) -> None:
    async with loyalty.start() as running:
        host = _host(running)
        await host.start()
        client = await _client(running, host)
        done = asyncio.Event()
        statuses: list[int] = []

        async def call(number: int) -> None:
            while not done.is_set():
                number += 1
                statuses.append((await client.get(_PAGES[number % len(_PAGES)])).status_code)

        async with asyncio.TaskGroup() as group:
            for number in range(_CALLERS):
                group.create_task(call(number))
            for number in range(_SWAPS):
                await _switch(running, host)
                state = "disabled" if number % 2 else "enabled"
                assert state == host.site.plugins["loyalty"].state
            done.set()
        assert {200} == set(statuses)
        assert _SWAPS * _CALLERS < len(statuses)
        await host.stop()


async def test_a_request_under_way_ends_with_its_site(place: Place) -> None:
    """The page of a plugin that is switched off meanwhile still answers whom it began for."""
    place.write(
        "slow",
        "import asyncio\nfrom litestar import get\n\n"
        "began, may_end = asyncio.Event(), asyncio.Event()\n"
        "told = []\n\n"
        "@get('/slow/page', policy='public', media_type='text/plain')\n"
        "async def page() -> str:\n"
        "    began.set()\n"
        "    await may_end.wait()\n"
        "    return 'as it began'\n\n"
        "class Slow(Plugin):\n"
        "    def routes(self):\n"
        "        return [page]\n"
        "    async def shutdown(self, event):\n"
        "        told.append('shutdown')\n",
    )
    async with place.start() as running:
        await enable_plugin(running.ctx, "slow", running.dsn)
        await running.rebuild()
        host = _host(running)
        await host.start()
        client = await _client(running, host)
        slow: Any = sys.modules["plugins.slow"]

        waiting = asyncio.create_task(client.get("/slow/page"))
        await slow.began.wait()
        await disable_plugin(running.ctx, "slow")
        await host.renew()
        assert 404 == (await client.get("/slow/page")).status_code
        assert [] == slow.told
        slow.may_end.set()
        assert "as it began" == (await waiting).text
        await _until(lambda: bool(slow.told))
        assert ["shutdown"] == slow.told
        await host.stop()


async def test_another_process_takes_up_what_was_switched(
    loyalty: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crmkit.web.site_host._LOOK_SECONDS", 0.01)
    async with loyalty.start() as running:
        first, second = _host(running), _host(running)
        for host in (first, second):
            await host.start()
        watching = asyncio.create_task(second.watch())
        await _switch(running, first)
        async with _ended(watching):
            await _until(lambda: second.site.plugins["loyalty"].state == "enabled")


async def test_a_build_that_fails_leaves_the_site_and_says_why(
    loyalty: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crmkit.web.site_host._LOOK_SECONDS", 0.01)
    async with loyalty.start() as running:
        host = _host(running)
        await host.start()
        before = host.site

        def fail(*_args: object, **_more: object) -> None:
            message = "no application today"
            raise RuntimeError(message)

        watching = asyncio.create_task(host.watch())
        async with _ended(watching):
            with monkeypatch.context() as broken:
                broken.setattr("crmkit.web.site_host.create_app", fail)
                await raise_generation(running.db)
                await _until(lambda: bool(host.problem))
            assert "no application today" in host.problem
            assert before is host.site
            assert 200 == (await (await _client(running, host)).get("/")).status_code
            # Looking goes on, and the next change is taken up.
            await raise_generation(running.db)
            await _until(lambda: host.site is not before)
        assert "" == host.problem


async def test_a_build_that_failed_is_tried_again_without_another_switch(
    loyalty: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What failed by chance once must not stay until somebody switches something."""
    monkeypatch.setattr("crmkit.web.site_host._LOOK_SECONDS", 0.01)
    monkeypatch.setattr("crmkit.web.site_host._RETRY_SECONDS", (0.05, 1.0))
    async with loyalty.start() as running:
        host = _host(running)
        await host.start()
        before = host.site

        def fail(*_args: object, **_more: object) -> None:
            message = "no memory for a moment"
            raise MemoryError(message)

        watching = asyncio.create_task(host.watch())
        async with _ended(watching):
            with monkeypatch.context() as broken:
                broken.setattr("crmkit.web.site_host.create_app", fail)
                await raise_generation(running.db)
                await _until(lambda: bool(host.problem))
            await _until(lambda: host.site is not before)
        assert "" == host.problem


class _ended:  # noqa: N801 - reads as what it does
    """Ends a task with the block, and fails when it ended by itself."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task

    async def __aenter__(self) -> None:
        """Begin."""

    async def __aexit__(self, *_args: object) -> None:
        """End it."""
        assert not self._task.done(), self._task
        self._task.cancel()


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)
