"""The time a hook may take, and that what it waits for still reaches it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from crmkit.errors import HookFailedError
from crmkit.plugin.dispatch import Dispatcher
from crmkit.plugin.hookspecs import Plugin

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.plugin.events import SaveEvent

EVENT = SimpleNamespace(ctx=None)


class _Waiting(Plugin):
    """Waits for a future and keeps what came of it."""

    def __init__(self, future: Any = None) -> None:  # noqa: ANN401
        self.future = future
        self.seen: list[Any] = []

    async def after_save(self, event: SaveEvent) -> None:
        await asyncio.sleep(0)
        try:
            self.seen.append(await self.future)
        except BaseException as error:
            self.seen.append(type(error).__name__)
            raise


async def test_a_hook_that_sleeps_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crmkit.plugin.dispatch.TRANSACTION_SECONDS", 0.05)
    plugin = _Waiting(asyncio.sleep(30))
    with pytest.raises(HookFailedError, match="`slow` failed in `after_save`"):
        await Dispatcher({"slow": plugin}).run("after_save", EVENT)
    assert ["CancelledError"] == plugin.seen


async def test_a_hook_gets_what_it_waited_for() -> None:
    plugin = _Waiting(asyncio.sleep(0.01, "result"))
    await Dispatcher({"patient": plugin}).run("after_save", EVENT)
    assert ["result"] == plugin.seen


async def test_a_hook_gets_the_error_of_what_it_waited_for() -> None:
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_exception, LookupError("gone"))
    plugin = _Waiting(future)
    with pytest.raises(HookFailedError):
        await Dispatcher({"patient": plugin}).run("after_save", EVENT)
    assert ["LookupError"] == plugin.seen


async def test_a_hook_is_cancelled_with_its_request() -> None:
    plugin = _Waiting(asyncio.sleep(30))
    task = asyncio.create_task(Dispatcher({"patient": plugin}).run("after_save", EVENT))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ["CancelledError"] == plugin.seen


async def test_a_statement_of_a_hook_that_takes_too_long_rolls_all_back(
    admin: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crmkit.plugin.dispatch.TRANSACTION_SECONDS", 0.05)

    class Slow(Plugin):
        async def after_save(self, event: SaveEvent) -> None:
            await event.ctx.db.value("SELECT pg_sleep(30)")

    async def write() -> None:
        async with admin.db.transaction():
            await admin.db.execute("CREATE TABLE half_written (id int)")
            await Dispatcher({"slow": Slow()}).run("after_save", SimpleNamespace(ctx=admin))

    with pytest.raises(HookFailedError):
        await write()
    assert None is await admin.db.value("SELECT to_regclass('half_written')")
