"""Open pages hear what others do, and a stream keeps no server from ending."""

from __future__ import annotations

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
