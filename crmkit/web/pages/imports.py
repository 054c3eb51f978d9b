"""An import: send a file, match its columns, look at what would happen, run it."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath

from crmkit.errors import InvalidError
from crmkit.plugin.plan import EntityPlan
from crmkit.records.csv_file import CsvFile, read_csv
from crmkit.records.import_plan import ImportPlan, ImportReport, suggest_mapping
from crmkit.records.imports import dry_run, run_import
from crmkit.web.import_view import file_page, match_page, result_page
from crmkit.web.render import answer, go
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _
from crmkit.web.uploads import drop_upload, keep_upload, read_upload
from crmkit.web.views import ImportPage

#: Bytes of an upload: 50 MB of file and the form around it.
_LARGEST = 51 * 1024 * 1024


def _answer(request: AnyRequest, page: ImportPage, status: int = 200) -> Response[str]:
    title = _("Import %(what)s") % {"what": page.entity.label}
    return answer(request, "import.html", title=title, block="import", status=status, page=page)


@get("/{entity:str}/import", policy="entity.import")
async def import_show(request: AnyRequest, entity: FromPath[str]) -> Response[str]:
    """Ask for the file."""
    ctx = context_of(request)
    return _answer(request, file_page(ctx, ctx.site.entity(entity)))


@post("/{entity:str}/import", policy="entity.import", request_max_body_size=_LARGEST)
async def import_create(request: AnyRequest, entity: FromPath[str]) -> Response[Any]:
    """Read the file once, to refuse what is none, and keep it."""
    ctx = context_of(request)
    plan: EntityPlan = ctx.site.entity(entity)
    sent = (await request.form()).get("file")
    data = await sent.read() if isinstance(sent, UploadFile) else b""
    try:
        await asyncio.to_thread(read_csv, data)
    except InvalidError as error:
        return _answer(request, file_page(ctx, plan, error), 422)
    return go(request, f"/{entity}/import/{await keep_upload(ctx, data)}")


def _first_plan(plan: EntityPlan, file: CsvFile) -> ImportPlan:
    mapping = suggest_mapping(plan, file.columns)
    return ImportPlan(map=mapping, key=plan.title if plan.title in mapping.values() else "")


def _sent_plan(file: CsvFile, form: Mapping[str, Any]) -> ImportPlan:
    mapping = {
        name: str(form[f"map.{index}"])
        for index, name in enumerate(file.columns)
        if form.get(f"map.{index}")
    }
    raw = {
        "map": mapping,
        "key": str(form.get("key", "")),
        "mode": str(form.get("mode", "both")),
        "dates": str(form.get("dates", "")),
    }
    try:
        return msgspec.convert(raw, ImportPlan)
    except msgspec.ValidationError as error:
        raise InvalidError(_("The form holds something that does not fit.")) from error


async def _match(
    request: AnyRequest, plan: EntityPlan, token: str, file: CsvFile, wanted: ImportPlan
) -> Response[str]:
    ctx = context_of(request)
    report: ImportReport | None = None
    refusal: InvalidError | None = None
    try:
        report = await dry_run(ctx, plan, file, wanted)
    except InvalidError as error:
        refusal = error
    url = f"/{plan.name}/import/{token}"
    page = match_page(ctx, plan, url, file, wanted, report, refusal)
    return _answer(request, page, 422 if refusal and request.method == "POST" else 200)


@get("/{entity:str}/import/{token:str}", policy="entity.import")
async def match_show(
    request: AnyRequest, entity: FromPath[str], token: FromPath[str]
) -> Response[str]:
    """Show which column becomes which field, and what an import would do."""
    ctx = context_of(request)
    plan: EntityPlan = ctx.site.entity(entity)
    file = await asyncio.to_thread(read_csv, await read_upload(ctx, token))
    return await _match(request, plan, token, file, _first_plan(plan, file))


@post("/{entity:str}/import/{token:str}", policy="entity.import")
async def match_create(
    request: AnyRequest, entity: FromPath[str], token: FromPath[str]
) -> Response[Any]:
    """Look again with other choices, or run the import."""
    ctx = context_of(request)
    plan: EntityPlan = ctx.site.entity(entity)
    file = await asyncio.to_thread(read_csv, await read_upload(ctx, token))
    form = await request.form()
    wanted = _sent_plan(file, form)
    if form.get("run") != "1":
        return await _match(request, plan, token, file, wanted)
    try:
        report = await run_import(ctx, plan, file, wanted)
    except InvalidError as error:
        url = f"/{entity}/import/{token}"
        return _answer(request, match_page(ctx, plan, url, file, wanted, None, error), 422)
    await drop_upload(ctx, token)
    return _answer(request, result_page(ctx, plan, report))


HANDLERS = (import_show, import_create, match_show, match_create)
