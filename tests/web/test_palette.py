"""The palette offers what is declared: actions of a record, what can be made, where one can go."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from crmkit.db.engine import Database

    Browse = Callable[[str], Awaitable[httpx.AsyncClient]]
    Make = Callable[..., Awaitable[int]]

_HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


async def _palette(client: httpx.AsyncClient, text: str = "", page: str = "/") -> str:
    answer = await client.get("/search", params={"q": text, "from": page}, headers=_HTMX)
    assert 200 == answer.status_code
    return answer.text


async def test_a_record_s_page_offers_what_can_be_done_with_it(make: Make, browse: Browse) -> None:
    lead = await make("crm.lead", name="Nina")
    boss = await browse("administrator")
    found = await _palette(boss, page=f"/crm.lead/{lead}")
    assert "Do something with Nina" in found
    # What asks for something first is opened on the page, the rest is done at once.
    assert f'href="/crm.lead/{lead}#act-convert"' in found
    assert f'href="/crm.lead/{lead}/actions/duplicate"' in found
    assert f'href="/crm.lead/{lead}?write=call"' in found
    named = await _palette(boss, "> conv", page=f"/crm.lead/{lead}")
    assert "#act-convert" in named
    assert "write=call" not in named


async def test_what_was_found_can_be_worked_with(make: Make, browse: Browse) -> None:
    lead = await make("crm.lead", name="Nina Petrova")
    found = await _palette(await browse("administrator"), "petrova")
    assert f'href="/crm.lead/{lead}"' in found
    assert "Do something with Nina Petrova" in found
    assert "#act-convert" in found
    assert "Do something" not in await _palette(await browse("administrator"), "> petrova")


async def test_nothing_is_offered_that_the_role_may_not_do(make: Make, browse: Browse) -> None:
    lead = await make("crm.lead", name="Nina")
    found = await _palette(await browse("read-only"), page=f"/crm.lead/{lead}")
    for part in ("convert", "duplicate", "trash", "write=", "/edit"):
        assert part not in found
    assert "/crm.lead/new" not in await _palette(await browse("read-only"), "new")
    assert "/crm.lead/new" in await _palette(await browse("seller"), "new lead")


async def test_a_record_of_others_is_neither_named_nor_worked_with(
    make: Make, browse: Browse, db: Database
) -> None:
    lead = await make("crm.lead", name="Secretive")
    user = await db.value("INSERT INTO core_user (name, role) VALUES ('X', 'seller') RETURNING id")
    await db.execute("UPDATE crm_lead SET owner = $1", user)
    found = await _palette(await browse("seller"), page=f"/crm.lead/{lead}")
    assert "Secretive" not in found
    assert "Do something" not in found


async def test_an_action_from_the_palette_is_done_and_can_be_undone(
    make: Make, browse: Browse, db: Database
) -> None:
    lead = await make("crm.lead", name="Nina")
    boss = await browse("administrator")
    assert 303 == (await boss.post(f"/crm.lead/{lead}/actions/duplicate")).status_code
    assert 2 == await db.value("SELECT count(*) FROM crm_lead")


async def test_settings_and_menu_are_found_by_name(browse: Browse) -> None:
    boss = await browse("administrator")
    assert 'href="/settings/tokens"' in await _palette(boss, "token")
    assert 'href="/crm.opportunity/board"' in await _palette(boss, "opportun")
    assert "/settings/roles" not in await _palette(await browse("seller"), "roles")


async def test_without_scripts_a_command_only_leads_to_its_page(make: Make, browse: Browse) -> None:
    lead = await make("crm.lead", name="Nina")
    page = (await (await browse("administrator")).get("/search?q=nina")).text
    assert f'href="/crm.lead/{lead}#act-duplicate"' in page
    assert "data-post" not in page


async def test_what_is_wrong_with_an_action_stands_beside_its_field(
    make: Make, browse: Browse, db: Database
) -> None:
    lead = await make("crm.lead", name="Nina")
    boss = await browse("administrator")
    sent = {"amount": "many"}
    answer = await boss.post(f"/crm.lead/{lead}/actions/convert", data=sent)
    assert 422 == answer.status_code
    page = answer.text
    menu = page.partition('id="act-convert"')[2].partition("</form>")[0]
    assert "data-open" in menu
    assert 'value="many"' in menu
    assert 'aria-invalid="true"' in menu
    assert "is not a number, such as 1234.50" in menu
    assert 0 == await db.value("SELECT count(*) FROM crm_opportunity")
