"""An action on many records from the list: chosen rows, or all that the filter shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from crmkit.db.engine import Database

    Browse = Callable[[str], Awaitable[httpx.AsyncClient]]
    Make = Callable[..., Awaitable[int]]


async def test_the_list_offers_the_actions_of_its_records(make: Make, browse: Browse) -> None:
    await make("crm.lead", name="Nina")
    page = (await (await browse("administrator")).get("/crm.lead")).text
    assert 'value="do-convert"' in page
    assert 'name="do-convert.amount"' in page
    assert 'value="do-duplicate"' not in page
    assert 'value="do-convert"' not in (await (await browse("read-only")).get("/crm.lead")).text


@pytest.mark.parametrize("everything", [True, False])
async def test_refused_ones_are_told_and_the_rest_is_undone_as_one(
    make: Make, browse: Browse, db: Database, *, everything: bool
) -> None:
    ids = [await make("crm.lead", name=f"Nina {number}") for number in range(3)]
    await make("crm.lead", name="Other")
    person = await make("crm.person", name="Done")
    spent = await make("crm.lead", name="Nina converted", state="converted", person=person)
    boss = await browse("administrator")
    chosen = {"all": "1", "f": "name:contains:nina"} if everything else {"ids": [*ids, spent]}

    answer = await boss.post("/crm.lead/bulk", data={"action": "do-convert", **chosen})
    page = (await boss.get(answer.headers["location"])).text

    assert "3 records changed" in page
    assert "1 left as they were: This cannot be done in the state the record is in." in page
    count = "SELECT count(*) FROM crm_opportunity WHERE trashed_at IS NULL"
    assert 3 == await db.value(count)
    operation = await db.value("SELECT max(id) FROM core_operation WHERE kind = 'action'")
    await boss.post(f"/history/{operation}/undo")
    assert 0 == await db.value(count)
    assert 4 == await db.value("SELECT count(*) FROM crm_lead WHERE state = 'new'")


async def test_wrong_input_changes_nothing(make: Make, browse: Browse, db: Database) -> None:
    lead = await make("crm.lead", name="Nina")
    sent = {"action": "do-convert", "ids": [lead], "do-convert.amount": "many"}
    answer = await (await browse("administrator")).post("/crm.lead/bulk", data=sent)
    assert 422 == answer.status_code
    assert 0 == await db.value("SELECT count(*) FROM crm_opportunity")


async def test_who_lacks_the_right_is_refused(make: Make, browse: Browse, db: Database) -> None:
    lead = await make("crm.lead", name="Nina")
    sent = {"action": "do-convert", "ids": [lead]}
    answer = await (await browse("read-only")).post("/crm.lead/bulk", data=sent)
    assert 403 == answer.status_code
    assert 0 == await db.value("SELECT count(*) FROM crm_opportunity")
