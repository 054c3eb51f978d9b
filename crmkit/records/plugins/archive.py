"""A plugin's data as a file: written whole before its tables go, and brought back from it.

A zip of one JSONL file a table, with every column; what it holds in `custom` of other records;
external keys, stage history and merges of its records; its row of core_plugin; and `archive.json`
with counts and SHA-256 of each, and how far its sequences have counted. Journal and search rows
stay in the database: the journal is the company's, search rows are made anew.
"""

from __future__ import annotations

import hashlib
import zipfile
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec

from crmkit.db.migrations import MigrationSource, undo
from crmkit.errors import ConflictError, InvalidError, StorageFullError
from crmkit.plugin.stored import raise_generation
from crmkit.records.journal import write_search
from crmkit.records.plugins.impact import plugin_tables
from crmkit.records.plugins.indexes import drop_indexes
from crmkit.records.plugins.rows import add_row, set_state
from crmkit.records.plugins.switch import check_may_switch, dependents, info_of, site_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from crmkit.model.context import Context

FORMAT = 1
_CUSTOM = "custom.jsonl"
#: Those that count for themselves; ids have theirs from their column.
_SEQUENCES = """
SELECT sequencename AS name, last_value AS last FROM pg_sequences
WHERE schemaname = 'public' AND starts_with(sequencename, $1 || '_') AND last_value IS NOT NULL
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = sequencename::regclass
                    AND d.deptype IN ('i', 'a'))
ORDER BY 1
"""
#: Tables of the core with rows on records of any plugin, which go and come with the records.
_KEPT = ("core_external", "core_stage_history", "core_merged")


class ArchivedFile(msgspec.Struct, frozen=True):
    """A file of an archive."""

    name: str
    rows: int
    sha256: str


class ArchiveList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `archive.json` says.

    Attributes:
        sequences: Name of a sequence of the plugin's own to the last number it gave.
    """

    format: int
    plugin: str
    name: str
    version: str
    migrations: tuple[str, ...]
    settings: dict[str, Any]
    files: tuple[ArchivedFile, ...]
    sequences: dict[str, int] = {}


async def archive_plugin(ctx: Context, plugin: str, owner_dsn: str) -> Path:
    """Write a plugin's data to a file, then undo its migrations.

    Returns:
        The archive, below `var/archive` of the site.

    Raises:
        ConflictError: It is still on, another plugin requires it, or crmkit.toml decides.
        StorageFullError: The disk has no room; nothing was removed.
        MigrationError: Its tables cannot be dropped; the archive stays, nothing was removed.
    """
    check_may_switch(ctx)
    _check_off(ctx, plugin)
    path = await write_archive(ctx, plugin)
    await remove_tables(ctx, plugin, owner_dsn)
    async with ctx.db.transaction():
        await add_row(ctx.db, info_of(site_in(ctx), plugin).manifest, "archived")
        await clear_values(ctx, plugin)
        await set_state(ctx.db, plugin, "archived", ctx.user_id)
        await raise_generation(ctx.db)
    await drop_indexes(owner_dsn, plugin)
    return path


def _check_off(ctx: Context, plugin: str) -> None:
    info = info_of(site_in(ctx), plugin)
    if info.is_on:
        raise ConflictError(f"{info.manifest.name} is on. Switch it off first.")
    leaning = dependents(site_in(ctx), plugin)
    if leaning:
        raise ConflictError(f"{', '.join(leaning)} needs {info.manifest.name}. Switch that off.")


async def write_archive(ctx: Context, plugin: str) -> Path:
    """Write the archive of a plugin; a file that is not whole never has its name.

    Raises:
        StorageFullError: The disk has no room.
    """
    folder = ctx.config.var / "archive"
    moment = ctx.now().strftime("%Y%m%d-%H%M%S-%f")
    path = folder / f"{plugin}-{moment}.zip"
    part = path.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        async with ctx.db.transaction():
            with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
                await _write(ctx, plugin, archive)
        part.rename(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StorageFullError(
            f"{folder}: the archive cannot be written ({error.strerror}). Nothing was removed; "
            "make room and try again."
        ) from error
    return path


async def _write(ctx: Context, plugin: str, archive: zipfile.ZipFile) -> None:
    files = []
    for table in await plugin_tables(ctx, plugin):
        quoted = table.replace('"', '""')
        # As text: a number that Python read as a float would lose digits of an amount.
        rows = ctx.db.rows(
            f'SELECT to_jsonb(t)::text AS row FROM "{quoted}" t ORDER BY to_jsonb(t)'  # noqa: S608 - of the catalogue
        )
        files.append(_add(archive, f"{table}.jsonl", [row["row"].encode() for row in await rows]))
    for table in _KEPT:
        rows = ctx.db.rows(
            f"SELECT to_jsonb(t)::text AS row FROM {table} t WHERE starts_with(entity, $1) "  # noqa: S608 - a constant
            "ORDER BY to_jsonb(t)",
            f"{plugin}.",
        )
        files.append(_add(archive, f"{table}.jsonl", [row["row"].encode() for row in await rows]))
    values = [msgspec.json.encode(each) async for each in _values(ctx, plugin)]
    files.append(_add(archive, _CUSTOM, values))
    stored = site_in(ctx).choice.stored.get(plugin)
    info = info_of(site_in(ctx), plugin)
    names = await ctx.db.rows(
        "SELECT name FROM core_migration WHERE plugin = $1 ORDER BY name", plugin
    )
    listed = ArchiveList(
        format=FORMAT,
        plugin=plugin,
        name=info.manifest.name,
        version=stored.version if stored else info.manifest.version,
        migrations=tuple(row["name"] for row in names),
        settings=stored.settings if stored else {},
        files=tuple(files),
        sequences={row["name"]: row["last"] for row in await ctx.db.rows(_SEQUENCES, plugin)},
    )
    archive.writestr("archive.json", msgspec.json.format(msgspec.json.encode(listed)))


def _add(archive: zipfile.ZipFile, name: str, rows: list[bytes]) -> ArchivedFile:
    text = b"".join(row + b"\n" for row in rows)
    archive.writestr(name, text)
    return ArchivedFile(name, len(rows), hashlib.sha256(text).hexdigest())


async def _values(ctx: Context, plugin: str) -> AsyncIterator[dict[str, Any]]:
    for plan in site_in(ctx).entities.values():
        if plan.plugin == plugin:
            continue
        rows = await ctx.db.rows(
            f'SELECT id, custom->$1 AS value FROM "{plan.tablename}" WHERE custom ? $1 ORDER BY id',  # noqa: S608 - declared
            plugin,
        )
        for row in rows:
            yield {"entity": plan.name, "record": row["id"], "value": row["value"]}


async def remove_tables(ctx: Context, plugin: str, owner_dsn: str) -> None:
    """Undo a plugin's migrations; where its code is gone, drop the tables of its prefix.

    Raises:
        MigrationError: Something else refers to them; nothing was removed.
    """
    source = _source(ctx, plugin)
    if source is not None:
        await undo(owner_dsn, source)
        return
    connection = await asyncpg.connect(owner_dsn, timeout=10)
    try:
        async with connection.transaction():
            names = [f'"{name}"' for name in await plugin_tables(ctx, plugin)]
            if names:
                await connection.execute(f"DROP TABLE {', '.join(names)} CASCADE")
            await connection.execute("DELETE FROM core_migration WHERE plugin = $1", plugin)
    finally:
        await connection.close()


def _source(ctx: Context, plugin: str) -> MigrationSource | None:
    folder = info_of(site_in(ctx), plugin).folder
    return MigrationSource(plugin, folder / "migrations") if folder is not None else None


async def clear_values(ctx: Context, plugin: str) -> None:
    """Remove what it holds in other records, and what the core holds on its own."""
    for plan in site_in(ctx).entities.values():
        if plan.plugin != plugin:
            await ctx.db.execute(
                f'UPDATE "{plan.tablename}" SET custom = custom - $1 WHERE custom ? $1',  # noqa: S608 - declared
                plugin,
            )
    for table in ("core_search", *_KEPT):
        await ctx.db.execute(f"DELETE FROM {table} WHERE starts_with(entity, $1)", f"{plugin}.")  # noqa: S608 - a constant


async def restore_archive(ctx: Context, plugin: str, path: Path, owner_dsn: str) -> int:
    """Bring the data of an archive back into the empty tables of a plugin that is on.

    What its migrations put there, and nobody changed since, makes room.

    Returns:
        How many rows came back.

    Raises:
        InvalidError: The file is no archive of this plugin, or was changed.
        ConflictError: Its tables hold rows already.
    """
    check_may_switch(ctx)
    listed, files = _read(path)
    if listed.plugin != plugin or listed.format != FORMAT:
        raise InvalidError(f"{path}: this is an archive of `{listed.plugin}`, not of `{plugin}`.")
    number = 0
    async with ctx.db.transaction():
        apart = {_CUSTOM, *(f"{table}.jsonl" for table in _KEPT)}
        tables = [
            each.name.removesuffix(".jsonl") for each in listed.files if each.name not in apart
        ]
        order = await _in_order(ctx, tables)
        for table in reversed(order):
            await _make_room(ctx, plugin, table)
        for table in order:
            number += await _fill(ctx, table, files[f"{table}.jsonl"])
        for table in _KEPT:
            # Archives written before these were kept have no such file.
            await ctx.db.execute(
                f"INSERT INTO {table} SELECT * "  # noqa: S608 - a constant
                f"FROM jsonb_populate_recordset(NULL::{table}, $1::text::jsonb) "
                "ON CONFLICT DO NOTHING",
                _whole(files.get(f"{table}.jsonl", [])),
            )
        for line in files[_CUSTOM]:
            value = msgspec.json.decode(line)
            plan = site_in(ctx).entities.get(value["entity"])
            if plan is not None:
                await ctx.db.execute(
                    f'UPDATE "{plan.tablename}" SET custom = custom || jsonb_build_object($2::text, $3::jsonb) WHERE id = $1',  # noqa: S608, E501 - declared
                    value["record"],
                    plugin,
                    value["value"],
                )
        await ctx.db.execute(
            "UPDATE core_plugin SET settings = $2 WHERE id = $1", plugin, listed.settings
        )
        for plan in site_in(ctx).entities.values():
            if plan.plugin == plugin:
                rows = await ctx.db.rows(f'SELECT id FROM "{plan.tablename}"')  # noqa: S608 - declared
                await write_search(ctx, plan, [row["id"] for row in rows])
        await raise_generation(ctx.db)
    await _advance_numbers(owner_dsn, tables, listed)
    return number


def _whole(rows: list[bytes]) -> str:
    """Answer rows of JSON as the text of one list."""
    return f"[{b','.join(rows).decode()}]"


def _read(path: Path) -> tuple[ArchiveList, dict[str, list[bytes]]]:
    try:
        with zipfile.ZipFile(path) as archive:
            listed = msgspec.json.decode(archive.read("archive.json"), type=ArchiveList)
            texts = {each.name: archive.read(each.name) for each in listed.files}
    except (OSError, KeyError, zipfile.BadZipFile, msgspec.MsgspecError) as error:
        raise InvalidError(f"{path}: this is no archive of a plugin ({error}).") from error
    for each in listed.files:
        if hashlib.sha256(texts[each.name]).hexdigest() != each.sha256:
            raise InvalidError(f"{path}: {each.name} was changed after it was written.")
    return listed, {name: text.splitlines() for name, text in texts.items()}


async def _make_room(ctx: Context, plugin: str, table: str) -> None:
    """Remove records that are as migrations made them: of their moment, and never saved since."""
    plans = site_in(ctx).entities.values()
    plan = next((each for each in plans if each.tablename == table), None)
    if plan is not None:
        await ctx.db.execute(
            f'WITH gone AS (DELETE FROM "{table}" WHERE version = 1 AND created_at IN '  # noqa: S608 - declared
            "(SELECT applied_at FROM core_migration WHERE plugin = $1) RETURNING id) "
            "DELETE FROM core_search s USING gone WHERE s.entity = $2 AND s.record = gone.id",
            plugin, plan.name,
        )  # fmt: skip


async def _fill(ctx: Context, table: str, rows: list[bytes]) -> int:
    quoted = table.replace('"', '""')
    if await ctx.db.value(f'SELECT EXISTS (SELECT 1 FROM "{quoted}")'):  # noqa: S608 - checked below
        raise ConflictError(f"The table {table} holds rows already; nothing was brought back.")
    columns = await ctx.db.rows(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' "
        "AND table_name = $1 AND is_generated = 'NEVER' ORDER BY ordinal_position",
        table,
    )
    names = ", ".join('"' + row["column_name"].replace('"', '""') + '"' for row in columns)
    await ctx.db.execute(
        f'INSERT INTO "{quoted}" ({names}) SELECT {names} '  # noqa: S608 - of the catalogue
        f'FROM jsonb_populate_recordset(NULL::"{quoted}", $1::text::jsonb)',
        _whole(rows),
    )
    return len(rows)


async def _in_order(ctx: Context, tables: list[str]) -> list[str]:
    """Answer tables so that each comes after those it refers to."""
    rows = await ctx.db.rows(
        "SELECT c.conrelid::regclass::text AS child, c.confrelid::regclass::text AS parent "
        "FROM pg_constraint c WHERE c.contype = 'f' AND c.conrelid <> c.confrelid "
        "AND c.conrelid::regclass::text = ANY($1) AND c.confrelid::regclass::text = ANY($1)",
        tables,
    )
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(tables, ()))
    for row in rows:
        sorter.add(row["child"], row["parent"])
    return list(sorter.static_order())


async def _advance_numbers(owner_dsn: str, tables: list[str], listed: ArchiveList) -> None:
    """Let new ids and numbers follow those that came back; only the owner may."""
    connection = await asyncpg.connect(owner_dsn, timeout=10)
    try:
        for table in tables:
            has_id = await connection.fetchval(
                "SELECT 1 FROM information_schema.columns WHERE table_schema = 'public' "
                "AND table_name = $1 AND column_name = 'id' AND is_identity = 'YES'",
                table,
            )
            if has_id:
                quoted = table.replace('"', '""')
                await connection.execute(
                    f"SELECT setval(pg_get_serial_sequence('\"{quoted}\"', 'id'), "  # noqa: S608
                    f'(SELECT coalesce(max(id), 1) FROM "{quoted}"))'
                )
        for name, last in listed.sequences.items():
            await connection.execute(
                "SELECT setval(sequencename::regclass, greatest($2, last_value)) FROM pg_sequences "
                "WHERE schemaname = 'public' AND sequencename = $1 AND starts_with($1, $3)",
                name, last, f"{listed.plugin}_",
            )  # fmt: skip
    finally:
        await connection.close()
