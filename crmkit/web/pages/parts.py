"""The lines of a record, saved from its page."""

from typing import Any

import msgspec
from litestar import Response, post
from litestar.params import FromPath

from crmkit.errors import InvalidError, StaleVersionError
from crmkit.model.context import Context
from crmkit.plugin.plan import EntityPlan
from crmkit.records.parts import SentPart, find_parts, paste_parts, save_parts
from crmkit.records.read import get_record
from crmkit.web.parts_view import parts_grid, read_sent
from crmkit.web.record_page import crumbs_of, full_page, plan_of
from crmkit.web.references import with_references
from crmkit.web.render import answer, go, wants_fragment
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _
from crmkit.web.views import Flash, PartsGrid

_MOST_TEXT = 100_000


async def _show(
    request: AnyRequest, entity: str, record_id: int, grid: PartsGrid, status: int
) -> Response[Any]:
    """Answer the grid alone, or the whole page where htmx did not ask."""
    if wants_fragment(request):
        return answer(
            request, "parts.html", title=grid.label, block="parts", status=status, grid=grid
        )
    ctx = context_of(request)
    plan = plan_of(ctx, entity)
    page = await full_page(ctx, plan, record_id)
    grids = tuple(grid if each.id == grid.id else each for each in page.parts)
    page = msgspec.structs.replace(page, parts=grids)
    crumbs = crumbs_of(plan, page.title)
    return answer(request, "record.html", title=page.title, status=status, crumbs=crumbs, page=page)


@post("/{entity:str}/{record_id:int}/parts/{name:str}", policy="entity.edit")
async def parts_save(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int], name: FromPath[str]
) -> Response[Any]:
    """Save all lines at once; 422 with wrong input, 409 when somebody saved in between."""
    ctx = context_of(request)
    plan = plan_of(ctx, entity)
    parts = find_parts(plan, name)
    line = plan_of(ctx, parts.entity)
    form = await request.form()
    sent = read_sent(parts, line, form)
    status, refused, stale = 200, None, ""
    try:
        named = [await _with_titles(ctx, line, each) for each in sent]
        await save_parts(ctx, plan, parts, record_id, named)
    except InvalidError as error:
        status, refused = 422, error
    except StaleVersionError as error:
        status, stale, sent = 409, error.message, []
    if status == 200 and not wants_fragment(request):  # noqa: PLR2004
        return go(request, f"/{entity}/{record_id}", Flash(text=_("Saved")))
    record = await get_record(ctx, plan, record_id)
    grid = await parts_grid(
        ctx, plan, parts, record, typed=sent if refused else (), refused=refused, stale=stale
    )
    return await _show(request, entity, record_id, grid, status)


async def _with_titles(ctx: Context, line: EntityPlan, sent: SentPart) -> SentPart:
    """Resolve references that were typed as titles, where scripts are off."""
    return msgspec.structs.replace(sent, raw=await with_references(ctx, line, sent.raw))


@post("/{entity:str}/{record_id:int}/parts/{name:str}/paste", policy="entity.edit")
async def parts_paste(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int], name: FromPath[str]
) -> Response[Any]:
    """Make lines of a text; a refused one stays in its box."""
    ctx = context_of(request)
    plan = plan_of(ctx, entity)
    parts = find_parts(plan, name)
    text = str((await request.form()).get("text") or "")[:_MOST_TEXT]
    status, refused, note = 200, None, ""
    try:
        note = await paste_parts(ctx, plan, parts, record_id, text)
    except InvalidError as error:
        status, refused = 422, error
    if refused is None and not wants_fragment(request):
        return go(request, f"/{entity}/{record_id}", Flash(text=note))
    record = await get_record(ctx, plan, record_id)
    grid = await parts_grid(
        ctx, plan, parts, record, refused=refused, note=note, pasted=text if refused else ""
    )
    return await _show(request, entity, record_id, grid, status)


HANDLERS = (parts_save, parts_paste)
