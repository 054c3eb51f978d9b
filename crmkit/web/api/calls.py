"""Calls by API: a telephone system tells that one comes in."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Response, post

from crmkit.errors import ForbiddenError, InvalidError
from crmkit.records.calls import receive_call
from crmkit.records.idempotency import Outcome
from crmkit.web.api.body import read_body
from crmkit.web.api.call import api_context, outcome_of, write
from crmkit.web.policy import SIGNED_IN
from crmkit.web.services import AnyRequest, visit_of
from crmkit.web.translate import _

#: What a token must open, though no records are behind it: `core.call` or `core.*`.
SCOPE = "core.call"


class IncomingCall(msgspec.Struct, forbid_unknown_fields=True):
    """A call that comes in, as the telephone system knows it."""

    id: str
    to: str
    caller: str = msgspec.field(default="", name="from")
    at: datetime | None = None


class CallTold(msgspec.Struct):
    """How many people are told of a call."""

    told: int


@post("/api/v1/calls", policy=SIGNED_IN, status_code=200)
async def api_call_create(request: AnyRequest) -> Response[Any]:
    """Tell who is called, and plugins that listen; the same id again is the same call."""
    ctx = api_context(request)
    if ctx.principal.role.scope(SCOPE, "create") == "none":
        raise ForbiddenError(
            _("Calls are told with a token of an administrator that opens core.call.")
        )

    async def work() -> Outcome:
        call = _read(await read_body(request))
        token = visit_of(request).token
        source = f"token:{token}" if token is not None else f"user:{ctx.user_id}"
        told = await receive_call(ctx, call.id, call.caller, call.to, at=call.at, source=source)
        return outcome_of(CallTold(told))

    return await write(request, ctx, work)


def _read(sent: dict[str, Any]) -> IncomingCall:
    try:
        return msgspec.convert(sent, IncomingCall)
    except msgspec.ValidationError as error:
        name = str(error).rpartition("$.")[2].rstrip("`") if "$." in str(error) else ""
        missing = str(error).partition("missing required field `")[2].partition("`")[0]
        problems = {name or missing or "id": _("does not fit; enter another value")}
        raise InvalidError(_("The call was not taken up."), problems) from error


HANDLERS = (api_call_create,)
