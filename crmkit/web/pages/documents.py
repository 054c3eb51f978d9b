"""Documents: the card of a record's page, and the files themselves."""

import re
from typing import Any
from urllib.parse import quote

from litestar import Response, get
from litestar.params import FromPath

from crmkit.records.read import get_record
from crmkit.web.document_view import documents_of, documents_panel
from crmkit.web.policy import SIGNED_IN
from crmkit.web.record_page import plan_of
from crmkit.web.render import answer, go, wants_fragment
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _
from crmkit.work.documents import get_document, read_content

_UNFIT = re.compile(r"[^\w.() -]+")


@get("/{entity:str}/{record_id:int}/documents", policy="entity.read")
async def documents_show(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[Any]:
    """Show the documents of a record, fetched again while one is made."""
    ctx = context_of(request)
    plan = plan_of(ctx, entity)
    await get_record(ctx, plan, record_id)
    if not wants_fragment(request):
        return go(request, f"/{entity}/{record_id}")
    panel = documents_panel(ctx, plan, record_id, await documents_of(ctx, plan, record_id))
    return answer(request, "panel.html", title=panel.title, block="panel", panel=panel)


@get("/documents/{document_id:int}", policy=SIGNED_IN)
async def document_show(request: AnyRequest, document_id: FromPath[int]) -> Response[bytes]:
    """Send a document to who may read its record; with `download` as a file to keep."""
    ctx = context_of(request)
    document = await get_document(ctx, document_id)
    plan = plan_of(ctx, document.entity)
    record = await get_record(ctx, plan, document.record)
    content = await read_content(ctx, document.id)
    title = f"{_(document.label)} {record[plan.title] or document.record}"
    name = _UNFIT.sub(" ", title).strip()[:100]
    kind = "attachment" if request.query_params.get("download") else "inline"
    headers = {
        "Content-Disposition": f'{kind}; filename="{document.id}.pdf"; '
        f"filename*=UTF-8''{quote(name)}.pdf",
        "ETag": f'"{document.digest}"',
    }
    return Response(content, media_type="application/pdf", headers=headers)


HANDLERS = (documents_show, document_show)
