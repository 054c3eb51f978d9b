"""Which plugin put a field, panel, button or menu entry where it is."""

from typing import TYPE_CHECKING

from litestar import Response, get

from crmkit.plugin.explain import KINDS, OWN, explain_site
from crmkit.plugin.extending import HOME
from crmkit.web.format import format_number
from crmkit.web.pages.settings import settings_tabs
from crmkit.web.plugins_view import page_url, site_of
from crmkit.web.policy import ADMIN
from crmkit.web.render import answer
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _, ngettext
from crmkit.web.views import Cell, Column, Empty, Row, TablePage

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.plugin.explain import Origin

_URL = "/settings/explain"
_MOST = 300


@get(_URL, policy=ADMIN)
async def explain_show(request: AnyRequest) -> Response[str]:
    """Show what people meet and where it comes from, as far as it matches `q`."""
    ctx = context_of(request)
    search = request.query_params.get("q", "").strip()[:80]
    words = search.casefold().split()
    rows = (
        (origin, _row(ctx, number, origin))
        for number, origin in enumerate(explain_site(site_of(ctx)))
    )
    matching = [
        row for origin, row in rows if all(word in _said(ctx, origin, row) for word in words)
    ]
    number = {"n": format_number(ctx, len(matching)), "shown": format_number(ctx, _MOST)}
    page = TablePage(
        title=_("Where it comes from"),
        intro=_("Each field, panel, button and menu entry, and the plugin that put it there."),
        columns=tuple(
            Column(name=name, label=label)
            for name, label in (
                ("label", _("What")),
                ("plugin", _("Plugin")),
                ("kind", _("Kind")),
                ("place", _("Where")),
                ("name", _("Name in code")),
            )
        ),
        rows=tuple(matching[:_MOST]),
        tabs=settings_tabs(request),
        search_url=_URL,
        search=search,
        search_label=_("A label, a name, an entity or a plugin"),
        empty=None if matching else Empty(title=_("Nothing is called that"), icon="search"),
        count=_("%(shown)s of %(n)s; search for the others") % number
        if len(matching) > _MOST
        else ngettext("%(n)s thing", "%(n)s things", len(matching)) % number,
    )
    return answer(request, "table.html", title=page.title, page=page)


def _row(ctx: "Context", number: int, origin: "Origin") -> Row:
    site = site_of(ctx)
    info = site.plugins.get(origin.plugin)
    plugin = _(info.manifest.name) if info is not None else ""
    plugin = plugin or {OWN: _("Your own fields"), "core": "crmkit"}.get(origin.plugin, "")
    entity = site.entities.get(origin.place)
    place = _(entity.label) if entity else origin.place
    if origin.place == HOME:
        place = _("Home page")
    label = _(origin.label) if origin.label else origin.name
    cells = (
        Cell(html=label),
        Cell(
            html=plugin or origin.plugin,
            url=page_url(show=origin.plugin) if info is not None else None,
        ),
        Cell(html=_(KINDS[origin.kind])),
        Cell(html=place),
        Cell(html=origin.name),
    )
    return Row(id=str(number), url="", cells=cells, label=label)


def _said(ctx: "Context", origin: "Origin", row: Row) -> str:
    plan = site_of(ctx).entities.get(origin.place)
    of = _(plan.singular) if plan else ""
    cells = " ".join(str(cell.html) for cell in row.cells)
    return f"{cells} {of} {origin.place} {origin.plugin}".casefold()


HANDLERS = (explain_show,)
