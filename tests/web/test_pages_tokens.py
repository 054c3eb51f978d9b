from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmkit.db.engine import Database
    from tests.web.conftest import Browse


async def test_a_token_is_made_shown_once_used_and_revoked(browse: Browse, db: Database) -> None:
    client = await browse("seller")
    assert 200 == (await client.get("/settings/tokens/new")).status_code
    form = {"name": "Warehouse <1>", "days": "30", "entities": "crm.person, crm.company"}

    made = await client.post("/settings/tokens", data=form)

    assert 200 == made.status_code, made.text
    found = re.search(r"crm_[\w-]{43}", html.unescape(made.text))
    assert found is not None
    shown = await client.get("/settings/tokens")
    assert "Warehouse &lt;1&gt;" in shown.text
    assert "/api/v1/openapi.json" in shown.text
    assert found[0] not in shown.text
    headers = {"Authorization": f"Bearer {found[0]}"}
    anybody = await browse("")
    assert 200 == (await anybody.get("/api/v1/crm.person", headers=headers)).status_code
    assert 403 == (await anybody.get("/api/v1/crm.lead", headers=headers)).status_code

    number = await db.value("SELECT id FROM core_token")
    assert (
        404
        == (await (await browse("seller")).post(f"/settings/tokens/{number}/revoke")).status_code
    )
    assert 303 == (await client.post(f"/settings/tokens/{number}/revoke")).status_code
    assert 401 == (await anybody.get("/api/v1/crm.person", headers=headers)).status_code


async def test_wrong_input_stays_and_is_explained(browse: Browse, db: Database) -> None:
    client = await browse("seller")
    form = {"name": "Warehouse", "days": "9" * 5000, "entities": "crm.person;"}
    page = await client.post("/settings/tokens", data=form)
    assert 422 == page.status_code
    assert "Warehouse" in page.text
    assert "is not between 1 and 366 days" in page.text
    assert 0 == await db.value("SELECT count(*) FROM core_token")
