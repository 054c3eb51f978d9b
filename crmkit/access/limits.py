"""Limits kept in the database, so that all processes count together."""

from __future__ import annotations

from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING

from crmkit.errors import LimitError

if TYPE_CHECKING:
    from crmkit.db.engine import Database

_WINDOW = timedelta(minutes=10)


async def check_limit(db: Database, name: str, most: int) -> None:
    """Refuse when there were `most` failures under a name within 10 minutes.

    Raises:
        LimitError: With the seconds until the oldest of them is forgotten.
    """
    row = await db.row(
        "SELECT count(*) AS number, "
        "ceil(extract(epoch FROM min(at) + $2::interval - now()))::int AS wait "
        "FROM core_limit WHERE name = $1 AND at > now() - $2::interval",
        name,
        _WINDOW,
    )
    if row is not None and row["number"] >= most:
        wait = max(1, row["wait"])
        raise LimitError(f"Too many tries. Wait {ceil(wait / 60)} min and try again.", wait)


async def claim_try(db: Database, name: str, most: int) -> None:
    """Count a try as failed before its outcome is known; `forget_failures` takes it back.

    Checking first and counting after the slow hash would let any number of tries sent at the same
    moment through. Outside a transaction, or the failure is forgotten with it.

    Raises:
        LimitError: There were `most` within 10 minutes; this one does not count.
    """
    async with db.transaction():
        await db.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", name)
        await check_limit(db, name, most)
        await count_failure(db, name)


async def count_failure(db: Database, name: str) -> None:
    """Remember a failure under a name, and forget old ones of all names."""
    await db.execute("INSERT INTO core_limit (name) VALUES ($1)", name)
    await db.execute("DELETE FROM core_limit WHERE at < now() - interval '1 day'")


async def forget_failures(db: Database, name: str) -> None:
    """Forget the failures of a name, after a success."""
    await db.execute("DELETE FROM core_limit WHERE name = $1", name)
