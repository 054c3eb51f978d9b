"""What plugins say must work, and errors nobody foresaw."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING

import msgspec

from crmkit.plugin.dispatch import Dispatcher
from crmkit.plugin.hookspecs import Plugin
from crmkit.records.plugins.health import ask_health
from crmkit.web.trackers import MOST_AT_ONCE, report_error
from tests.sites import run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from crmkit.plugin.events import ErrorEvent
    from crmkit.plugin.site import Site
    from crmkit.testing.sites import Place

_DEFAULT = 'id = "{0}"\nname = "{0}"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
_CHECKS = """
import asyncio

asked = []

async def fine(ctx):
    asked.append(await ctx.db.value("SELECT 1"))
    return ""
async def low(ctx): return "The mail server refuses. Look at its password."
async def odd(ctx): return 7
async def raises(ctx): raise ZeroDivisionError
async def sleeps(ctx): await asyncio.sleep(30)

class Trial(Plugin):
    def health_checks(self):
        for check in (fine, low, odd, raises, sleeps):
            yield HealthCheck(check.__name__, "Mail", check)
"""


#: What `/readyz` adds where nobody works jobs, as in these tests.
_NO_WORKER = "no worker was heard from"


async def test_hook_health_checks(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is asked alone; one that fails or sleeps is named, and the others answer."""
    monkeypatch.setattr("crmkit.plugin.dispatch.ISOLATED_SECONDS", 0.2)
    place.write("trial", _CHECKS, manifest=_DEFAULT.format("trial"))
    async with place.start() as running:
        said = {each.name: each.problem for each in await ask_health(running.ctx)}
        assert "" == said["fine"]
        assert "The mail server refuses. Look at its password." == said["low"]
        for name in ("odd", "raises", "sleeps"):
            assert "failed" in said[name]
        page = await (await running.client()).get("/readyz")
        failing = [f"failing: trial {name}" for name in ("low", "odd", "raises", "sleeps")]
        lines = ["ready", _NO_WORKER, *failing]
        assert (200, lines) == (page.status_code, page.text.splitlines())


async def test_who_asks_often_does_not_make_plugins_work_often(place: Place) -> None:
    place.write("trial", _CHECKS.replace(", low, odd, raises, sleeps", ","),
                manifest=_DEFAULT.format("trial"))  # fmt: skip
    async with place.start() as running:
        client = await running.client()
        pages = await asyncio.gather(*(client.get("/readyz") for _ in range(5)))
        assert {f"ready\n{_NO_WORKER}"} == {page.text for page in pages}
        trial = import_module("plugins.trial")

        assert [1] == trial.asked


def test_the_command_names_what_does_not_work(tmp_path: Path) -> None:
    folder = tmp_path / "plugins" / "trial"
    folder.mkdir(parents=True)
    (folder / "plugin.toml").write_text(_DEFAULT.format("trial"))
    code = "from crmkit import *\n" + _CHECKS.replace(", odd, raises, sleeps", "")
    (folder / "__init__.py").write_text(code)
    assert 0 == run(tmp_path, "migrate").returncode
    done = run(tmp_path, "check")
    assert 1 == done.returncode
    assert "plugin trial: low: The mail server refuses." in done.stderr
    assert "fine" not in done.stderr


class _Tracker(Plugin):
    def __init__(self) -> None:
        self.told: list[ErrorEvent] = []
        self.may_end = asyncio.Event()

    async def on_error(self, event: ErrorEvent) -> None:
        self.told.append(event)
        await self.may_end.wait()


_FAULTY = """
from litestar import get

@get('/trial/page', policy='public', media_type='text/plain')
async def page() -> str:
    raise ZeroDivisionError('nobody foresaw it')

told = []

class Trial(Plugin):
    def routes(self):
        return [page]
    async def on_error(self, event):
        told.append(event)
        raise RuntimeError('the tracker is down')
    def filter_query(self, event):
        if event.entity.name == 'crm.company':
            raise LookupError('a plugin failed')
"""


async def test_hook_on_error(place: Place) -> None:
    """Told of a page's error and of a plugin's, and its own failure reaches nobody."""
    place.write("trial", _FAULTY, manifest=_DEFAULT.format("trial"))
    async with place.start() as running:
        trial = import_module("plugins.trial")

        client = await running.client()
        page = await client.get("/trial/page")
        assert 500 == page.status_code
        assert 503 == (await client.get("/crm.company")).status_code
        assert 404 == (await client.get("/core.team/999999")).status_code
        async with asyncio.timeout(5):
            while len(trial.told) < 2:  # noqa: ASYNC110 - a hook tells nobody
                await asyncio.sleep(0.01)
        assert [("GET /trial/page", "ZeroDivisionError"), ("GET /crm.company", "LookupError")] == [
            (each.where, type(each.error).__name__) for each in trial.told
        ]
        assert trial.told[0].request_id in page.text


async def test_a_storm_of_errors_waits_for_no_tracker(site: Site) -> None:
    tracker = _Tracker()
    watched = msgspec.structs.replace(site, hooks=Dispatcher({"trial": tracker}))
    for _ in range(MOST_AT_ONCE * 3):
        report_error(watched, "GET /", ValueError())
    await asyncio.sleep(0.01)
    assert MOST_AT_ONCE == len(tracker.told)
    tracker.may_end.set()
    await asyncio.sleep(0.01)
