"""TRUST A4: what needs a permission of its own is met at no door without it, nor found out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.model.list_filter import OPERATORS
from crmkit.testing.matrix.doors import common_paths, listing_paths, reading_doors
from crmkit.testing.matrix.stage import MARK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    import httpx

    from crmkit.plugin.plan import EntityPlan
    from crmkit.testing.matrix.stage import Stage

#: A column that no entity has: what is asked of a guarded one is answered as of this one.
_NONE = "no_such_column"
_FAILED = 500


class Guarded:
    """A reader without a permission before the columns that it guards.

    Args:
        columns: Guarded ones of the entity, such as "unit_cost".
        shown: Texts that give a guarded value away, as any page or file would write it.
    """

    def __init__(self, stage: Stage, client: httpx.AsyncClient, shown: Sequence[str]) -> None:
        self._stage, self._client, self._shown = stage, client, shown

    async def shows(self, plans: Sequence[EntityPlan]) -> AsyncIterator[str]:
        """Answer which page, list, file or answer of the API shows a guarded value."""
        site = self._stage.running.site
        paths = [path for plan in plans for path in (*listing_paths(plan, MARK), *_lists(plan))]
        paths += common_paths(site, MARK)
        paths += [f"/search?q={word}" for word in self._shown]
        for plan in plans:
            record = (await self._stage.record(plan, "own")).id
            for door in reading_doors(site, plan):
                answer = await door.ask(self._client, record)
                async for problem in self._told(answer, f"{door.method} {door.path}"):
                    yield problem
        for path in paths:
            async for problem in self._told(await self._client.get(path), path):
                yield problem

    async def _told(self, answer: httpx.Response, place: str) -> AsyncIterator[str]:
        if answer.status_code >= _FAILED:
            yield f"{place} answers {answer.status_code}"
        text = answer.text.replace(str(answer.request.url.query, "ascii"), "")
        for word in self._shown:
            # The word that was searched for stands in the box of the search.
            if word in text.replace(f'value="{word}"', "") and f"q={word}" not in place:
                yield f"{place} shows {word}"

    async def tells(self, plan: EntityPlan, column: str) -> AsyncIterator[str]:
        """Answer where a guarded column is answered otherwise than one that does not exist."""
        for path in _questions(plan, column):
            asked = await self._client.get(path)
            none = await self._client.get(path.replace(column, _NONE))
            if asked.status_code != none.status_code or asked.status_code >= _FAILED:
                yield f"{path} answers {asked.status_code}, of no column {none.status_code}"
        record = (await self._stage.record(plan, "own")).id
        for path in (f"/{plan.name}/{record}/field/{column}",
                     f"/{plan.name}/{record}/field/{column}/edit"):  # fmt: skip
            if (await self._client.get(path)).status_code not in {403, 404}:
                yield f"{path} is a field"

    async def closed(self, plan: EntityPlan) -> AsyncIterator[str]:
        """Answer which door of an entity that is guarded whole opens."""
        record = (await self._stage.record(plan, "own")).id
        site = self._stage.running.site
        paths = [door.path.replace("{id}", str(record)) for door in reading_doors(site, plan)]
        paths += [*listing_paths(plan, MARK), *_lists(plan), f"/{plan.name}/new"]
        for path in paths:
            status = (await self._client.get(path)).status_code
            if status not in {403, 404}:
                yield f"{path} answers {status}"


def _lists(plan: EntityPlan) -> Iterator[str]:
    columns = "&".join(f"columns={name}" for name in plan.fields)
    yield f"/{plan.name}/export?{columns}"
    yield f"/api/v1/{plan.name}?{columns}&count=true"


def _questions(plan: EntityPlan, column: str) -> Iterator[str]:
    """Answer every way to ask a list for a column."""
    for url in (f"/{plan.name}", f"/api/v1/{plan.name}", f"/{plan.name}/export"):
        for sign in ("", "-"):
            yield f"{url}?sort={sign}{column}"
        for way in sorted({way for ways in OPERATORS.values() for way in ways}):
            yield f"{url}?f={column}:{way}:1"
        for name in ("group", "columns", "fields", "sum"):
            yield f"{url}?{name}={column}"
        yield f"{url}?{column}=1"
        yield f"{url}?filter[{column}]=1"
