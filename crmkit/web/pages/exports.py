"""What a list shows, as a CSV file."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from litestar import get
from litestar.params import FromPath
from litestar.response import Stream

from crmkit.records.exports import export_csv
from crmkit.web.list_url import parse_state
from crmkit.web.services import AnyRequest, context_of

if TYPE_CHECKING:
    from crmkit.plugin.plan import EntityPlan


@get("/{entity:str}/export", policy="entity.export")
async def export_show(request: AnyRequest, entity: FromPath[str]) -> Stream:
    """Send what the list shows, all pages of it, as CSV."""
    ctx = context_of(request)
    plan: EntityPlan = ctx.site.entity(entity)
    state = parse_state(f"/{entity}", request.query_params.multi_items())
    name = f"{plan.name}-{datetime.now(UTC):%Y-%m-%d}.csv"
    pieces = export_csv(ctx, plan, state.query(plan))
    # What fails must fail before the answer begins: a file that is cut off looks whole.
    first = await anext(pieces)
    return Stream(
        _joined(first, pieces),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


HANDLERS = (export_show,)
