"""Why a record has a deadline: on its page, on one of its own, by API and by command."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from click.testing import CliRunner

from crmkit import deadlines
from crmkit.cli.deadlines import deadlines as command
from tests.work.promising import HOUR, fire, now_of, only, person, turn_clock

if TYPE_CHECKING:
    from crmkit.testing.sites import Running

COMPANY, DEAL, VISIT = "crm.company", "crm.opportunity", "promises.visit"
FOUND, MISSING = 200, 404


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


def test_the_command_says_what_it_does() -> None:
    shown = CliRunner().invoke(command, ["--help"])
    assert "--missed" in shown.output
    assert json.dumps("--json") in json.dumps(shown.output.split())
