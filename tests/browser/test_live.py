"""Open pages hear what others do, and a stream keeps no server from ending."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import httpx
from playwright.sync_api import expect

from tests.sites import EMAIL, PASSWORD, Serving, add_administrator, crmkit

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.browser.conftest import Open


_TELL = """
import asyncio
import sys
from pathlib import Path
from crmkit.cli.opening import open_site
from crmkit.model.notification import Telling
from crmkit.work.notifications import notify

async def tell():
    async with open_site(Path(sys.argv[1])) as opened:
        ctx = opened.context()
        me = await ctx.db.value("SELECT id FROM core_user WHERE email = $1", sys.argv[2])
        for title in ("Anna", "Boris"):
            assert await notify(ctx, [me], Telling(kind="core.deadline", text=title))

asyncio.run(tell())
"""


def _sign_in(base: str, name: str) -> httpx.Client:
    client = httpx.Client(base_url=base)
    sent = client.post("/login", data={"name": name, "password": PASSWORD})
    assert 303 == sent.status_code
    return client


def _token(client: httpx.Client, path: str) -> str:
    return client.get(path).text.partition('name="csrf-token" content="')[2].partition('"')[0]


def test_a_change_by_somebody_else_is_told_and_ones_own_is_not(
    open_page: Open, base: str, folder: Path
) -> None:
    crmkit(folder, "user", "create", "boris@example.com", "--name", "Boris", "--role",
           "administrator", "--password", PASSWORD)  # fmt: skip
    page = open_page("/crm.company/2")
    with page.expect_request("**/live*"):
        pass
    page.wait_for_timeout(500)

    def change(name: str, city: str) -> None:
        with closing(_sign_in(base, name)) as client:
            edit = "/crm.company/2/edit"
            html = client.get(edit).text
            version = html.partition('name="version" value="')[2].partition('"')[0]
            sent = client.post(
                edit,
                data={"city": city, "name": "Betasoloin", "version": version},
                headers={"X-CSRF-Token": _token(client, edit), "Origin": base},
            )
            assert 303 == sent.status_code, sent.text

    change(EMAIL, "Kiel")
    page.wait_for_timeout(500)
    expect(page.locator("#changed")).to_have_count(0)
    change("boris@example.com", "Bonn")
    expect(page.locator("#changed")).to_be_visible()
    page.click("#changed a")
    expect(page.locator("main")).to_contain_text("Bonn")


def test_a_notice_raises_the_number_at_the_bell_without_a_reload(
    open_page: Open, folder: Path
) -> None:
    page = open_page("/crm.company/2")
    with page.expect_response("**/live*"):  # a page opens its stream a moment after it is there
        page.evaluate("window.stays = true")
    mark = page.locator('.crm-side a[href="/inbox"] .n')
    before = int(mark.inner_text()) if mark.count() else 0
    subprocess.run([sys.executable, "-c", _TELL, str(folder), EMAIL], check=True, timeout=60)
    expect(mark).to_have_text(str(before + 2))
    assert page.evaluate("window.stays")
    page.goto("/inbox")
    expect(page.locator("#inbox section")).to_have_count(1)  # all of one day
    expect(page.locator("#inbox section li")).to_have_count(before + 2)


def test_a_stream_needs_a_session(base: str) -> None:
    assert "/login" in httpx.get(f"{base}/live").headers.get("location", "")


def test_an_open_stream_does_not_hold_up_the_end(browser: Browser, tmp_path: Path) -> None:
    """TRAPS L10."""
    add_administrator(tmp_path)
    server = Serving(tmp_path)
    server.wait()
    with (
        closing(_sign_in(server.base, EMAIL)) as client,
        client.stream("GET", "/live") as stream,
    ):
        assert "retry" in next(stream.iter_lines())
        begin = time.monotonic()
        assert 0 == server.stop()
        assert 4.0 > time.monotonic() - begin
