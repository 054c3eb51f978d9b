"""What failed for good is run again by an administrator, by one click."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import Open

pytestmark = pytest.mark.browser
_FAIL = """
import asyncio
import sys
from pathlib import Path
from crmkit.cli.opening import open_site
from crmkit.model.job import JobOrder
from crmkit.work.jobs import enqueue

async def fail():
    async with open_site(Path(sys.argv[1])) as opened:
        ctx = opened.context()
        made = await enqueue(ctx, "core.remove_done_jobs", [JobOrder(), JobOrder()])
        # As after the last attempt, which comes hours after the first.
        await ctx.db.execute(
            "UPDATE core_job SET state = 'dead', attempts = max_attempts, ended_at = now(), "
            "error = 'It could not be reached.' WHERE id = ANY($1::bigint[])", made,
        )

asyncio.run(fail())
"""


def test_dead_jobs_are_run_again_one_and_all(open_page: Open, folder: Path) -> None:
    subprocess.run([sys.executable, "-c", _FAIL, str(folder)], check=True, timeout=60)
    page = open_page("/settings/work")
    row = page.locator("tr", has_text="It could not be reached.")
    expect(row).to_have_count(2)
    row.first.hover()
    row.first.get_by_role("button", name="Run again").click()
    expect(page.locator(".crm-toasts")).to_contain_text("run again")
    page.goto("/settings/work?state=dead")
    expect(row).to_have_count(1)
    page.get_by_role("button", name="Run all dead again").click()
    page.goto("/settings/work?state=dead")
    expect(row).to_have_count(0)
