"""Every page in both modes, both languages, on a phone, without scripts, and its weight."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.sites import EMAIL, PASSWORD

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Open

pytestmark = pytest.mark.browser

PAGES = (
    "/", "/?scope=all", "/crm.company", "/crm.opportunity", "/crm.opportunity?group=owner",
    "/crm.opportunity/board", "/crm.company/4", "/crm.company/4?list=", "/crm.opportunity/1",
    "/crm.company/new",
    "/crm.company/4/edit", "/crm.company/4/merge?with=3", "/crm.company/trash",
    "/crm.company/import", "/search?q=kan", "/history", "/runs", "/settings", "/settings/account",
    "/settings/sessions", "/settings/invite", "/settings/roles", "/settings/explain",
    "/settings/work", "/settings/work?state=deadlines", "/settings/webhooks",
    "/settings/webhooks/new", "/inbox", "/approvals",
    "/settings/notifications", "/settings/webhooks/incoming", "/settings/webhooks/incoming/new",
    "/settings/fields", "/settings/fields/new", "/settings/plugins", "/core.absence/new",
    "/settings/hours", "/settings/hours?start=2026-11-26T17:00&length=30h", "/core.calendar/1",
    "/settings/plugins?show=crm&to=disabled", "/settings/tokens", "/core.user", "/core.user/1",
    "/nowhere",
)  # fmt: skip
_MODES: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 375, "height": 800}, "color_scheme": "dark"},
}
_BUDGET = 80 * 1024
_WIDEST = """width => [...document.querySelectorAll('main *')]
    .filter(e => e.getBoundingClientRect().right > width)
    .map(e => `${e.tagName}.${e.className}: ${e.textContent.slice(0, 40)}`).slice(0, 5)"""


# The commit-time run sees each page once, one light and the next on a phone, which is dark here.
@pytest.mark.parametrize(
    ("mode", "pages"),
    [
        pytest.param("light", PAGES[::2], id="light"),
        pytest.param("phone", PAGES[1::2], id="phone"),
        *(pytest.param(mode, PAGES, id=f"{mode}, all", marks=pytest.mark.long) for mode in _MODES),
    ],
)
def test_axe_finds_nothing_on_any_page(open_page: Open, mode: str, pages: tuple[str, ...]) -> None:
    page = open_page("/", bypass_csp=True, **_MODES[mode])
    found = []
    for path in pages:
        page.goto(path)
        result = Axe().run(page).response
        found += [f"{path}: {each['id']} {each['nodes'][0]['html'][:120]}"
                  for each in result["violations"]]  # fmt: skip
    assert [] == found


def test_sign_in_and_its_errors_are_accessible(open_page: Open) -> None:
    page = open_page("/login", signed_in=False, bypass_csp=True)
    assert [] == Axe().run(page).response["violations"]
    page.fill("[name=name]", "nobody")
    page.fill("[name=password]", "wrong")
    page.keyboard.press("Enter")
    expect(page.locator("[role=alert]")).to_contain_text("do not fit")
    assert [] == Axe().run(page).response["violations"]


@pytest.mark.parametrize("width", [375, 320])
def test_no_page_scrolls_sideways_on_a_phone(open_page: Open, width: int) -> None:
    page = open_page("/", viewport={"width": width, "height": 700})
    found = []
    for path in PAGES:
        page.goto(path)
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            found.append((path, wide, page.evaluate(_WIDEST, width)))
    assert [] == found


#: Two English words in a row are a sentence nobody translated; names have capitals.
_ENGLISH = re.compile(r"\b[a-z]{3,} [a-z]{3,}\b")
#: Texts of the page without what people typed: records' titles, fields, notes, choices to bring.
_SAID = """() => {
  const typed = "[data-url] td, .ag-row, .start, .prop dd, .tls, .deal, h1, .crumbs, .crm-lines";
  const more = ".rec-facts, option, script, .crm-tag";
  const copy = document.body.cloneNode(true);
  copy.querySelectorAll(typed + ", " + more).forEach((each) => each.remove());
  document.body.append(copy);
  const text = copy.innerText;
  copy.remove();
  return text;
}"""


def test_russian_is_whole_and_fits(open_page: Open) -> None:
    page = open_page("/settings/account")
    assert _ENGLISH.findall(page.evaluate(_SAID)), "the check must find English where it is"
    page.select_option("[name=language]", "ru")
    page.click("form[action='/settings/account'] button[type=submit]")
    expect(page.locator("html")).to_have_attribute("lang", "ru")
    try:
        found = []
        for path in PAGES[:-1]:
            page.goto(path)
            text = page.evaluate(_SAID)
            assert len(text) > 60, path
            found += [(path, words) for words in _ENGLISH.findall(text)]
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert 1280 >= wide, path
        assert [] == found
    finally:
        page.goto("/settings/account")
        page.select_option("[name=language]", "")
        page.click("form[action='/settings/account'] button[type=submit]")
        expect(page.locator("html")).to_have_attribute("lang", "en")


def test_work_goes_on_without_scripts(open_page: Open) -> None:
    page = open_page("/login", signed_in=False, java_script_enabled=False)
    page.fill("[name=name]", EMAIL)
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.goto("/crm.opportunity/new")
    page.fill("[name=name]", "Without scripts")
    page.fill("[name='company.title']", "kan-code")
    page.click("text=Save")
    page.wait_for_url(re.compile(r"/crm\.opportunity/\d+$"))
    assert "Kan-code" in page.inner_text("main")
    address = page.url
    page.click(".life form button")
    page.wait_for_url(address)
    page.goto("/crm.opportunity?f=name:contains:scripts")
    assert 1 == page.locator("tr[data-url]").count()
    page.goto(f"{address}/edit")
    page.fill("[name=amount]", "12,5")
    page.click("text=Save")
    page.wait_for_url(address)
    assert "12.5" in page.inner_text("main")


#: Comes after the first paint, on boards only.
_LATER = "/static/sortable."


def _load(page: Page, path: str) -> dict[str, int]:
    """Answer the addresses a first visit asks for before it is painted, with bytes on the wire."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    names: dict[str, str] = {}
    sizes: dict[str, int] = {}
    session.on(
        "Network.requestWillBeSent",
        lambda event: (
            None  # what scripts ask for by themselves comes after the paint, on a slow machine here
            if event.get("type") in {"Fetch", "XHR", "EventSource"}
            else names.__setitem__(event["requestId"], event["request"]["url"])
        ),
    )
    session.on(
        "Network.loadingFinished",
        lambda event: (
            sizes.__setitem__(names[event["requestId"]], event["encodedDataLength"])
            if event["requestId"] in names
            else None
        ),
    )
    page.goto(path, wait_until="networkidle")
    return {name: size for name, size in sizes.items() if _LATER not in name}


@pytest.mark.parametrize("path", ["/", "/crm.opportunity", "/crm.opportunity/board"])
def test_a_first_load_stays_in_its_budget(open_page: Open, path: str) -> None:
    loaded = _load(open_page("about:blank"), path)
    assert 6 >= len(loaded)
    assert _BUDGET >= sum(loaded.values())


@pytest.mark.parametrize("path", ["/", "/crm.opportunity", "/crm.opportunity/board"])
def test_nothing_moves_while_a_page_loads(open_page: Open, path: str) -> None:
    page = open_page(path)
    # What moves by design moves at every load; a busy machine paints late now and then.
    shifts = [_shift(page)]
    page.reload()
    shifts.append(_shift(page))
    assert 0 == round(min(shifts), 2)


def _shift(page: Page) -> float:
    """Answer how much of the page moved since it began to load."""
    found: float = page.evaluate(
        """() => new Promise(done => {
            let sum = 0;
            new PerformanceObserver(list => list.getEntries().forEach(e => { sum += e.value; }))
                .observe({ type: 'layout-shift', buffered: true });
            setTimeout(() => done(sum), 300);
        })"""
    )
    return found
