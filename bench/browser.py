"""What a real browser asks for: with an empty cache, and again with a full one."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playwright.async_api import Error, async_playwright

if TYPE_CHECKING:
    from playwright.async_api import Page

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Requests that reached the server, and the KiB that came back, headers included."""

    requests: int
    kib: float


async def measure_browser(port: int, token: str, path: str) -> tuple[Loaded, Loaded] | None:
    """Open a list cold, then another page of it warm; None without Chromium."""
    program = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    async with async_playwright() as playwright:
        try:
            browser = await playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        except Error:
            return None
        try:
            context = await browser.new_context(base_url=f"http://127.0.0.1:{port}")
            await context.add_cookies(
                [{"name": "crmkit", "value": token, "url": f"http://127.0.0.1:{port}"}]
            )
            page = await context.new_page()
            cold = await _load(page, path)
            warm = await _load(page, path)
        finally:
            await browser.close()
    return cold, warm


async def _load(page: Page, path: str) -> Loaded:
    """Go to a page and wait until its rows stand and nothing more comes."""
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    cached: set[str] = set()
    sizes: dict[str, float] = {}

    def note_response(event: dict[str, Any]) -> None:
        if event["response"].get("fromDiskCache") or event["response"].get("fromPrefetchCache"):
            cached.add(event["requestId"])

    def note_end(event: dict[str, Any]) -> None:
        sizes[event["requestId"]] = event["encodedDataLength"]

    session.on("Network.requestServedFromCache", lambda event: cached.add(event["requestId"]))
    session.on("Network.responseReceived", note_response)
    session.on("Network.loadingFinished", note_end)
    await page.goto(path, wait_until="networkidle")
    await page.locator("tbody tr[id]").first.wait_for()
    await session.detach()
    real = [size for request, size in sizes.items() if request not in cached]
    return Loaded(len(real), sum(real) / 1024)
