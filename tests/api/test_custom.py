"""Fields of the company and of plugins stand under `custom`, by owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from crmkit.access.core import site_of
from crmkit.access.tokens import make_token
from crmkit.config import Config
from crmkit.model.field import Field
from crmkit.model.values import Choice
from crmkit.plugin.site import Choice as SiteChoice
from crmkit.web.app import create_app

if TYPE_CHECKING:
    from crmkit.db.engine import Database

_URL = "/api/v1/crm.company"
_KINDS = {
    "user.note": ("text", "Grüße, 你好"),
    "user.seats": ("number", 2**53),
    "user.since": ("date", "2026-02-28"),
    "user.level": ("choice", "gold"),
    "loyalty.points": ("decimal", "12.5000"),
    "loyalty.member": ("checkbox", True),
}


@pytest.fixture
async def client(db: Database, config: Config) -> httpx.AsyncClient:
    fields = [
        Field(
            name=f"custom.{name}",
            label=name,
            kind=kind,
            choices=(Choice("gold", "Gold"),) if kind == "choice" else (),
        )
        for name, (kind, _value) in _KINDS.items()
    ]
    app = create_app(
        site_of(Config(), SiteChoice(custom_fields={"crm.company": tuple(fields)})), db, config
    )
    user = await db.value(
        "INSERT INTO core_user (name, role) VALUES ('Ada Boss', 'administrator') RETURNING id"
    )
    token = await make_token(db, user, "test")
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),  # type: ignore[arg-type]
        base_url="http://localhost",
        headers={"Authorization": f"Bearer {token.secret}"},
    )


def _nested() -> dict[str, dict[str, object]]:
    custom: dict[str, dict[str, object]] = {}
    for name, (_kind, value) in _KINDS.items():
        owner, key = name.split(".")
        custom.setdefault(owner, {})[key] = value
    return custom


async def test_own_and_extension_fields_come_back_as_they_were_sent(
    client: httpx.AsyncClient, db: Database
) -> None:
    sent = {"name": "Kan-code", "custom": _nested()}
    made = await client.post(_URL, json=sent)
    assert 201 == made.status_code, made.text
    assert _nested() == {n: v for n, v in made.json()["custom"].items() if n != "orders"}
    record = made.json()["id"]
    await db.execute("UPDATE crm_company SET custom = custom || $1", {"gone": {"kept": 1}})

    changed = await client.patch(
        f"{_URL}/{record}", json={"custom": {"user": {"seats": 3}}, "version": 1}
    )

    assert {**_nested()["user"], "seats": 3} == changed.json()["custom"]["user"]
    assert {"kept": 1} == await db.value("SELECT custom->'gone' FROM crm_company")
    listed = (await client.get(f"{_URL}?columns=custom.loyalty.points")).json()["rows"]
    assert {"loyalty": {"points": "12.5000"}} == listed[0]["custom"]


async def test_each_problem_of_a_custom_field_is_named(client: httpx.AsyncClient) -> None:
    custom: dict[str, dict[str, object]] = {
        "user": {"seats": "3", "since": "tomorrow", "level": "tin", "none": 1},
        "loyalty": {"points": "1e5", "member": "yes"},
        "gone": {"kept": 2},
    }
    answer = await client.post(_URL, json={"name": "Kan-code", "custom": custom})
    assert 422 == answer.status_code
    expected = {f"custom.{owner}.{key}" for owner, keys in custom.items() for key in keys}
    assert expected == set(answer.json()["error"]["problems"])


async def test_the_document_nests_them_and_refuses_others(client: httpx.AsyncClient) -> None:
    document = (await client.get("/api/v1/openapi.json")).json()
    schemas = document["components"]["schemas"]
    owners = [name for name in schemas if name.startswith("crm.company.new.custom.")]
    assert 3 == len(owners)  # those of orders as well
    assert all(schemas[name]["additionalProperties"] is False for name in owners)
