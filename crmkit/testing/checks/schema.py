"""Tables are what the migrations make, there and back."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import TYPE_CHECKING

from crmkit.config import PluginsConfig
from crmkit.db.migrations import MigrationSource, migrate, undo
from crmkit.db.schema import compare_schema
from crmkit.errors import CrmkitError
from crmkit.records.plugins.indexes import OURS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from crmkit.testing.checks.trial import Trial
    from crmkit.testing.sites import Place

_CONFIG = '[database]\nurl = "{}"\n\n[plugins]\nenabled = [{}]\n'
_PROCESSES = 3


async def tables_equal_migrations(trial: Trial) -> AsyncIterator[str]:
    """Say what declarations and the migrated tables have differently."""
    plans = trial.running.site.entities
    tables = [plans[name].table for name in trial.own]
    for each in await compare_schema(trial.running.db, tables):
        yield f"{each.table} {each.text}. Run `crmkit makemigrations {trial.plugin}`."


async def up_down_up(trial: Trial, before: set[str]) -> AsyncIterator[str]:
    """Say what undoing the migrations leaves, and what doing them again makes otherwise.

    Args:
        before: The schema without the plugin.
    """
    source = _source(trial)
    there = await trial.schema()
    try:
        await undo(trial.running.dsn, source)
        for line in sorted(await trial.schema() - before):
            if not _is_index_of_field(line):
                yield f"undone, the migrations leave `{line}`"
        for line in sorted(before - await trial.schema()):
            yield f"undone, the migrations have taken `{line}` away"
        await migrate(trial.running.dsn, [source])
    except CrmkitError as error:
        yield error.message
        return
    for line in sorted(there ^ await trial.schema()):
        if _is_index_of_field(line):
            continue
        yield f"done a second time, the migrations differ in `{line}`"


def _source(trial: Trial) -> MigrationSource:
    return next(each for each in trial.running.site.sources if each.plugin == trial.plugin)


def _is_index_of_field(line: str) -> bool:
    """Indexes of lists are made by switching on, not by migrations."""
    return bool(re.search(OURS, line.split(" ON ", 1)[0]))


async def three_processes_migrate(place: Place, enabled: list[str]) -> AsyncIterator[str]:
    """Say what happens when three processes migrate an empty database at once."""
    names = ", ".join(f'"{name}"' for name in enabled)
    (place.folder / "crmkit.toml").write_text(_CONFIG.format(place.dsn, names), encoding="utf-8")
    words = (sys.executable, "-m", "crmkit", "migrate", "--site", str(place.folder))
    pipe = asyncio.subprocess.PIPE
    started = [
        await asyncio.create_subprocess_exec(*words, stdout=pipe, stderr=pipe)
        for _ in range(_PROCESSES)
    ]
    for process in started:
        _out, problem = await process.communicate()
        if process.returncode:
            yield f"one of three: {problem.decode(errors='replace').strip()[-400:]}"
    place.options["plugins"] = PluginsConfig(enabled=tuple(enabled))
    async with place.start() as running:
        for name in enabled:
            info = running.site.plugins[name]
            if not info.is_on:
                yield f"afterwards {name} is {info.state}: {info.reason}"
