"""Makes the worker of a site, whose jobs write records."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from crmkit.records.plugins.rows import system_context
from crmkit.work.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmkit.config import Config
    from crmkit.db.engine import Database
    from crmkit.model.context import Context
    from crmkit.plugin.site import Site
    from crmkit.work.pace import Pace


def make_worker(
    config: Config,
    dsn: str,
    site: Callable[[], Site],
    slots: int,
    texts: Callable[[Site], Callable[[str], str]],
    *,
    pace: Pace | None = None,
) -> Worker:
    """Answer a worker for the Site in force.

    Args:
        dsn: Address for reading and writing records.
        site: Answers the Site; asked for each job, so that a switch needs no new worker.
        texts: Answers the translation into the language of the site: what jobs write down is read
            by people whom they do not know.
        pace: How many jobs work at once.
    """

    def context(db: Database) -> Context:
        found = site()
        return replace(system_context(config, db, found, "job"), translate=texts(found))

    return Worker(dsn, context, slots=slots, pace=pace)
