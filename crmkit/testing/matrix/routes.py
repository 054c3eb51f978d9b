"""TRUST A1, A3: each route by each principal; a refusal changes nothing."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from crmkit.access.predicate import scope_of_role
from crmkit.records.actions import actions_of
from crmkit.testing.matrix.stage import TOKENS, changed, undone
from crmkit.web.policy import ADMIN, PUBLIC, SIGNED_IN, RouteLine, list_routes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    import httpx

    from crmkit.model.role import Role
    from crmkit.plugin.plan import EntityPlan
    from crmkit.testing.matrix.stage import Stage

NOBODY = frozenset({"", "disabled", "disabled token"})
_ENTITY = "{entity:str}"
_FAILED, _REFUSED = 500, 400
#: 303 leads to the page to sign in.
_BARRED = {303, 401, 403, 404, 405}
_DENIED = {403, 404, 405}
_SHUT = {401, 403}
#: It would end the session that the next requests need.
_LEFT_OUT = frozenset({"/logout"})


class Cell(NamedTuple):
    """A route, the entity it is asked for ("" for none), and its address with `{id}` in it."""

    route: RouteLine
    entity: str
    path: str


class Verdict(Enum):
    """What a principal is to get at a route."""

    BARRED = "to who is nobody here"
    DENIED = "to who may not"
    REFUSED = "for a record out of reach"
    ALLOWED = "to who may"
    OPEN = "where rules besides rights decide"

    @property
    def text(self) -> str:
        """A few words on it."""
        return self.value

    def takes(self, status: int) -> bool:
        """Say whether a status is such an answer."""
        if status >= _FAILED:
            return False
        if self is Verdict.BARRED:
            return status in _BARRED
        if self is Verdict.DENIED:
            return status in _DENIED
        if self is Verdict.REFUSED:
            return status >= _REFUSED
        return self is Verdict.OPEN or status not in _SHUT


def principals(stage: Stage) -> list[str]:
    """Answer everybody who can ask: nobody, each role, and each kind of token."""
    return ["", "disabled", *stage.running.site.roles, *TOKENS]


def cells(stage: Stage, plans: Sequence[EntityPlan], *, only: str = "") -> Iterator[Cell]:
    """Answer each route, once for each entity and for each name that may stand in it.

    Args:
        only: Id of a plugin: its own routes, and those of entities; "" is every route.
    """
    for route in list_routes(stage.app):
        if route.path in _LEFT_OUT:
            continue
        if _ENTITY in route.path:
            for plan in plans:
                for path in _paths(stage, route.path.replace(_ENTITY, plan.name), plan):
                    yield Cell(route, plan.name, path)
        elif not only or f"{route.path}/".startswith((f"/{only}/", f"/api/v1/{only}/")):
            yield Cell(route, "", _filled(route.path))


def _paths(stage: Stage, path: str, plan: EntityPlan) -> list[str]:
    """Answer the address once for each name that may stand in it."""
    path = path.replace("{record_id:int}", "{id}")
    if "/panels/" in path:
        added = stage.running.site.extensions.of(plan.name)
        cards = [f"{each.plugin}/{panel.name}" for each in added for panel in each.extension.panels]
        return [path.replace("{plugin:str}/{name:str}", card) for card in cards]
    names = {
        "/actions/": [action.name for action in actions_of(plan)],
        "/parts/": [parts.entity for parts in plan.parts],
        "/field/": [plan.title],
        "/timeline/": ["note", "call"],
    }
    for part, known in names.items():
        if part in path:
            return [_filled(re.sub(r"\{(name|kind):str\}", name, path)) for name in known]
    return [_filled(path)]


def _filled(path: str) -> str:
    path = re.sub(r"\{\w+:int\}", "999999999", path)
    return re.sub(r"\{\w+:str\}", "nobody-issued-this", path)


class Routes:
    """One principal before all routes, with records that are nobody's."""

    def __init__(self, stage: Stage, principal: str, client: httpx.AsyncClient) -> None:
        self._stage, self._client = stage, client
        self._principal = principal
        self._role: Role | None = stage.running.site.roles.get(principal)

    async def problems(self, asked: Sequence[Cell]) -> AsyncIterator[str]:
        """Answer which route does otherwise than its policy says, and what a refusal changed."""
        numbers = {cell.entity: await self._number(cell.entity) for cell in asked}
        before = await self._stage.digest()
        refused = []
        for cell in asked:
            url = cell.path.replace("{id}", str(numbers[cell.entity]))
            verdict = self._verdict(cell)
            status = await self._ask(cell, url, verdict)
            if not verdict.takes(status):
                told = f"answers {status}, {verdict.text}"
                yield f"{self._principal or 'nobody'}: {cell.route.method} {url} {told}"
            if status >= _REFUSED and cell.route.method != "GET":
                refused.append(f"{cell.route.method} {url}")
        found = changed(before, await self._stage.digest())
        if found:
            yield f"{self._principal or 'nobody'}: one of these changed {found}: {refused}"

    async def _number(self, entity: str) -> int:
        if not entity:
            return 0
        plan = self._stage.running.site.entity(entity)
        return (await self._stage.record(plan, "unowned")).id

    async def _ask(self, cell: Cell, url: str, verdict: Verdict) -> int:
        """Answer the status; what is done is taken back, what is refused must leave no trace."""
        sent: dict[str, Any] = {"json": {}} if url.startswith("/api/") else {"data": {}}
        method = cell.route.method
        if method == "GET":
            return (await self._client.get(url)).status_code
        if verdict not in {Verdict.BARRED, Verdict.DENIED}:
            status = 0
            async with undone(self._stage.db):
                status = (await self._client.request(method, url, **sent)).status_code
            if status < _REFUSED:
                return status
        return (await self._client.request(method, url, **sent)).status_code

    def _verdict(self, cell: Cell) -> Verdict:
        """Answer what the principal is to get."""
        policy, is_page = cell.route.policy, not cell.path.startswith("/api/")
        if policy == PUBLIC:
            return Verdict.OPEN
        if self._principal in NOBODY or (self._principal in TOKENS and is_page):
            return Verdict.BARRED
        if self._principal == "scoped token" and self._whole(cell.entity) not in {"", "crm.person"}:
            return Verdict.DENIED
        if self._role is None or policy == SIGNED_IN:
            return Verdict.OPEN
        if policy == ADMIN:
            is_admin = self._role.scope("core.user", "admin") != "none"
            return Verdict.ALLOWED if is_admin else Verdict.DENIED
        return self._of_role(cell, self._role)

    def _whole(self, entity: str) -> str:
        """Answer the entity whose rights hold: parts are as their whole."""
        plan = self._stage.running.site.entities.get(entity)
        return entity if plan is None or plan.part_of is None else self._whole(plan.part_of.entity)

    def _of_role(self, cell: Cell, role: Role) -> Verdict:
        name, _dot, verb = cell.route.policy.rpartition(".")
        site = self._stage.running.site
        plan = site.entities.get(cell.entity or name)
        if plan is None:
            return Verdict.ALLOWED if role.grants(cell.route.policy) else Verdict.DENIED
        scope = scope_of_role(site, role, plan, verb)  # type: ignore[arg-type]
        if scope == "none":
            return Verdict.DENIED
        # The record is nobody's: own and team do not reach it. Input may be looked at before.
        reach = {scope, scope_of_role(site, role, plan, "read")}
        if "{id}" in cell.path and reach != {"all"}:
            return Verdict.REFUSED
        # What an action or a note makes besides may be what the role may not make.
        makes = "/actions/" in cell.path or "/timeline/" in cell.path
        return Verdict.OPEN if makes else Verdict.ALLOWED
