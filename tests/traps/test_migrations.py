"""TRAPS section 4: migrations, by our own runner on plain SQL files."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from crmkit.db.migrations import MigrationSource, migrate, undo
from crmkit.errors import MigrationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_FIRST = "CREATE TABLE {0}_a (id int);\n-- backwards\nDROP TABLE {0}_a;\n"
_SECOND = (
    "ALTER TABLE {0}_a ADD COLUMN name text;\n-- backwards\nALTER TABLE {0}_a DROP COLUMN name;\n"
)


def _source(folder: Path, plugin: str, *scripts: str) -> MigrationSource:
    place = folder / plugin
    place.mkdir(exist_ok=True)
    for number, script in enumerate(scripts, 1):
        (place / f"{number:04d}_step.sql").write_text(script.format(plugin))
    return MigrationSource(plugin, place)


@pytest.fixture
async def owner(dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(dsn)
    yield connection
    for plugin in ("trapone", "traptwo"):
        await connection.execute(f"DROP TABLE IF EXISTS {plugin}_a")
        await connection.execute("DELETE FROM core_migration WHERE plugin = $1", plugin)
    await connection.close()


async def _columns(owner: asyncpg.Connection[asyncpg.Record], table: str) -> list[str]:
    rows = await owner.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_name = $1 ORDER BY 1", table
    )
    return [row[0] for row in rows]


async def test_same_file_name(
    dsn: str, tmp_path: Path, owner: asyncpg.Connection[asyncpg.Record]
) -> None:
    """TRAPS M1: two plugins may name their files alike; each runs its own."""
    sources = [_source(tmp_path, name, _FIRST) for name in ("trapone", "traptwo")]
    assert 2 == len(await migrate(dsn, sources))
    assert ["id"] == await _columns(owner, "trapone_a")
    assert ["id"] == await _columns(owner, "traptwo_a")


async def test_undo_one_plugin(
    dsn: str, tmp_path: Path, owner: asyncpg.Connection[asyncpg.Record]
) -> None:
    """TRAPS M2: undoing one plugin leaves the other's tables and records."""
    sources = [_source(tmp_path, name, _FIRST, _SECOND) for name in ("trapone", "traptwo")]
    await migrate(dsn, sources)
    assert ["0002_step", "0001_step"] == [each.name for each in await undo(dsn, sources[0])]
    assert [] == await _columns(owner, "trapone_a")
    assert ["id", "name"] == await _columns(owner, "traptwo_a")
    assert [] == await migrate(dsn, sources[1:], plan=True)


async def test_crash_between(
    dsn: str, tmp_path: Path, owner: asyncpg.Connection[asyncpg.Record]
) -> None:
    """TRAPS M2: a plugin's files and their records stand or fall together."""
    source = _source(tmp_path, "trapone", _FIRST, "SELECT 1 / 0;\n-- backwards\n")
    with pytest.raises(MigrationError, match="0002_step of `trapone` failed"):
        await migrate(dsn, [source])
    assert [] == await _columns(owner, "trapone_a")
    assert 0 == await owner.fetchval("SELECT count(*) FROM core_migration WHERE plugin = 'trapone'")


async def test_three_processes_migrate(
    dsn: str, tmp_path: Path, owner: asyncpg.Connection[asyncpg.Record]
) -> None:
    """TRAPS M3: of three that migrate at once one does it, the others find it done."""
    source = _source(tmp_path, "trapone", _FIRST, _SECOND)
    done = await asyncio.gather(*(migrate(dsn, [source]) for _ in range(3)))
    assert [0, 0, 2] == sorted(len(each) for each in done)
    assert ["id", "name"] == await _columns(owner, "trapone_a")


async def test_up_down_up_same_schema(
    dsn: str, tmp_path: Path, owner: asyncpg.Connection[asyncpg.Record]
) -> None:
    """TRAPS M7: there, back and there again is the same schema."""
    source = _source(tmp_path, "trapone", _FIRST, _SECOND)
    await migrate(dsn, [source])
    before = await _columns(owner, "trapone_a")
    await undo(dsn, source)
    await migrate(dsn, [source])
    assert before == await _columns(owner, "trapone_a")


async def test_code_older_than_the_data_is_refused(
    dsn: str, tmp_path: Path, owner: asyncpg.Connection[asyncpg.Record]
) -> None:
    """A database with a migration that the code does not know is not touched."""
    await migrate(dsn, [_source(tmp_path, "trapone", _FIRST, _SECOND)])
    (tmp_path / "trapone" / "0002_step.sql").unlink()
    with pytest.raises(MigrationError, match="the code is older than the data"):
        await migrate(dsn, [MigrationSource("trapone", tmp_path / "trapone")])


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("1_x.sql", "", "must look like"),
        ("0001_x.sql", "SELECT 1;", "-- backwards"),
    ],
)
async def test_a_file_that_does_not_fit_is_named(
    dsn: str, tmp_path: Path, name: str, text: str, told: str
) -> None:
    """A misnamed file, or one without a way back, stops with its path."""
    (tmp_path / name).write_text(text)
    with pytest.raises(MigrationError, match=told) as refused:
        await migrate(dsn, [MigrationSource("trapone", tmp_path)])
    assert name in str(refused.value)
