"""Why a record has a deadline: its rule, its calendar, its history; pausing and taking it off."""

from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.errors import NotFoundError
from crmkit.model.context import Context
from crmkit.records.read import get_record
from crmkit.web.deadline_view import URL, deadline_page
from crmkit.web.policy import SIGNED_IN
from crmkit.web.render import answer, go
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _
from crmkit.web.views import Flash
from crmkit.work import deadlines
from crmkit.work.deadline_history import find_deadline
from crmkit.work.deadline_rows import Deadline

_MOST = 2**63


async def _find(ctx: Context, number: int) -> tuple[Deadline, dict[str, Any]]:
    """Answer a deadline with its record, as far as the reader may see that.

    Raises:
        NotFoundError: There is no such deadline for the reader.
    """
    row = await find_deadline(ctx, number) if number < _MOST else None
    if row is None or row.entity not in ctx.site.entities:
        raise NotFoundError(_("There is no such deadline."))
    return row, await get_record(ctx, ctx.site.entity(row.entity), row.record)


async def _may_edit(ctx: Context, row: Deadline) -> bool:
    try:
        await get_record(ctx, ctx.site.entity(row.entity), row.record, "edit")
    except NotFoundError:
        return False
    return True


@get(URL + "/{number:int}", policy=SIGNED_IN)
async def deadline_show(request: AnyRequest, number: FromPath[int]) -> Response[str]:
    """Show a deadline to who may read its record."""
    ctx = context_of(request)
    row, record = await _find(ctx, number)
    title = str(record[ctx.site.entity(row.entity).title] or "")
    page = await deadline_page(ctx, row, title, may_edit=await _may_edit(ctx, row))
    return answer(request, "deadline.html", title=page.title, page=page)


async def _change(
    request: AnyRequest,
    number: int,
    work: Callable[[Context, str, int, str], Awaitable[object]],
    said: str,
) -> Response[Any]:
    ctx = context_of(request)
    row, _record = await _find(ctx, number)
    await get_record(ctx, ctx.site.entity(row.entity), row.record, "edit")
    await work(ctx, row.entity, row.record, row.kind)
    return go(request, f"{URL}/{number}", Flash(text=said))


@post(URL + "/{number:int}/pause", policy=SIGNED_IN)
async def deadline_pause(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Hold a deadline, for who may edit its record."""
    return await _change(request, number, deadlines.pause, _("Paused"))


@post(URL + "/{number:int}/resumption", policy=SIGNED_IN)
async def deadline_resume(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Let a deadline go on, for who may edit its record."""
    return await _change(request, number, deadlines.resume, _("Resumed"))


@post(URL + "/{number:int}/removal", policy=SIGNED_IN)
async def deadline_clear(request: AnyRequest, number: FromPath[int]) -> Response[Any]:
    """Take a deadline off its record, for who may edit that."""
    return await _change(request, number, deadlines.clear, _("Taken off"))


HANDLERS = (deadline_show, deadline_pause, deadline_resume, deadline_clear)
