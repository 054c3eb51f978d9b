"""The lines of a record, saved from its page."""

import asyncio
from typing import Any

import msgspec
from litestar import Response, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath

from crmkit.errors import InvalidError, StaleVersionError
from crmkit.model.context import Context
from crmkit.model.values import in_words
from crmkit.plugin.plan import EntityPlan, PartsPlan
from crmkit.records.parts import (
    SentPart,
    fill_parts,
    find_parts,
    paste_parts,
    read_table,
    save_parts,
)
from crmkit.records.read import get_record
from crmkit.web.parts_view import parts_grid, read_sent
from crmkit.web.record_page import crumbs_of, full_page, plan_of
from crmkit.web.references import with_references
from crmkit.web.render import answer, go, wants_fragment
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _
from crmkit.web.views import Flash, PartsGrid

_MOST_TEXT = 100_000
#: Bytes of an upload: larger than a file may be, so that the page and not the server says so.
_LARGEST = 10 * 1024 * 1024


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
    try:
        note = await paste_parts(ctx, plan, parts, record_id, text)
    except InvalidError as error:
        return await _added(request, plan, parts, record_id, refused=error, pasted=text)
    return await _added(request, plan, parts, record_id, note)


@post(
    "/{entity:str}/{record_id:int}/parts/{name:str}/file",
    policy="entity.edit",
    request_max_body_size=_LARGEST,
)
async def parts_file(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int], name: FromPath[str]
) -> Response[Any]:
    """Make lines of a file, all or none of them."""
    ctx = context_of(request)
    plan = plan_of(ctx, entity)
    parts = find_parts(plan, name)
    sent = (await request.form()).get("file")
    data = await sent.read() if isinstance(sent, UploadFile) else b""
    try:
        file = await asyncio.to_thread(read_table, data)
        note = await fill_parts(ctx, plan, parts, record_id, file)
    except InvalidError as error:
        told = InvalidError(_(in_words(error.message, _)), error.problems)
        return await _added(request, plan, parts, record_id, refused=told, is_file=True)
    return await _added(request, plan, parts, record_id, note)


async def _added(  # noqa: PLR0913 - what became of it
    request: AnyRequest, plan: EntityPlan, parts: PartsPlan, record_id: int, note: str = "", *,
    refused: InvalidError | None = None, pasted: str = "", is_file: bool = False,
) -> Response[Any]:  # fmt: skip
    """Answer the lines after some were added, or refused."""
    if refused is None and not wants_fragment(request):
        return go(request, f"/{plan.name}/{record_id}", Flash(text=note))
    ctx = context_of(request)
    record = await get_record(ctx, plan, record_id)
    grid = await parts_grid(ctx, plan, parts, record, refused=refused, note=note, pasted=pasted)
    grid = msgspec.structs.replace(grid, file_open=is_file)
    status = 422 if refused else 200
    return await _show(request, plan.name, record_id, grid, status)


HANDLERS = (parts_save, parts_paste, parts_file)
