"""Serves one Site and exchanges it for the next without dropping a request."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
import structlog

from crmkit.access.core import site_of
from crmkit.errors import CrmkitError
from crmkit.plugin.events import LifeEvent
from crmkit.plugin.stored import read_generation
from crmkit.records.plugins.quarantine import add_quarantine
from crmkit.records.plugins.rows import system_context
from crmkit.records.plugins.start import rebuild_site
from crmkit.web.app import create_app
from crmkit.web.live import Hub
from crmkit.web.plugin_routes import check_routes
from crmkit.web.trackers import report_error
from crmkit.work.pace import Arrivals

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

    from crmkit.config import Config
    from crmkit.db.engine import Database
    from crmkit.plugin.dispatch import Implementation
    from crmkit.plugin.site import Site

_log = structlog.get_logger("crmkit.host")
_LOOK_SECONDS = 1.0
_DRAIN_SECONDS = 30.0
_RETRY_SECONDS = (5.0, 900.0)  # after the first failed build, and at most

# Libraries import parts of themselves while an application is built; two threads that do so
# at once can see a part half imported.
_building = threading.Lock()


def fitting(config: Config, site: Site) -> Site:
    """Answer a Site without the plugins whose routes do not fit."""
    while wrong := check_routes(site):
        blocked = {**site.choice.blocked, **wrong}
        site = site_of(config, msgspec.structs.replace(site.choice, blocked=blocked))
    return site


class _Running:
    """An application with the Site it was built for, and its requests that are under way."""

    def __init__(self, site: Site, app: ASGIApp) -> None:
        self.site = site
        self.app = app
        self.requests = 0
        self.idle = asyncio.Event()
        self.idle.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request and count it."""
        self.requests += 1
        self.idle.clear()
        try:
            await self.app(scope, receive, send)
        finally:
            self.requests -= 1
            if not self.requests:
                self.idle.set()


class SiteHost:
    """The outer ASGI application.

    Attributes:
        problem: Why the last build failed while the Site before it goes on serving, or "".
        live: The streams of open pages.
    """

    def __init__(self, config: Config, db: Database, owner_dsn: str, site: Site) -> None:
        self._config = config
        self._db = db
        self._owner_dsn = owner_dsn
        self._number = 0
        self._lock = asyncio.Lock()
        self._draining: set[asyncio.Task[None]] = set()
        self._aside: set[asyncio.Task[None]] = set()
        self.problem = ""
        self.live = Hub(db.dsn)
        self.arrivals = Arrivals()
        self._running = self._make(site)
        self._failures = 0
        self._retry_at = 0.0

    @property
    def site(self) -> Site:
        """The Site that answers new requests."""
        return self._running.site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request with the Site of the moment."""
        leave = self.arrivals.arrive()

        async def send_on(message: Message) -> None:
            # A stream that has begun waits for nobody.
            leave()
            await send(message)

        try:
            await self._running(scope, receive, send_on)
        finally:
            leave()

    def _make(self, site: Site) -> _Running:
        """Build the application; a plugin whose routes do not fit is left out of it."""
        with _building:
            site = fitting(self._config, site)
            app = create_app(site, self._db, self._config, owner_dsn=self._owner_dsn, exchange=self)
        site.hooks.on_silenced = self._on_silenced
        return _Running(site, app)

    def _on_silenced(self, each: Implementation) -> None:
        """Write it down aside: what is under way may be rolled back, and must not wait."""
        task = asyncio.create_task(self._quarantine(each), context=contextvars.Context())
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)

    async def _quarantine(self, each: Implementation) -> None:
        try:
            await add_quarantine(self._db, each.plugin, each.hook, each.last_error)
        except CrmkitError as error:
            # It is silenced here all the same, and told again by the next process that sees it.
            _log.warning("a quarantine was not written", plugin=each.plugin, reason=_said(error))

    async def _make_aside(self, site: Site) -> _Running:
        """Build the application in a thread that gives way to requests ten times as often."""
        before = sys.getswitchinterval()
        sys.setswitchinterval(before / 10)
        try:
            return await asyncio.to_thread(self._make, site)
        finally:
            sys.setswitchinterval(before)

    async def start(self) -> None:
        """Note where the site stands and tell its plugins that serving begins."""
        self._number = await read_generation(self._db)
        await self._tell("startup", self._running.site)

    async def stop(self) -> None:
        """Tell the plugins that serving ends."""
        draining = list(self._draining)
        for task in draining:
            task.cancel()
        await asyncio.gather(*draining, *self._aside, return_exceptions=True)
        await self._tell("shutdown", self._running.site)

    async def watch(self) -> None:
        """Look once a second whether something was switched, here or by another process."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                again = bool(self.problem) and time.monotonic() >= self._retry_at
                if again or await read_generation(self._db) != self._number:
                    await self.renew(again=again)
            except Exception as error:  # noqa: BLE001 - whatever went wrong, looking goes on
                _log.warning("cannot look for a new site", reason=_said(error))

    async def renew(self, *, again: bool = False) -> None:
        """Build the Site anew when something was switched, and serve it from now on.

        Requests under way end with the Site they began with. When the build fails, the Site
        before it goes on serving and `problem` says why; `watch` tries again, less and less
        often.

        Args:
            again: Build even when nothing was switched since the last, failed, build.
        """
        async with self._lock:
            number = await read_generation(self._db)
            if number == self._number and not again:
                return
            old = self._running
            try:
                site = await rebuild_site(self._config, self._db, old.site)
                running = await self._make_aside(site)
            except Exception as error:  # noqa: BLE001 - what serves goes on serving
                self._failed(_said(error), number)
                _log.error("the site was not exchanged", reason=self.problem, exc_info=error)
                report_error(old.site, "exchange of the site", error)
                return
            await self._tell("startup", running.site)
            self._running, self._number, self.problem = running, number, ""
            self.live.end_all()
            self._failures = 0
            task = asyncio.create_task(self._drain(old))
            self._draining.add(task)
            task.add_done_callback(self._draining.discard)
            _log.info("the site was exchanged", generation=number)

    def _failed(self, problem: str, number: int) -> None:
        first, longest = _RETRY_SECONDS
        self.problem, self._number = problem, number
        self._retry_at = time.monotonic() + min(first * 2**self._failures, longest)
        self._failures += 1

    async def _drain(self, old: _Running) -> None:
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_DRAIN_SECONDS):
                    await old.idle.wait()
        finally:
            await self._tell("shutdown", old.site)

    async def _tell(self, hook: str, site: Site) -> None:
        event = LifeEvent(system_context(self._config, self._db, site), "")
        await site.hooks.collect(hook, event)


def _said(error: Exception) -> str:
    return error.message if isinstance(error, CrmkitError) else repr(error)
