"""Reminders of activities: set, moved and ended by whatever changes an activity."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from crmkit import deadlines
from crmkit.records.bulk import Selection, bulk_edit, bulk_trash
from crmkit.records.csv_file import read_csv
from crmkit.records.history import undo_operation
from crmkit.records.import_plan import ImportPlan
from crmkit.records.imports import run_import
from tests.work.promising import HOUR, fire, lines, now_of, person, timers, turn_clock

if TYPE_CHECKING:
    from crmkit.testing.sites import Running

ACTIVITY = "crm.activity"
MAP = {"subject": "subject", "due": "due_at", "owner": "owner"}


async def states(running: Running) -> dict[str, int]:
    rows = await running.db.rows("SELECT state, count(*) AS n FROM core_deadline GROUP BY state")
    return {row["state"]: row["n"] for row in rows}


async def test_the_doer_hears_before_and_at_due_then_who_is_responsible(
    promises: Running,
) -> None:
    ctx = promises.ctx
    doer, owner, later = [await person(ctx, name) for name in ("Doer", "Owner", "Later")]
    company = await ctx.create("crm.company", name="Northgate", owner=owner)
    await ctx.create(
        ACTIVITY, subject="Call", owner=doer, company=company, due_at=await now_of(promises) + HOUR
    )
    await turn_clock(ctx, timedelta(minutes=50))
    await fire(ctx)
    # Who owns the client by then hears of it, not who did when the activity was planned.
    await ctx.save("crm.company", company, owner=later)
    await turn_clock(ctx, timedelta(minutes=20))
    await fire(ctx)
    await turn_clock(ctx, timedelta(days=4))
    await fire(ctx)
    made = [(step, people) for step, what, people in await lines(ctx, "made")][:3]
    assert [("warn1", [doer]), ("due", [doer]), ("step1", [later])] == made
    steps = [step for step, _what, _people in await lines(ctx, "made")]
    assert len(steps) == len(set(steps))
    told = await promises.db.rows(
        "SELECT user_id, text, values FROM core_notification ORDER BY id LIMIT 3"
    )
    assert [
        (doer, "{title} is due soon.", {"title": "Call"}),
        (doer, "{title} is due now.", {"title": "Call"}),
        (later, "{title} is overdue.", {"title": "Call"}),
    ] == [tuple(row) for row in told]


async def test_an_activity_that_is_moved_done_or_reopened_takes_its_reminder_along(
    promises: Running,
) -> None:
    ctx = promises.ctx
    doer, due = await person(ctx, "Doer"), await now_of(promises) + 5 * HOUR
    number = await ctx.create(ACTIVITY, subject="Call", owner=doer, due_at=due)
    await ctx.save(ACTIVITY, number, due_at=due + HOUR)
    assert [due + HOUR - timedelta(minutes=15)] == list((await timers(ctx)).values())
    await ctx.save(ACTIVITY, number, done_at=ctx.now())
    assert ({}, {"met": 1}) == (await timers(ctx), await states(promises))
    await ctx.save(ACTIVITY, number, done_at=None)
    assert {"met": 1, "open": 1} == await states(promises)
    await ctx.save(ACTIVITY, number, due_at=None)
    assert {"met": 1, "cleared": 1} == await states(promises)
    assert {} == await timers(ctx)


async def test_notes_and_what_was_due_before_have_no_reminder(promises: Running) -> None:
    ctx = promises.ctx
    doer, now = await person(ctx, "Doer"), await now_of(promises)
    await ctx.create(ACTIVITY, subject="Note", kind="note", owner=doer, due_at=now + HOUR)
    await ctx.create(ACTIVITY, subject="Long ago", owner=doer, due_at=now - HOUR)
    assert {} == await states(promises)


async def test_a_bulk_edit_its_undo_and_the_trash_are_followed(promises: Running) -> None:
    ctx, plan = promises.ctx, promises.site.entity(ACTIVITY)
    doer, due = await person(ctx, "Doer"), await now_of(promises) + 5 * HOUR
    ids = tuple(
        [await ctx.create(ACTIVITY, subject=f"Call {n}", owner=doer, due_at=due) for n in range(3)]
    )
    moved = await bulk_edit(ctx, plan, Selection(ids), {"due_at": due + 9 * HOUR})
    late = due + 9 * HOUR - timedelta(minutes=15)
    assert [late] * 3 == list((await timers(ctx)).values())
    await undo_operation(ctx, moved.operation)
    assert [due - timedelta(minutes=15)] * 3 == list((await timers(ctx)).values())
    done = await bulk_edit(ctx, plan, Selection(ids), {"done_at": ctx.now()})
    assert {"met": 3} == await states(promises)
    await undo_operation(ctx, done.operation)
    trashed = await bulk_trash(ctx, plan, Selection(ids))
    assert {} == await timers(ctx)
    await undo_operation(ctx, trashed.operation)
    assert 3 == len(await timers(ctx))


async def _statements(
    running: Running, count: int, who: str, monkeypatch: pytest.MonkeyPatch
) -> int:
    """Answer how many statements an import of so many activities sends; each has a reminder."""
    database, sent = type(running.db), 0
    call = database._call

    async def counted(self: object, *args: object, **more: object) -> object:
        nonlocal sent
        sent += 1
        return await call(self, *args, **more)  # type: ignore[arg-type]

    due = (await now_of(running) + timedelta(days=3)).isoformat()
    text = "subject,due,owner\n" + "".join(f"Call {n},{due},{who}\n" for n in range(count))
    with monkeypatch.context() as patched:
        patched.setattr(database, "_call", counted)
        report = await run_import(
            running.ctx, running.site.entity(ACTIVITY), read_csv(text.encode()), ImportPlan(MAP)
        )
    assert count == report.created, report
    return sent


async def test_an_import_sets_all_reminders_at_once(
    promises: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await person(promises.ctx, "Ida")
    few = await _statements(promises, 10, "Ida", monkeypatch)
    many = await _statements(promises, 200, "Ida", monkeypatch)
    assert few == many
    assert 210 == len(await timers(promises.ctx))


@pytest.mark.long
async def test_ten_thousand_imported_activities_have_reminders(
    promises: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await person(promises.ctx, "Ivo")
    assert 200 > await _statements(promises, 10_000, "Ivo", monkeypatch)
    assert 10_000 == len(await timers(promises.ctx))


async def test_saving_an_activity_takes_the_same_statements_whatever_there_is(
    promises: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx, database = promises.ctx, type(promises.db)
    doer, due = await person(ctx, "Doer"), await now_of(promises) + 5 * HOUR
    ids = [
        await ctx.create(ACTIVITY, subject=f"Call {n}", owner=doer, due_at=due) for n in range(20)
    ]
    call, sent = database._call, list[str]()

    async def counted(self: object, *args: object, **more: object) -> object:
        sent.append(str(args[1]))
        return await call(self, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(database, "_call", counted)
    await ctx.save(ACTIVITY, ids[0], due_at=due + HOUR)
    first = len(sent)
    await ctx.save(ACTIVITY, ids[9], due_at=due + 2 * HOUR)
    assert 2 * first == len(sent)
    sent.clear()
    await ctx.save(ACTIVITY, ids[3], subject="Called otherwise")
    assert not [sql for sql in sent if "core_deadline" in sql]


async def test_the_settings_of_crm_say_when(promises: Running) -> None:
    from crmkit.crm.settings import Settings  # noqa: PLC0415 - a setting of the built-in plugin

    assert (15, True, 4, 0) == tuple(getattr(Settings(), n) for n in Settings.__struct_fields__)
    ctx = promises.ctx
    due = await now_of(promises) + 5 * HOUR
    number = await ctx.create(ACTIVITY, subject="Call", owner=await person(ctx, "D"), due_at=due)
    (row,) = await deadlines.list_deadlines(ctx, ACTIVITY, number)
    assert ["warn1", "due", "step1", "step2", "step3"] == [step["name"] for step in row.steps]
