"""A message written on a record, in a real browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.browser.conftest import Open

pytestmark = pytest.mark.browser


def test_a_message_begins_with_a_template_and_stands_on_the_timeline(open_page: Open) -> None:
    page = open_page("/settings/mail")
    page.fill("[name=address]", "desk@example.org")
    page.fill("[name=smtp_host]", "127.0.0.1")
    page.fill("[name=smtp_port]", "1")
    page.fill("[name=password]", "x")
    page.select_option("[name=smtp_tls]", "plain")
    page.click("text=Save and test")
    expect(page.locator(".crm-toasts")).to_contain_text("Saved, but")
    page.goto("/settings/mail-templates/new")
    page.fill("[name=name]", "Welcome")
    page.select_option("[name=entity]", "crm.person")
    page.fill("[name=subject]", "Hello {{ person.name }}")
    page.fill("[name=body]", "Dear {{ person.name }},\nit is good to have you.")
    page.click("text=Save")
    page.wait_for_url(re.compile(r"/mail-templates/\d+$"))

    phone = open_page("/crm.person/new", viewport={"width": 375, "height": 812},
                      color_scheme="dark")  # fmt: skip
    phone.fill("[name=name]", "Wanda Written")
    phone.fill("[name=email]", "wanda@example.com")
    phone.keyboard.press("Control+Enter")
    phone.wait_for_url(re.compile(r"/crm.person/\d+$"))
    phone.locator(".comp-tabs label", has_text="E-mail").click()
    form = phone.get_by_role("form", name="E-mail")
    expect(form.locator("[name=to]")).to_have_value("wanda@example.com")
    form.locator("[name=text]").fill("P.S. Bring cake.")
    form.locator("[name=template]").select_option(index=1)
    form.get_by_role("button", name="Fill in").click()
    text = form.locator("[name=text]")
    expect(text).to_have_value("Dear Wanda Written,\nit is good to have you.\n\nP.S. Bring cake.")
    expect(form.locator("[name=subject]")).to_have_value("Hello Wanda Written")
    assert phone.evaluate("document.documentElement.scrollWidth") == 375
    text.fill("Dear Wanda,\nsee you soon.")
    text.press("Control+Enter")
    line = phone.locator(".tl", has_text="Hello Wanda Written")
    expect(line).to_contain_text("see you soon.")
    expect(line.get_by_role("button", name="Undo")).to_be_visible()
