from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crmkit.db.engine import Database
    from crmkit.plugin.site import Site
    from tests.api.conftest import Api, Make


async def test_a_record_is_made_read_changed_trashed_and_restored(api: Api, db: Database) -> None:
    client = await api()
    url = "/api/v1/crm.opportunity"

    made = await client.post(url, json={"name": "Pump", "amount": "12.50", "currency": "EUR"})
    assert 201 == made.status_code, made.text
    place = made.headers["location"]
    assert f"{url}/{made.json()['id']}" == place

    shown = await client.get(place)
    assert 200 == shown.status_code
    assert ("12.50", "EUR", 1) == tuple(shown.json()[n] for n in ("amount", "currency", "version"))
    assert '"1"' == shown.headers["etag"]
    assert shown.json()["created_at"].endswith("Z")
    assert "Anna Snelling" == shown.json()["owner_title"]

    changed = await client.patch(place, json={"amount": "13", "version": 1})
    assert 200 == changed.status_code, changed.text
    assert ("13.00", 2) == (changed.json()["amount"], changed.json()["version"])

    assert 204 == (await client.delete(place)).status_code
    assert 409 == (await client.patch(place, json={"amount": "1", "version": 3})).status_code
    assert 200 == (await client.post(f"{place}/restore")).status_code
    causes = await db.rows(
        "SELECT DISTINCT cause FROM core_journal WHERE entity = 'crm.opportunity'"
    )
    assert ["api"] == [row["cause"] for row in causes]


async def test_what_is_read_can_be_sent_back(api: Api, site: Site, make: Make) -> None:
    client = await api()
    company = await make("crm.company", name="Mill", revenue=Decimal("12.3456"), founded=1881)
    person = await make("crm.person", name="Ada", company=company, phone="+1 312 555 0148")
    deal = await make("crm.opportunity", name="Pump", person=person, amount=Decimal("1.50"))
    task = await make("crm.activity", subject="Call", due_at=datetime(2026, 5, 1, 9, tzinfo=UTC))
    for entity, record in {
        "crm.company": company, "crm.person": person, "crm.opportunity": deal,
        "crm.activity": task,
    }.items():  # fmt: skip
        url = f"/api/v1/{entity}/{record}"
        read = (await client.get(url)).json()
        editable = {name for name, field in site.entity(entity).fields.items() if field.editable}
        sent = {name: value for name, value in read.items() if name in {*editable, "version"}}

        answer = await client.patch(url, json=sent)

        assert (200, read) == (answer.status_code, answer.json())


async def test_a_stale_change_shows_what_is_stored(api: Api, make: Make) -> None:
    record = await make("crm.company", name="Before")
    client = await api()
    url = f"/api/v1/crm.company/{record}"
    assert (
        200
        == (
            await client.patch(url, json={"name": "Between"}, headers={"If-Match": '"1"'})
        ).status_code
    )

    stale = await client.patch(url, json={"name": "After", "version": 1})

    assert 409 == stale.status_code
    error = stale.json()["error"]
    assert ("Between", 2) == (error["current"]["name"], error["current"]["version"])
    assert error["request_id"] == stale.headers["x-request-id"]
    without = await client.patch(url, json={"name": "After"})
    assert (422, True) == (without.status_code, "version" in without.json()["error"]["problems"])


async def test_all_problems_are_named_by_field_and_nothing_is_written(
    api: Api, db: Database
) -> None:
    client = await api()
    before = await db.value("SELECT count(*) FROM crm_company")
    sent = {
        "nick": "x", "id": 3, "version": 4, "created_at": "2026-01-01T00:00:00Z",
        "employees": "many", "founded": 2**62, "custom": {"user": {"none": 1}, "billing": 3},
        "custom.user.none": 1, "owner": True,
    }  # fmt: skip

    answer = await client.post("/api/v1/crm.company", json=sent)

    assert 422 == answer.status_code
    problems = answer.json()["error"]["problems"]
    assert {
        "nick", "id", "version", "created_at", "employees", "custom.user.none", "custom.billing",
        "`custom.user.none`", "owner",
    } == set(problems)  # fmt: skip
    assert before == await db.value("SELECT count(*) FROM crm_company")


_BAD = [
    b"", b"{", b"[]", b'"x"', b"nul", b"\xff", b"[" * 100_000, b'{"a":' * 100_000,
    b'{"name": NaN}', b'{"name": Infinity}', b'{"name": "a", "name": "b"}',
    b'{"employees": 9223372036854775808}', b'{"employees": 1e400}', b'{"name": "a\\u0000b"}',
    b'{"name": "\\ud800"}', b'{"\\ud800": 1, "\\ud800": 2}',
    b'{"custom": {"user": {"x": "\\ud800"}}}',
    b'{"employees": ' + b"9" * 5000 + b"}",
    b'{"custom": ' + b'{"a":' * 60 + b"1" + b"}" * 61,
]  # fmt: skip


@pytest.mark.parametrize("body", _BAD, ids=range(len(_BAD)))
async def test_what_cannot_be_read_is_400_with_a_sentence(api: Api, body: bytes) -> None:
    client = await api()
    headers = {"Content-Type": "application/json"}
    answer = await client.post("/api/v1/crm.company", content=body, headers=headers)
    assert 400 == answer.status_code, answer.text
    assert answer.json()["error"]["message"].endswith(".")


async def test_a_point_and_a_zero_make_a_whole_number(api: Api) -> None:
    client = await api()
    headers = {"Content-Type": "application/json"}
    body = b'{"name": "Old mill", "employees": 1881.0}'
    answer = await client.post("/api/v1/crm.company", content=body, headers=headers)
    assert (201, 1881) == (answer.status_code, answer.json()["employees"])


async def test_other_content_is_415_and_too_much_is_413(api: Api) -> None:
    client = await api()
    assert 415 == (await client.post("/api/v1/crm.company", data={"name": "x"})).status_code
    large = await client.post("/api/v1/crm.company", json={"name": "x" * 3_000_000})
    assert 413 == large.status_code
    assert "2 MB" in large.json()["error"]["message"]


async def test_each_address_names_its_methods(api: Api) -> None:
    client = await api()
    for path, allowed in {
        "/api/v1": "GET, OPTIONS",
        "/api/v1/crm.person": "GET, POST, OPTIONS",
        "/api/v1/crm.person/1": "GET, PATCH, DELETE, OPTIONS",
        "/api/v1/crm.person/1/restore": "POST, OPTIONS",
        "/api/v1/crm.lead/1/actions/convert": "POST, OPTIONS",
    }.items():
        assert allowed == (await client.options(path)).headers["allow"]
        for method in ("PUT", "TRACE", "HEAD", "NONE"):
            refused = await client.request(method, path)
            assert (405, allowed) == (refused.status_code, refused.headers["allow"])
    missing = await client.get("/api/v1/a/b/c/d")
    assert 404 == missing.status_code
    assert "error" in missing.json()


async def test_an_action_is_done_with_one_and_with_many(api: Api, make: Make) -> None:
    leads = [await make("crm.lead", name=f"Lead {n}") for n in range(3)]
    client = await api()

    one = await client.post(
        f"/api/v1/crm.lead/{leads[0]}/actions/convert", json={"input": {"opportunity": "Deal"}}
    )
    many = await client.post("/api/v1/crm.lead/actions/convert", json={"ids": [*leads, 999_999]})

    assert 200 == one.status_code, one.text
    assert one.json()["url"].startswith("/crm.opportunity/")
    assert (2, [leads[0], 999_999]) == (
        many.json()["changed"],
        [each["id"] for each in many.json()["skipped"]],
    )
    unknown = await client.post(f"/api/v1/crm.lead/{leads[1]}/actions/none")
    assert 404 == unknown.status_code


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "null", 5, 0.1, True, [5]])
async def test_an_amount_that_is_none_is_refused_and_nothing_is_written(
    api: Api, make: Make, db: Database, amount: object
) -> None:
    lead = await make("crm.lead", name="Nina")
    client = await api("administrator")
    for path, more in (
        (f"/api/v1/crm.lead/{lead}/actions/convert", {}),
        ("/api/v1/crm.lead/actions/convert", {"ids": [lead]}),
    ):
        answer = await client.post(path, json={"input": {"amount": amount}, **more})
        assert 422 == answer.status_code, path
        assert "amount" in answer.text
    assert 0 == await db.value("SELECT count(*) FROM crm_opportunity")


async def test_amounts_are_texts_with_the_places_of_their_currency(api: Api) -> None:
    client = await api()
    url = "/api/v1/crm.opportunity"
    for currency, sent, shown in (
        ("EUR", "10", "10.00"), ("JPY", "1000", "1000"), ("KWD", "1.234", "1.234"),
        ("CLF", "1.2345", "1.2345"),
    ):  # fmt: skip
        made = await client.post(url, json={"name": "P", "amount": sent, "currency": currency})
        assert 201 == made.status_code, made.text
        assert shown == (await client.get(made.headers["location"])).json()["amount"]
    refused = await client.post(url, json={"name": "P", "amount": "1.234", "currency": "EUR"})
    assert 422 == refused.status_code
    assert "EUR" in refused.json()["error"]["problems"]["amount"]
