"""Today: what plugins know about the reader's day, put together."""

from typing import Any

import msgspec
from litestar import Response, get

from crmkit.model.context import Context
from crmkit.plugin.events import PageEvent
from crmkit.plugin.extending import HOME
from crmkit.records.query import ListQuery, list_records
from crmkit.web.answers import check_home
from crmkit.web.fields import entity_link
from crmkit.web.format import format_long_date
from crmkit.web.metric_view import tiles_of
from crmkit.web.panels import panels_of
from crmkit.web.policy import SIGNED_IN
from crmkit.web.render import answer
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.shell import readable
from crmkit.web.translate import _
from crmkit.web.views import Empty, HomePage, Link

_MORNING, _NOON, _EVENING = 4, 12, 18
#: Places an empty page leads to.
_LINKS = 5
_SCOPES = ("mine", "team", "all")


def _merge(answers: list[tuple[str, Any]]) -> dict[str, Any]:
    """Put the answers of plugins together; lists follow one another, else the first wins."""
    merged: dict[str, Any] = {}
    for _plugin, given in answers:
        for name, value in given.items():
            if isinstance(value, tuple) and name in merged:
                merged[name] = (*merged[name], *value)
            else:
                merged.setdefault(name, value)
    return merged


@get("/", policy=SIGNED_IN)
async def home_show(request: AnyRequest) -> Response[str]:
    """Show the day: agenda, loose ends, funnel."""
    ctx = context_of(request)
    scope = request.query_params.get("scope", "mine")
    scope = scope if scope in _SCOPES else "mine"
    event = PageEvent(ctx, scope)
    hooks = ctx.site.hooks
    given = _merge(
        [
            *await hooks.collect("agenda", event, check_home),
            *await hooks.collect("page_context", event, check_home),
        ]
    )
    labels = {"mine": _("Mine"), "team": _("Team"), "all": _("All")}
    page = HomePage(
        date=format_long_date(ctx, ctx.now().astimezone(ctx.time_zone).date()),
        greeting=_greeting(ctx),
        summary=given.pop("summary", ""),
        segment=tuple(
            Link(label=labels[name], url=f"/?scope={name}", current=name == scope)
            for name in _SCOPES
        ),
        empty=None if given.get("sections") else await _empty(ctx, given, scope),
    )
    panels = await panels_of(ctx, HOME, slot="home")
    tiles = await tiles_of(ctx, "home", scope)
    page = msgspec.structs.replace(page, **given, panels=panels, tiles=tiles)
    return answer(request, "home.html", title=_("Today"), block="home", page=page)


def _greeting(ctx: Context) -> str:
    """Answer a greeting by the hour of the reader's zone."""
    hour = ctx.now().astimezone(ctx.time_zone).hour
    name = {"name": ctx.principal.name.split(" ")[0]}
    if _MORNING <= hour < _NOON:
        return _("Good morning, %(name)s") % name
    if _NOON <= hour < _EVENING:
        return _("Good afternoon, %(name)s") % name
    return _("Good evening, %(name)s") % name


async def _has_records(ctx: Context) -> bool:
    """Say whether the reader sees any record at all."""
    for plan in readable(ctx.site, ctx.principal):  # type: ignore[arg-type]
        query = ListQuery(columns=(plan.title,), limit=1)
        if (await list_records(ctx, plan, query)).rows:
            return True
    return False


async def _empty(ctx: Context, given: dict[str, Any], scope: str) -> Empty:
    """Answer what fills the page: work when there are records, else records."""
    links = [entity_link(ctx, plan) for plan in readable(ctx.site, ctx.principal)]  # type: ignore[arg-type]
    has_records = await _has_records(ctx)
    if given.get("funnel") or given.get("loose_ends") or (has_records and scope == "all"):
        return Empty(
            title=_("Nothing is due"),
            text=_("Tasks and next steps appear here as soon as they have a date."),
            icon="calendar",
            actions=tuple(
                Link(label=each.label, url=each.url, icon=each.icon) for each in links[:_LINKS]
            ),
        )
    if has_records:
        return Empty(
            title=_("Nothing here is yours yet"),
            text=_("Records of others stand under All; what you own appears here."),
            icon="calendar",
            actions=(Link(label=_("Show all"), url="/?scope=all", icon="users"),),
        )
    imports = [each for each in links if each.import_url][:1]
    return Empty(
        title=_("Nothing is here yet"),
        text=_("Bring what you have from a CSV file, or enter the first record."),
        icon="calendar",
        actions=(
            *(
                Link(label=_("Import %(what)s") % {"what": each.label.lower()},
                     url=each.import_url or "", icon="upload")
                for each in imports
            ),
            *(
                Link(label=_("New %(what)s") % {"what": each.singular.lower()},
                     url=each.new_url or "", icon=each.icon)
                for each in links[:3] if each.new_url
            ),
        ),
    )  # fmt: skip


HANDLERS = (home_show,)
