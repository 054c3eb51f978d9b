"""The floor's pages: one hand-written statement and one hand-written template each."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import msgspec
from jinja2 import Environment, FileSystemLoader

from bench.floor import sql

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

PAGE_SIZE = 50
_QUEUE = 16


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks; `sees_all` is an administrator."""

    id: int
    name: str
    sees_all: bool
    teams: list[int]


class Pages:
    """The pages over one pool."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool
        environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            auto_reload=False,
        )
        self._list = environment.get_template("list.html")
        self._record = environment.get_template("record.html")
        self._hits = environment.get_template("hits.html")

    @classmethod
    async def open(cls, dsn: str) -> Pages:
        """Open the pool as crmkit opens its own."""
        settings = {"plan_cache_mode": "force_custom_plan", "timezone": "UTC"}
        return cls(
            await asyncpg.create_pool(dsn, min_size=2, max_size=10, server_settings=settings)
        )

    async def close(self) -> None:
        """Close the pool."""
        await self._pool.close()

    async def find_person(self, cookie: str) -> Visitor | None:
        """Answer whose session a cookie names."""
        token = cookie.partition("crmkit=")[2].partition(";")[0]
        found = await self._pool.fetchrow(sql.SESSION, hashlib.sha256(token.encode()).hexdigest())
        if found is None:
            return None
        sees_all = found["role"] == "administrator"
        return Visitor(found["id"], found["name"], sees_all, found["teams"])

    async def show_list(self, person: Visitor, query: Mapping[str, str]) -> str:
        """Show people by name; `q` is a substring, `after` and `id` say where the page begins."""
        args = [*_rights(person)]
        if "q" in query:
            text = sql.FOUND
            args.append(f"%{query['q'].lower()}%")
        else:
            text = sql.LIST
            args += [query.get("after", ""), int(query.get("id", "0"))]
        if person.sees_all:
            text = text.replace(sql.OWN, sql.ALL)
        rows = await self._pool.fetch(text, *args, PAGE_SIZE + 1)
        last = rows[PAGE_SIZE - 1] if len(rows) > PAGE_SIZE else None
        return self._list.render(person=person, rows=rows[:PAGE_SIZE], last=last)

    async def show_record(self, person: Visitor, record: int) -> str:
        """Show a person with the calls and the changes."""
        text = sql.RECORD.replace(sql.OWN, sql.ALL) if person.sees_all else sql.RECORD
        row = await self._pool.fetchrow(text, *_rights(person), record)
        if row is None:
            return "There is no such person."
        calls = msgspec.json.decode(row["calls"] or "[]")
        changes = msgspec.json.decode(row["changes"] or "[]")
        return self._record.render(person=person, row=row, calls=calls, changes=changes)

    async def show_hits(self, person: Visitor, term: str) -> str:
        """Show what contains a text."""
        text = sql.SEARCH.replace(sql.OWN, sql.ALL) if person.sees_all else sql.SEARCH
        rows = await self._pool.fetch(text, *_rights(person), f"%{term.lower()}%")
        return self._hits.render(rows=rows)

    async def show_similar(self, person: Visitor, form: Mapping[str, str]) -> str:
        """Show who may be the one in the form."""
        text = sql.SIMILAR.replace(sql.OWN, sql.ALL) if person.sees_all else sql.SIMILAR
        digits = "".join(filter(str.isdigit, form["phone"]))[-9:]
        rows = await self._pool.fetch(
            text, *_rights(person), form["name"].lower(), form["email"].lower(), digits
        )
        return self._hits.render(rows=rows)

    async def create(self, person: Visitor, form: Mapping[str, str]) -> int:
        """Write a person with history and search row, in one statement."""
        number: int = await self._pool.fetchval(
            sql.CREATE, person.id, person.teams[0] if person.teams else None,
            form["name"], form["email"], form["phone"], form["city"],
        )  # fmt: skip
        return number

    async def export(self, person: Visitor) -> AsyncIterator[bytes]:
        """Answer all people as CSV, written by PostgreSQL itself."""
        pieces: asyncio.Queue[bytes | None] = asyncio.Queue(_QUEUE)
        text = sql.EXPORT.replace(sql.OWN, sql.ALL) if person.sees_all else sql.EXPORT

        async def copy() -> None:
            async with self._pool.acquire() as connection:
                await connection.copy_from_query(
                    text, *_rights(person), output=pieces.put, format="csv", header=True
                )
            await pieces.put(None)

        task = asyncio.create_task(copy())
        while (piece := await pieces.get()) is not None:
            yield piece
        await task


def _rights(person: Visitor) -> list[object]:
    return [person.id, person.teams]
