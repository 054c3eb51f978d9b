"""Why a record has a deadline: on its page, on one of its own, by API and by command."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from crmkit import DeadlineOrder, deadlines
from crmkit.cli.deadlines import deadlines as command
from crmkit.records.plugins.switch import disable_plugin, enable_plugin
from tests.work.promising import HOUR, fire, now_of, only, person, turn_clock

if TYPE_CHECKING:
    import pytest

    from crmkit.testing.sites import Running

COMPANY, DEAL, VISIT = "crm.company", "crm.opportunity", "promises.visit"
FOUND, FORBIDDEN, MISSING = 200, 403, 404
LIST = "/settings/work?state=deadlines"


async def promised(running: Running, entity: str = COMPANY) -> tuple[int, int]:
    """Answer a record with a deadline, and that."""
    ctx = running.ctx
    owner = await person(ctx, "Olga")
    record = await ctx.create(entity, name="Northgate <b>", owner=owner)
    await deadlines.set(ctx, entity, record, VISIT, await now_of(running) + 3 * HOUR)
    return record, only(await deadlines.list_deadlines(ctx, entity, record)).id


async def test_the_record_says_what_is_due_and_what_comes_next(promises: Running) -> None:
    record, number = await promised(promises)
    client = await promises.client()
    page = await client.get(f"/{COMPANY}/{record}")
    assert FOUND == page.status_code
    assert f'href="/deadlines/{number}"' in page.text
    assert "next: Warning" in page.text
    assert "Olga" in page.text
    other = await promises.ctx.create(COMPANY, name="South")
    assert "panel-deadlines" not in (await client.get(f"/{COMPANY}/{other}")).text


async def test_a_deadline_is_explained_paused_resumed_and_taken_off(promises: Running) -> None:
    record, number = await promised(promises)
    client = await promises.client()
    page = await client.get(f"/deadlines/{number}")
    assert FOUND == page.status_code
    assert "promises.visit" in page.text
    assert "Nothing yet. Each step" in page.text
    assert "Northgate <b>" not in page.text
    for verb, state in (("pause", "paused"), ("resumption", "open"), ("removal", "cleared")):
        done = await client.post(f"/deadlines/{number}/{verb}")
        assert f"/deadlines/{number}" == done.headers["location"]
        row = only(await deadlines.list_deadlines(promises.ctx, COMPANY, record))
        assert state == row.state
    page = await client.get(f"/deadlines/{number}")
    assert "Taken off" in page.text
    assert "Resumed" in page.text
    assert "Anna Snelling" in page.text


async def test_the_steps_that_were_made_are_in_its_history(promises: Running) -> None:
    _record, number = await promised(promises)
    await turn_clock(promises.ctx, timedelta(hours=20))
    await fire(promises.ctx)
    page = (await (await promises.client()).get(f"/deadlines/{number}")).text
    assert "passed over" in page
    assert "Missed" in page
    assert "Nothing more comes of it." in page


async def test_who_may_not_read_the_record_finds_nothing(promises: Running) -> None:
    record, number = await promised(promises, DEAL)
    seller = await promises.client("seller")
    assert MISSING == (await seller.get(f"/deadlines/{number}")).status_code
    assert MISSING == (await seller.post(f"/deadlines/{number}/removal")).status_code
    assert MISSING == (await seller.get(f"/api/v1/{DEAL}/{record}/deadlines")).status_code
    assert MISSING == (await seller.get(f"/deadlines/{2**70}")).status_code
    row = only(await deadlines.list_deadlines(promises.ctx, DEAL, record))
    assert "open" == row.state


async def test_the_api_lists_them(promises: Running) -> None:
    record, number = await promised(promises)
    answer = await (await promises.client()).get(f"/api/v1/{COMPANY}/{record}/deadlines")
    (row,) = answer.json()["rows"]
    assert (number, VISIT, "open", False) == (row["id"], row["kind"], row["state"], row["late"])


async def test_administrators_see_what_runs_late_first_and_narrow_it(promises: Running) -> None:
    ctx = promises.ctx
    record, soon = await promised(promises)
    await deadlines.set(ctx, COMPANY, record, "promises.answer", timedelta(hours=1))
    late = await ctx.create(COMPANY, name="Late one")
    await deadlines.set(ctx, COMPANY, late, VISIT, await now_of(promises) - HOUR)
    await fire(ctx)
    client = await promises.client()
    page = (await client.get(LIST)).text
    assert page.index("Late one") < page.index("Northgate &lt;b&gt;")
    assert f'href="/deadlines/{soon}"' in page
    assert f'href="/{COMPANY}/{late}"' in page
    assert 'Visit <span class="n">2</span>' in page
    visits = (await client.get(f"{LIST}&kind=promises.visit")).text
    assert 2 == visits.count("<tr id=")
    assert 3 == (await client.get(f"{LIST}&plugin=promises")).text.count("<tr id=")
    assert "No deadline runs" in (await client.get(f"{LIST}&plugin=crm&skip=x")).text
    assert FORBIDDEN == (await (await promises.client("seller")).get(LIST)).status_code


async def test_the_list_of_deadlines_has_pages_and_says_when_it_is_empty(
    promises: Running,
) -> None:
    client = await promises.client()
    assert "No deadline runs" in (await client.get(LIST)).text
    due = await now_of(promises) + 3 * HOUR
    records = [await promises.ctx.create(COMPANY, name=f"C {n}") for n in range(52)]
    orders = [DeadlineOrder(record=each, due=due) for each in records]
    await deadlines.set_many(promises.ctx, COMPANY, VISIT, orders)
    page = (await client.get(LIST)).text
    assert 50 == page.count("<tr id=")
    assert "skip=50" in page
    assert 2 == (await client.get(f"{LIST}&skip=50")).text.count("<tr id=")


async def test_a_plugin_that_is_off_is_listed_by_its_name_alone(promises: Running) -> None:
    await promised(promises)
    await disable_plugin(promises.ctx, "promises")
    await promises.rebuild()
    try:
        page = (await (await promises.client()).get(LIST)).text
        assert "promises.visit" in page
    finally:
        await enable_plugin(promises.ctx, "promises", promises.dsn)
        await promises.rebuild()


async def test_the_command_lists_them_and_says_why(
    promises: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = promises.ctx
    record, number = await promised(promises)
    await deadlines.move(ctx, COMPANY, record, VISIT, 5 * HOUR)
    late = await ctx.create(COMPANY, name="Late one")
    await deadlines.set(ctx, COMPANY, late, VISIT, await now_of(promises) - HOUR)
    await fire(ctx)
    monkeypatch.setenv("CRMKIT_DATABASE_URL", promises.dsn)

    async def said(*words: str) -> Any:  # noqa: ANN401 - of click
        words += ("--site", str(promises.config.folder))
        return await asyncio.to_thread(CliRunner().invoke, command, words)

    async def shown(*words: str) -> Any:  # noqa: ANN401 - of JSON
        done = await said(*words, "--json")
        assert 0 == done.exit_code, done.output
        return json.loads(done.stdout)

    assert [f"{COMPANY} {late}", f"{COMPANY} {record}"] == [
        row["record"] for row in await shown("list", "--kind", VISIT)
    ]
    assert [late] == [int(row["record"].split()[1]) for row in await shown("list", "--missed")]
    assert [] == await shown("list", "--plugin", "crm")
    told = await shown("why", str(number))
    assert ("5:00:00", ["moved"]) == (told["length"], [line["what"] for line in told["history"]])
    assert ["warn1", "due", "step1", "step2"] == [step["step"] for step in told["steps"]]
    assert "What comes next:" in (await said("why", str(number))).stdout
    refused = await said("why", "99999")
    assert 1 == refused.exit_code
    assert "There is no deadline 99999" in refused.output
