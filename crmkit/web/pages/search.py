"""Search in everything one may read; the palette shows its block."""

from litestar import Response, get

from crmkit.plugin.events import PageEvent
from crmkit.records.search import search_records
from crmkit.web.answers import check_hits
from crmkit.web.policy import SIGNED_IN
from crmkit.web.render import answer
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.shell import avatar_of, readable
from crmkit.web.translate import _, ngettext
from crmkit.web.views import SearchGroup, SearchPage, SearchResult


@get("/search", policy=SIGNED_IN)
async def search_show(request: AnyRequest) -> Response[str]:
    """Show records that match `q`, by kind; without it, where one can go."""
    ctx = context_of(request)
    query = request.query_params.get("q", "")[:200]
    found: dict[str, list[SearchResult]] = {}
    hits = await search_records(ctx, query)
    count = len(hits)
    for hit in hits:
        plan = ctx.site.entity(hit.entity)
        found.setdefault(_(plan.label), []).append(
            SearchResult(
                html=hit.title,
                url=f"/{hit.entity}/{hit.id}",
                sub=hit.body[:80],
                avatar=avatar_of(hit.title),
            )
        )
    folded = query.strip().casefold()
    places = tuple(
        SearchResult(html=_(plan.label), url=f"/{plan.name}", icon=plan.icon)
        for plan in readable(ctx.site, ctx.principal)  # type: ignore[arg-type]
        if folded in _(plan.label).casefold()
    )
    groups = [SearchGroup(label=label, results=tuple(lines)) for label, lines in found.items()]
    if places:
        groups.append(SearchGroup(label=_("Go to"), results=places))
    event = PageEvent(ctx, page="search", text=query)
    for plugin, results in await ctx.site.hooks.collect("search", event, check_hits):
        if query.strip() and results:
            name = ctx.site.plugins[plugin].manifest.name if plugin in ctx.site.plugins else plugin
            groups.append(SearchGroup(label=_(name), results=tuple(results)))
            count += len(results)
    number = ngettext("%(n)s result", "%(n)s results", count) % {"n": count}
    page = SearchPage(query=query, groups=tuple(groups), announce=number if query else "")
    return answer(request, "search.html", title=_("Search"), block="results", page=page)


HANDLERS = (search_show,)
