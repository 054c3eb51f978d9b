"""Panels and computed columns of plugins, each on its own: what fails shows a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from markupsafe import Markup

from crmkit.access.predicate import allowed
from crmkit.errors import NotFoundError
from crmkit.plugin.events import PageEvent
from crmkit.records.computed import compute, computed_columns
from crmkit.web.answers import plugin_name
from crmkit.web.translate import _
from crmkit.web.views import Cell, Column, Panel

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.model.extension import Panel as Declared
    from crmkit.model.role import Verb
    from crmkit.plugin.plan import EntityPlan
    from crmkit.web.views import ListPage


def declared_panels(ctx: Context, entity: str, slot: str) -> list[tuple[str, Declared]]:
    """Answer the panels of a slot that the reader may see, in their order."""
    found = [
        (added.plugin, panel)
        for added in ctx.site.extensions.of(entity)
        for panel in added.extension.panels
        if panel.slot == slot and _opens(ctx, entity, panel.permission)
    ]
    return sorted(found, key=lambda each: (each[1].order, each[0], each[1].name))


def _opens(ctx: Context, entity: str, verb: Verb) -> bool:
    """Say whether the role has a verb on an entity, of a part as on its whole."""
    plan = ctx.site.entities.get(entity)
    if plan is None:  # the home page
        return ctx.principal.role.scope(entity, verb) != "none"
    return allowed(ctx, plan, verb)


async def panels_of(
    ctx: Context, entity: str, record_id: int = 0, slot: str = "detail.side"
) -> tuple[Panel, ...]:
    """Render the panels of a slot; lazy ones are left to be fetched."""
    made = []
    for plugin, panel in declared_panels(ctx, entity, slot):
        if panel.lazy:
            made.append(_card(ctx, entity, record_id, plugin, panel, lazy=True))
            continue
        card = await render_panel(ctx, entity, record_id, plugin, panel)
        if card is not None:
            made.append(card)
    return tuple(made)


async def find_panel(ctx: Context, entity: str, record_id: int, plugin: str, name: str) -> Panel:
    """Render one panel by name.

    Raises:
        NotFoundError: No plugin that is on has such a panel for the reader.
    """
    slots = ("detail.header", "detail.main", "detail.side", "detail.tabs")
    for slot in slots:
        for owner, panel in declared_panels(ctx, entity, slot):
            if (owner, panel.name) == (plugin, name):
                card = await render_panel(ctx, entity, record_id, plugin, panel)
                return card or _card(ctx, entity, record_id, plugin, panel)
    raise NotFoundError(_("There is no such panel. Reload the page."))


def tab_names(ctx: Context, entity: str) -> list[tuple[str, str]]:
    """Answer (name in the address, label) of the tabs that plugins add beside the timeline."""
    return [
        (f"{plugin}.{panel.name}", _(panel.title))
        for plugin, panel in declared_panels(ctx, entity, "detail.tabs")
    ]


async def find_tab(ctx: Context, entity: str, record_id: int, name: str) -> Panel | None:
    """Render the tab of a name; None when there is none, or it is one of the timeline's own."""
    for plugin, panel in declared_panels(ctx, entity, "detail.tabs"):
        if f"{plugin}.{panel.name}" == name:
            card = await render_panel(ctx, entity, record_id, plugin, panel)
            return card or _card(ctx, entity, record_id, plugin, panel)
    return None


async def render_panel(
    ctx: Context, entity: str, record_id: int, plugin: str, panel: Declared
) -> Panel | None:
    """Render a panel; None when it is empty and wants to be hidden then."""
    plan = ctx.site.entities.get(entity)
    event = PageEvent(ctx, entity=plan, record_id=record_id, page="record" if plan else "home")
    worked, html = await ctx.site.hooks.attempt(
        plugin,
        f"panel {panel.name}",
        event,
        lambda given: panel.render(given.ctx, record_id),
        _check_html,
    )
    if not worked:
        error = _("This part could not be shown.")
        return _card(ctx, entity, record_id, plugin, panel, error=error)
    if not html and panel.hide_if_empty:
        return None
    return _card(ctx, entity, record_id, plugin, panel, html=html or "")


def _check_html(answer: Any) -> Markup | str:  # noqa: ANN401 - a stranger's answer
    """Text is escaped by the template; only what `ctx.render` made is HTML."""
    if not isinstance(answer, str):
        raise TypeError(f"a panel answers text or what ctx.render made, not {type(answer)}")
    return answer


def _card(  # noqa: PLR0913 - a card is made of these
    ctx: Context,
    entity: str,
    record_id: int,
    plugin: str,
    panel: Declared,
    *,
    html: Markup | str = "",
    error: str | None = None,
    lazy: bool = False,
) -> Panel:
    url = f"/{entity}/{record_id}/panels/{plugin}/{panel.name}"
    return Panel(
        id=f"panel-{plugin}-{panel.name}",
        title=_(panel.title),
        html=html,
        source=plugin_name(ctx, plugin),
        error=error,
        retry_url=url if error else None,
        lazy_url=url if lazy else None,
    )


async def slot_html(ctx: Context, entity: str, record_id: int, slot: str) -> Markup:
    """Render the panels of a slot that has no cards, one after another."""
    parts = []
    for plugin, panel in declared_panels(ctx, entity, slot):
        card = await render_panel(ctx, entity, record_id, plugin, panel)
        if card is not None and card.error is None:
            parts.append(card.html)
    return Markup("").join(parts)


async def with_computed(ctx: Context, plan: EntityPlan, page: ListPage) -> ListPage:
    """Add the columns that plugins compute, one call each for all rows of the page."""
    columns, rows = list(page.columns), list(page.rows)
    for plugin, column in computed_columns(ctx, plan) if rows else ():
        values = await compute(ctx, plan, plugin, column, [int(row.id) for row in rows])
        columns.append(Column(name=f"{plugin}.{column.name}", label=_(column.label)))
        rows = [
            msgspec.structs.replace(
                row, cells=(*row.cells, Cell(html=str(values.get(int(row.id), "") or "")))
            )
            for row in rows
        ]
    return msgspec.structs.replace(page, columns=tuple(columns), rows=tuple(rows))
