"""TRUST A5: what no form shows cannot be written by sending it, at any door that writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.access.policies import written_fields
from crmkit.records.actions import actions_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import httpx

    from crmkit.plugin.plan import EntityPlan
    from crmkit.testing.matrix.stage import Stage

#: Names no entity has as a field, with what an attacker would like them to be.
FOREIGN = {
    "id": "990001",
    "version": "990001",
    "created_by": "1",
    "updated_by": "1",
    "created_at": "2001-01-01T00:00",
    "updated_at": "2001-01-01T00:00",
    "trashed_at": "2001-01-01T00:00",
    "custom": '{"billing": {"paid": true}}',
    "custom.billing.paid": "990001",
    "custom.user.none": "990001",
    "password_hash": "990001",
    "name_key": "990001",
    "xmin": "1",
    '"name"': "990001",
    "name = 'x' --": "990001",
}
_WANTED = "990001"
_REFUSED = {400, 403, 404, 405, 409, 422}
#: Nothing of it may be written, whatever its names.
_WHOLE = {403, 404, 405}
#: What a form sends besides fields.
_OF_FORM = frozenset({"version", "id"})


def forbidden(plan: EntityPlan) -> dict[str, str]:
    """Answer every column and every foreign name that people may not write, with a value for it."""
    editable = {*written_fields(plan), *(n for n, f in plan.fields.items() if f.editable)}
    columns = {str(column._meta.name): _WANTED for column in plan.table._meta.columns}  # noqa: SLF001
    return {name: text for name, text in (columns | FOREIGN).items() if name not in editable}


class Assignment:
    """One reader who sends more than forms show."""

    def __init__(self, stage: Stage, client: httpx.AsyncClient) -> None:
        self._stage, self._client = stage, client

    async def at_once(self, plan: EntityPlan) -> AsyncIterator[str]:
        """Answer which name a request with all of them is not refused for, and what stuck."""
        record = (await self._stage.record(plan, "unowned")).id
        before = await self._stored(plan, record)
        names = forbidden(plan)
        asked = {name: text for name, text in names.items() if name not in _OF_FORM}
        calls: list[tuple[str, str, dict[str, Any]]] = [
            ("PATCH", f"/api/v1/{plan.name}/{record}", {**asked, "version": before["version"]}),
            ("POST", f"/api/v1/{plan.name}", asked),
        ]
        for method, path, sent in calls:
            answer = await self._client.request(method, path, json=sent)
            problems = _problems(answer)
            missed = [n for n in asked if not any(_names(n, each) for each in problems)]
            if answer.status_code in _WHOLE:
                missed = []
            if answer.status_code not in _REFUSED or missed:
                yield f"{method} {path} answers {answer.status_code} and takes {missed}"
        for path, form in self._forms(plan, record, before["version"], asked):
            answer = await self._client.post(path, data=form)
            if answer.status_code not in _REFUSED:
                yield f"POST {path} answers {answer.status_code} to {list(form)}"
        async for problem in self._stuck(plan, record, before):
            yield problem

    async def one_by_one(self, plan: EntityPlan) -> AsyncIterator[str]:
        """Answer which forbidden name sent alone is taken by a door."""
        record = (await self._stage.record(plan, "unowned")).id
        before = await self._stored(plan, record)
        for name, text in forbidden(plan).items():
            for path, form in self._forms(plan, record, before["version"], {name: text}):
                if name in _OF_FORM and not path.endswith("/edit"):
                    continue
                answer = await self._client.post(path, data={**form, name: text} if name in
                                                 _OF_FORM else form)  # fmt: skip
                if answer.status_code not in _REFUSED:
                    yield f"POST {path} answers {answer.status_code} to {name}"
            url = f"/{plan.name}/{record}/field/{name.replace('/', '')}"
            answer = await self._client.post(url, data={name: text})
            if answer.status_code not in _REFUSED:
                yield f"POST {url} answers {answer.status_code}"
            bulk = {"ids": str(record), "action": f"set-{name}", f"set-{name}.{name}": text}
            answer = await self._client.post(f"/{plan.name}/bulk", data=bulk)
            if answer.status_code not in _REFUSED:
                yield f"POST /{plan.name}/bulk answers {answer.status_code} to {name}"
        async for problem in self._stuck(plan, record, before):
            yield problem

    def _forms(
        self, plan: EntityPlan, record: int, version: int, asked: dict[str, str]
    ) -> Iterator[tuple[str, dict[str, str]]]:
        """Answer the doors that take a form of fields, with a form that holds the names."""
        url, seen = f"/{plan.name}/{record}", {"version": str(version)}
        yield f"{url}/edit", {**seen, **asked}
        yield f"/{plan.name}/new", asked
        if plan.lifecycle is not None:
            to = plan.lifecycle.initial
            yield f"{url}/move", {**seen, **asked, "to": to}
        for action in actions_of(plan):
            if action.input is None:
                yield f"{url}/actions/{action.name}", asked
        if plan.part_of is not None:
            yield self._grid(plan, record, version, asked)

    def _grid(
        self, plan: EntityPlan, record: int, version: int, asked: dict[str, str]
    ) -> tuple[str, dict[str, str]]:
        whole = self._stage.running.site.entity(plan.part_of.entity)  # type: ignore[union-attr]
        of = self._stage.known(whole, "unowned").id
        line = {"id": str(record), "version": str(version), **asked}
        url = f"/{whole.name}/{of}/parts/{plan.name}"
        return url, {f"0.{name}": text for name, text in line.items()}

    async def _stored(self, plan: EntityPlan, record: int) -> dict[str, Any]:
        sql = f'SELECT * FROM "{plan.tablename}" WHERE id = $1'  # noqa: S608 - declared
        return dict(await self._stage.db.row(sql, record) or {})

    async def _stuck(
        self, plan: EntityPlan, record: int, before: dict[str, Any]
    ) -> AsyncIterator[str]:
        after = await self._stored(plan, record)
        for name, value in before.items():
            if value != after.get(name):
                yield f"{plan.name}: {name} became {after.get(name)!r}"
        sql = f'SELECT count(*) FROM "{plan.tablename}" t WHERE t::text LIKE $1'  # noqa: S608
        if await self._stage.db.value(sql, f"%{_WANTED}%"):
            yield f"{plan.name}: a record holds {_WANTED}"


def _problems(answer: httpx.Response) -> list[str]:
    """Answer the names of fields that an answer of the API refuses."""
    try:
        return list(answer.json()["error"].get("problems", {}))
    except (ValueError, KeyError, TypeError):
        return []


def _names(name: str, problem: str) -> bool:
    """Say whether a problem is about a name; one with a dot stands quoted."""
    return problem in {name, f"`{name}`"} or problem.startswith(f"{name}.")
