"""`crmkit worker`: works jobs with the Site in force, and serves nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import rich_click as click
import structlog

from crmkit.cli.opening import open_site
from crmkit.plugin.events import LifeEvent
from crmkit.plugin.stored import read_generation
from crmkit.records.plugins.rows import system_context
from crmkit.records.working import make_worker
from crmkit.web.host import configure_logging, fast_loop
from crmkit.web.translate import translating

if TYPE_CHECKING:
    from pathlib import Path

    from crmkit.cli.opening import Opened

_LOOK_SECONDS = 1.0
_NICE = 10
_log = structlog.get_logger("crmkit.work")


def work(folder: Path, slots: int | None = None) -> None:
    """Work jobs until SIGTERM or SIGINT; what still runs then is given back.

    Args:
        slots: Jobs at the same time; None is what crmkit.toml says, or 8 where that says none.

    Raises:
        ConfigError: crmkit.toml cannot be used.
        DatabaseStartError: The database does not start or answer.
        MigrationError: The core's schema cannot be brought up to date.
    """
    configure_logging()
    if hasattr(os, "nice"):
        # On a machine that also serves, a page somebody waits for goes before a job.
        os.nice(_NICE)
    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        runner.run(_work(folder, slots))


async def _work(folder: Path, slots: int | None) -> None:
    async with open_site(folder) as opened:
        number = slots or opened.config.work.slots or 8
        worker = make_worker(
            opened.config, opened.db.dsn, lambda: opened.site, number,
            translating(opened.config.language),
        )  # fmt: skip
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, worker.stop)
        await _tell(opened, "startup")
        following = asyncio.create_task(_follow(opened))
        click.echo(f"{opened.config.name}: working, {number} jobs at the same time.")
        await worker.run()
        following.cancel()
        await _tell(opened, "shutdown")


async def _follow(opened: Opened) -> None:
    """Take up what is switched, here or by another process."""
    number = await read_generation(opened.db)
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            latest = await read_generation(opened.db)
            if latest != number:
                old = opened.site
                await opened.rebuild()
                number = latest
                await _tell(opened, "startup")
                await old.hooks.collect(
                    "shutdown", LifeEvent(system_context(opened.config, opened.db, old), "")
                )
        except Exception as error:  # noqa: BLE001 - what works goes on working
            _log.warning("cannot take up the new site", reason=repr(error))


async def _tell(opened: Opened, hook: str) -> None:
    event = LifeEvent(system_context(opened.config, opened.db, opened.site), "")
    await opened.site.hooks.collect(hook, event)
