"""A serving process works jobs beside its pages, with the Site in force."""

from __future__ import annotations

import asyncio
import urllib.request
from typing import TYPE_CHECKING

import pytest

from crmkit.records.plugins.switch import disable_plugin, enable_plugin
from tests.sites import Serving
from tests.work.working import state, until, until_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crmkit.testing.sites import Running


@pytest.fixture
def server(notes: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    monkeypatch.setenv("CRMKIT_DATABASE_URL", notes.dsn)
    serving = Serving(notes.config.folder)
    serving.wait()
    yield serving
    if serving.process.poll() is None:
        serving.kill()


@pytest.mark.long
async def test_it_works_jobs_takes_up_switches_and_ends_well(
    notes: Running, server: Serving
) -> None:
    number = await notes.ctx.enqueue("notes.note", {"text": "served"})
    await until_state(notes, number, "done")
    with urllib.request.urlopen(f"{server.base}/readyz", timeout=5) as page:  # noqa: S310, ASYNC210
        assert b"ready" == page.read()
    parked = await notes.ctx.enqueue("notes.note", {"text": "parked"}, at=notes.ctx.now())
    await disable_plugin(notes.ctx, "notes")
    await asyncio.sleep(1.5)
    await enable_plugin(notes.ctx, "notes", notes.dsn)
    again = await notes.ctx.enqueue("notes.note", {"text": "again"})
    await until_state(notes, again, "done", 10)
    assert "done" == await state(notes, parked)
    slow = await notes.ctx.enqueue("notes.slow", {"seconds": 60})
    await until_state(notes, slow, "running")
    assert 0 == await asyncio.to_thread(server.stop)
    assert "ready" == await state(notes, slow)


@pytest.mark.long
async def test_without_work_it_leaves_jobs_to_others(
    notes: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRMKIT_DATABASE_URL", notes.dsn)
    folder = notes.config.folder
    (folder / "crmkit.toml").write_text("[work]\nslots = 0\n")
    server = Serving(folder)
    try:
        server.wait()
        number = await notes.ctx.enqueue("notes.note", {"text": "left"})
        await asyncio.sleep(1.5)
        assert "ready" == await state(notes, number)
    finally:
        server.stop()
        (folder / "crmkit.toml").unlink()

    async def nobody() -> bool:
        return not await notes.db.value("SELECT count(*) FROM core_worker")

    await until(nobody)
