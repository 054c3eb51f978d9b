from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from markupsafe import Markup

from crmkit.access.tokens import make_token
from crmkit.errors import InvalidError
from crmkit.model.job import JobEvent
from crmkit.records.callers import find_callers
from crmkit.records.calls import receive_call
from crmkit.web.fields import find_number, phone_link, with_numbers
from crmkit.work.cleaning import remove_done_jobs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.db.engine import Database
    from crmkit.model.context import Context
    from crmkit.model.event import Happened
    from tests.web.conftest import Browse

    Make = Callable[..., Awaitable[int]]
    Login = Callable[..., Awaitable[Context]]

_NUMBER = "+49 (30) 901820-12"
_LINK = "tel:+493090182012"


@pytest.mark.parametrize(
    ("typed", "link"),
    [
        (_NUMBER, _LINK),
        ("(212) 555-0101", "tel:2125550101"),
        ("212-555-0101 ext. 7", "tel:2125550101;ext=7"),
        ("8 (495) 123-45-67 доб. 12", "tel:84951234567;ext=12"),
        ("+1 212 5550101, +1 212 5550102", "tel:+12125550101"),
    ],
)
def test_a_number_is_made_a_link_with_its_extension(typed: str, link: str) -> None:
    assert link == phone_link(typed)


def test_numbers_within_a_text_are_links_and_nothing_else_is() -> None:
    made = with_numbers("Call <b>+49 30 9018-2012</b> or (212) 555-0101, not on 2026-10-31 12:00")
    assert 2 == made.count("<a href=")
    assert "&lt;b&gt;<a href=" in made
    assert Markup("<i>") == with_numbers(Markup("<i>"))
    assert "" == find_number("Invoice 1234567890, 31.10.2026, 12345678")
    assert "a+4930901820122" == str(with_numbers("a+4930901820122"))


async def test_numbers_are_links_wherever_they_are_shown(browse: Browse, make: Make) -> None:
    client = await browse("administrator")
    company = await make("crm.company", name="Kan-code", phone="(212) 555-0101")
    person = await make("crm.person", name="Wolfgang", phone=_NUMBER, company=company)
    note = {"subject": "Call back", "kind": "note", "body": f"He is at {_NUMBER} today"}
    await make("crm.activity", **note, person=person)

    assert _LINK in (await client.get("/crm.person")).text
    record = (await client.get(f"/crm.person/{person}")).text
    facts, timeline = record.split('id="timeline"')
    assert 3 <= facts.count(_LINK), "button, fact and field"
    assert _LINK in timeline
    assert _LINK in (await client.get(f"/crm.company/{company}")).text, "panel"
    assert _LINK in (await client.get("/search?q=wolfgang")).text


async def test_after_a_click_the_log_of_calls_is_offered_with_what_is_known(
    browse: Browse, make: Make
) -> None:
    client = await browse("seller")
    company = await make("crm.company", name="Kan-code")
    person = await make("crm.person", name="Wolfgang", phone=_NUMBER, company=company)
    page = (await client.get(f"/crm.person/{person}")).text
    offered = re.search(r'id="call-bar".*?href="([^"]+)"', page)
    assert offered is not None

    sent = await client.get(offered[1] + "&at=2026-05-04T09:30:00.000Z")

    assert 303 == sent.status_code
    place = urlsplit(sent.headers["location"])
    assert "/crm.activity/new" == place.path
    assert {
        "subject": ["Call: Wolfgang"], "kind": ["call"], "direction": ["out"],
        "person": [str(person)], "company": [str(company)], "done_at": ["2026-05-04T09:30"],
    } == parse_qs(place.query)  # fmt: skip
    form = (await client.get(sent.headers["location"])).text
    assert "Call: Wolfgang" in form
    nobody = await browse("read-only")
    assert 'id="call-bar"' not in (await nobody.get(f"/crm.person/{person}")).text
    assert 404 == (await nobody.get("/calls/log")).status_code


async def test_a_call_is_told_once_to_who_is_called_and_to_plugins(
    browse: Browse, make: Make, db: Database, events: list[Happened]
) -> None:
    called, other = await browse("seller"), await browse("seller")
    ids = [row["id"] for row in await db.rows("SELECT id FROM core_user ORDER BY id DESC LIMIT 2")]
    await db.execute("UPDATE core_user SET phone = '+49 30 555-204' WHERE id = $1", ids[1])
    person = await make("crm.person", name="Wolfgang & <Co>", phone=_NUMBER)
    administrator = await browse("administrator")
    owner = await db.value("SELECT max(id) FROM core_user")
    token = await make_token(db, owner, "PBX", patterns=["core.call"])
    client = await browse("")
    client.headers["Authorization"] = f"Bearer {token.secret}"
    sent = {"from": "0049 30 90182012", "to": "30555204", "id": "c-1", "at": "2026-05-04T09:30:00Z"}
    for _again in range(2):
        answer = await client.post("/api/v1/calls", json=sent | {"to": "+4930555204"})
        assert (200, {"told": 1}) == (answer.status_code, answer.json())
    assert [[ids[1]]] == [e.data["users"] for e in events if e.name == "core.call.received"]

    assert 'data-calls="/calls/ringing"' in (await called.get("/")).text
    assert 'data-calls="/calls/ringing"' not in (await other.get("/")).text
    card = (await called.get("/calls/ringing")).text
    assert "Wolfgang &amp; &lt;Co&gt;" in card
    assert "Nobody calls" in (await other.get("/calls/ringing")).text
    number = await db.value("SELECT max(id) FROM core_call")
    chosen = {"go": f"log:crm.person:{person}"}
    assert 404 == (await other.post(f"/calls/{number}/answer", data=chosen)).status_code
    sent_to = await called.post(f"/calls/{number}/answer", data=chosen)
    query = parse_qs(urlsplit(sent_to.headers["location"]).query)
    assert ("in", str(person)) == (query["direction"][0], query["person"][0])
    assert "Nobody calls" in (await called.get("/calls/ringing")).text
    assert 200 == (await administrator.get("/api/v1/openapi.json")).status_code


async def test_an_unknown_number_may_become_a_lead(
    browse: Browse, db: Database, admin: Context
) -> None:
    client = await browse("seller")
    await db.execute(
        "UPDATE core_user SET phone = '204' WHERE id = (SELECT max(id) FROM core_user)"
    )
    assert 1 == await receive_call(admin, "c-2", "+7 495 1234567", "204")
    card = (await client.get("/calls/ringing")).text
    assert "Unknown number" in card
    assert 'value="new:crm.lead"' in card
    number = await db.value("SELECT max(id) FROM core_call")
    sent = await client.post(f"/calls/{number}/answer", data={"go": "new:crm.lead"})
    assert "/crm.lead/new?phone=%2B7+495+1234567" == sent.headers["location"]
    with pytest.raises(InvalidError) as refused:
        await receive_call(admin, "", "1" * 61, "?", at=datetime(2026, 5, 4))  # noqa: DTZ001
    assert {"id", "from", "to", "at"} == set(refused.value.problems)


async def test_who_calls_is_only_told_of_records_the_called_may_read(
    make: Make, act_as: Login, admin: Context
) -> None:
    lead = await make("crm.lead", name="Hidden", phone=_NUMBER)
    person = await make("crm.person", name="Open", phone=_NUMBER)
    seller = await act_as("seller")
    found = [(each.entity, each.id) for each in await find_callers(seller, "+493090182012")]
    assert [("crm.person", person)] == found
    assert lead
    assert 2 == len(await find_callers(admin, "0049 3090182012"))
    assert [] == await find_callers(admin, "1")


@pytest.mark.parametrize(
    "sent",
    [{}, {"id": "x"}, {"id": "x", "to": 7}, {"id": "x", "to": "204", "by": "y"},
     {"id": "x", "to": "204", "at": "2026-05-04T09:30:00"}, {"id": "", "to": "204"}],
)  # fmt: skip
async def test_a_call_that_does_not_fit_is_refused_with_its_fields(
    browse: Browse, sent: dict[str, object]
) -> None:
    client = await browse("administrator")
    answer = await client.post("/api/v1/calls", json=sent)
    assert 422 == answer.status_code
    assert answer.json()["error"]["problems"], answer.text


async def test_only_a_token_that_opens_calls_tells_of_them(browse: Browse) -> None:
    sent = {"id": "x", "to": "204"}
    assert 401 == (await (await browse("")).post("/api/v1/calls", json=sent)).status_code
    assert 403 == (await (await browse("seller")).post("/api/v1/calls", json=sent)).status_code
    answer = await (await browse("administrator")).get("/api/v1/calls")
    assert (405, "POST, OPTIONS") == (answer.status_code, answer.headers["allow"])


async def test_calls_are_removed_after_a_day(admin: Context, db: Database) -> None:
    for key in ("old", "new"):
        await receive_call(admin, key, "", "204", at=datetime.now(UTC))
    await db.execute("UPDATE core_call SET received_at = now() - interval '25 h' WHERE key = 'old'")
    event = JobEvent(admin, 1, "core.remove_done_jobs", {}, 1, lambda *_: None)
    await remove_done_jobs(event)
    assert ["new"] == [row["key"] for row in await db.rows("SELECT key FROM core_call")]
