"""Declared actions by API: with one record, or with many as one operation."""

from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Response, post
from litestar.params import FromPath

from crmkit.access.predicate import check
from crmkit.errors import InvalidError
from crmkit.model.action import Action
from crmkit.records.actions import find_action, run_action
from crmkit.records.bulk import Selection
from crmkit.records.bulk_actions import bulk_action
from crmkit.records.idempotency import Outcome
from crmkit.web.api.body import read_body
from crmkit.web.api.call import (
    api_context,
    check_record_id,
    outcome_of,
    wanted_version,
    write,
)
from crmkit.web.services import AnyRequest
from crmkit.web.translate import _

if TYPE_CHECKING:
    from crmkit.plugin.plan import EntityPlan

MOST_IDS = 1000
_LARGEST = 2**63


def _input(action: Action, sent: dict[str, Any], known: set[str]) -> dict[str, Any]:
    """Answer the input of a call; JSON says what is a number and what a text, a form does not."""
    problems = {name: _("is not known here") for name in sent if name not in known}
    raw = sent.get("input", {})
    if not isinstance(raw, dict):
        problems["input"] = _("must be an object of fields")
    if problems:
        raise InvalidError(_("Some fields need a correction before this can be done."), problems)
    if action.input is not None and raw.keys() <= set(action.input.__struct_fields__):
        try:
            msgspec.convert(raw, action.input, strict=True)
        except msgspec.ValidationError as error:
            name = str(error).rpartition("$.")[2].rstrip("`") if "$." in str(error) else "input"
            text = _("The form holds something that does not fit.")
            raise InvalidError(text, {name: _("does not fit; enter another value")}) from error
    return dict(raw)


def _ids(sent: dict[str, Any]) -> tuple[int, ...]:
    ids = sent.get("ids")
    if (
        not isinstance(ids, list)
        or not 1 <= len(ids) <= MOST_IDS
        or not all(type(each) is int and 0 < each < _LARGEST for each in ids)
    ):
        raise InvalidError(
            _("No records were chosen."), {"ids": _("must be a list of 1 to 1000 ids")}
        )
    return tuple(ids)


@post(
    "/api/v1/{entity:str}/{record_id:int}/actions/{name:str}",
    policy="entity.read",
    status_code=200,
)
async def api_action_create(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int], name: FromPath[str]
) -> Response[Any]:
    """Do a declared action with a record; the action's own permission decides."""
    ctx = api_context(request)
    plan: EntityPlan = ctx.site.entity(entity)
    action = find_action(plan, name)
    check(ctx, plan, action.permission)

    async def work() -> Outcome:
        sent = await read_body(request, optional=True)
        version = wanted_version(request, sent, needed=False)
        raw = _input(action, sent, {"input"})
        number = check_record_id(record_id)
        result = await run_action(ctx, plan, name, number, raw, version)
        return outcome_of(msgspec.to_builtins(result))

    return await write(request, ctx, work, plan)


@post("/api/v1/{entity:str}/actions/{name:str}", policy="entity.read", status_code=200)
async def api_bulk_create(
    request: AnyRequest, entity: FromPath[str], name: FromPath[str]
) -> Response[Any]:
    """Do a declared action with many records; those it does not fit are named."""
    ctx = api_context(request)
    plan: EntityPlan = ctx.site.entity(entity)
    action = find_action(plan, name)
    check(ctx, plan, action.permission)

    async def work() -> Outcome:
        sent = await read_body(request)
        raw = _input(action, sent, {"input", "ids"})
        result = await bulk_action(ctx, plan, name, Selection(_ids(sent)), raw)
        skipped = [{"id": number, "reason": reason} for number, reason in result.skipped]
        return outcome_of(
            {"operation": result.operation, "changed": result.changed, "skipped": skipped}
        )

    return await write(request, ctx, work)


HANDLERS = (api_action_create, api_bulk_create)
