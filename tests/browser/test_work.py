"""A day's work in a real browser: the budgets of UI.md, section 6."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.sites import EMAIL, PASSWORD, crmkit, serving

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.browser.conftest import Open

pytestmark = pytest.mark.browser


def test_the_set_up_link_makes_the_first_administrator(browser: Browser, tmp_path: Path) -> None:
    crmkit(tmp_path, "init")
    with serving(tmp_path) as base:
        link = re.search(r"/setup/[\w-]+", (tmp_path / "serve.log").read_text())
        assert link is not None
        context = browser.new_context(base_url=base)
        page = context.new_page()
        page.goto(link[0])
        page.fill("[name=name]", "Ada Boss")
        page.fill("[name=email]", EMAIL)
        page.fill("[name=password]", "short")
        page.keyboard.press("Enter")
        expect(page.locator(".invalid-feedback")).to_contain_text("12 or more")
        page.fill("[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{base}/")
        expect(page.locator("h1")).to_contain_text("Ada")
        context.close()


def test_a_list_is_filtered_sorted_and_cleared(open_page: Open) -> None:
    page = open_page("/crm.company")
    page.locator("tr[data-url]").first.wait_for()
    many = page.locator("tr[data-url]").count()
    page.click("[popovertarget=add-filter]")
    page.click("#add-filter summary >> text=Sector")
    # Without a value it would look like a filter and be none: the value is asked for.
    page.click("#add-filter details[open] button[type=submit]")
    expect(page.locator("#add-filter details[open] input[name=value]:invalid")).to_be_focused()
    expect(page.locator("tr[data-url]")).to_have_count(many)
    page.locator("#add-filter details[open] input[name=value]").fill("retail")
    page.click("#add-filter details[open] button[type=submit]")
    expect(page.locator("tr[data-url]")).to_have_count(2)
    page.click("th >> text=Revenue, millions")
    expect(page.locator("th[aria-sort]")).to_have_attribute("aria-sort", "ascending")
    expect(page.locator("tr[data-url]").first).to_contain_text("Ёлка")
    page.go_back()
    expect(page.locator("th[aria-sort]")).to_have_count(0)
    page.click("text=Clear")
    expect(page.locator("tr[data-url]").nth(2)).to_be_visible()


def test_the_next_record_of_a_list_is_one_key_away_on_any_keyboard(open_page: Open) -> None:
    page = open_page("/crm.company?sort=-name")
    page.locator("tr[data-url] a", has_text="Kan-code").first.click()
    expect(page.locator("h1")).to_have_text("Kan-code")
    expect(page).to_have_url(re.compile(r"\?list=sort%3D-name$"))
    page.keyboard.press("j")
    expect(page.locator("h1")).to_have_text("Cancity")
    page.reload()
    page.evaluate(
        "document.body.dispatchEvent(new KeyboardEvent('keydown',"
        "{key: 'л', code: 'KeyK', bubbles: true}))"
    )
    expect(page.locator("h1")).to_have_text("Kan-code")
    page.set_viewport_size({"width": 375, "height": 700})
    arrow = page.locator(".rec-pos a").last
    expect(arrow).to_be_visible()
    assert 44 <= (arrow.bounding_box() or {"width": 0})["width"]
    arrow.click()
    expect(page.locator("h1")).to_have_text("Cancity")
    page.locator(".crm-crumbs a").click()
    expect(page.locator("th[aria-sort]")).to_have_attribute("aria-sort", "descending")


def test_search_folds_cyrillic(open_page: Open) -> None:
    page = open_page("/crm.company")
    page.keyboard.press("/")
    page.keyboard.type("ЕЛК")
    page.keyboard.press("Enter")
    expect(page.locator("tr[data-url]")).to_have_count(1)


def test_a_field_is_edited_in_place(open_page: Open) -> None:
    page = open_page("/crm.company/2")
    place = page.locator("#crm-company-2-city")
    place.locator("a.prop-v").click()
    expect(place.locator("input[name=city]")).to_be_focused()
    page.keyboard.type("Berlin")
    page.keyboard.press("Escape")
    expect(place).not_to_contain_text("Berlin")
    place.locator("a.prop-v").click()
    expect(place.locator("input[name=city]")).to_be_focused()
    page.keyboard.type("Bonn")
    page.keyboard.press("Enter")
    expect(place).to_contain_text("Bonn")
    mail = page.locator("#crm-company-2-email")
    mail.locator("a.prop-v").click()
    expect(mail.locator("input[name=email]")).to_be_focused()
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(mail.locator("input[name=email]")).to_have_value("wrong")
    expect(mail).to_contain_text("address")
    page.keyboard.press("Control+a")
    page.keyboard.type("office@beta.example")
    page.keyboard.press("Enter")
    expect(mail).to_contain_text("office@beta.example")


def _stage(page: Page, card: str) -> str | None:
    return page.locator(f"ul[data-stage]:has({card})").get_attribute("data-stage")


def test_a_card_is_dragged_and_the_move_undone(open_page: Open) -> None:
    page = open_page("/crm.opportunity/board")
    page.wait_for_load_state("networkidle")
    # The script that drags is fetched when a board is shown.
    page.wait_for_function(
        "() => window.Sortable && [...document.querySelectorAll('ul[data-stage]')]"
        ".every(list => window.Sortable.get(list))"
    )
    card = page.locator(".deal", has_text="Acme")
    expect(page.locator('ul[data-stage="prospecting"]')).to_contain_text("Acme")
    box = card.bounding_box()
    target = page.locator('ul[data-stage="engaging"]').bounding_box()
    assert box
    assert target
    page.mouse.move(box["x"] + 40, box["y"] + 14)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 24, steps=4)
    expect(page.locator(".sortable-ghost")).to_contain_text("Acme")
    for step in range(20):  # a busy machine is slow to follow the mouse
        page.mouse.move(target["x"] + 60 + step % 2, target["y"] + 20, steps=4)
        if page.locator('ul[data-stage="engaging"] .sortable-ghost').count():
            break
    page.mouse.up()
    expect(page.locator(".crm-toast")).to_contain_text("Engaging")
    expect(page.locator('ul[data-stage="engaging"]')).to_contain_text("Acme")
    page.keyboard.press("z")
    expect(page.locator('ul[data-stage="prospecting"]')).to_contain_text("Acme")


def test_a_card_moves_by_two_keys(open_page: Open) -> None:
    page = open_page("/crm.opportunity/board")
    expect(page.locator('ul[data-stage="proposal"]')).to_contain_text("Cancity")
    for _ in range(6):
        page.keyboard.press("j")
        if page.locator(".deal.at, .deal[aria-current], .deal:focus", has_text="Cancity").count():
            break
    page.keyboard.press("m")
    page.keyboard.press("3")
    expect(page.locator('ul[data-stage="negotiation"]')).to_contain_text("Cancity")
    page.keyboard.press("z")
    expect(page.locator('ul[data-stage="proposal"]')).to_contain_text("Cancity")


def test_an_action_is_done_from_the_palette(page: Page) -> None:
    page.goto("/crm.company/4")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_contain_text("Do something with Kan-code")
    page.keyboard.type("> trash")
    page.keyboard.press("Enter")  # at once: what was typed counts, not what is still listed
    expect(page.locator(".crm-toast")).to_contain_text("trash")
    page.keyboard.press("z")
    expect(page.locator("h1")).to_contain_text("Kan-code")


def test_an_action_that_asks_opens_with_its_first_field(page: Page) -> None:
    page.goto("/crm.lead/new")
    page.fill("[name=name]", "Asked first")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(r"/crm.lead/\d+$"))
    page.keyboard.press("Control+k")
    page.keyboard.type("convert")
    page.keyboard.press("Enter")
    menu = page.locator("#act-convert")
    expect(menu).to_be_visible()
    expect(menu.locator("input:not([type=hidden])").first).to_be_focused()
    menu.locator("[name=amount]").fill("many")
    menu.locator("button[type=submit]").click()
    # The menu is open again, with what was typed and what is wrong beside it.
    expect(menu.locator("[name=amount]")).to_have_value("many")
    expect(menu.locator("[name=amount]")).to_be_focused()
    expect(menu).to_contain_text("does not fit")


_PRESS = """({ key, code, ctrlKey }) => document.body.dispatchEvent(
    new KeyboardEvent("keydown", { key, code, ctrlKey, bubbles: true, cancelable: true }))"""


def test_keys_are_those_of_the_latin_letters_on_any_keyboard(page: Page) -> None:
    page.evaluate(_PRESS, {"key": "л", "code": "KeyK", "ctrlKey": True})
    expect(page.locator("#palette")).to_be_visible()
    page.keyboard.press("Escape")
    page.evaluate(_PRESS, {"key": "п", "code": "KeyG", "ctrlKey": False})
    page.evaluate(_PRESS, {"key": "д", "code": "KeyL", "ctrlKey": False})
    page.wait_for_url("**/crm.lead/board")


def test_each_key_that_is_listed_leads_where_it_says(page: Page) -> None:
    page.keyboard.press("?")
    listed = page.locator("#keys li", has_text=re.compile(r"G [A-Z]$")).all_inner_texts()
    keys = {text.splitlines()[0]: text.split()[-1].lower() for text in listed}
    assert {"Today": "t", "Inbox": "i", "Companies": "c"}.items() <= keys.items()
    page.keyboard.press("Escape")
    for label, key in keys.items():
        page.goto("/history")
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_function(
            "label => document.title.startsWith(label + ' ') || label === 'Settings'", arg=label
        )


def test_a_phone_has_the_inbox_in_its_bar(open_page: Open) -> None:
    page = open_page("/", viewport={"width": 375, "height": 700})
    page.click(".crm-bottom >> text=Inbox")
    page.wait_for_url("**/inbox")
    page.click(".crm-bottom >> text=Menu")
    expect(page.locator("#side")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#side")).to_be_hidden()


def test_a_record_is_found_by_the_palette(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.keyboard.type("kan")
    expect(page.locator("#palette")).to_contain_text("Kan-code")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/crm\.(company|opportunity)/\d+"))


def test_a_lead_is_entered_by_keyboard_and_converted(page: Page) -> None:
    page.keyboard.press("g")
    page.keyboard.press("l")
    page.wait_for_url("**/crm.lead/board")
    page.keyboard.press("c")
    page.locator("#new-menu .it", has_text="Lead").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/crm.lead/new")
    expect(page.locator("[name=name]")).to_be_focused()
    page.keyboard.type("Tom Whitfield")
    page.keyboard.press("Tab")
    page.keyboard.type("Labdrill")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(r"/crm\.lead/\d+$"))
    page.click("text=Convert")
    page.fill("[id^=act-convert] [name=amount]", "900")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/crm\.opportunity/\d+$"))
    expect(page.locator("main")).to_contain_text("$900")


def test_a_call_is_logged_and_a_task_done_and_undone(open_page: Open) -> None:
    page = open_page("/crm.company/4")
    page.keyboard.press("l")
    page.keyboard.type("Reached Nina, Offer on Monday")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".tls").first).to_contain_text("Reached Nina")
    # The next one is written where this one was; Escape leaves it, and keys are keys again.
    expect(page.locator("#c-call-text")).to_be_focused()
    expect(page.locator("#c-call-text")).to_have_value("")
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    page.keyboard.type("Send the Offer")
    page.locator("form[action$='/timeline/task'] [name=due_at]").fill("2020-01-01T09:00")
    page.click("form[action$='/timeline/task'] .btn-primary")
    expect(page.locator(".tls").first).to_contain_text("Send the Offer")
    expect(page.locator("#c-task-text")).to_be_focused()
    expect(page.locator(".rec-facts")).to_contain_text("Send the Offer")
    page.goto("/")
    row = page.locator(".ag-row", has_text="Send the Offer")
    row.locator("button").click()
    expect(row).to_have_count(0)
    expect(page.locator(".crm-toast [data-undo]")).to_be_visible()
    page.keyboard.press("z")
    expect(page.locator(".ag-row", has_text="Send the Offer")).to_have_count(1)


def test_rows_are_corrected_in_bulk_and_put_back(open_page: Open) -> None:
    page = open_page("/crm.company?f=sector:is:technolgy")
    page.check('input[name="ids"]')
    # Whatever plugins add to the bar, all of it is on the page.
    page.set_viewport_size({"width": 820, "height": 700})
    bar = page.locator(".crm-bulk").bounding_box()
    assert bar is not None
    assert page.locator(".crm-bulk").evaluate("e => e.scrollWidth <= e.clientWidth")
    assert bar["x"] >= 0
    assert bar["x"] + bar["width"] <= 820
    page.click("[popovertarget=bulk-set-sector]")
    page.fill("[name='set-sector.sector']", "technology")
    page.click("#bulk-set-sector button[type=submit]")
    expect(page.locator(".crm-toast")).to_contain_text("1 record changed")
    page.keyboard.press("z")
    expect(page.locator(".crm-toast")).to_contain_text("put back")
    page.goto("/crm.company?f=sector:is:technolgy")
    expect(page.locator("tr[data-url]")).to_have_count(1)


def _save(page: Page) -> None:
    page.click("#form button[type=submit].btn-primary")


def test_two_people_on_one_record_see_both_values(open_page: Open) -> None:
    first, second = open_page("/crm.company/1/edit"), open_page("/crm.company/1/edit")
    first.fill("[name=country]", "Canada")
    _save(first)
    first.wait_for_url("**/crm.company/1")
    second.fill("[name=country]", "Mexico")
    _save(second)
    expect(second.locator(".theirs")).to_contain_text("Canada")
    expect(second.locator("[name=country]")).to_have_value("Mexico")
    _save(second)
    second.wait_for_url("**/crm.company/1")
    expect(second.locator("main")).to_contain_text("Mexico")


def test_similar_records_appear_while_typing(open_page: Open) -> None:
    page = open_page("/crm.company/new")
    expect(page.locator("[name=name]")).to_be_focused()
    page.keyboard.type("kan code")
    expect(page.locator("#duplicates")).to_contain_text("Kan-code")


def test_a_file_is_imported_with_a_bar_and_undone(open_page: Open, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    rows = "".join(f"Person {n},p{n}@example.com\n" for n in range(400))
    file.write_text(f"Full name,E-mail\n{rows}", encoding="utf-8")
    page = open_page("/crm.person/import")
    page.set_input_files("input[type=file]", file)
    page.click("form[enctype] button[type=submit]")
    page.click("text=Import 400 rows")
    expect(page.locator("main")).to_contain_text("400", timeout=20_000)
    page.click("form[action*='/undo'] button")
    page.goto("/crm.person?q=person")
    expect(page.locator("tr[data-url]")).to_have_count(0)
