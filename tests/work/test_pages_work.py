"""What administrators see of jobs, and do with them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from crmkit.errors import ConflictError, ForbiddenError
from crmkit.work.administration import cancel, counts, list_jobs, run_again
from crmkit.work.catalog import catalog_of
from crmkit.work.claims import claim, take_back_expired
from tests.sites import crmkit
from tests.work.working import state

if TYPE_CHECKING:
    from crmkit.testing.sites import Running

URL = "/settings/work"
SELLER = 403


async def dead(notes: Running) -> int:
    """Answer a job that failed for good."""
    number = await notes.ctx.enqueue("notes.refuse")
    await notes.work()
    assert number is not None
    return number


async def test_the_page_shows_what_failed_and_runs_it_again(notes: Running) -> None:
    number = await dead(notes)
    admin = await notes.client()

    page = await admin.get(URL)

    assert 200 == page.status_code
    assert f"notes.refuse {number}" in page.text
    assert "Not like this. amount: must not be zero." in page.text
    assert "No worker was heard from" in page.text
    assert f'action="{URL}/{number}/again"' in page.text
    back = await admin.post(f"{URL}/{number}/again")
    assert (303, f"{URL}?state=dead") == (back.status_code, back.headers["location"])
    assert "ready" == await state(notes, number)
    assert 409 == (await admin.post(f"{URL}/{number}/again")).status_code


async def test_a_job_whose_workers_were_killed_says_so_and_is_run_again_in_one_click(
    notes: Running,
) -> None:
    number = await notes.ctx.enqueue("notes.note", {"text": "x"}, max_attempts=3)
    for _ in range(3):
        await claim(notes.db, catalog_of(notes.site), 1, "lost", timedelta(seconds=-1))
        await take_back_expired(notes.db)
    assert "dead" == await state(notes, number)
    admin = await notes.client()

    page = (await admin.get(URL)).text

    assert "killed or lost at the last of 3 attempts" in page
    # In the row itself, not behind its dots.
    row = page.partition(f'id="row-{number}"')[2].partition("</tr>")[0]
    assert f'action="{URL}/{number}/again"' in row.partition("popover class")[0]
    await admin.post(f"{URL}/{number}/again")
    await notes.work()
    assert "done" == await state(notes, number)


async def test_each_state_has_its_tab_with_a_number(notes: Running) -> None:
    await dead(notes)
    later = datetime.now(UTC) + timedelta(days=1)
    for n in range(3):
        await notes.ctx.enqueue("notes.note", {"text": "x"}, lane=f"<b>{n}", at=later)
    admin = await notes.client()
    for name in ("running", "later", "ready", "dead", "parked", "nonsense"):
        page = await admin.get(f"{URL}?state={name}&skip=x")
        assert 200 == page.status_code
    page = await admin.get(f"{URL}?state=later")
    assert 3 == page.text.count("&lt;b&gt;")
    assert 'Later <span class="n">3</span>' in page.text
    assert {"running": 0, "later": 3, "ready": 0, "dead": 1, "parked": 0} == await counts(notes.ctx)


async def test_all_that_failed_is_run_again(notes: Running) -> None:
    numbers = [await dead(notes), await dead(notes)]
    admin = await notes.client()
    assert "Run all dead again" in (await admin.get(URL)).text
    assert 303 == (await admin.post(f"{URL}/again")).status_code
    assert ["ready"] * 2 == [await state(notes, number) for number in numbers]


async def test_what_waits_is_cancelled_and_what_runs_is_not(notes: Running) -> None:
    number = await notes.ctx.enqueue("notes.note", {"text": "x"})
    running = await notes.ctx.enqueue("notes.note", {"text": "y"})
    await notes.db.execute("UPDATE core_job SET state = 'running' WHERE id = $1", running)
    admin = await notes.client()
    assert 303 == (await admin.post(f"{URL}/{number}/cancel")).status_code
    assert 409 == (await admin.post(f"{URL}/{running}/cancel")).status_code
    rows = await notes.db.rows("SELECT id FROM core_job")
    assert [running] == [row["id"] for row in rows]


async def test_long_lists_have_pages(notes: Running) -> None:
    await notes.db.execute(
        "INSERT INTO core_job (plugin, name, max_attempts) "
        "SELECT 'notes', 'notes.note', 8 FROM generate_series(1, 60)"
    )
    admin = await notes.client()
    page = await admin.get(f"{URL}?state=ready")
    assert 50 == page.text.count('<tr id="row-')
    assert "?state=ready&amp;skip=50" in page.text
    assert 10 == (await admin.get(f"{URL}?state=ready&skip=50")).text.count('<tr id="row-')


async def test_only_administrators_may(notes: Running) -> None:
    number = await dead(notes)
    seller = await notes.client("seller")
    answers = [
        await seller.get(URL),
        await seller.post(f"{URL}/again"),
        await seller.post(f"{URL}/{number}/again"),
        await seller.post(f"{URL}/{number}/cancel"),
    ]
    assert [SELLER] * 4 == [each.status_code for each in answers]
    assert "dead" == await state(notes, number)


async def test_no_door_lets_others_in(notes: Running) -> None:
    role = notes.site.roles["seller"]
    ctx = replace(notes.ctx, principal=replace(notes.ctx.principal, role=role))
    for call in (counts(ctx), list_jobs(ctx, "dead"), run_again(ctx), cancel(ctx, 1)):
        with pytest.raises(ForbiddenError):
            await call


async def test_readiness_says_when_nobody_works(notes: Running) -> None:
    client = await notes.client()
    assert "ready\nno worker was heard from" == (await client.get("/readyz")).text
    await notes.db.execute("INSERT INTO core_worker (name, slots) VALUES ('w', 8)")
    assert "ready" == (await client.get("/readyz")).text
    await notes.db.execute("UPDATE core_worker SET seen_at = now() - interval '2 minutes'")
    page = await client.get("/readyz")
    assert (200, "ready\nno worker was heard from") == (page.status_code, page.text)


async def test_commands_list_jobs_and_run_them_again(
    notes: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await dead(notes)
    monkeypatch.setenv("CRMKIT_DATABASE_URL", notes.dsn)
    folder = notes.config.folder
    (found,) = json.loads(crmkit(folder, "jobs", "list", "--json"))
    assert (number, "dead", "notes.refuse") == (found["id"], found["state"], found["name"])
    crmkit(folder, "jobs", "run-again", str(number))
    assert "ready" == await state(notes, number)
    await cancel(notes.ctx, number)
    with pytest.raises(ConflictError):
        await cancel(notes.ctx, number)
