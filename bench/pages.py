"""Prints how long each page of a site takes in process: `python bench/pages.py SITE`."""

from __future__ import annotations

import asyncio
import logging
import statistics
import sys
import time
from pathlib import Path

import httpx
import structlog

from crmkit.access.sessions import end_session, open_session
from crmkit.cli.opening import open_site
from crmkit.web.app import create_app

PAGES = (
    "/",
    "/?scope=all",
    "/crm.company",
    "/crm.opportunity",
    "/crm.opportunity?sort=amount&dir=desc",
    "/crm.opportunity?f=stage:is:won",
    "/crm.opportunity?q=kan",
    "/crm.opportunity?group=owner",
    "/crm.opportunity/board",
    "/crm.company/1",
    "/crm.opportunity/1",
    "/crm.person/new",
    "/search?q=kan",
    "/history",
)
RUNS = 15


async def main(folder: Path) -> None:
    """Visit each page as the first administrator and print the median and the worst, in ms."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    async with open_site(folder) as opened:
        app = create_app(opened.site, opened.db, opened.config)
        user = await opened.db.value(
            "SELECT id FROM core_user WHERE role = 'administrator' AND active ORDER BY id LIMIT 1"
        )
        if user is None:
            sys.exit("The site has no administrator yet: open its set-up link first.")
        session = await open_session(opened.db, user, "127.0.0.1", "bench")
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            client.cookies.set("crmkit", session.token)
            print(f"{'page':42} {'status':>6} {'p50 ms':>8} {'max ms':>8} {'KiB':>6}")
            for page in PAGES:
                times = []
                for _ in range(RUNS):
                    start = time.perf_counter()
                    answer = await client.get(page)
                    times.append((time.perf_counter() - start) * 1000)
                size = len(answer.content) / 1024
                print(
                    f"{page:42} {answer.status_code:>6} {statistics.median(times):>8.1f} "
                    f"{max(times):>8.1f} {size:>6.1f}"
                )
        await end_session(opened.db, session.token)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
