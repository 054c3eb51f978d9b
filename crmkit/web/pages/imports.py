"""An import: send a file, match its columns, look at what would happen, run it, see how it went."""

import asyncio
import time
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath

from crmkit.access.predicate import check
from crmkit.errors import ForbiddenError, InvalidError
from crmkit.records.csv_file import CsvFile, read_csv
from crmkit.records.exports import refused_csv
from crmkit.records.import_fields import Matching
from crmkit.records.import_suggest import suggest
from crmkit.web.import_form import offered, read_form
from crmkit.web.import_runs import look, start_run, try_matching
from crmkit.web.import_view import file_page, match_page, run_page
from crmkit.web.render import answer, go, wants_fragment
from crmkit.web.services import AnyRequest, context_of, services_of
from crmkit.web.translate import _
from crmkit.web.uploads import (
    Upload,
    find_upload,
    keep_upload,
    read_upload,
    recent_uploads,
    save_upload,
)
from crmkit.web.views import ImportPage, Link

if TYPE_CHECKING:
    from crmkit.plugin.plan import EntityPlan

#: Bytes of an upload: larger than a file may be, so that the page and not the server says so.
_LARGEST = 96 * 1024 * 1024


def _answer(
    request: AnyRequest, page: ImportPage, status: int = 200, block: str = "import"
) -> Response[str]:
    title = _("Import %(what)s") % {"what": page.entity.label}
    crumbs = (
        Link(label=page.entity.label, url=page.entity.url),
        Link(label=_("Import"), url=f"{page.entity.url}/import", current=True),
    )
    return answer(
        request, "import.html", title=title, block=block, status=status, crumbs=crumbs, page=page
    )


@get("/{entity:str}/import", policy="entity.import")
async def import_show(request: AnyRequest, entity: FromPath[str]) -> Response[str]:
    """Ask for the file; list what this person imported today."""
    ctx = context_of(request)
    recent = await asyncio.to_thread(recent_uploads, ctx, entity)
    return _answer(request, file_page(ctx, ctx.site.entity(entity), recent))


@post("/{entity:str}/import", policy="entity.import", request_max_body_size=_LARGEST)
async def import_create(request: AnyRequest, entity: FromPath[str]) -> Response[Any]:
    """Read the file once, to refuse what is none, and keep it."""
    ctx = context_of(request)
    plan: EntityPlan = ctx.site.entity(entity)
    sent = (await request.form()).get("file")
    data = await sent.read() if isinstance(sent, UploadFile) else b""
    try:
        file = await asyncio.to_thread(read_csv, data)
        _check_rows(file)
    except InvalidError as error:
        return _answer(request, file_page(ctx, plan, (), error), 422)
    name = sent.filename if isinstance(sent, UploadFile) else ""
    upload = await keep_upload(ctx, entity, name or "import.csv", data)
    return go(request, f"/{entity}/import/{upload.token}")


def _check_rows(file: CsvFile) -> None:
    if not file.rows and not file.ragged:
        raise InvalidError(
            _("The file has a heading but no rows below it. Add rows and send it again.")
        )


async def _match(
    request: AnyRequest,
    upload: Upload,
    file: CsvFile,
    matching: Matching,
    refusal: InvalidError | None = None,
) -> Response[str]:
    """Try a matching and show what it would do; what was chosen is kept for a reload."""
    ctx = context_of(request)
    report, began = None, time.perf_counter()
    shown = ctx
    try:
        if refusal is None:
            report, shown = await try_matching(ctx, upload.entity, file, matching)
    except InvalidError as error:
        refusal, matching = error, offered(ctx.site.entity(upload.entity), matching)
    seconds = time.perf_counter() - began
    if find_upload(ctx, upload.entity, upload.token).attempt == upload.attempt:
        # Else another tab began the run meanwhile, and what it keeps must stay.
        save_upload(
            ctx,
            msgspec.structs.replace(upload, matching=matching, checked=report, state="matching"),
        )
    plan: EntityPlan = shown.site.entity(upload.entity)
    page = match_page(shown, plan, upload, file, matching, report, refusal, seconds)
    return _answer(request, page, 422 if refusal and request.method == "POST" else 200)


@get("/{entity:str}/import/{token:str}", policy="entity.import")
async def match_show(
    request: AnyRequest, entity: FromPath[str], token: FromPath[str]
) -> Response[Any]:
    """Show which column becomes which field, and what an import would do."""
    ctx = context_of(request)
    upload = await look(ctx, entity, token)
    if upload.state in {"running", "done"}:
        return go(request, f"/{entity}/import/{token}/run")
    data = await read_upload(ctx, token)
    encoding = upload.matching.encoding if upload.matching else ""
    file = await asyncio.to_thread(read_csv, data, encoding=encoding)
    matching = upload.matching or await suggest(ctx, ctx.site.entity(entity), file)
    return await _match(request, upload, file, matching)


@post("/{entity:str}/import/{token:str}", policy="entity.import")
async def match_create(
    request: AnyRequest, entity: FromPath[str], token: FromPath[str]
) -> Response[Any]:
    """Look again with other choices, or begin the run behind the page."""
    ctx = context_of(request)
    upload = await look(ctx, entity, token)
    run_url = f"/{entity}/import/{token}/run"
    if upload.state in {"running", "done"}:
        return go(request, run_url)
    data = await read_upload(ctx, token)
    form = await request.form()
    file = await asyncio.to_thread(read_csv, data)
    plan: EntityPlan = ctx.site.entity(entity)
    try:
        matching = read_form(plan, file, form)
        if matching.encoding:
            file = await asyncio.to_thread(read_csv, data, encoding=matching.encoding)
            matching = read_form(plan, file, form)
    except InvalidError as error:
        matching = upload.matching or await suggest(ctx, plan, file)
        return await _match(request, upload, file, matching, error)
    if form.get("run") != "1":
        return await _match(request, upload, file, matching)
    if matching.new or matching.keep:
        check(ctx, plan, "admin")  # refused here, not in the background
    start_run(services_of(request), ctx, upload, matching, len(file.rows))
    return go(request, run_url)


@get("/{entity:str}/import/{token:str}/run", policy="entity.import")
async def run_show(
    request: AnyRequest, entity: FromPath[str], token: FromPath[str]
) -> Response[Any]:
    """Show how far a run is, or how it went; htmx asks for the bar alone."""
    ctx = context_of(request)
    upload = await look(ctx, entity, token)
    if upload.state == "matching":
        return go(request, f"/{entity}/import/{token}")
    is_running = upload.state == "running"
    if wants_fragment(request) and not is_running:
        return go(request, request.url.path)
    page = run_page(ctx, ctx.site.entity(entity), upload)
    return _answer(request, page, block="progress" if is_running else "import")


@get("/{entity:str}/import/{token:str}/refused", policy="entity.import")
async def refused_show(
    request: AnyRequest, entity: FromPath[str], token: FromPath[str]
) -> Response[bytes]:
    """Send the rows that were left out as CSV, to be corrected and sent again."""
    ctx = context_of(request)
    upload = await look(ctx, entity, token)
    if upload.checked is None:
        raise ForbiddenError(_("No row was left out yet. Check the file first."))
    encoding = upload.matching.encoding if upload.matching else ""
    data = await read_upload(ctx, token)
    file = await asyncio.to_thread(read_csv, data, encoding=encoding)
    text = await asyncio.to_thread(refused_csv, file, upload.checked.refused)
    name = f"{entity}-left-out.csv"
    return Response(
        text,
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


HANDLERS = (import_show, import_create, match_show, match_create, run_show, refused_show)
