"""The OpenAPI 3.1 document of what a reader may see, from the structs the handlers decode with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.access.predicate import allowed
from crmkit.model.messages import MESSAGE
from crmkit.records.actions import actions_of, may_act
from crmkit.records.approvals import Approval, asks_second
from crmkit.records.merge import may_merge
from crmkit.records.merge_values import mergeable_fields
from crmkit.web.api.actions import MOST_IDS
from crmkit.web.api.answers import ErrorBody
from crmkit.web.api.approvals import Asked, Decided
from crmkit.web.api.calls import SCOPE, CallTold, IncomingCall
from crmkit.web.api.listing import MOST
from crmkit.web.api.methods import BASE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crmkit.model.action import Action
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from crmkit.web.api.structs import EntityStructs, SiteStructs

_REF = "#/components/schemas/{name}"
_MEANING = {
    400: "The request cannot be read.",
    401: "Nobody is signed in.",
    403: "The role or the token does not allow it.",
    404: "There is none, or it is not the reader's to see.",
    409: "Somebody was faster, the state does not allow it, or the key is being worked on.",
    413: "The body is too large.",
    415: "The body is not sent as JSON.",
    422: "Fields break rules; all of them are named.",
    429: "Too many tries; Retry-After says when to come back.",
    503: "The database does not answer; nothing was written.",
}
_READS = (400, 401, 403, 404, 422, 429, 503)
_WRITES = (*_READS, 409, 413, 415)
_ID = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
_VERSION = {"type": "integer", "minimum": -(2**63) + 1, "maximum": 2**63 - 1}


class BulkSkipped(msgspec.Struct):
    """A record left as it was, and why."""

    id: int
    reason: str


class BulkDone(msgspec.Struct):
    """What came of an action with many records; `operation` undoes it."""

    operation: int
    changed: int
    skipped: list[BulkSkipped]


class ActionDone(msgspec.Struct):
    """What came of an action: an address for people, and the operation that undoes it."""

    url: str
    operation: int


class Schemas:
    """Collects JSON schemas of types under components."""

    def __init__(self, types: Iterable[Any]) -> None:
        self._types = list(dict.fromkeys(types))
        found, self.components = msgspec.json.schema_components(self._types, ref_template=_REF)
        self._found = dict(zip(self._types, found, strict=True))

    def __getitem__(self, kind: Any) -> dict[str, Any]:  # noqa: ANN401 - a type
        return dict(self._found[kind])


def build_document(ctx: Context, structs: SiteStructs, title: str) -> bytes:
    """Answer the document as JSON; 60 entities take well below a second, so not on the loop."""
    plans = [plan for plan in structs.site.entities.values() if allowed(ctx, plan, "read")]
    made = {plan.name: structs.of(plan) for plan in plans}
    inputs = [action.input for plan in plans for action in actions_of(plan) if action.input]
    kinds = [kind for each in made.values() for kind in (each.read, each.new, each.patch)]
    more = [ErrorBody, BulkDone, ActionDone, Approval, Asked, Decided, IncomingCall, CallTold]
    schemas = Schemas([*kinds, *inputs, *more])
    paths: dict[str, Any] = {}
    for plan in plans:
        paths |= _paths(ctx, plan, made[plan.name], schemas)
    names = [each.name for each in structs.site.metrics.values() if each.entity in made]
    paths |= _metric_paths(names) if names else {}
    if any(asks_second(plan) for plan in plans):
        paths |= _approval_paths(schemas)
    if ctx.principal.role.scope(SCOPE, "create") != "none":
        paths |= _call_path(schemas)
    paths |= _template_paths() if MESSAGE in made else {}
    document = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "crmkit"},
            },
        },
    }
    return msgspec.json.encode(document)


def _metric_paths(names: list[str]) -> dict[str, Any]:
    text = {"type": "string"}
    nothing = {"type": "null"}
    figure: dict[str, Any] = {
        "type": "object",
        "required": ["name", "label", "entity", "value", "count", "list"],
        "properties": {
            "name": text, "label": text, "entity": text, "list": text,
            "value": {"anyOf": [{"type": "integer"}, text]},
            "count": {"type": "integer"},
            "currency": {"anyOf": [text, nothing]},
            "others": {"type": "object", "additionalProperties": text},
        },
    }  # fmt: skip
    rows = {"type": "object", "properties": {"rows": {"type": "array", "items": figure}}}

    def told(schema: dict[str, Any]) -> dict[str, Any]:
        content = {"application/json": {"schema": schema}}
        refused = {str(code): {"description": "Refused"} for code in (401, 403, 404, 422, 429)}
        return {"200": {"description": "What it comes to", "content": content}, **refused}

    name = _in("path", "name", {"type": "string", "enum": sorted(names)}, required=True)
    return {
        f"{BASE}/metrics": {"get": {"tags": ["metrics"], "responses": told(rows)}},
        f"{BASE}/metrics/{{name}}": {
            "parameters": [name],
            "get": {"tags": ["metrics"], "responses": told(figure)},
        },
    }


def _template_paths() -> dict[str, Any]:
    names = ("name", "entity", "language", "subject", "body")
    row = _object({"id": _ID, **{name: {"type": "string"} for name in names}}, ["id", *names])
    rows = _object({"rows": {"type": "array", "items": row}}, ["rows"])
    content = {"application/json": {"schema": rows}}
    refused = {str(code): {"description": "Refused"} for code in (401, 403, 429)}
    told = {"200": {"description": "All versions of all", "content": content}, **refused}
    return {f"{BASE}/mail-templates": {"get": {"tags": ["mail"], "responses": told}}}


def _approval_paths(schemas: Schemas) -> dict[str, Any]:
    refused = (400, 401, 403, 404, 409, 415, 422, 429)

    def told(status: int, schema: dict[str, Any]) -> dict[str, Any]:
        content = {"application/json": {"schema": schema}}
        found: dict[str, Any] = {str(code): {"description": "Refused"} for code in refused}
        return {str(status): {"description": "As it stands", "content": content}, **found}

    def given(schema: dict[str, Any]) -> dict[str, Any]:
        return {"required": True, "content": {"application/json": {"schema": schema}}}

    several = {"type": "array", "items": schemas[Approval]}
    both = _object({"waiting": several, "own": several}, ["waiting", "own"])
    tags = {"tags": ["approvals"]}
    return {
        f"{BASE}/approvals": {
            "get": {**tags, "responses": told(200, both)},
            "post": {
                **tags, "requestBody": given(schemas[Asked]),
                "responses": told(201, schemas[Approval]),
            },
        },
        f"{BASE}/approvals/{{number}}": {
            "parameters": [_in("path", "number", _ID, required=True)],
            "post": {
                **tags, "requestBody": given(schemas[Decided]),
                "responses": told(200, schemas[Approval]),
            },
        },
    }  # fmt: skip


def _call_path(schemas: Schemas) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": _REF.format(name="ErrorBody")}}}
    good = {"application/json": {"schema": schemas[CallTold]}}
    bad = {str(each): {"description": _MEANING[each], "content": error} for each in _WRITES}
    done = {
        "operationId": "core.call.receive",
        "tags": ["core.call"],
        "parameters": [_key()],
        "responses": {"200": {"description": "Who is called is told.", "content": good}, **bad},
    }
    return {f"{BASE}/calls": {"post": _with_body(done, schemas[IncomingCall])}}


def _paths(
    ctx: Context, plan: EntityPlan, structs: EntityStructs, schemas: Schemas
) -> dict[str, Any]:
    many: dict[str, Any] = {"get": _list(ctx, plan, schemas[structs.read])}
    one: dict[str, Any] = {
        "parameters": [_in("path", "id", _ID, required=True)],
        "get": _operation(plan, "read", 200, schemas[structs.read], _READS),
    }
    paths = {f"{BASE}/{plan.name}": many, f"{BASE}/{plan.name}/{{id}}": one}
    due = _operation(plan, "deadlines", 200, _deadlines(), _READS)
    paths[f"{BASE}/{plan.name}/{{id}}/deadlines"] = {"parameters": one["parameters"], "get": due}
    if allowed(ctx, plan, "create"):
        created = _operation(plan, "create", 201, schemas[structs.read], _WRITES)
        created["responses"]["201"]["headers"] = {"Location": {"schema": {"type": "string"}}}
        many["post"] = _with_body(created, schemas[structs.new])
    if allowed(ctx, plan, "edit"):
        changed = _operation(plan, "update", 200, schemas[structs.read], _WRITES)
        changed["parameters"].append(_in("header", "If-Match", _tag()))
        one["patch"] = _with_body(changed, schemas[structs.patch])
    if allowed(ctx, plan, "delete"):
        one["delete"] = _operation(plan, "trash", 204, None, _WRITES)
        one["delete"]["parameters"].append(_in("header", "If-Match", _tag()))
        paths[f"{BASE}/{plan.name}/{{id}}/restore"] = {
            "parameters": one["parameters"],
            "post": _operation(plan, "restore", 200, schemas[structs.read], _WRITES),
        }
        if may_merge(plan) and allowed(ctx, plan, "edit"):
            paths |= _merge_path(plan, schemas)
    for action in actions_of(plan):
        if may_act(ctx, plan, action):
            paths |= _action_paths(plan, action, schemas)
    return paths


def _deadlines() -> dict[str, Any]:
    text, nothing = {"type": "string"}, {"type": "null"}
    moment = {"type": "string", "format": "date-time"}
    number = {"anyOf": [{"type": "integer"}, nothing]}
    row = _object(
        {
            "id": _ID, "kind": text, "due": moment, "since": moment, "late": {"type": "boolean"},
            "next": {"anyOf": [moment, nothing]}, "responsible": number, "remaining": number,
            "state": {"type": "string", "enum": ["open", "paused", "met", "missed", "cleared"]},
        },
        ["id", "kind", "state", "due"],
    )  # fmt: skip
    return _object({"rows": {"type": "array", "items": row}}, ["rows"])


def _merge_path(plan: EntityPlan, schemas: Schemas) -> dict[str, Any]:
    sides = {"type": "string", "enum": ["own", "other"]}
    take = _object({field.name: sides for field in mergeable_fields(plan)})
    given = _object({"with": _ID, "take": take, "version": _VERSION}, ["with"])
    done = _operation(plan, "merge", 200, schemas[ActionDone], _WRITES)
    done["parameters"].append(_in("header", "If-Match", _tag()))
    return {
        f"{BASE}/{plan.name}/{{id}}/merge": {
            "parameters": [_in("path", "id", _ID, required=True)],
            "post": _with_body(done, given),
        }
    }


def _action_paths(plan: EntityPlan, action: Action, schemas: Schemas) -> dict[str, Any]:
    given = schemas[action.input] if action.input else {"type": "object", "maxProperties": 0}
    single = _object({"input": given, "version": _VERSION})
    ids = {"type": "array", "items": _ID, "minItems": 1, "maxItems": MOST_IDS}
    many = _object({"input": given, "ids": ids}, ["ids"])
    done = _operation(plan, action.name, 200, schemas[ActionDone], _WRITES)
    done["parameters"].append(_in("header", "If-Match", _tag()))
    bulk = _operation(plan, f"{action.name}-many", 200, schemas[BulkDone], _WRITES)
    return {
        f"{BASE}/{plan.name}/{{id}}/actions/{action.name}": {
            "parameters": [_in("path", "id", _ID, required=True)],
            "post": _with_body(done, single, required=False),
        },
        **(
            {f"{BASE}/{plan.name}/actions/{action.name}": {"post": _with_body(bulk, many)}}
            if action.bulk
            else {}
        ),
    }


def _list(ctx: Context, plan: EntityPlan, row: dict[str, Any]) -> dict[str, Any]:
    mark = {"type": ["string", "null"]}
    count = _object(
        {"number": {"type": "integer"}, "capped": {"type": "boolean"}}, ["number", "capped"]
    )
    page = _object(
        {"rows": {"type": "array", "items": row}, "next": mark, "prev": mark, "count": count},
        ["rows", "next", "prev"],
    )
    operation = _operation(plan, "list", 200, page, _READS)
    sortable = [n for n, f in plan.fields.items() if f.sortable or n == plan.title]
    flag = {"type": "string", "enum": ["true", "false"]}
    text = {"type": "string", "pattern": r"^[^\u0000]*$", "maxLength": 200}
    columns = {"type": "array", "items": {"type": "string", "enum": list(plan.fields)}}
    operation["parameters"] += [
        _in("query", "columns", columns),
        _in("query", "f", {"type": "array", "items": text}, "field:operator:value"),
        _in("query", "sort", {"type": "string", "enum": [*sortable, *(f"-{n}" for n in sortable)]}),
        _in("query", "q", text, "Part of the title."),
        _in("query", "after", {"type": "string"}, "`next` of the page before."),
        _in("query", "before", {"type": "string"}, "`prev` of the page after."),
        _in("query", "limit", {"type": "integer", "minimum": 1, "maximum": MOST}),
        _in("query", "count", flag),
    ]
    if allowed(ctx, plan, "delete"):
        operation["parameters"].append(_in("query", "trashed", flag, "Only what is in the trash."))
    return operation


def _operation(
    plan: EntityPlan,
    name: str,
    status: int,
    schema: dict[str, Any] | None,
    refusals: tuple[int, ...],
) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done."}
    if schema is not None:
        good["content"] = {"application/json": {"schema": schema}}
    error = {"application/json": {"schema": {"$ref": _REF.format(name="ErrorBody")}}}
    bad = {str(each): {"description": _MEANING[each], "content": error} for each in refusals}
    keyed = [_key()] if 409 in refusals else []  # noqa: PLR2004 - of writes
    return {
        "operationId": f"{plan.name}.{name}",
        "tags": [plan.name],
        "parameters": keyed,
        "responses": {str(status): good, **bad},
    }


def _with_body(
    operation: dict[str, Any], schema: dict[str, Any], *, required: bool = True
) -> dict[str, Any]:
    body = {"required": required, "content": {"application/json": {"schema": schema}}}
    return {**operation, "requestBody": body}


def _object(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required or [],
        "additionalProperties": False,
    }


def _in(
    place: str, name: str, schema: dict[str, Any], text: str = "", *, required: bool = False
) -> dict[str, Any]:
    made = {"in": place, "name": name, "schema": schema, "required": required}
    return {**made, "description": text} if text else made


def _key() -> dict[str, Any]:
    schema = {"type": "string", "pattern": "^[!-~]{1,200}$"}
    return _in("header", "Idempotency-Key", schema, "Makes a repeated request have one effect.")


def _tag() -> dict[str, Any]:
    return {"type": "string", "pattern": '^"[0-9]{1,18}"$'}
