"""Offers records for a reference while somebody types."""

from litestar import Response, get
from litestar.params import FromPath

from crmkit.records.read import lookup
from crmkit.web.render import answer
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _
from crmkit.web.views import Option


@get("/{entity:str}/lookup", policy="entity.read")
async def lookup_show(request: AnyRequest, entity: FromPath[str]) -> Response[str]:
    """Answer the choices whose title contains `q`; `by=title` takes titles for their values."""
    ctx = context_of(request)
    found = await lookup(ctx, ctx.site.entity(entity), request.query_params.get("q", "")[:200])
    by_title = request.query_params.get("by") == "title"
    options = tuple(
        Option(value=title if by_title else str(record), label=title) for record, title in found
    )
    return answer(request, "options.html", title=_("Choose"), block="options", options=options)


HANDLERS = (lookup_show,)
