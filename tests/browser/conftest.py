"""A real browser against a real server: one of both for each worker.

`page` is signed in as an administrator of a site with a small history of sales. Every test fails
when the page writes an error to the console or breaks the content security policy.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.sites import EMAIL, PASSWORD, add_administrator, crmkit, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright._impl._api_structures import SetCookieParam
    from playwright.sync_api import Browser, BrowserContext, Page

    Open = Callable[..., Page]

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome-stable")
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_COMPANIES = """name,sector,revenue,country
Acme Corporation,technolgy,1100.04,United States
Betasoloin,medical,251.41,United States
Cancity,retail,718.62,United States
Kan-code,software,11698.03,United States
Ёлка,retail,12,Россия
"""
_DEALS = """name,company,stage,amount,close_date,owner
GTX Pro Kan-code,Kan-code,Engaging,4514,,Ada Boss
GTK 500 Acme,Acme Corporation,Prospecting,26768,,Ada Boss
MG Special Cancity,Cancity,Proposal,55,,Ada Boss
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with five companies and three deals."""
    site = tmp_path_factory.mktemp("site")
    add_administrator(site)
    for entity, text in (("crm.company", _COMPANIES), ("crm.opportunity", _DEALS)):
        file = site / f"{entity}.csv"
        file.write_text(text, encoding="utf-8")
        crmkit(site, "import", entity, str(file))
    return site


@pytest.fixture(scope="session")
def base(folder: Path) -> Iterator[str]:
    """The address of the running site."""
    with serving(folder) as address:
        yield address


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Chromium of this machine; skips without one unless it is demanded.

    One for each test: while Playwright's synchronous interface is open, a loop runs in this
    thread, and no asynchronous test could run beside it.
    """
    found = next((path for name in _CHROMIUM if (path := shutil.which(name))), None)
    if found is None and os.environ.get("CRMKIT_BROWSER") != "demanded":
        pytest.skip("there is no Chromium on this machine")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - its own dependency group

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def state(base: str) -> SetCookieParam:
    """The cookies of a signed-in administrator."""
    with httpx.Client(base_url=base) as client:
        sent = client.post("/login", data={"name": EMAIL, "password": PASSWORD})
    assert 303 == sent.status_code, sent.text
    cookie: SetCookieParam = {
        "name": "crmkit",
        "value": sent.cookies["crmkit"],
        "url": base,
        "httpOnly": True,
        "sameSite": "Lax",
    }
    return cookie


@pytest.fixture
def open_page(browser: Browser, base: str, state: SetCookieParam) -> Iterator[Open]:
    """Open pages in contexts of their own; fails at the end when the console had errors."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def start(path: str = "/", *, signed_in: bool = True, **options: Any) -> Page:  # noqa: ANN401
        options.setdefault("viewport", {"width": 1280, "height": 800})
        context = browser.new_context(base_url=base, **options)
        contexts.append(context)
        if signed_in:
            context.add_cookies([state])
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on(
            "console",
            lambda line: (
                errors.append(f"{page.url}: {line.text}")
                if line.type == "error" and "status of 4" not in line.text
                else None
            ),
        )
        page.on("pageerror", lambda error: errors.append(f"{page.url}: {error}"))
        page.goto(path)
        return page

    yield start
    for context in contexts:
        context.close()
    assert [] == errors


@pytest.fixture
def page(open_page: Open) -> Page:
    """A signed-in page on Today."""
    return open_page("/")
