"""A site whose jobs are worked: a plugin with jobs that note what they did in a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crmkit.records.plugins.rows import system_context
from crmkit.records.plugins.switch import enable_plugin
from crmkit.testing.sites import new_place
from crmkit.work.worker import Worker
from tests.work.promising import CODE as PROMISES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import timedelta

    from crmkit.testing.sites import Running
    from crmkit.work.pace import Pace

    MakeWorker = Callable[..., Worker]

#: `note` writes its text; `slow` waits for as long as it is told; `fail` fails so many times.
CODE = """
import asyncio
from crmkit.errors import UnavailableError

seen = []


async def note(event):
    seen.append(event)
    await event.ctx.create("crm.company", name=str(event.args["text"]))


async def slow(event):
    await event.ctx.create("crm.company", name=str(event.args.get("text", "slow")))
    event.progress(1, 4)
    await asyncio.sleep(event.args["seconds"])


async def fail(event):
    await event.ctx.create("crm.company", name="must not stay")
    if event.attempt <= event.args.get("times", 99):
        raise UnavailableError(event.args.get("why", "away"))


async def refuse(event):
    raise Veto("Not like this.", amount="must not be zero")


async def bug(event):
    raise KeyError("colour")


async def who(event):
    seen.append(event)
    seen.append(event.ctx.principal.name)


class Notes(Plugin):
    async def on_error(self, event):
        seen.append((event.where, repr(event.error)))

    def jobs(self):
        return [
            Job("note", note), Job("bug", bug), Job("slow", slow),
            Job("fail", fail, max_attempts=3),
            Job("refuse", refuse), Job("who", who, as_user=True), Job("hasty", slow, timeout=0.05),
            Job("tick", note, every="* * * * *"),
        ]
"""


@pytest.fixture(scope="session")
async def notes_site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A site with the plugin on that CODE is; one for all tests of a process."""
    async with new_place(tmp_path_factory.mktemp("notes")) as place:
        place.write("notes", CODE)
        async with place.start() as running:
            await enable_plugin(running.ctx, "notes", running.dsn)
            yield await running.rebuild()


@pytest.fixture
async def notes(notes_site: Running) -> Running:
    """The site as it was at first."""
    for table in ("core_job", "core_schedule", "core_worker", "crm_company"):
        await notes_site.db.execute(f"DELETE FROM {table}")
    # Periodic jobs are for those tests that set the clock back.
    await notes_site.db.execute(
        "INSERT INTO core_schedule (name, last) VALUES ('notes.tick', '2999-01-01'), "
        "('core.remove_done_jobs', '2999-01-01')"
    )
    return notes_site


@pytest.fixture
def worker(notes: Running) -> MakeWorker:
    """Make a worker of the site: `async with worker(slots=2) as one: ...`."""

    def make(slots: int = 4, lease: timedelta | None = None, pace: Pace | None = None) -> Worker:
        more = {} if lease is None else {"lease": lease}
        return Worker(
            notes.dsn,
            lambda db: system_context(notes.config, db, notes.site, "job"),
            slots=slots,
            pace=pace,
            **more,
        )

    return make


@pytest.fixture(scope="session")
async def promises_site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A site whose plugin declares deadlines; one for all tests of a process."""
    async with new_place(tmp_path_factory.mktemp("promises")) as place:
        place.write("promises", PROMISES)
        async with place.start() as running:
            await enable_plugin(running.ctx, "promises", running.dsn)
            yield await running.rebuild()


@pytest.fixture
async def promises(promises_site: Running) -> Running:
    """The site as it was at first."""
    await promises_site.db.execute(
        "TRUNCATE core_job, core_deadline, core_deadline_step, crm_company, crm_activity, "
        "crm_opportunity, core_absence, core_notification CASCADE"
    )
    await promises_site.db.execute("UPDATE core_user SET team = NULL, active = false")
    await promises_site.db.execute("DELETE FROM core_team")
    await promises_site.db.execute(
        "UPDATE core_schedule SET last = '2999-01-01' WHERE name LIKE 'core.%'"
    )
    return promises_site
