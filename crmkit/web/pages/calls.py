"""Calls: who calls, the form that logs one, and letting a telephone dial."""

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from crmkit.access.predicate import check
from crmkit.errors import CrmkitError, NotFoundError
from crmkit.model.context import Context
from crmkit.records.callers import find_callers
from crmkit.records.calls import Call, close_call, dial, list_ringing
from crmkit.records.read import get_record
from crmkit.web.api.answers import encode
from crmkit.web.call_view import call_card, call_logs, new_call_url, phone_field
from crmkit.web.errors import status_of
from crmkit.web.policy import SIGNED_IN
from crmkit.web.record_page import plan_of
from crmkit.web.render import answer, came_from, go
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _
from crmkit.web.views import CallsPage

if TYPE_CHECKING:
    from crmkit.plugin.plan import EntityPlan

_ABOUT = re.compile(r"([a-z][a-z0-9]*\.[a-z0-9_]+):([0-9]{1,18})")


@get("/calls/ringing", policy=SIGNED_IN)
async def calls_ringing(request: AnyRequest) -> Response[str]:
    """Show who calls the reader at this moment."""
    ctx = context_of(request)
    cards = []
    for call in await list_ringing(ctx):
        callers = await find_callers(ctx, call.caller) if call.caller else []
        cards.append(call_card(ctx, call, callers))
    page = CallsPage(title=_("Calls to you"), calls=tuple(cards))
    return answer(request, "calls.html", title=page.title, block="calls", page=page)


@post("/calls/{call_id:int}/answer", policy=SIGNED_IN)
async def call_answer(request: AnyRequest, call_id: FromPath[int]) -> Response[Any]:
    """Close a call, and go on to what was chosen: its log, a new record, or where one was."""
    ctx = context_of(request)
    call = await close_call(ctx, call_id)
    chosen = str((await request.form()).get("go", ""))
    verb, _colon, about = chosen.partition(":")
    if verb == "log":
        return go(request, await _log_url(ctx, about, "in", call.at, call))
    if verb == "new":
        plan = plan_of(ctx, about)
        check(ctx, plan, "create")
        return go(request, f"/{plan.name}/new?{urlencode({phone_field(plan): call.caller})}")
    return go(request, came_from(request))


@get("/calls/log", policy=SIGNED_IN)
async def call_log(request: AnyRequest) -> Response[Any]:
    """Open the form of a call that was made, about a record; `at` is when it began."""
    ctx = context_of(request)
    query = request.query_params
    try:
        at = datetime.fromisoformat(query.get("at", ""))
        if at.tzinfo is None:
            at = ctx.now()
    except ValueError:
        at = ctx.now()
    url = await _log_url(ctx, query.get("about", ""), "out", at)
    return Redirect(url, status_code=303)


async def _log_url(
    ctx: Context, about: str, direction: str, at: datetime, call: Call | None = None
) -> str:
    logs = {log.name: log for log in call_logs(ctx)}
    log: EntityPlan | None = next(iter(logs.values()), None)
    number = call.caller if call is not None else ""
    found = _ABOUT.fullmatch(about)
    if found is None:
        if log is None:
            raise _nowhere()
        return new_call_url(ctx, log, direction, at, number=number)
    plan = plan_of(ctx, found[1])
    record = await get_record(ctx, plan, int(found[2]))
    fitting = [logs[link.entity] for link in plan.step_links if link.entity in logs]
    log = fitting[0] if fitting else log
    if log is None:
        raise _nowhere()
    return new_call_url(ctx, log, direction, at, plan, record)


def _nowhere() -> NotFoundError:
    return NotFoundError(_("Nothing here keeps a log of calls that you may write in."))


@post("/calls/dial", policy=SIGNED_IN)
async def call_dial(request: AnyRequest) -> Response[str]:
    """Let the telephone of a plugin call a number; answers what the page tells."""
    number = str((await request.form()).get("number", ""))
    ctx = context_of(request)
    status = 200
    try:
        text = _("%(phone)s calls the number") % {"phone": _(await dial(ctx, number))}
    except CrmkitError as error:
        text, status = error.message, status_of(error)
    return Response(encode({"text": text}), media_type="application/json", status_code=status)


HANDLERS = (calls_ringing, call_answer, call_log, call_dial)
