"""Fixtures for pytest: `pytest_plugins = ["crmkit.testing.fixtures"]` in a conftest.py.

One PostgreSQL serves the run, and each test that asks for a site gets a database of its own on it.
Tests are coroutines, so pytest-asyncio has to be there too.
"""

from __future__ import annotations

import os
from contextlib import AsyncExitStack, ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
import structlog

from crmkit.model.event import Happened
from crmkit.plugin.discovery import MANIFEST
from crmkit.records.plugins.switch import enable_plugin
from crmkit.testing.server import scratch_server
from crmkit.testing.sites import DSN, new_place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    import httpx

    from crmkit.testing.sites import Place, Running

    Start = Callable[..., Awaitable[Running]]

_stage = ExitStack()


def pytest_configure() -> None:
    """Start one server in the process that the workers come from."""
    # Drawn with the values of every frame, a traceback takes seconds.
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, renderer])
    if DSN not in os.environ:
        os.environ[DSN] = _stage.enter_context(scratch_server())
        _stage.callback(os.environ.pop, DSN, None)


def pytest_unconfigure() -> None:
    """Stop and remove it in the same process."""
    _stage.close()


@pytest_asyncio.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """An empty site of its own: a folder, and a new database on the server of the run."""
    async with new_place(tmp_path) as made:
        yield made


class _Stage:
    """The site that a test started."""

    def __init__(self, place: Place, stack: AsyncExitStack) -> None:
        self._place = place
        self._stack = stack
        self._running: Running | None = None

    async def start(self, enabled: Sequence[str] = ()) -> Running:
        """Start the site with plugins switched on, in their order."""
        running = await self._stack.enter_async_context(self._place.start())
        for name in enabled:
            await enable_plugin(running.ctx, name, running.dsn)
            await running.rebuild()
        running.fit()
        self._running = running
        return running

    @property
    def running(self) -> Running:
        if self._running is None:
            pytest.fail('No site runs yet. Begin with `await site(enabled=["..."])`.')
        return self._running


@pytest_asyncio.fixture
async def stage(place: Place, request: pytest.FixtureRequest) -> AsyncIterator[_Stage]:
    """Where `site`, `client` and `make` meet."""
    for folder in _beside(request.path):
        place.add(folder)
    async with AsyncExitStack() as stack:
        yield _Stage(place, stack)


@pytest.fixture
def site(stage: _Stage) -> Start:
    """Answer what starts a site with plugins on.

    `running = await site(enabled=["loyalty"])`. The plugin that the test lies in, and those
    beside it, are there to be switched on.
    """
    return stage.start


@pytest.fixture
def client(stage: _Stage) -> Callable[..., Awaitable[httpx.AsyncClient]]:
    """Answer what signs a new user in.

    `browser = await client("seller")`
    """

    async def sign_in(role: str = "administrator") -> httpx.AsyncClient:
        return await stage.running.client(role)

    return sign_in


@pytest.fixture
def make(stage: _Stage) -> Callable[..., Awaitable[int]]:
    """Answer what makes records as the administrator.

    `await make(Points, amount=5)` answers the id.
    """

    async def create(entity: Any, **values: object) -> int:  # noqa: ANN401 - a table or a name
        return await stage.running.ctx.create(entity, **values)

    return create


class Clock:
    """The present moment of a test, as `ctx.now()` answers it; the database keeps its own."""

    def __init__(self) -> None:
        self._moment: datetime | None = None

    def __call__(self) -> datetime:
        """Answer the moment it is, aware, in UTC."""
        return self._moment or datetime.now(UTC)

    def set(self, moment: datetime) -> None:
        """Stop the clock at an aware moment.

        Raises:
            ValueError: The moment has no zone.
        """
        if moment.tzinfo is None:
            raise ValueError("Give the moment a zone: datetime(2026, 5, 4, tzinfo=UTC).")
        self._moment = moment.astimezone(UTC)

    def advance(self, **span: float) -> None:
        """Move the clock: `clock.advance(days=1)`, as for a timedelta."""
        self._moment = self() + timedelta(**span)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Answer a clock that a test sets and moves; until then it is the real one."""
    made = Clock()
    monkeypatch.setattr("crmkit.model.context.utc_now", made)
    return made


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Happened]:
    """Answer what is said to have happened from now on, heard by a plugin or not.

    `[each.name for each in events]`; also what a transaction that was rolled back had said.
    """
    said: list[Happened] = []

    def note(*values: Any) -> Happened:  # noqa: ANN401 - those of `Happened`
        said.append(Happened(*values))
        return said[-1]

    monkeypatch.setattr("crmkit.work.events.Happened", note)
    return said


def _beside(test: Path) -> Sequence[Path]:
    for folder in test.parents:
        if (folder / MANIFEST).is_file():
            return sorted(each.parent for each in folder.parent.glob(f"*/{MANIFEST}"))
    return ()
