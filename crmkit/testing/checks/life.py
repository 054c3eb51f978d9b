"""Off, archived and back, purged: nobody else's data suffer, and its own come through whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.errors import CrmkitError
from crmkit.records.plugins.archive import archive_plugin, restore_archive
from crmkit.records.plugins.purge import purge_plugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from crmkit.testing.checks.trial import Trial


async def off_changes_no_row(trial: Trial) -> AsyncIterator[str]:
    """Switched off with data there: pages answer, rows stay, rows of others can go."""
    before = await trial.digest()
    await trial.switch(on=False)
    kept, trial.records = trial.records, {
        name: record
        for name, record in trial.records.items()
        if name in trial.running.site.entities
    }  # fmt: skip
    for each in await trial.unwell():
        yield f"switched off: {each}"
    async for each in _changed(trial, before, "switched off"):
        yield each
    async for each in _stuck(trial):
        yield each
    await trial.switch(on=True)
    trial.records = kept
    async for each in _changed(trial, before, "switched on again"):
        yield each


async def _changed(trial: Trial, before: dict[str, str], when: str) -> AsyncIterator[str]:
    after = await trial.digest()
    for table in sorted(before.keys() | after.keys()):
        if before.get(table) != after.get(table):
            yield f"{when}, the rows of {table} are not what they were"


async def _stuck(trial: Trial) -> AsyncIterator[str]:
    """Say which rows of others cannot be deleted; nothing stays deleted."""
    for name, plan in trial.running.site.entities.items():
        if plan.plugin == trial.plugin:
            continue
        try:
            async with trial.running.db.transaction():
                await trial.running.db.execute(f'DELETE FROM "{plan.tablename}"')  # noqa: S608 - declared
                raise _TakeBackError  # noqa: TRY301
        except _TakeBackError:
            pass
        except Exception as error:  # noqa: BLE001 - whatever holds them
            if f'"{trial.plugin}_' in str(error):
                yield f"switched off, rows of {name} cannot be deleted: {error}"


class _TakeBackError(Exception):
    pass


async def archive_brings_the_same_back(trial: Trial) -> AsyncIterator[str]:
    """Archived and brought back, every row is as it was."""
    before = await trial.digest()
    try:
        await trial.switch(on=False)
        path = await archive_plugin(trial.running.ctx, trial.plugin, trial.running.dsn)
        await trial.rebuild()
        for each in await trial.unwell() if not trial.own else ():
            yield f"archived: {each}"
        await trial.switch(on=True)
        await restore_archive(trial.running.ctx, trial.plugin, path, trial.running.dsn)
        await trial.rebuild()
    except CrmkitError as error:
        yield error.message
        return
    async for each in _changed(trial, before, "brought back"):
        yield each


#: What the core keeps of records, also of those others got meanwhile.
_OF_RECORDS = ("core_search", "core_stage_history")


async def purge_leaves_nothing(
    trial: Trial, schema: set[str], counts: dict[str, int]
) -> AsyncIterator[str]:
    """Purged, schema and rows are as before it came, but for what others got meanwhile.

    Args:
        schema: Before it was there.
        counts: Rows of each table before it was there.
    """
    others = {trial.running.site.entity(name).tablename for name in trial.records} | {
        plan.tablename for plan in trial.running.site.entities.values()
    }
    try:
        await trial.switch(on=False)
        await purge_plugin(trial.running.ctx, trial.plugin, trial.running.dsn)
        await trial.rebuild()
    except CrmkitError as error:
        yield error.message
        return
    for line in sorted(await trial.schema() - schema):
        yield f"left behind: `{line}`"
    for line in sorted(schema - await trial.schema()):
        yield f"taken away: `{line}`"
    for table, number in (await trial.counts()).items():
        if table not in others and table not in _OF_RECORDS and number != counts.get(table, 0):
            yield f"{table} had {counts.get(table, 0)} rows and has {number}"
    for table in _OF_RECORDS:
        left = await trial.running.db.value(
            f"SELECT count(*) FROM {table} WHERE starts_with(entity, $1)",  # noqa: S608 - of our own
            f"{trial.plugin}.",
        )
        if left:
            yield f"{table} still has {left} rows of its records"
