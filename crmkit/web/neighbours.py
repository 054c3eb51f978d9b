"""The list somebody came from to a record, and the records beside it there.

The browser says which page it comes from; links to the next record name the list in their
address (`?list=`), so that one can go on and on. Nothing is stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, parse_qsl, urlencode

import msgspec

from crmkit.records.neighbours import find_neighbours
from crmkit.web.list_url import parse_state
from crmkit.web.render import came_from

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from crmkit.web.services import AnyRequest
    from crmkit.web.views import Link, RecordPage

_LONGEST = 4000


def list_before(request: AnyRequest, plan: EntityPlan) -> str | None:
    """Answer the query of the list a reader came from, "" of one as it is at first; else None."""
    named: str | None = request.query_params.get("list")
    if named is not None:
        return named[:_LONGEST]
    path, _mark, query = came_from(request, "")[:_LONGEST].partition("?")
    if path == f"/{plan.name}":
        return query
    entity, _slash, record = path.strip("/").partition("/")
    if entity == plan.name and record.partition("/")[0].isdecimal():
        # A form of a record leads back to it.
        return next(iter(parse_qs(query, keep_blank_values=True).get("list", ())), None)
    return None


async def beside(
    ctx: Context, plan: EntityPlan, page: RecordPage, record_id: int, came: str
) -> RecordPage:
    """Answer a record's page with links to the records beside it; one statement.

    Args:
        came: Query of the list.
    """
    state = parse_state(f"/{plan.name}", parse_qsl(came, keep_blank_values=True))
    if state.group:
        return page
    # Where its page began does not matter, and one address stands for all pages of a list.
    state = msgspec.structs.replace(state, page="", back=False, count_all=False)
    query = state.url().partition("?")[2]
    found = await find_neighbours(ctx, plan, state.query(plan), record_id)
    before, after = (
        f"/{plan.name}/{number}?{urlencode({'list': query})}" if number is not None else None
        for number in found
    )
    return msgspec.structs.replace(page, prev_url=before, next_url=after, list_query=query)


def crumbs_from(crumbs: tuple[Link, ...], page: RecordPage) -> tuple[Link, ...]:
    """Answer the way to a record through the list one came from, as it was filtered."""
    if not page.list_query:
        return crumbs
    first, *rest = crumbs
    return (msgspec.structs.replace(first, url=f"{first.url}?{page.list_query}"), *rest)
