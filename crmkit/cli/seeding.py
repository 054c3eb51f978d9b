"""`crmkit seed`: many sample records at the speed of COPY, to try a site at its future size."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import rich_click as click

from crmkit.cli import _SITE, _commands, _run
from crmkit.cli.opening import Opened, open_site
from crmkit.cli.samples import BEGIN, calls, companies, people
from crmkit.db.engine import Database
from crmkit.errors import ConflictError
from crmkit.records.journal import open_operation, search_expressions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

_CHUNK = 20_000
#: Seconds that one statement may take.
_PATIENCE = 1800.0
_FILLED = ("crm_company", "crm_person", "crm_activity", "core_journal", "core_search")
_USERS, _TEAMS = 100, 10
_CALLS_EACH = 5


@_commands.command()
@_SITE
@click.option("--people", "people_number", type=click.IntRange(0), default=100_000,
              show_default=True)  # fmt: skip
@click.option("--companies", "companies_number", type=click.IntRange(0), default=20_000,
              show_default=True)  # fmt: skip
@click.option("--history", type=click.IntRange(0), default=100_000, show_default=True,
              help="Finished calls, five for each of the first people.")  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="Same number, same rows.")
def seed(site: Path, people_number: int, companies_number: int, history: int, seed: int) -> None:
    """Fill an empty site with sample records: 100 users in 10 teams, companies, people, calls.

    One operation of the history, which can be undone there. Pages wait until it is done.
    """

    async def work() -> None:
        begin = time.perf_counter()
        async with open_site(site) as opened:
            if await opened.db.value("SELECT EXISTS (SELECT 1 FROM crm_person)"):
                raise ConflictError(
                    "This site has people already. Samples go into an empty one: `--site FOLDER`."
                )
            async with _as_owner(opened) as owner:
                async with owner.db.transaction(), _without_indexes(owner.db):
                    await _Seeding(owner, seed).run(companies_number, people_number, history)
                await owner.db.execute("ANALYZE")
        taken = time.perf_counter() - begin
        click.echo(
            f"{companies_number:,} companies, {people_number:,} people, {history:,} calls "
            f"in {taken:.1f} s."
        )

    _run(work())


@asynccontextmanager
async def _as_owner(opened: Opened) -> AsyncIterator[Opened]:
    """Open the site once more as the role whose tables they are; statements may take minutes."""
    db = Database(opened.owner_dsn, pool_min=1, pool_max=1, timeout=_PATIENCE)
    await db.open()
    try:
        yield replace(opened, db=db)
    finally:
        await db.close()


_INDEXES = """
SELECT c.relname AS name, pg_get_indexdef(i.indexrelid) AS make
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = ANY($1::text[]::regclass[]) AND NOT i.indisunique
ORDER BY i.indrelid, c.relname
"""


@asynccontextmanager
async def _without_indexes(db: Database) -> AsyncIterator[None]:
    """Take the indexes of the filled tables away and build them at the end.

    An index built over all rows costs a fraction of one that grows with each of them. Primary
    keys and unique indexes stay. It is all one transaction: pages see the indexes, or wait.
    """
    found = await db.rows(_INDEXES, list(_FILLED))
    names = ", ".join(f'"{row["name"]}"' for row in found)
    if names:
        await db.execute(f"DROP INDEX {names}")
    yield
    for row in found:
        await db.execute(row["make"])


def _made(record: int) -> tuple[datetime, datetime]:
    """Answer when a record was made and last changed: a minute apart from its neighbours."""
    made = BEGIN + timedelta(minutes=record)
    return made, made


class _Seeding:
    """The statements of one seeding."""

    def __init__(self, opened: Opened, seed: int) -> None:
        self._ctx = opened.context("import")
        self._db = opened.db
        self._seed = seed
        self._owners: list[tuple[int, int]] = []
        self._operation = 0

    async def run(self, companies_number: int, people_number: int, history: int) -> None:
        """Write everything, parents before children."""
        # Pages plan each statement anew; the check of a reference would do so for each row.
        await self._db.execute("SET LOCAL plan_cache_mode = 'auto'")
        # Indexes are sorted in memory, not in pieces on disk.
        await self._db.execute("SET LOCAL maintenance_work_mem = '512MB'")
        self._operation = await open_operation(self._ctx, "import", "Samples")
        await self._write_users()
        company_ids = await self._write(
            "crm.company",
            ["name", "sector", "city", "website"],
            (
                (c.name, c.sector, c.city, c.website)
                for c in companies(companies_number, self._seed)
            ),
            companies_number,
        )
        person_ids = await self._write(
            "crm.person",
            ["name", "job_title", "company", "email", "phone", "city"],
            (
                (p.name, p.job_title, company_ids[p.company] if company_ids else None, p.email,
                 p.phone, p.city)
                for p in people(people_number, companies_number, self._seed)
            ),
            people_number,
        )  # fmt: skip
        heard = min(history // _CALLS_EACH, len(person_ids))
        await self._write(
            "crm.activity",
            ["subject", "kind", "done_at", "direction", "person"],
            (
                (text, "call", moment, "out", person_ids[person])
                for person, moment, text in calls(heard, _CALLS_EACH, self._seed)
            ),
            heard * _CALLS_EACH,
        )

    async def _write_users(self) -> None:
        teams = [
            await self._ctx.create("core.team", name=f"Team {number}")
            for number in range(1, _TEAMS + 1)
        ]
        for number in range(_USERS):
            team = teams[number % _TEAMS]
            user = await self._ctx.create(
                "core.user", name=f"Seller {number + 1}", email=f"seller{number + 1}@crm.example",
                role="seller", team=team,
            )  # fmt: skip
            self._owners.append((user, team))

    async def _write(
        self, entity: str, names: Sequence[str], rows: Iterator[tuple[Any, ...]], number: int
    ) -> list[int]:
        """Copy rows with owner, journal and search row; answer their ids."""
        plan = self._ctx.site.entity(entity)
        drawn = await self._db.rows(
            "SELECT nextval(pg_get_serial_sequence($1, 'id')) AS id FROM generate_series(1, $2)",
            plan.tablename,
            number,
        )
        made = [row["id"] for row in drawn]
        ids = iter(made)
        while chunk := list(islice(rows, _CHUNK)):
            await self._db.copy_rows(
                plan.tablename,
                ["id", *names, "owner", "team", "created_at", "updated_at"],
                [
                    (record, *values, *self._owners[record % len(self._owners)], *_made(record))
                    for record, values in zip(islice(ids, len(chunk)), chunk, strict=True)
                ],
            )
        if made:
            await self._write_traces(plan, names, made[0])
        return made

    async def _write_traces(self, plan: Any, names: Sequence[str], first: int) -> None:  # noqa: ANN401
        pairs = ", ".join(f"'{name}', t.\"{name}\"" for name in (*names, "owner", "team"))
        await self._db.execute(
            "INSERT INTO core_journal (operation, entity, record, action, after, cause, at) "  # noqa: S608 - declared names
            f"SELECT $1, $2, t.id, 'create', jsonb_build_object({pairs}), 'import', now() "
            f'FROM "{plan.tablename}" t WHERE t.id >= $3',
            self._operation,
            plan.name,
            first,
        )
        title, body = search_expressions(plan)
        await self._db.execute(
            "INSERT INTO core_search (entity, record, title, body) "  # noqa: S608 - declared names
            f'SELECT $1, t.id, {title}, {body} FROM "{plan.tablename}" t WHERE t.id >= $2',
            plan.name,
            first,
        )
