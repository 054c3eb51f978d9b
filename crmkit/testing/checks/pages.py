"""Every page of every entity answers, as the roles say, with a fixed number of statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.access.predicate import scope_of_role
from crmkit.errors import CrmkitError, InvalidError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import httpx

    from crmkit.model.role import Verb
    from crmkit.testing.checks.trial import Trial

_FEW, _MANY = 10, 100
#: Rows without which nothing is compared.
_LEAST = 2
_DENIED = {403, 404}


def _addresses(trial: Trial, entity: str) -> Iterator[tuple[str, Verb, bool]]:
    """Answer each address, the verb it wants, and whether it shows the sample record."""
    plan, record = trial.running.site.entity(entity), trial.records[entity]
    yield f"/{entity}", "read", False
    yield f"/api/v1/{entity}", "read", False
    yield f"/{entity}/new", "create", False
    yield f"/{entity}/export", "export", False
    if plan.board:
        yield f"/{entity}/board", "read", False
    yield f"/{entity}/{record}", "read", True
    yield f"/{entity}/{record}/edit", "edit", True
    yield f"/api/v1/{entity}/{record}", "read", True


async def make_samples(trial: Trial) -> AsyncIterator[str]:
    """Make a record of each entity; say where none can be made."""
    for entity in trial.entities:
        try:
            trial.records[entity] = await trial.samples.make(entity)
        except CrmkitError as error:
            yield error.message


async def pages_answer_as_roles_say(trial: Trial) -> AsyncIterator[str]:
    """Say which page answers otherwise than the right of a role wants."""
    for role in trial.running.site.roles.values():
        client = await trial.client(role.name)
        for entity in sorted(trial.records):
            for path, verb, shows in _addresses(trial, entity):
                plan = trial.running.site.entity(entity)
                scope = scope_of_role(trial.running.site, role, plan, verb)
                # The sample is the administrator's: own and team do not reach it.
                may = scope == "all" or (scope != "none" and not shows)
                if shows and verb != "read":
                    reads = scope_of_role(trial.running.site, role, plan, "read")
                    may = may and reads == "all"
                try:
                    status = (await client.get(path)).status_code
                except Exception as error:  # noqa: BLE001 - an answer that breaks off half-way
                    yield f"{path} breaks off for {role.name}: {error!r}"
                    continue
                if may and status != 200:  # noqa: PLR2004 - OK
                    yield f"{path} answers {status} to {role.name}, who may {verb} it"
                if not may and status not in _DENIED:
                    yield f"{path} answers {status} to {role.name}, who may not {verb} it"


async def statements_do_not_grow(trial: Trial) -> AsyncIterator[str]:
    """Say which page asks the database more often when there are more rows."""
    client = await trial.client()
    for entity in sorted(trial.records):
        plan = trial.running.site.entity(entity)
        paths = [f"/{entity}", f"/api/v1/{entity}", *([f"/{entity}/board"] if plan.board else [])]
        await _fill(trial, entity, _FEW)
        few = {path: await _statements(trial, client, path) for path in paths}
        await _fill(trial, entity, _MANY)
        for path in paths:
            many = await _statements(trial, client, path)
            if many != few[path]:
                yield (
                    f"{path} takes {few[path]} statements for {_FEW} rows and {many} for {_MANY}; "
                    "load what all rows of a page need at once"
                )


async def _fill(trial: Trial, entity: str, wanted: int) -> None:
    table = trial.running.site.entity(entity).tablename
    there = await trial.running.db.value(f'SELECT count(*) FROM "{table}"')  # noqa: S608 - declared
    for number in range(there, wanted):
        try:
            await trial.samples.make(entity)
        except InvalidError:
            if number < _LEAST:
                raise
            return  # as many as may be there: no two have the same values, and there are no others


async def _statements(trial: Trial, client: httpx.AsyncClient, path: str) -> int:
    await client.get(path)  # what is asked once is not counted
    with trial.counting() as sent:
        await client.get(path)
    return len(sent)
