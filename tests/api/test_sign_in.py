"""Who the API takes a caller for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmkit.db.engine import Database
    from crmkit.plugin.site import Site
    from tests.api.conftest import Api, Browse, Make


async def test_nobody_gets_401_in_json(api: Api) -> None:
    client = await api("")
    for path in ("/api/v1", "/api/v1/openapi.json", "/api/v1/crm.person", "/api/v1/crm.person/1"):
        answer = await client.get(path)
        assert (401, "Bearer") == (answer.status_code, answer.headers["www-authenticate"])
        assert {"message", "request_id"} == set(answer.json()["error"])


async def test_a_wrong_token_is_nobody_even_beside_a_session(browse: Browse) -> None:
    client = await browse("administrator")
    assert 200 == (await client.get("/api/v1")).status_code
    for header in ("Bearer crm_wrong", "Basic YTpi", "crm_x", "Bearer"):
        answer = await client.get("/api/v1", headers={"Authorization": header})
        assert 401 == answer.status_code, header


async def test_a_session_needs_the_token_of_pages_to_write(browse: Browse) -> None:
    client = await browse("administrator")
    allowed = await client.post("/api/v1/crm.company", json={"name": "Labdrill"})
    del client.headers["X-CSRF-Token"]
    refused = await client.post("/api/v1/crm.company", json={"name": "Labdrill"})
    assert (201, 403) == (allowed.status_code, refused.status_code)


async def test_a_token_opens_the_api_and_no_page(api: Api, db: Database) -> None:
    client = await api()
    assert 200 == (await client.get("/api/v1")).status_code
    for path in ("/", "/settings/tokens", "/crm.person", "/core.user"):
        assert 303 == (await client.get(path)).status_code
    for path in ("/settings/tokens", "/settings/password", "/crm.company/new"):
        assert 401 == (await client.post(path, data={"name": "x"})).status_code
    assert 1 == await db.value("SELECT count(*) FROM core_token")


async def test_a_token_in_an_address_is_refused(api: Api) -> None:
    client = await api()
    secret = client.headers["Authorization"].removeprefix("Bearer ")
    answer = await client.get("/api/v1/crm.person", params={"token": secret})
    assert 400 == answer.status_code
    assert "Authorization: Bearer" in answer.json()["error"]["message"]


async def test_a_narrow_token_sees_its_entities_only(api: Api, make: Make, site: Site) -> None:
    record = await make("crm.person", name="Ada")
    client = await api("administrator", read_only=True, patterns=["crm.person"])
    index = (await client.get("/api/v1")).json()
    verbs = {each["name"]: each["verbs"] for each in index["entities"]}
    assert ["read", "export"] == verbs.pop("crm.person")
    # What is part of a person is read with it.
    wholes = {plan.part_of.entity if (plan := site.entity(name)).part_of else "" for name in verbs}
    assert wholes <= {"crm.person"}
    document = (await client.get("/api/v1/openapi.json")).json()
    base = "/api/v1/crm.person"
    paths = {path for path in document["paths"] if path.split("/")[3] not in verbs}
    assert {base, f"{base}/{{id}}", f"{base}/{{id}}/deadlines"} == paths
    assert {"get"} == set(document["paths"]["/api/v1/crm.person"])
    url = f"/api/v1/crm.person/{record}"
    assert 200 == (await client.get(url)).status_code
    assert 403 == (await client.get("/api/v1/crm.company")).status_code
    assert 403 == (await client.get("/api/v1/mail-templates")).status_code
    assert 403 == (await client.patch(url, json={"name": "Eve", "version": 1})).status_code
    assert 403 == (await client.delete(url)).status_code


async def test_a_wide_token_grants_no_role_above_its_own(api: Api, make: Make) -> None:
    user = await make("core.user", name="Eve", role="seller")
    client = await api("administrator", patterns=["core.*"])
    answer = await client.patch(
        f"/api/v1/core.user/{user}", json={"role": "administrator", "version": 1}
    )
    assert 422 == answer.status_code
