"""Makes the worker of a site, whose jobs write records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.records.plugins.rows import system_context
from crmkit.work.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmkit.config import Config
    from crmkit.plugin.site import Site


def make_worker(config: Config, dsn: str, site: Callable[[], Site], slots: int) -> Worker:
    """Answer a worker for the Site in force.

    Args:
        dsn: Address for reading and writing records.
        site: Answers the Site; asked for each job, so that a switch needs no new worker.
    """
    return Worker(dsn, lambda db: system_context(config, db, site(), "job"), slots=slots)
