"""The doors of an entity: every request that shows or changes its records, and what it wants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crmkit.records.actions import actions_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx

    from crmkit.model.extension import Panel
    from crmkit.model.role import Verb
    from crmkit.plugin.plan import EntityPlan
    from crmkit.plugin.site import Site

_API = "/api/v1"
_PLACE = "{id}"


class Door(NamedTuple):
    """A request.

    Attributes:
        verb: On the entity, that it wants on the record.
        path: With `{id}` where the record's number stands.
        sent: As `httpx` takes it.
        sure: Whoever has the verb gets the answer an administrator gets.
    """

    verb: Verb
    method: str
    path: str
    sent: Mapping[str, Any] = {}
    sure: bool = True

    async def ask(self, client: httpx.AsyncClient, record: int) -> httpx.Response:
        """Send it for a record."""
        path = self.path.replace(_PLACE, str(record))
        sent = {**self.sent}
        if "{id}" in str(sent.get("data", "")):
            sent["data"] = {k: v.replace(_PLACE, str(record)) for k, v in sent["data"].items()}
        if sent.get("json", {}).get("ids") == _PLACE:
            sent["json"] = {**sent["json"], "ids": [record]}
        return await client.request(self.method, path, **sent)


def reading_doors(site: Site, plan: EntityPlan) -> Iterator[Door]:
    """Answer what shows one record and changes nothing."""
    url = f"/{plan.name}/{_PLACE}"
    fragment = {"headers": {"HX-Request": "true"}}
    yield Door("read", "GET", url)
    yield Door("read", "GET", f"{url}/field/{plan.title}")
    yield Door("read", "GET", f"{_API}{url}")
    yield Door("read", "GET", f"{_API}{url}/deadlines")
    yield Door("read", "GET", f"{url}/documents", fragment)
    for plugin, panel in _panels(site, plan):
        yield Door(
            "read", "GET", f"{url}/panels/{plugin}/{panel.name}", fragment,
            sure=panel.permission == "read",
        )  # fmt: skip
    yield Door("edit", "GET", f"{url}/edit")
    yield Door("edit", "GET", f"{url}/field/{_editable(plan)}/edit")
    yield Door("edit", "GET", f"{url}/merge?with={_PLACE}")


def _panels(site: Site, plan: EntityPlan) -> Iterator[tuple[str, Panel]]:
    for added in site.extensions.of(plan.name):
        for panel in added.extension.panels:
            yield added.plugin, panel


def _editable(plan: EntityPlan) -> str:
    return next((f.name for f in plan.fields.values() if f.editable and f.kind == "text"), "owner")


def writing_doors(plan: EntityPlan) -> Iterator[Door]:
    """Answer what changes one record, or makes something of it."""
    url, name = f"/{plan.name}/{_PLACE}", _editable(plan)
    form, body = {name: "Mine", "version": "1"}, {name: "Mine", "version": 1}
    yield Door("edit", "POST", f"{url}/edit", {"data": form}, sure=False)
    yield Door("edit", "POST", f"{url}/field/{name}", {"data": form})
    yield Door("edit", "PATCH", f"{_API}{url}", {"json": body})
    if plan.lifecycle is not None:
        move = {"data": {"to": plan.lifecycle.states[-1].name, "version": "1"}}
        yield Door("edit", "POST", f"{url}/move", move, sure=False)
        yield Door("edit", "POST", f"{url}/board-move", move, sure=False)
    yield Door("edit", "POST", f"{url}/done", {"data": {}}, sure=False)
    yield Door("edit", "POST", f"{url}/merge", {"data": {"gone": _PLACE}}, sure=False)
    yield Door("edit", "POST", f"{_API}{url}/merge", {"json": {"gone": 1}}, sure=False)
    yield Door("delete", "POST", f"{url}/trash", {"data": {}})
    yield Door("delete", "POST", f"{url}/restore", {"data": {}})
    yield Door("delete", "DELETE", f"{_API}{url}")
    yield Door("delete", "POST", f"{_API}{url}/restore", {"json": {}})
    for kind in ("note", "call", "task"):
        text = {"data": {"text": "Mine"}}
        yield Door("read", "POST", f"{url}/timeline/{kind}", text, sure=False)
    mail = {"data": {"to": "tom@example.com", "subject": "Mine", "text": "Mine"}}
    yield Door("read", "POST", f"{url}/mail", mail, sure=False)
    for parts in plan.parts:
        grid = {"data": {f"0.{parts.columns[0]}": "Mine"}}
        yield Door("edit", "POST", f"{url}/parts/{parts.entity}", grid, sure=False)
        paste = {"data": {"text": "2 Mine 10"}}
        yield Door("edit", "POST", f"{url}/parts/{parts.entity}/paste", paste, sure=False)
    yield from _action_doors(plan)


def _action_doors(plan: EntityPlan) -> Iterator[Door]:
    url = f"/{plan.name}/{_PLACE}"
    for action in actions_of(plan):
        place = f"/actions/{action.name}"
        yield Door(action.permission, "POST", f"{url}{place}", {"data": {}}, sure=False)
        yield Door(action.permission, "POST", f"{_API}{url}{place}", {"json": {}}, sure=False)


def bulk_doors(plan: EntityPlan) -> Iterator[Door]:
    """Answer what changes chosen records; it answers alike whether it did or left them out."""
    url, name = f"/{plan.name}/bulk", _editable(plan)
    for verb, action in (("delete", "trash"), ("delete", "restore"), ("edit", f"set-{name}")):
        sent = {"ids": _PLACE, "action": action, f"{action}.{name}": "Mine"}
        yield Door(verb, "POST", url, {"data": sent})  # type: ignore[arg-type]
    for action_ in actions_of(plan):
        sent = {"ids": _PLACE, "action": f"do-{action_.name}"}
        yield Door(action_.permission, "POST", url, {"data": sent})
        path = f"{_API}/{plan.name}/actions/{action_.name}"
        yield Door(action_.permission, "POST", path, {"json": {"ids": _PLACE}})


def listing_paths(plan: EntityPlan, word: str) -> dict[str, Verb]:
    """Answer what shows many records to the verb it wants.

    Args:
        word: Found in all titles that a text can be written into.
    """
    url, title = f"/{plan.name}", plan.title
    found: dict[str, Verb] = {
        url: "read",
        f"{url}?q={word}": "read",
        f"{url}?group=owner": "read",
        f"{url}?group={title}": "read",
        f"{url}?sort=-{title}": "read",
        f"{url}?count=all": "read",
        f"{url}/lookup?q={word}": "read",
        f"{_API}{url}?q={word}": "read",
        f"{url}/trash": "delete",
        f"{url}/export": "export",
    }
    if plan.title_field.kind == "text":
        found[f"{url}?f={title}:contains:{word}"] = "read"
    if plan.board:
        found[f"{url}/board"] = "read"
    return found


def common_paths(site: Site, word: str) -> list[str]:
    """Answer what shows records of many entities; each asks the rights of each of them."""
    own = {
        path
        for _plugin, handler in site.contributions["routes"]
        if "GET" in {str(each) for each in getattr(handler, "http_methods", ())}
        for path in handler.paths
        if "{" not in path
    }
    metrics = [f"{_API}/metrics/{name}" for name in site.metrics]
    return ["/", "/?scope=all", f"/search?q={word}", "/history", "/inbox", "/approvals",
            f"{_API}/metrics", *metrics, *sorted(own)]  # fmt: skip
