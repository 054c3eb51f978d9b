"""What a list shows, as a CSV file."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from litestar import Response, get
from litestar.params import FromPath
from litestar.response import Stream

from crmkit.errors import NotFoundError
from crmkit.model.adapters import FileFormat
from crmkit.model.context import Context
from crmkit.records.exports import export_csv, export_file
from crmkit.web.list_url import parse_state
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _

if TYPE_CHECKING:
    from crmkit.plugin.plan import EntityPlan


@get("/{entity:str}/export", policy="entity.export")
async def export_show(request: AnyRequest, entity: FromPath[str]) -> Response[bytes] | Stream:
    """Send what the list shows, all pages of it, as CSV or, with `as`, in a plugin's format."""
    ctx = context_of(request)
    plan: EntityPlan = ctx.site.entity(entity)
    state = parse_state(f"/{entity}", request.query_params.multi_items())
    name = f"{plan.name}-{datetime.now(UTC):%Y-%m-%d}"
    wanted = request.query_params.get("as", "")
    if wanted:
        plugin, found = _format(ctx, wanted)
        content = await export_file(ctx, plan, state.query(plan), found, plugin)
        headers = {"Content-Disposition": f'attachment; filename="{name}.{found.extension}"'}
        return Response(content, media_type=found.media_type, headers=headers)
    pieces = export_csv(ctx, plan, state.query(plan))
    # What fails must fail before the answer begins: a file that is cut off looks whole.
    first = await anext(pieces)
    return Stream(
        _joined(first, pieces),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def _format(ctx: Context, name: str) -> tuple[str, FileFormat]:
    for plugin, each in ctx.site.contributions["file_formats"]:
        if each.name == name:
            return plugin, each
    raise NotFoundError(_("No plugin that is on writes such files. Export as CSV."))


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


HANDLERS = (export_show,)
