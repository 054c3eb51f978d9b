"""Parks jobs of plugins that are off, and brings them back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.work.jobs import CHANNEL

if TYPE_CHECKING:
    from crmkit.db.engine import Database
    from crmkit.model.site import SiteLike
    from crmkit.work.catalog import Catalog

# Rows that somebody else is about to change are left to them.
_PARK = """
WITH those AS (
    SELECT id FROM core_job
    WHERE state IN ('later', 'ready') AND (plugin = $1 OR split_part(name, '.', 1) = $1)
    FOR UPDATE
)
UPDATE core_job j SET state = 'parked' FROM those WHERE j.id = those.id
"""
_UNPARK = """
WITH those AS (
    SELECT id FROM core_job WHERE state = 'parked' AND plugin = ANY($1) AND name = ANY($2)
    ORDER BY id FOR UPDATE SKIP LOCKED
), back AS (
    UPDATE core_job j SET state = CASE WHEN run_at > now() THEN 'later' ELSE 'ready' END
    FROM those WHERE j.id = those.id RETURNING j.id
)
SELECT count(*), pg_notify($3, '') FROM back HAVING count(*) > 0
"""
_PARK_UNKNOWN = """
WITH those AS (
    SELECT id FROM core_job
    WHERE state = 'ready' AND NOT (plugin = ANY($1) AND name = ANY($2)) AND plugin <> ALL($3)
    ORDER BY id FOR UPDATE SKIP LOCKED
)
UPDATE core_job j SET state = 'parked' FROM those WHERE j.id = those.id
"""


async def park_plugin(db: Database, plugin: str) -> int:
    """Park what waits for a plugin that is switched off, and answer how many; what runs ends.

    Jobs stay as they are in all else, timers too, until the plugin is on again.
    """
    tag = await db.execute(_PARK, plugin)
    return int(tag.rpartition(" ")[2])


async def count_waiting(db: Database, plugin: str) -> int:
    """Count the jobs that wait for a plugin or for their moment."""
    return int(
        await db.value(
            "SELECT count(*) FROM core_job WHERE state IN ('later', 'ready', 'parked') "
            "AND (plugin = $1 OR split_part(name, '.', 1) = $1)",
            plugin,
        )
    )


async def remove_jobs(db: Database, plugin: str) -> None:
    """Remove all jobs of a plugin that is purged."""
    await db.execute(
        "DELETE FROM core_job WHERE plugin = $1 OR split_part(name, '.', 1) = $1", plugin
    )
    await db.execute("DELETE FROM core_schedule WHERE starts_with(name, $1)", f"{plugin}.")


async def unpark_plugin(db: Database, catalog: Catalog) -> int:
    """Bring back what waits for the plugins and jobs of a catalog, and answer how many."""
    return int(await db.value(_UNPARK, sorted(catalog.plugins), sorted(catalog.jobs), CHANNEL) or 0)


async def fit_to(db: Database, site: SiteLike, catalog: Catalog) -> None:
    """Park what is ready and nobody here can run, and bring back what somebody can.

    Also jobs that a plugin no longer declares. A plugin that was only left out of this start is
    left alone, since other processes may have it. Timers are looked at when they come due.
    """
    left_out = [name for name, info in site.plugins.items() if info.state == "blocked"]
    await db.execute(_PARK_UNKNOWN, sorted(catalog.plugins), sorted(catalog.jobs), left_out)
    await unpark_plugin(db, catalog)
