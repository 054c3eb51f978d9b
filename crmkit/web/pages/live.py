"""The stream that open pages listen to, and what they fetch when it speaks."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from litestar import Response, get
from litestar.response import Stream as StreamResponse

from crmkit.access.sessions import is_open
from crmkit.errors import CrmkitError
from crmkit.records.read import get_record
from crmkit.web.live import Hub
from crmkit.web.policy import SIGNED_IN
from crmkit.web.services import AnyRequest, context_of, services_of, visit_of

#: A line now and then keeps the way open, and finds out that a session ended.
_BEAT_SECONDS = 15.0
_AGAIN_MS = 3000


async def _topics(request: AnyRequest) -> frozenset[str]:
    """Answer the record that the page shows, if the reader may see it."""
    entity, _, number = request.query_params.get("record", "").partition("/")
    ctx = context_of(request)
    if entity not in ctx.site.entities or not number.isdecimal() or len(number) > 18:  # noqa: PLR2004 - bigint
        return frozenset()
    try:
        await get_record(ctx, ctx.site.entity(entity), int(number))
    except CrmkitError:
        return frozenset()
    return frozenset({f"{entity}/{int(number)}"})


async def _lines(request: AnyRequest, hub: Hub, topics: frozenset[str]) -> AsyncIterator[str]:
    visit, db = visit_of(request), services_of(request).db
    user_id = (visit.principal.user_id if visit.principal else None) or 0
    with hub.open(visit.session, user_id, topics) as stream:
        yield f"retry: {_AGAIN_MS}\n\n"
        while True:
            try:
                async with asyncio.timeout(_BEAT_SECONDS):
                    topic = await stream.heard.get()
            except TimeoutError:
                if not await is_open(db, visit.session):
                    return
                yield ": still here\n\n"
                continue
            if topic is None:
                return
            yield f"event: {topic}\ndata: 1\n\n"


@get("/live", policy=SIGNED_IN)
async def live_show(request: AnyRequest) -> Response[Any] | StreamResponse:
    """Stream what changes for the reader and on the record of `record`."""
    hub = services_of(request).live
    if hub is None:
        return Response("", status_code=204)  # the browser does not come back
    return StreamResponse(
        _lines(request, hub, await _topics(request)),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


@get("/inbox/count", policy=SIGNED_IN, media_type="text/plain")
async def count_show(request: AnyRequest) -> str:
    """Show how many notifications wait."""
    return str(context_of(request).principal.unread)


HANDLERS = (live_show, count_show)
