from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
