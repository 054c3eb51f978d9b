from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from tests.conftest import Make
    from tests.web.conftest import Browse

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


async def test_wrong_input_stays_in_the_form(browse: Browse) -> None:
    client = await browse("administrator")
    answer = await client.post("/crm.company/new", data={"name": "Labdrill", "email": "wrong"})
    assert 422 == answer.status_code
    assert 'value="wrong"' in answer.text


async def test_a_stale_field_keeps_what_was_typed_and_shows_what_is_stored(
    browse: Browse,
) -> None:
    client = await browse("administrator")
    made = await client.post("/crm.company/new", data={"name": "Labdrill", "city": "Berlin"})
    url = made.headers["location"]
    first = await client.post(
        f"{url}/field/city", data={"city": "Bonn", "version": "1"}, headers=HTMX
    )
    second = await client.post(
        f"{url}/field/city", data={"city": "Rome", "version": "1"}, headers=HTMX
    )
    assert 200 == first.status_code
    assert "<html" not in first.text
    assert 409 == second.status_code
    assert 'value="Rome"' in second.text
    assert "Bonn" in second.text


async def test_markup_in_a_name_is_text(browse: Browse) -> None:
    client = await browse("administrator")
    made = await client.post("/crm.company/new", data={"name": "<b>Bold</b>"})
    page = await client.get(made.headers["location"])
    assert "<b>Bold</b>" not in page.text
    assert "&lt;b&gt;Bold&lt;/b&gt;" in page.text


async def test_a_reference_can_be_typed_by_name(browse: Browse) -> None:
    client = await browse("administrator")
    company = await client.post("/crm.company/new", data={"name": "Kan-code"})
    made = await client.post(
        "/crm.opportunity/new", data={"name": "GTX", "company": "", "company.title": "kan-CODE"}
    )
    page = await client.get(made.headers["location"])
    assert f'href="{company.headers["location"]}"' in page.text


async def test_a_name_nobody_has_stays_in_the_form(browse: Browse) -> None:
    client = await browse("administrator")
    for typed in ("Nobody", "a\x00b", "\ud83d"):
        answer = await client.post(
            "/crm.opportunity/new",
            data={"name": "GTX", "company.title": typed.encode(errors="replace").decode()},
        )
        assert 422 == answer.status_code
        assert "invalid-feedback" in answer.text


async def test_a_call_written_on_a_record_is_on_its_timeline(browse: Browse) -> None:
    client = await browse("seller")
    made = await client.post("/crm.company/new", data={"name": "Kan-code"})
    url = made.headers["location"]
    answer = await client.post(f"{url}/timeline/call", data={"text": "Reached Tom"}, headers=HTMX)
    assert 200 == answer.status_code
    assert "Reached Tom" in answer.text


async def test_an_empty_note_is_refused_and_keeps_its_tab(browse: Browse) -> None:
    client = await browse("seller")
    made = await client.post("/crm.company/new", data={"name": "Kan-code"})
    url = made.headers["location"]
    answer = await client.post(f"{url}/timeline/task", data={"text": " "}, headers=HTMX)
    assert 422 == answer.status_code
    assert 'value="task" checked' in answer.text


async def test_a_task_is_done_from_the_day_and_opened_again(browse: Browse) -> None:
    client = await browse("seller")
    due = "2020-01-01T09:00"
    me = (await client.get("/settings/account")).text
    assert me
    made = await client.post("/crm.company/new", data={"name": "Kan-code"})
    await client.post(
        f"{made.headers['location']}/timeline/task", data={"text": "Send quote", "due_at": due}
    )
    day = await client.get("/")
    found = re.search(r'action="(/crm\.activity/\d+)/done"', day.text)
    assert found is not None
    done = await client.post(f"{found[1]}/done", data={"version": "1"})
    assert 303 == done.status_code
    after = await client.get("/")
    assert f'action="{found[1]}/done"' not in after.text
    undo = re.search(r'action="(/history/\d+/undo)"', after.text)
    assert undo is not None
    await client.post(undo[1])
    assert f'action="{found[1]}/done"' in (await client.get("/")).text


async def test_a_move_on_the_board_can_be_undone(browse: Browse) -> None:
    client = await browse("seller")
    made = await client.post("/crm.lead/new", data={"name": "Tom", "state": "new"})
    url = made.headers["location"]
    moved = await client.post(
        f"{url}/board-move", data={"to": "working", "version": "1"}, headers=HTMX
    )
    assert 200 == moved.status_code
    undo = re.search(r'action="(/history/\d+/undo)"', moved.text)
    assert undo is not None
    await client.post(undo[1])
    board = await client.get("/crm.lead/board")
    new = board.text.split('data-stage="working"')[0]
    assert f'data-url="{url}"' in new


async def test_a_lead_is_converted_from_its_page(browse: Browse) -> None:
    client = await browse("seller")
    made = await client.post(
        "/crm.lead/new", data={"name": "Tom", "company_name": "Kan-code", "state": "new"}
    )
    url = made.headers["location"]
    assert f'action="{url}/actions/convert"' in (await client.get(url)).text
    came = {"referer": f"http://localhost{url}?list="}
    wrong = await client.post(
        f"{url}/actions/convert", data={"amount": "x", "version": "1"}, headers=came
    )
    assert 422 == wrong.status_code
    assert f'data-read="{url}?list="' in wrong.text
    done = await client.post(f"{url}/actions/convert", data={"amount": "5", "version": "1"})
    assert done.headers["location"].startswith("/crm.opportunity/")
    assert "Lead converted" in (await client.get(done.headers["location"])).text
    assert f'action="{url}/actions/convert"' not in (await client.get(url)).text


async def test_similar_records_are_shown_while_typing(browse: Browse) -> None:
    client = await browse("seller")
    await client.post("/crm.person/new", data={"name": "Tom Whitfield", "phone": "+1 312 555 0142"})
    for typed, reason in (
        ({"name": "tom whitfield"}, "Same name"),
        ({"name": "Tom Whitfeld"}, "Similar name"),
        ({"name": "T", "phone": "(312) 555-0142"}, "Same: phone"),
    ):
        answer = await client.post("/crm.person/similar", data=typed, headers=HTMX)
        assert reason in answer.text, typed
    other = await client.post("/crm.person/similar", data={"name": "Nobody"}, headers=HTMX)
    assert "Tom" not in other.text


async def test_a_view_can_be_saved_shared_and_deleted(browse: Browse) -> None:
    client = await browse("seller")
    filters = {"f": "sector:is:retail", "sort": "-revenue"}
    saved = await client.post(
        "/crm.company/views", data={"name": "Retail", "shared": "1", **filters}
    )
    assert 303 == saved.status_code
    page = await client.get(saved.headers["location"])
    assert re.search(r'aria-current="page">Retail', page.text)
    delete = re.search(r'action="(/crm\.company/views/\d+/delete)"', page.text)
    assert delete is not None
    colleague = await browse("seller")
    theirs = await colleague.get(saved.headers["location"])
    assert "Retail" in theirs.text
    assert delete[1] not in theirs.text
    assert 404 == (await colleague.post(delete[1])).status_code
    await client.post(delete[1])
    assert ">Retail" not in (await client.get("/crm.company")).text


async def test_a_company_shows_its_people_and_deals(browse: Browse) -> None:
    client = await browse("seller")
    made = await client.post("/crm.company/new", data={"name": "Kan-code"})
    url = made.headers["location"]
    number = url.rpartition("/")[2]
    await client.post("/crm.person/new", data={"name": "Tom Whitfield", "company": number})
    await client.post("/crm.opportunity/new", data={"name": "GTX Pro", "company": number})
    page = (await client.get(url)).text
    assert "Tom Whitfield" in page
    assert f'href="/crm.opportunity?f=company:is:{number}"' in page
    assert f'href="/crm.person/new?company={number}"' in page


async def test_going_back_never_leaves_the_site(browse: Browse) -> None:
    client = await browse("seller")
    for referer, back in (
        ("http://localhost/crm.lead?q=a", "/crm.lead?q=a"),
        ("https://evil.example/x", "/"),
        ("http://localhost//evil.example", "/evil.example"),
        ("", "/"),
    ):
        made = await client.post("/crm.activity/new", data={"subject": "Call", "kind": "call"})
        url = made.headers["location"]
        done = await client.post(f"{url}/done", headers={"Referer": referer})
        assert back == done.headers["location"], referer


async def test_the_timeline_shows_what_was_done_or_what_changed(browse: Browse) -> None:
    client = await browse("seller")
    made = await client.post("/crm.company/new", data={"name": "Kan-code"})
    url = made.headers["location"]
    await client.post(f"{url}/timeline/note", data={"text": "Reached Tom"})
    for show, note, change in (("", True, True), ("done", True, False), ("changes", False, True)):
        part = (await client.get(f"{url}?show={show}", headers=HTMX)).text
        assert part.lstrip().startswith('<div id="timeline">')
        assert note == ("Reached Tom" in part), show
        assert change == ("created this record" in part), show


async def test_a_history_says_names_days_and_amounts_as_people_read_them(
    browse: Browse, make: Make, admin: Context
) -> None:
    client = await browse("administrator")
    seller = await make("core.user", name="Ada Novak", role="seller")
    deal = await make("crm.opportunity", name="Cranes", amount=Decimal(5), currency="EUR")
    await admin.save(
        "crm.opportunity", deal, owner=seller, amount=Decimal(1250), close_date=date(2026, 12, 24)
    )
    page = (await client.get(f"/crm.opportunity/{deal}?show=changes")).text
    assert re.search(r"Owner: <span class='ink-3'>[^<]*</span> → Ada Novak", page)
    assert re.search(r"<span class='ink-3'>€5(\.00)?</span> → €1,250", page)
    assert "→ 2026-12-24" not in page
    # What is gone keeps its number.
    await admin.db.execute("UPDATE crm_opportunity SET owner = NULL WHERE id = $1", deal)
    await admin.db.execute("DELETE FROM core_user WHERE id = $1", seller)
    assert f"→ #{seller}" in (await client.get(f"/crm.opportunity/{deal}?show=changes")).text
