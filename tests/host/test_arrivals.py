"""Which requests the jobs of a serving process give way to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from crmkit.web.site_host import SiteHost

if TYPE_CHECKING:
    import pytest
    from litestar.types import Message, Receive, Scope, Send

    from crmkit.config import Config
    from crmkit.db.engine import Database
    from crmkit.plugin.site import Site


async def test_a_request_is_given_way_until_its_answer_begins(
    site: Site, pool: Database, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = SiteHost(config, pool, "", site)
    begin, end = asyncio.Event(), asyncio.Event()

    async def stream(_scope: Scope, _receive: Receive, send: Send) -> None:
        await begin.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await end.wait()

    monkeypatch.setattr(host, "_running", stream)
    asked = asyncio.create_task(_ask(host))
    await asyncio.sleep(0.01)
    waiting = host.arrivals.seconds()
    await asyncio.sleep(0.01)
    assert waiting < host.arrivals.seconds()
    begin.set()
    await asyncio.sleep(0.01)
    answered = host.arrivals.seconds()
    await asyncio.sleep(0.01)
    assert answered == host.arrivals.seconds()
    end.set()
    await asked
    assert answered == host.arrivals.seconds()


async def test_a_request_that_fails_is_given_way_no_more(
    site: Site, pool: Database, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = SiteHost(config, pool, "", site)

    async def fail(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ConnectionError

    monkeypatch.setattr(host, "_running", fail)
    await asyncio.gather(_ask(host), return_exceptions=True)
    ended = host.arrivals.seconds()
    await asyncio.sleep(0.01)
    assert ended == host.arrivals.seconds()


async def _ask(host: SiteHost) -> None:
    async def receive() -> Message:
        raise AssertionError("Nobody reads the request.")

    async def send(_message: Message) -> None:
        pass

    await host({"type": "http", "path": "/"}, receive, send)  # type: ignore[arg-type]
