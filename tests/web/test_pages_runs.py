"""Many records at once from the list: the work goes on behind a page that tells how far it is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from crmkit.records.runs import LARGE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from crmkit.testing.sites import Place, Running

_ALL = {"action": "trash", "all": "1"}
_HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
async def running(place: Place) -> AsyncIterator[Running]:
    async with place.start() as started:
        await started.db.execute(
            "INSERT INTO crm_company (name) SELECT 'Company ' || n FROM generate_series(1, $1) n",
            LARGE + 1,
        )
        yield started


async def _left(running: Running) -> int:
    found: int = await running.db.value("SELECT count(*) FROM crm_company WHERE trashed_at IS NULL")
    return found


async def _ended(boss: httpx.AsyncClient, url: str) -> str:
    """Poll as htmx does, until the page is to be loaded anew."""
    async with asyncio.timeout(20):
        while True:
            part = await boss.get(url, headers=_HTMX)
            if "hx-redirect" in part.headers:
                return (await boss.get(url)).text
            assert 'id="progress"' in part.text
            await asyncio.sleep(0.05)


async def test_more_than_somebody_waits_for_goes_on_behind_a_page(running: Running) -> None:
    boss = await running.client()
    answer = await boss.post("/crm.company/bulk", data=_ALL)
    url = answer.headers["location"]
    assert url.startswith("/runs/")

    page = await _ended(boss, url)

    assert f"{LARGE + 1} records changed" in page
    assert 0 == await _left(running)
    assert url in (await boss.get("/runs")).text
    operation = page.partition('action="/history/')[2].partition("/")[0]
    await boss.post(f"/history/{operation}/undo")
    assert LARGE + 1 == await _left(running)


async def test_what_somebody_waits_for_needs_no_page(running: Running) -> None:
    boss = await running.client()
    await running.db.execute("DELETE FROM crm_company WHERE id > 2")
    answer = await boss.post("/crm.company/bulk", data=_ALL)
    assert answer.headers["location"].startswith("/crm.company")
    assert 0 == await _left(running)


async def test_the_work_of_others_is_not_shown(running: Running) -> None:
    boss = await running.client()
    url = (await boss.post("/crm.company/bulk", data=_ALL)).headers["location"]
    await _ended(boss, url)
    seller = await running.client("seller")
    assert 404 == (await seller.get(url)).status_code
    assert 404 == (await seller.post(f"{url}/end")).status_code
    assert url not in (await seller.get("/runs")).text


async def test_what_has_ended_cannot_be_stopped(running: Running) -> None:
    boss = await running.client()
    url = (await boss.post("/crm.company/bulk", data=_ALL)).headers["location"]
    await _ended(boss, url)
    assert 409 == (await boss.post(f"{url}/end")).status_code
    assert 0 == await _left(running)
