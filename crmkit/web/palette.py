"""Commands of the palette: what can be done with a record, what can be made, where one can go.

All from what is declared once: actions of entities, steps, entities, entries of the menu.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crmkit.errors import CrmkitError
from crmkit.plugin.events import PageEvent
from crmkit.records.read import get_record
from crmkit.web.action_form import input_rows
from crmkit.web.answers import check_buttons
from crmkit.web.record_view import buttons_of, fitting_actions, may
from crmkit.web.shell import navigation_of, readable
from crmkit.web.timeline import composer
from crmkit.web.translate import _, pgettext
from crmkit.web.views import SearchGroup, SearchResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from crmkit.web.views import Action, Link

_RECORD = re.compile(r"^/([a-z][a-z0-9]*\.[a-z0-9_]+)/([0-9]{1,18})(?:/|$)")
_MOST = 12
_MOST_OF_A_HIT = 8


def record_of(path: str) -> tuple[str, int] | None:
    """Answer the entity and the record a page is about."""
    found = _RECORD.match(path)
    return (found[1], int(found[2])) if found else None


async def commands(
    ctx: Context,
    text: str,
    here: tuple[str, int] | None,
    hit: tuple[str, int] | None,
    places: Iterable[Link],
    *,
    with_script: bool,
) -> list[SearchGroup]:
    """Answer commands that fit what was typed.

    Args:
        here: The record on the page; its commands are found by their names.
        hit: The best record that was found; its commands are offered, whatever they are called.
        places: Where one can go besides the menu.
        with_script: The palette can send a form; a page without scripts only leads to it.
    """
    words = text.casefold().split()
    groups = []
    if here is not None:
        groups.append(await _with_record(ctx, here, words, _MOST, with_script=with_script))
    if hit is not None and hit != here and words:
        groups.append(await _with_record(ctx, hit, [], _MOST_OF_A_HIT, with_script=with_script))
    groups.append(SearchGroup(label=pgettext("button", "New"), results=tuple(_new(ctx, words))))
    groups.append(SearchGroup(label=_("Go to"), results=tuple(_places(ctx, words, places))))
    return [group for group in groups if group.results]


async def _with_record(
    ctx: Context, place: tuple[str, int], words: list[str], most: int, *, with_script: bool
) -> SearchGroup:
    name, record_id = place
    plan = ctx.site.entities.get(name)
    nothing = SearchGroup(label="", results=())
    if plan is None:
        return nothing
    try:
        record = await get_record(ctx, plan, record_id)
    except CrmkitError:
        return nothing  # gone, or not the reader's
    if record["trashed_at"] is not None:
        return nothing
    results = [
        SearchResult(html=each.label, url=f"/{name}/{record_id}?write={each.name}",
                     icon=each.icon, key=each.key)
        for each in composer(ctx, plan, record)
    ]  # fmt: skip
    if may(ctx, plan, "edit"):
        url = f"/{name}/{record_id}/edit"
        results.append(SearchResult(html=_("Edit all fields"), url=url, icon="pencil", key="e"))
    rows = await input_rows(ctx, fitting_actions(ctx, plan, record), record_id)
    buttons = [*await _dynamic(ctx, plan, record_id), *buttons_of(ctx, plan, record, rows)]
    results += [_button(f"/{name}/{record_id}", each, with_script=with_script) for each in buttons]
    title = str(record[plan.title] or _("Without a name"))
    fitting = [each for each in results if _fits(each.html, words)]
    label = _("Do something with %(what)s") % {"what": title}
    return SearchGroup(label=label, results=tuple(fitting[:most]))


async def _dynamic(ctx: Context, plan: EntityPlan, record_id: int) -> list[Action]:
    event = PageEvent(ctx, entity=plan, record_id=record_id, page="search")
    given = await ctx.site.hooks.collect("record_actions", event, check_buttons)
    return [each for _plugin, buttons in given for each in buttons]


def _button(page: str, button: Action, *, with_script: bool) -> SearchResult:
    """What asks for something first is opened on the record's page; the rest is done at once."""
    is_post = button.method == "post"
    asks = is_post and (bool(button.fields or button.confirm) or not with_script)
    return SearchResult(
        html=button.label,
        url=f"{page}#act-{button.name}" if asks else button.url,
        icon=button.icon,
        source=button.source,
        method="post" if is_post and not asks else "get",
    )


def _new(ctx: Context, words: list[str]) -> Iterable[SearchResult]:
    for plan in readable(ctx.site, ctx.principal, "create"):  # type: ignore[arg-type]
        label = _("New %(what)s") % {"what": _(plan.singular).lower()}
        if words and _fits(label, words):
            yield SearchResult(html=label, url=f"/{plan.name}/new", icon=plan.icon)


def _places(ctx: Context, words: list[str], places: Iterable[Link]) -> Iterable[SearchResult]:
    for group in navigation_of(ctx.site, ctx.principal):  # type: ignore[arg-type]
        for item in group.items:
            if _fits(item.label, words):
                key = f"g {item.key}" if item.key else None
                yield SearchResult(html=item.label, url=item.url, icon=item.icon, key=key)
    for plan in readable(ctx.site, ctx.principal, in_menu=False):  # type: ignore[arg-type]
        if words and _fits(_(plan.label), words):
            yield SearchResult(html=_(plan.label), url=f"/{plan.name}", icon=plan.icon)
    for link in places:
        if words and _fits(f"{link.label} {link.help or ''}", words):
            yield SearchResult(html=link.label, url=link.url, icon=link.icon, sub=link.help or "")


def _fits(label: str, words: list[str]) -> bool:
    folded = str(label).casefold()
    return all(word in folded for word in words)
