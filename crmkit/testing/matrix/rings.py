"""TRUST A2, A3: each record by each door, as far as a role reaches; a refusal changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.access.predicate import scope_of_role
from crmkit.errors import NotFoundError
from crmkit.model.role import RINGS, reaches
from crmkit.records.read import get_record
from crmkit.testing.matrix.doors import (
    Door,
    bulk_doors,
    common_paths,
    listing_paths,
    reading_doors,
    writing_doors,
)
from crmkit.testing.matrix.stage import MARK, changed, undone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    import httpx

    from crmkit.model.role import Ring, Scope, Verb
    from crmkit.plugin.plan import EntityPlan
    from crmkit.plugin.site import Site
    from crmkit.testing.matrix.stage import Stage, Staged

    #: (entity, verb) to the scope that is expected.
    Scopes = Callable[[EntityPlan, Verb], Scope]

#: Verbs a single row is read for.
ROW_VERBS: tuple[Verb, ...] = ("read", "edit", "delete", "export")
_NOBODY = 999_999_999
_FAILED = 500
_DENIED = {401, 403, 404}
_UNFIT = {400, 409, 422}


def expected(site: Site, name: str) -> Scopes:
    """Answer the scopes that policies expect of a role; of a role they do not name, its own."""
    policies = [policy for _plugin, policy in site.contributions["policies"]]

    def scope(plan: EntityPlan, verb: Verb) -> Scope:
        for policy in policies:
            if plan.name in policy.rights and name in policy.roles:
                found: Scope = policy.scope(plan.name, name, verb)
                return found
        return scope_of_role(site, site.roles[name], plan, verb)

    return scope


class Rings:
    """One role before the records of all rings, as the policies of plugins expect it to fare.

    Args:
        client: The reader in that role.
        boss: An administrator, whose answers are those of who may.
    """

    def __init__(
        self,
        stage: Stage,
        role: str,
        client: httpx.AsyncClient | None = None,
        boss: httpx.AsyncClient | None = None,
    ) -> None:
        self._stage, self._role = stage, role
        self._scope = expected(stage.running.site, role)
        if client is not None and boss is not None:
            self._client, self._boss = client, boss

    async def of_rows(self, plan: EntityPlan, rings: Iterable[Ring] = RINGS) -> AsyncIterator[str]:
        """Answer which row is read for a verb that it should not, below all doors.

        Every door reads the row for the verb first, see `crmkit.records.read.get_record`.
        """
        ctx = self._stage.context_of(self._role)
        for ring in rings:
            record = await self._stage.record(plan, ring)
            for verb in ROW_VERBS:
                try:
                    await get_record(ctx, plan, record.id, verb)
                except NotFoundError:
                    found = False
                else:
                    found = True
                if found is not self._may(plan, verb, ring):
                    told = "is found" if found else "is not found"
                    yield f"{self._role}, {ring}: {plan.name} {told} for {verb}"

    async def of_records(
        self, plan: EntityPlan, rings: Iterable[Ring] = RINGS
    ) -> AsyncIterator[str]:
        """Answer what each record shows or takes that it should not, or should and does not."""
        site = self._stage.running.site
        doors = [*reading_doors(site, plan), *writing_doors(plan)]
        for ring in rings:
            record = await self._stage.record(plan, ring)
            async for problem in self._refused(plan, ring, record, doors):
                yield f"{self._role}, {ring}: {problem}"
            for door in doors:
                if self._may(plan, door.verb, ring) and door.sure:
                    problem = await self._allowed(record, door)
                    if problem:
                        yield f"{self._role}, {ring}: {problem}"

    def _may(self, plan: EntityPlan, verb: Verb, ring: Ring) -> bool:
        return reaches(self._scope(plan, verb), ring)

    async def _refused(
        self, plan: EntityPlan, ring: Ring, record: Staged, doors: Sequence[Door]
    ) -> AsyncIterator[str]:
        """Ask for what is not the reader's: answered as if there were none, and nothing changes."""
        denied = [door for door in doors if not self._may(plan, door.verb, ring)]
        bulk = [door for door in bulk_doors(plan) if not self._may(plan, door.verb, ring)]
        is_secret = bool(record.mark) and not self._may(plan, "read", ring)
        before = await self._stage.digest()
        for door in (*denied, *bulk):
            answer = await door.ask(self._client, record.id)
            if is_secret and record.mark in answer.text:
                yield f"{_name(door, record)} shows it"
            if not await self._is_refusal(door, answer, is_secret=is_secret):
                yield f"{_name(door, record)} answers {answer.status_code}"
        found = changed(before, await self._stage.digest())
        if found:
            yield f"/{plan.name}/{record.id}: refused, and rows changed of {found}"

    async def _is_refusal(self, door: Door, answer: httpx.Response, *, is_secret: bool) -> bool:
        """Say whether an answer gives nothing away.

        Input may be looked at before rights are, and a bulk leaves out what is not the reader's:
        where the record is a secret, one that never was is answered the same.
        """
        if answer.status_code in _DENIED:
            return True
        if is_secret or "/bulk" in door.path:
            none = await door.ask(self._client, _NOBODY)
            return none.status_code == answer.status_code < _FAILED
        return answer.status_code in _UNFIT or "/actions/" in door.path

    async def _allowed(self, record: Staged, door: Door) -> str:
        """Ask for what is the reader's: answered as an administrator is."""
        async with undone(self._stage.db):
            own = await door.ask(self._client, record.id)
        async with undone(self._stage.db):
            boss = await door.ask(self._boss, record.id)
        if own.status_code == boss.status_code:
            return ""
        told = f"answers {own.status_code}, an administrator {boss.status_code}"
        return f"{_name(door, record)} {told}"

    async def of_lists(self, plan: EntityPlan, rings: Sequence[Ring] = RINGS) -> AsyncIterator[str]:
        """Answer which list shows a record it should not, or does not show one it should."""
        for path, verb in listing_paths(plan, MARK).items():
            answer = await self._client.get(path)
            if answer.status_code >= _FAILED:
                yield f"{self._role}: {path} answers {answer.status_code}"
            for ring in rings:
                record = await self._stage.record(plan, ring)
                if not record.mark:
                    continue
                shown = record.mark in answer.text
                may = self._may(plan, "read", ring) and self._may(plan, verb, ring)
                if shown and not may:
                    yield f"{self._role}, {ring}: {path} shows {record.mark}"
                if may and not shown and _finds(plan, path):
                    yield f"{self._role}, {ring}: {path} does not show {record.mark}"

    async def of_common_pages(self) -> AsyncIterator[str]:
        """Answer which page of many entities shows a record that is not the reader's."""
        for path in common_paths(self._stage.running.site, MARK):
            answer = await self._client.get(path)
            if answer.status_code >= _FAILED:
                yield f"{self._role}: {path} answers {answer.status_code}"
            for (name, ring), record in self._stage.records.items():
                plan = self._stage.running.site.entity(name)
                may = self._may(plan, "read", ring)
                if record.mark and record.mark in answer.text and not may:
                    yield f"{self._role}, {ring}: {path} shows {record.mark}"


def _finds(plan: EntityPlan, path: str) -> bool:
    """Say whether an address lists all that bears the word, whatever else there is."""
    return plan.title_field.kind == "text" and (f"q={MARK}" in path or path.endswith("/export"))


def _name(door: Door, record: Staged) -> str:
    return f"{door.method} {door.path.replace('{id}', str(record.id))}"
