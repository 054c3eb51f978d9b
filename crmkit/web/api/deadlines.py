"""Deadlines of a record by API."""

from typing import Any

from litestar import Response, get
from litestar.params import FromPath

from crmkit.records.read import get_record
from crmkit.web.api.answers import respond
from crmkit.web.api.call import api_context, check_record_id, outcome_of
from crmkit.web.services import AnyRequest
from crmkit.work.deadlines import list_deadlines


@get("/api/v1/{entity:str}/{record_id:int}/deadlines", policy="entity.read")
async def api_deadlines_show(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[Any]:
    """Show the deadlines a record has and had: those that run by their moment, then the ended."""
    ctx = api_context(request)
    plan = ctx.site.entity(entity)
    number = check_record_id(record_id)
    await get_record(ctx, plan, number)
    rows = [
        {
            "id": row.id, "kind": row.kind, "state": row.state, "due": row.due_at,
            "next": row.next_at, "responsible": row.responsible, "since": row.since,
            "late": row.is_late or row.state == "missed",
            "remaining": None if row.remaining is None else int(row.remaining.total_seconds()),
        }
        for row in await list_deadlines(ctx, plan.name, number)
    ]  # fmt: skip
    return respond(outcome_of({"rows": rows}))


HANDLERS = (api_deadlines_show,)
