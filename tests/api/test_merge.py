from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from crmkit.db.engine import Database
    from tests.api.conftest import Api, Make


async def test_another_record_is_merged_into_one(api: Api, make: Make, db: Database) -> None:
    client = await api()
    kept = await make("crm.company", name="A", city="Berlin", country="Germany")
    gone = await make("crm.company", name="B", city="Bonn", founded=1999)
    sent = {"with": gone, "take": {"city": "other", "founded": "own"}, "version": 1}

    done = await client.post(
        f"/api/v1/crm.company/{kept}/merge", json=sent, headers={"Idempotency-Key": "one"}
    )

    assert 200 == done.status_code, done.text
    assert f"/crm.company/{kept}" == done.json()["url"]
    operation = await db.row("SELECT * FROM core_operation WHERE id = $1", done.json()["operation"])
    assert operation is not None
    assert ("merge", "api") == (operation["kind"], operation["cause"])
    stored = (await client.get(f"/api/v1/crm.company/{kept}")).json()
    assert ("Bonn", "Germany", None) == (stored["city"], stored["country"], stored["founded"])
    again = await client.post(
        f"/api/v1/crm.company/{kept}/merge", json=sent, headers={"Idempotency-Key": "one"}
    )
    assert done.json() == again.json()
    assert 409 == (await client.post(f"/api/v1/crm.company/{kept}/merge", json=sent)).status_code


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        ({}, "with"), ({"with": "7"}, "with"), ({"with": True}, "with"),
        ({"with": 7, "take": []}, "take"), ({"with": 7, "take": {"city": "gone"}}, "take"),
        ({"with": 7, "colour": 1}, "colour"), ({"take": {"colour": "other"}}, "colour"),
    ],
)  # fmt: skip
async def test_what_does_not_fit_is_named(
    api: Api, make: Make, sent: dict[str, Any], problem: str
) -> None:
    client = await api()
    kept, gone = await make("crm.company", name="A"), await make("crm.company", name="B")
    if "colour" in sent.get("take", ()):
        sent = {**sent, "with": gone}
    refused = await client.post(f"/api/v1/crm.company/{kept}/merge", json=sent)
    assert 422 == refused.status_code
    assert problem in refused.json()["error"]["problems"]


async def test_it_needs_the_rights_and_the_version(api: Api, make: Make) -> None:
    kept, gone = await make("crm.company", name="A"), await make("crm.company", name="B")
    url, sent = f"/api/v1/crm.company/{kept}/merge", {"with": gone}
    assert 403 == (await (await api("read-only")).post(url, json=sent)).status_code
    assert 403 == (await (await api(read_only=True)).post(url, json=sent)).status_code
    assert 404 == (await (await api("seller")).post(url, json=sent)).status_code
    stale = await (await api()).post(url, json=sent, headers={"If-Match": '"7"'})
    assert 409 == stale.status_code
    assert kept == stale.json()["error"]["current"]["id"]
    assert 405 == (await (await api()).get(url)).status_code
