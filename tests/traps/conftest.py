"""A pool of its own with tables of its own: what is committed here is seen by nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

from crmkit.db.engine import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    Pool = Callable[..., "Database"]


@pytest.fixture
async def scratch(dsn: str) -> AsyncIterator[Database]:
    """A pool of four connections and the table `trap_row` (id, number), committed and dropped."""
    owner = await asyncpg.connect(dsn)
    await owner.execute(
        "CREATE TABLE trap_row (id int PRIMARY KEY, number int NOT NULL DEFAULT 0, "
        "once int UNIQUE DEFERRABLE INITIALLY DEFERRED)"
    )
    db = Database(dsn, pool_min=1, pool_max=4, timeout=5.0)
    await db.open()
    try:
        yield db
    finally:
        await db.close()
        await owner.execute("DROP TABLE trap_row")
        await owner.close()
