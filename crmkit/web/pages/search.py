"""Search in everything one may read, and commands; the palette shows its block."""

from litestar import Response, get

from crmkit.plugin.events import PageEvent
from crmkit.records.search import search_records
from crmkit.web.answers import check_hits, plugin_name
from crmkit.web.fields import find_number, phone_link
from crmkit.web.pages.settings import settings_links
from crmkit.web.palette import commands, record_of
from crmkit.web.policy import SIGNED_IN
from crmkit.web.render import answer, wants_fragment
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.shell import avatar_of
from crmkit.web.translate import _, ngettext
from crmkit.web.views import SearchGroup, SearchPage, SearchResult

_ONLY_COMMANDS = ">"


@get("/search", policy=SIGNED_IN)
async def search_show(request: AnyRequest) -> Response[str]:
    """Show records that match `q`, by kind, and commands; after `>` commands alone.

    `from` is the page the palette was opened on: what can be done with its record comes first.
    """
    ctx = context_of(request)
    typed = request.query_params.get("q", "")[:200]
    query = typed.strip().removeprefix(_ONLY_COMMANDS).strip()
    found: dict[str, list[SearchResult]] = {}
    hits = [] if typed.strip().startswith(_ONLY_COMMANDS) else await search_records(ctx, query)
    count = len(hits)
    for hit in hits:
        plan = ctx.site.entity(hit.entity)
        found.setdefault(_(plan.label), []).append(
            SearchResult(
                html=hit.title,
                url=f"/{hit.entity}/{hit.id}",
                sub=hit.body[:80],
                avatar=avatar_of(hit.title),
                call=phone_link(number) if (number := find_number(hit.body)) else None,
            )
        )
    groups = [SearchGroup(label=label, results=tuple(lines)) for label, lines in found.items()]
    best = (hits[0].entity, hits[0].id) if hits else None
    here = record_of(request.query_params.get("from", ""))
    offered = await commands(
        ctx, query, here, best, settings_links(ctx), with_script=wants_fragment(request)
    )

    groups = [*groups, *offered]
    event = PageEvent(ctx, page="search", text=query)
    for plugin, results in await ctx.site.hooks.collect("search", event, check_hits):
        if query and results:
            groups.append(SearchGroup(label=plugin_name(ctx, plugin), results=tuple(results)))
            count += len(results)
    number = ngettext("%(n)s result", "%(n)s results", count) % {"n": count}
    page = SearchPage(query=typed, groups=tuple(groups), announce=number if query else "")
    return answer(request, "search.html", title=_("Search"), block="results", page=page)


HANDLERS = (search_show,)
