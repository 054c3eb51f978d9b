"""Approvals by API: what waits for the caller, asking for a move, and deciding."""

from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.errors import InvalidError
from crmkit.records.approvals import (
    Approval,
    ask_approval,
    decide_approval,
    find_approval,
    list_approvals,
    withdraw_approval,
)
from crmkit.records.idempotency import Outcome
from crmkit.web.api.answers import respond
from crmkit.web.api.body import read_body
from crmkit.web.api.call import api_context, check_record_id, outcome_of, write
from crmkit.web.api.methods import BASE
from crmkit.web.policy import SIGNED_IN
from crmkit.web.services import AnyRequest
from crmkit.web.translate import _

_URL = f"{BASE}/approvals"


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """A move that a second person is asked for: `to` is the state."""

    entity: str
    record: int
    to: str
    note: str = ""


class Decided(msgspec.Struct, forbid_unknown_fields=True):
    """An answer to a question: approve, refuse (with a reason), or withdraw one's own."""

    decision: str
    reason: str = ""


def _read(sent: dict[str, Any], kind: type[Any]) -> Any:  # noqa: ANN401 - one of that type
    try:
        return msgspec.convert(sent, kind)
    except msgspec.ValidationError as error:
        name = str(error).rpartition("$.")[2].rstrip("`") if "$." in str(error) else ""
        names = [each for each in kind.__struct_fields__ if f"`{each}`" in str(error)]
        place = name or next(iter(names), "")
        raise InvalidError(
            _("Some fields need a correction before this can be done."),
            {place: _("does not fit; enter another value")},
        ) from error


def _shown(approval: Approval) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(approval)
    return found


@get(_URL, policy=SIGNED_IN)
async def api_approvals_show(request: AnyRequest) -> Response[Any]:
    """Show what waits for the caller's decision, and what he asked for."""
    waiting, own = await list_approvals(api_context(request))
    rows = {"waiting": list(map(_shown, waiting)), "own": list(map(_shown, own))}
    return respond(outcome_of(rows))


@post(_URL, policy=SIGNED_IN, status_code=201)
async def api_approval_ask(request: AnyRequest) -> Response[Any]:
    """Ask a second person for a move; actions that need one are asked for by calling them."""
    ctx = api_context(request)

    async def work() -> Outcome:
        asked = _read(await read_body(request), Asked)
        plan = ctx.site.entity(asked.entity)
        column = plan.lifecycle.column if plan.lifecycle else ""
        number = await ask_approval(
            ctx, plan, check_record_id(asked.record), values={column: asked.to}, note=asked.note
        )
        return outcome_of(_shown(await find_approval(ctx, number)), 201)

    return await write(request, ctx, work)


@post(f"{_URL}/{{number:int}}", policy=SIGNED_IN, status_code=200)
async def api_approval_decide(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Approve, refuse, or take back one's own question."""
    ctx = api_context(request)

    async def work() -> Outcome:
        decided = _read(await read_body(request), Decided)
        wanted = check_record_id(number)
        if decided.decision == "withdraw":
            await find_approval(ctx, wanted)
            await withdraw_approval(ctx, wanted)
        elif decided.decision in {"approve", "refuse"}:
            approve = decided.decision == "approve"
            await decide_approval(ctx, wanted, approve=approve, reason=decided.reason)
        else:
            text = _("must be approve, refuse or withdraw")
            raise InvalidError(_("Nothing was decided."), {"decision": text})
        return outcome_of(_shown(await find_approval(ctx, wanted)))

    return await write(request, ctx, work)


HANDLERS = (api_approvals_show, api_approval_ask, api_approval_decide)
