"""From a quote to a delivered order, as somebody does it who never saw the pages before."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.sites import EMAIL, PASSWORD, add_administrator, crmkit, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright._impl._api_structures import FilePayload, SetCookieParam
    from playwright.sync_api import Page

    from tests.browser.conftest import Open

pytestmark = pytest.mark.browser

#: Clicks and keys of a person from the empty form to the goods that left, typing left aside.
_BUDGET = 30
_FILES = {
    "crm.company": "name,city\nKan-code,Chicago\n",
    "crm.person": "name,email,company\nTom Whitfield,tom@example.com,Kan-code\n",
    "orders.product": (
        "name,code,price,tax_rate,currency\nGTX Pro,GTX-P,4821,10.25,USD\n"
        "MG Special,MG-S,55,10.25,USD\n"
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with orders on, a client and two products."""
    site = tmp_path_factory.mktemp("orders")
    add_administrator(site)
    crmkit(site, "plugin", "enable", "orders")
    for entity, text in _FILES.items():
        file = site / f"{entity}.csv"
        file.write_text(text, encoding="utf-8")
        crmkit(site, "import", entity, str(file))
    return site


@pytest.fixture(scope="module")
def base(folder: Path) -> Iterator[str]:
    """The address of the running site."""
    with serving(folder) as address:
        yield address


@pytest.fixture(scope="module")
def state(base: str) -> SetCookieParam:
    """The cookies of a signed-in administrator."""
    with httpx.Client(base_url=base) as client:
        sent = client.post("/login", data={"name": EMAIL, "password": PASSWORD})
    cookie: SetCookieParam = {
        "name": "crmkit", "value": sent.cookies["crmkit"], "url": base, "httpOnly": True,
        "sameSite": "Lax",
    }  # fmt: skip
    return cookie


class _Hand:
    """Counts what a person does."""

    def __init__(self, page: Page) -> None:
        self.page, self.count = page, 0

    def click(self, selector: str) -> None:
        self.page.locator(selector).locator("visible=true").first.click()
        self.count += 1

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.count += 1

    def choose(self, selector: str, text: str) -> None:
        """Type into a field that searches, and take the first that is offered."""
        self.click(selector)
        self.page.keyboard.type(text)
        self.page.locator('[role="option"]').locator("visible=true").first.wait_for()
        self.press("Enter")


def test_a_first_time_user_brings_a_quote_to_the_clients_door(open_page: Open) -> None:
    page = open_page("/orders.quote/new")
    hand = _Hand(page)
    hand.choose("#f-company", "Kan")
    hand.choose("#f-person", "Tom")
    hand.click(".form-foot button.btn-primary")
    page.wait_for_url(re.compile(r"/orders\.quote/\d+$"))
    quote = page.url

    hand.choose("#orders-quote-line-new-product", "GTX")
    page.locator("[data-parts] tbody tr:not([data-new])").first.wait_for()
    quantity = page.locator('[data-parts] input[name="1.quantity"]')
    quantity.fill("2")
    hand.press("Tab")
    page.locator("dl.parts-sums", has_text="10,630.31").wait_for()

    hand.click('form:has-text("Send") button:has-text("Send"), button:text-is("Send")')
    page.locator(".crm-badge, .crm-steps, main", has_text="Sent").first.wait_for()
    link = page.locator('a[href*="/orders/quotes/"], input[value*="/orders/quotes/"]').first
    address = link.get_attribute("href") or link.get_attribute("value") or ""

    client = open_page(address[address.index("/orders/") :], signed_in=False)
    client.fill('input[name="name"]', "Tom Whitfield")
    client.click('button:has-text("Accept and order")')
    client.locator("text=Thank you").wait_for()

    page.goto(quote)
    hand.click('main a[href^="/orders.order/"]:not([href*="new"])')
    page.wait_for_url(re.compile(r"/orders\.order/\d+"))
    order = page.url
    hand.click('button:text-is("Confirm"), button:has-text("Confirm")')
    page.locator("main", has_text="Prepare").wait_for()
    hand.click('button:has-text("Record delivery")')
    hand.click('form[action$="/actions/deliver"] button[type="submit"]')
    page.wait_for_url(re.compile(r"/orders\.delivery/\d+"))
    hand.click('button:has-text("Ship")')
    page.locator("main", has_text="Shipped").wait_for()

    page.goto(order)
    assert "All" in page.locator("main").inner_text()
    assert hand.count <= _BUDGET, hand.count


def test_a_blanket_order_is_called_off_by_two_clicks(open_page: Open) -> None:
    page = open_page("/orders.agreement/new")
    hand = _Hand(page)
    hand.choose("#f-company", "Kan")
    page.fill("#f-valid_until", "2099-12-31")
    hand.click(".form-foot button.btn-primary")
    page.wait_for_url(re.compile(r"/orders\.agreement/\d+$"))
    agreement = page.url
    hand.choose("#orders-agreement-line-new-product", "MG")
    page.locator("[data-parts] tbody tr:not([data-new])").first.wait_for()
    page.locator('[data-parts] input[name="1.quantity"]').fill("100")
    with page.expect_response(lambda answer: "/parts/" in answer.url):
        hand.press("Tab")
    page.reload()
    page.locator("dl.rec-facts", has_text="5,500").wait_for()
    hand.click('button:has-text("Begin")')
    page.locator('button:has-text("Call off")').first.wait_for()

    before = hand.count
    hand.click('button:has-text("Call off")')
    form = 'form[action$="/actions/call-off"]'
    assert "100" == page.locator(f'{form} input[name^="quantities."]').input_value()
    page.fill(f'{form} input[name^="quantities."]', "30")
    hand.click(f'{form} button[type="submit"]')
    page.wait_for_url(re.compile(r"/orders\.order/\d+"))
    assert 2 == hand.count - before

    phone = open_page(agreement, viewport={"width": 375, "height": 740})
    assert "In drafts: 30 × MG Special" in phone.locator("main").inner_text()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 375


def test_a_line_is_changed_and_added_by_keys_after_it_was_saved(open_page: Open) -> None:
    """What the server answers brings the inputs of pages without scripts along: none is sent."""
    page = open_page("/orders.quote/new")
    hand = _Hand(page)
    hand.choose("#f-company", "Kan")
    page.keyboard.press("Control+Enter")  # also when the answer to what was typed is on its way
    page.wait_for_url(re.compile(r"/orders\.quote/\d+$"))
    assert "Kan-code" in page.inner_text(".rec-head")
    page.click("#orders-quote-line-new-product")
    page.keyboard.type("GTX")
    page.keyboard.press("Tab")  # one product is called so, and is taken
    page.locator("dl.parts-sums", has_text="4,821").wait_for()
    product = page.locator('[data-col="1"] > .ref input[role="combobox"]').first
    product.click()
    page.keyboard.type("MG")
    page.locator('[role="option"]').locator("visible=true").first.wait_for()
    page.keyboard.press("Enter")
    page.locator("dl.parts-sums", has_text="$55").wait_for()
    page.locator("[id^=orders-quote-line][id$=unit]").first.focus()
    page.keyboard.press("Alt+ArrowDown")
    focused = page.evaluate("document.activeElement.id")
    assert "orders-quote-line-new-product" == focused


def test_lines_are_saved_and_sent_as_a_file_without_scripts(open_page: Open) -> None:
    page = open_page("/orders.quote/new", java_script_enabled=False)
    page.fill("[name='company.title']", "Kan-code")
    page.click("#form button[type=submit]")
    page.wait_for_url(re.compile(r"/orders\.quote/\d+$"))
    page.fill("[name='1.product.title']", "GTX Pro")
    page.click(".parts noscript button")
    page.locator("dl.parts-sums", has_text="4,821").wait_for()
    page.click("text=Take lines from a file")
    lines: FilePayload = {"name": "l.csv", "mimeType": "text/csv", "buffer": b"code,qty\nMG-S,2\n"}
    page.set_input_files("input[type=file]", files=lines)
    page.click("text=Add lines from the file")
    page.locator("dl.parts-sums", has_text="4,931").wait_for()
    # The fields stand beside the lines alone, and are as high as they are.
    height = "document.querySelector('{}').getBoundingClientRect().height"
    page = open_page(page.url)
    page.locator(".rec-cols.doc:not(:has(> .rec-right))").wait_for()
    left, mid = (page.evaluate(height.format(f".rec-{side}")) for side in ("left", "mid"))
    assert left == mid


_OVERFLOW = """() => [...document.querySelectorAll(".rec-cols > *")]
    .filter(part => part.scrollHeight > part.clientHeight + 1).map(part => part.className)"""


@pytest.mark.parametrize("width", [1280, 1000])
def test_no_side_of_a_document_lies_over_another(open_page: Open, width: int) -> None:
    """They are scrolled together, so each is as high as what stands in it."""
    page = open_page("/orders.product/1", viewport={"width": width, "height": 420})
    page.locator(".rec-cols.doc").wait_for()
    assert [] == page.evaluate(_OVERFLOW)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_orders_fit_a_phone(open_page: Open, scheme: str) -> None:
    for path in ("/orders.order", "/orders.order/board", "/orders.quote/new", "/orders/board",
                 "/orders/report", "/orders.product"):  # fmt: skip
        page = open_page(path, viewport={"width": 375, "height": 740}, color_scheme=scheme)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 375, (path, width)


def test_orders_speak_russian(open_page: Open, folder: Path) -> None:
    page = open_page("/settings/account")
    page.select_option('select[name="language"]', "ru")
    page.locator('form:has(select[name="language"]) button[type="submit"]').click()
    page.goto("/orders.order")
    assert "Доска" in page.locator("main, .crm-list").first.inner_text()
    assert "Заказы" in page.locator("nav").first.inner_text()
    page.goto("/settings/account")
    page.select_option('select[name="language"]', "en")
    page.locator('form:has(select[name="language"]) button[type="submit"]').click()
    # A browser that is closed while it goes to another page may never end.
    page.locator('html[lang="en"]').wait_for(state="attached")


def test_a_page_that_refused_an_action_can_be_loaded_again(open_page: Open) -> None:
    page = open_page("/orders.order/new")
    page.locator("#f-company").click()
    page.keyboard.type("Kan")
    page.locator('[role="option"]').locator("visible=true").first.wait_for()
    page.keyboard.press("Enter")
    page.locator(".form-foot button.btn-primary").click()
    page.wait_for_url(re.compile(r"/orders\.order/\d+$"))
    order = page.url
    page.locator('button:text-is("Confirm")').first.click()
    page.locator("[role=alert], .crm-toast", has_text="Confirm:").first.wait_for()
    assert order == page.url
    answer = page.reload()
    assert answer is not None
    assert 200 == answer.status
