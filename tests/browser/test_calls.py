"""Calls and documents in a real browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright._impl._api_structures import SetCookieParam
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
_NUMBER = "+49 30 90182012"


def _new(page: Page, entity: str, **fields: str) -> None:
    page.goto(f"/{entity}/new")
    for name, text in fields.items():
        page.fill(f"[name={name}]", text)
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(rf"/{entity}/\d+$"))


def test_a_click_on_a_number_offers_to_log_the_call(page: Page) -> None:
    _new(page, "crm.person", name="Wolfgang Clicked", phone=_NUMBER)
    expect(page.locator("#call-bar")).to_be_hidden()
    page.locator('.rec-facts a[href^="tel:"]').click()
    bar = page.locator("#call-bar")
    expect(bar).to_contain_text("Called +493090182012")
    bar.get_by_role("link").click()
    page.wait_for_url(re.compile("/crm.activity/new"))
    expect(page.locator("[name=subject]")).to_have_value("Call: Wolfgang Clicked")
    expect(page.locator("[name=done_at]")).not_to_have_value("")


def test_who_is_called_sees_who_calls_and_logs_it(
    page: Page, base: str, state: SetCookieParam
) -> None:
    _new(page, "crm.person", name="Wolfgang Calling", phone="+49 30 90182099")
    page.goto("/core.user/1/edit")
    page.fill("[name=phone]", "204")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(r"/core.user/1$"))
    page.goto("/crm.company")
    token = page.locator('meta[name="csrf-token"]').get_attribute("content") or ""
    with httpx.Client(base_url=base, cookies={"crmkit": state["value"]}) as client:
        call = {"id": "b-1", "to": "204", "from": "+493090182099"}
        answer = client.post("/api/v1/calls", json=call, headers={"X-CSRF-Token": token})
        assert {"told": 1} == answer.json()
    card = page.locator(".crm-call")
    expect(card).to_contain_text("Wolfgang Calling", timeout=15_000)  # asked every five seconds
    card.get_by_role("button", name="Log this call").click()
    page.wait_for_url(re.compile("/crm.activity/new.*direction=in"))
    page.goto("/")
    expect(page.locator("#calls")).to_be_attached()
    expect(card).to_have_count(0)


def test_an_offer_letter_appears_without_reloading(page: Page) -> None:
    page.goto("/crm.opportunity")
    page.get_by_role("link", name="GTK 500 Acme").first.click()
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("button", name="Offer letter").click()
    link = page.locator("#documents").get_by_role("link", name=re.compile("^Offer letter"))
    expect(link).to_have_attribute("href", re.compile(r"/documents/\d+$"), timeout=15_000)
