"""Four eyes: who did the work cannot approve it, through whatever door."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from crmkit.cli.approvals import approvals as command
from crmkit.errors import ConflictError, ForbiddenError, InvalidError, SecondPersonError
from crmkit.model.context import Principal
from crmkit.records import merge
from crmkit.records.actions import run_action
from crmkit.records.approval_merge import MERGED
from crmkit.records.approvals import (
    ask_approval,
    decide_approval,
    find_approval,
    list_approvals,
    withdraw_approval,
)
from crmkit.records.bulk import Selection, bulk_edit
from crmkit.records.bulk_actions import bulk_action
from crmkit.records.history import undo_operation
from crmkit.records.merge import merge_records
from crmkit.work.notifications import list_notifications

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from crmkit.model.context import Context
    from crmkit.testing.sites import Place, Running

_CODE = """
from decimal import Decimal

from crmkit import Action, Entity, Lifecycle, State


class Bill(Record, tablename="paper_bill"):
    name = Name(length=100, required=True)
    amount = Number()
    state = Name(length=20)


async def void(ctx, record_id, data, version):
    await ctx.save(Bill, record_id, amount=0, version=version)


LIFE = Lifecycle(
    "state",
    (State("draft", "Draft"), State("sent", "Sent"), State("paid", "Paid", "won")),
    second_person={"sent": lambda ctx, record: (record["amount"] or 0) >= 100},
)


class Paper(Plugin):
    def entities(self):
        return [
            Entity(
                Bill, "Bills", singular="Bill", title=Bill.name, lifecycle=LIFE,
                list=[Bill.name, Bill.amount, Bill.state],
                actions=[Action("void", "Void", void, second_person=True)],
            )
        ]
"""
_SQL = """
CREATE TABLE paper_bill (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(), created_by bigint,
    updated_at timestamptz NOT NULL DEFAULT now(), updated_by bigint,
    owner bigint, team bigint, version integer NOT NULL DEFAULT 1,
    custom jsonb NOT NULL DEFAULT '{}', trashed_at timestamptz,
    name text NOT NULL DEFAULT '',
    name_key text GENERATED ALWAYS AS (lower(crm_unaccent(name))) STORED,
    amount bigint, state text NOT NULL DEFAULT '',
    state_key text GENERATED ALWAYS AS (lower(crm_unaccent(state))) STORED
);
-- backwards
DROP TABLE paper_bill;
"""
_MANIFEST = 'id = "paper"\nname = "Paper"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
BILL = "paper.bill"


@pytest.fixture
async def paper(place: Place) -> AsyncIterator[Running]:
    place.write("paper", _CODE, _MANIFEST, m0001_initial=_SQL)
    async with place.start() as running:
        assert {} == dict(running.site.failed)
        yield running


async def _person(running: Running, name: str) -> Context:
    role = running.site.roles["administrator"]
    number = await running.ctx.create("core.user", name=name, role="administrator", active=True)
    return replace(running.ctx, principal=Principal(number, name, role))


async def test_who_did_the_work_cannot_approve_it(paper: Running) -> None:
    anna, boris = await _person(paper, "Anna"), await _person(paper, "Boris")
    bill = await anna.create(BILL, name="Bill 1", amount=500)
    with pytest.raises(SecondPersonError):
        await anna.save(BILL, bill, state="sent")
    # Neither the machine, nor who changes something else with the same save.
    with pytest.raises(SecondPersonError):
        await paper.ctx.save(BILL, bill, state="sent")
    with pytest.raises(SecondPersonError):
        await boris.save(BILL, bill, state="sent", amount=700)
    await boris.save(BILL, bill, state="sent")
    assert "sent" == (await anna.get(BILL, bill))["state"]


async def test_small_ones_need_nobody(paper: Running) -> None:
    anna = await _person(paper, "Anna")
    bill = await anna.create(BILL, name="Bill 1", amount=5)
    await anna.save(BILL, bill, state="sent")


async def test_no_door_leads_around_it(paper: Running) -> None:
    anna = await _person(paper, "Anna")
    with pytest.raises(SecondPersonError):
        await anna.create(BILL, name="Bill 1", amount=500, state="sent")
    bill = await anna.create(BILL, name="Bill 1", amount=500)
    plan = paper.site.entity(BILL)
    result = await bulk_edit(anna, plan, Selection(ids=(bill,)), {"state": "sent"})
    assert 0 == result.changed
    assert "Another person" in result.skipped[0][1]


async def test_who_changed_it_after_the_approval_is_an_author_again(paper: Running) -> None:
    anna, boris = await _person(paper, "Anna"), await _person(paper, "Boris")
    bill = await anna.create(BILL, name="Bill 1", amount=500)
    await boris.save(BILL, bill, state="sent")
    await anna.save(BILL, bill, state="draft", amount=900)
    with pytest.raises(SecondPersonError):
        await anna.save(BILL, bill, state="sent")
    # Boris only approved; what stands there now is all Anna's.
    await boris.save(BILL, bill, state="sent")


async def test_what_is_approved_is_done_at_once_and_can_be_undone(paper: Running) -> None:
    anna, boris = await _person(paper, "Anna"), await _person(paper, "Boris")
    plan = paper.site.entity(BILL)
    bill = await anna.create(BILL, name="Bill 1", amount=500)
    number = await ask_approval(anna, plan, bill, values={"state": "sent"}, note="Please")
    assert [number] == [each.id for each in (await list_approvals(boris))[0]]
    assert [] == (await list_approvals(anna))[0]
    told = await list_notifications(boris)
    assert ["Anna asks you to approve something on Bill 1."] == [each.text for each in told]
    with pytest.raises(ForbiddenError):
        await decide_approval(anna, number, approve=True)
    _url, operation = await decide_approval(boris, number, approve=True)
    assert "sent" == (await anna.get(BILL, bill))["state"]
    assert "approved" == (await find_approval(anna, number)).state
    told = await list_notifications(anna)
    assert ["Boris approved what you asked for on Bill 1."] == [each.text for each in told]
    with pytest.raises(ConflictError):
        await decide_approval(boris, number, approve=False, reason="No")
    await undo_operation(boris, operation)
    assert "draft" == (await anna.get(BILL, bill))["state"]


async def test_an_approval_binds_to_the_content_it_saw(paper: Running) -> None:
    anna, boris = await _person(paper, "Anna"), await _person(paper, "Boris")
    plan = paper.site.entity(BILL)
    bill = await anna.create(BILL, name="Bill 1", amount=500)
    number = await ask_approval(anna, plan, bill, values={"state": "sent"})
    await anna.save(BILL, bill, amount=50_000)
    with pytest.raises(ConflictError, match="changed"):
        await decide_approval(boris, number, approve=True)
    assert "stale" == (await find_approval(anna, number)).state
    assert "draft" == (await anna.get(BILL, bill))["state"]


async def test_an_action_is_asked_for_by_every_door(paper: Running) -> None:
    anna, boris = await _person(paper, "Anna"), await _person(paper, "Boris")
    plan = paper.site.entity(BILL)
    bills = [await anna.create(BILL, name=f"Bill {n}", amount=10) for n in range(3)]
    result = await run_action(anna, plan, "void", bills[0])
    await bulk_action(anna, plan, "void", Selection(ids=(bills[1], bills[2])))
    assert result.url.startswith("/approvals")
    assert 30 == await paper.db.value("SELECT sum(amount) FROM paper_bill")
    waiting, _own = await list_approvals(boris)
    assert bills == [each.record for each in waiting]
    await decide_approval(boris, waiting[0].id, approve=True)
    await decide_approval(boris, waiting[1].id, approve=False, reason="Keep it")
    await withdraw_approval(anna, waiting[2].id)
    assert 20 == await paper.db.value("SELECT sum(amount) FROM paper_bill")
    states = [each.state for each in (await list_approvals(anna))[1]]
    assert ["withdrawn", "refused", "approved"] == states


async def test_asking_twice_and_refusing_without_a_reason_are_refused(paper: Running) -> None:
    anna, boris = await _person(paper, "Anna"), await _person(paper, "Boris")
    plan = paper.site.entity(BILL)
    bill = await anna.create(BILL, name="Bill 1", amount=500)
    number = await ask_approval(anna, plan, bill, values={"state": "sent"})
    with pytest.raises(ConflictError, match="already"):
        await ask_approval(anna, plan, bill, values={"state": "sent"})
    with pytest.raises(InvalidError):
        await decide_approval(boris, number, approve=False, reason=" ")
    with pytest.raises(ConflictError, match="Nobody else"):
        await ask_approval(boris, plan, bill, values={"state": "paid"})


async def test_the_pages_ask_and_answer(paper: Running) -> None:
    anna = await paper.client()
    made = await anna.post("/paper.bill/new", data={"name": "Bill 1", "amount": "500"})
    bill = int(made.headers["location"].rsplit("/", 1)[1])
    asked = await anna.post(f"/paper.bill/{bill}/move", data={"to": "sent"})
    assert 303 == asked.status_code
    assert "Another person has to approve this" in (await anna.get(f"/paper.bill/{bill}")).text
    boris = await paper.client()
    page = (await boris.get("/approvals")).text
    assert "Move to Sent" in page
    number = await paper.db.value("SELECT id FROM core_approval")
    assert "Why" in (await boris.post(f"/approvals/{number}/refuse", follow_redirects=True)).text
    done = await boris.post(f"/approvals/{number}/approve", follow_redirects=True)
    assert "Approved and done" in done.text
    assert "sent" == await paper.db.value("SELECT state FROM paper_bill")
    assert "Approved: Anna Snelling" in (await anna.get("/approvals?show=own")).text
    assert "Nothing waits here" in (await boris.get("/approvals")).text


async def test_the_api_asks_and_answers(paper: Running) -> None:
    anna, boris = await paper.client(), await paper.client()
    base = "/api/v1/approvals"
    made = await anna.post("/api/v1/paper.bill", json={"name": "Bill 1", "amount": 500})
    bill = made.json()["id"]
    change = {"state": "sent", "version": 1}
    refused = await anna.patch(f"/api/v1/paper.bill/{bill}", json=change)
    assert 409 == refused.status_code
    asked = await anna.post(base, json={"entity": BILL, "record": bill, "to": "sent"})
    assert (201, "waiting") == (asked.status_code, asked.json()["state"])
    number = asked.json()["id"]
    own = await anna.post(f"{base}/{number}", json={"decision": "approve"})
    assert 403 == own.status_code
    for body in ({}, {"decision": "perhaps"}, {"decision": "refuse"}, {"decision": 1}):
        assert 422 == (await boris.post(f"{base}/{number}", json=body)).status_code
    assert [number] == [each["id"] for each in (await boris.get(base)).json()["waiting"]]
    done = await boris.post(f"{base}/{number}", json={"decision": "approve"})
    assert (200, "approved") == (done.status_code, done.json()["state"])
    assert 404 == (await boris.post(f"{base}/999", json={"decision": "approve"})).status_code
    document = (await anna.get("/api/v1/openapi.json")).json()
    assert base in document["paths"]


async def _merge_pair(paper: Running, *bills: str) -> list[int]:
    """Answer new bills that need a second person."""
    return [await paper.ctx.create(BILL, name=name, amount=500) for name in bills]


async def test_a_question_moves_with_a_merge_and_back(paper: Running) -> None:
    anna, boris = await _person(paper, "Anna"), await _person(paper, "Boris")
    plan = paper.site.entity(BILL)
    kept, gone = await _merge_pair(paper, "Stays", "Goes")
    await anna.save(BILL, gone, name="Goes away")
    number = await ask_approval(anna, plan, gone, values={"state": "sent"}, note="please")
    operation = await merge_records(paper.ctx, plan, kept, gone)
    (waiting,) = (await list_approvals(boris))[0]
    assert (number, kept, "please") == (waiting.id, waiting.record, waiting.note)
    await undo_operation(paper.ctx, operation)
    assert gone == (await find_approval(anna, number)).record
    # It is about the record as it is: the second person can answer at once.
    again = await paper.db.value("SELECT max(id) FROM core_operation")
    await undo_operation(paper.ctx, again)
    assert (kept, "waiting") == (
        (found := await find_approval(anna, number)).record, found.state,
    )  # fmt: skip
    await decide_approval(boris, number, approve=True)
    assert "sent" == (await anna.get(BILL, kept))["state"]


async def test_a_merge_that_is_taken_back_leaves_a_question_that_can_be_answered(
    paper: Running,
) -> None:
    anna, boris = await _person(paper, "Anna"), await _person(paper, "Boris")
    plan = paper.site.entity(BILL)
    kept, gone = await _merge_pair(paper, "Stays", "Goes")
    number = await ask_approval(anna, plan, gone, values={"state": "sent"})
    await undo_operation(paper.ctx, await merge_records(paper.ctx, plan, kept, gone))
    await decide_approval(boris, number, approve=True)
    assert ["draft", "sent"] == [(await anna.get(BILL, n))["state"] for n in (kept, gone)]


async def test_of_two_alike_the_one_that_goes_is_taken_back_with_a_reason(paper: Running) -> None:
    anna, boris = await _person(paper, "Anna"), await _person(paper, "Boris")
    plan = paper.site.entity(BILL)
    kept, gone = await _merge_pair(paper, "Stays", "Goes")
    first = await ask_approval(boris, plan, kept, action="void")
    second = await ask_approval(anna, plan, gone, action="void")
    other = await ask_approval(anna, plan, gone, values={"state": "sent"})
    operation = await merge_records(paper.ctx, plan, kept, gone)
    states = {n: (await find_approval(anna, n)).state for n in (first, second, other)}
    assert {first: "waiting", second: "withdrawn", other: "waiting"} == states
    assert MERGED == (await find_approval(anna, second)).reason
    told = [each.text for each in await list_notifications(anna)]
    assert any("your question was taken back" in text for text in told)
    page = await (await paper.client()).get("/approvals")
    assert 200 == page.status_code
    await undo_operation(paper.ctx, operation)
    back = await find_approval(anna, second)
    assert (gone, "waiting", "") == (back.record, back.state, back.reason)


async def test_without_the_move_a_question_stays_with_what_is_gone(
    paper: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def still(*_: object) -> dict[str, list[int]]:
        return {"moved": [], "withdrawn": []}

    monkeypatch.setattr(merge, "move_approvals", still)
    anna = await _person(paper, "Anna")
    plan = paper.site.entity(BILL)
    kept, gone = await _merge_pair(paper, "Stays", "Goes")
    number = await ask_approval(anna, plan, gone, action="void")
    await merge_records(paper.ctx, plan, kept, gone)
    assert gone == (await find_approval(anna, number)).record


async def test_the_command_lists_what_waits(
    paper: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await _person(paper, "Anna")
    plan = paper.site.entity(BILL)
    bill, other = await _merge_pair(paper, "One", "Two")
    await ask_approval(anna, plan, bill, action="void", note="wrong sum")
    await withdraw_approval(anna, await ask_approval(anna, plan, other, action="void"))
    monkeypatch.setenv("CRMKIT_DATABASE_URL", paper.dsn)

    async def shown(*words: str) -> list[dict[str, object]]:
        words = ("list", "--json", *words, "--site", str(paper.config.folder))
        done = await asyncio.to_thread(CliRunner().invoke, command, words)
        assert 0 == done.exit_code, done.output
        found: list[dict[str, object]] = json.loads(done.stdout)
        return found

    (row,) = await shown()
    assert (f"{BILL} {bill}", "void", "Anna", "wrong sum") == (
        row["record"], row["what"], row["asked_by"], row["note"],
    )  # fmt: skip
    (row,) = await shown("--state", "withdrawn")
    assert f"{BILL} {other}" == row["record"]
