"""A list's rows and state to the struct its template prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

import msgspec

from crmkit.access.predicate import allowed
from crmkit.access.predicate import allowed as may
from crmkit.records.actions import actions_of
from crmkit.records.filters import NEXT_STEP, Filter
from crmkit.web.action_form import action_inputs
from crmkit.web.fields import cell_of, column_of, entity_link, input_of
from crmkit.web.format import format_money, format_number
from crmkit.web.list_filters import filter_chips, filter_fields
from crmkit.web.steps import step_cell, step_column
from crmkit.web.translate import _, ngettext
from crmkit.web.views import (
    BulkAction,
    ColumnChoice,
    Empty,
    Link,
    ListPage,
    Row,
    RowGroup,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.query import Count, GroupRow, Listing
    from crmkit.records.steps import Step
    from crmkit.web.list_filters import Narrowing
    from crmkit.web.list_url import ListState
    from crmkit.web.views import Column

_PLACES = ("main", "sub", "end", "next")
_IN_BULK = frozenset({"choice", "reference", "text", "date"})
_MOST_BULK = 5
_GROUPABLE = frozenset({"reference", "choice"})


def list_page(  # noqa: PLR0913 - a list is made of these
    ctx: Context,
    plan: EntityPlan,
    state: ListState,
    listing: Listing,
    count: Count,
    narrowing: Narrowing,
    *,
    groups: list[GroupRow] | None = None,
    steps: Mapping[int, Step] | None = None,
    trashed: bool = False,
) -> ListPage:
    """Build the page of a list.

    Args:
        narrowing: What the list can be filtered by, and titles for chips.
        groups: Figures by value when grouped.
        steps: Next step of each record; None leaves the column out.
    """
    entity = entity_link(ctx, plan)
    names = state.shown(plan)
    number = format_number(ctx, count.number) + ("+" if count.capped else "")
    found = ngettext("%(n)s record", "%(n)s records", count.number) % {"n": number}
    filtered = bool(state.filters or state.search)
    return ListPage(
        entity=entity,
        columns=_columns(plan, names, state, with_step=steps is not None),
        count=_range(state, listing, found),
        rows=()
        if groups is not None
        else tuple(_row(ctx, plan, names, row, steps) for row in listing.rows),
        groups=_groups(ctx, state, groups or []),
        chips=filter_chips(plan, state, narrowing.titles),
        clear_url=state.url(filters=(), search="") if filtered else None,
        filters=filter_fields(plan, narrowing.added),
        filter_action=state.path,
        state=state.pairs(),
        columns_menu=_columns_menu(plan, names, with_step=steps is not None),
        columns_action=state.path,
        group_choices=_group_choices(plan, state),
        prev_url=state.url(page=listing.prev_token, back=True) if listing.prev_token else None,
        next_url=state.url(page=listing.next_token) if listing.next_token else None,
        count_url=state.url(count_all=True) if count.capped else None,
        bulk=() if groups is not None else _bulk(ctx, plan, trashed=trashed),
        bulk_url=f"/{plan.name}/bulk",
        total=number,
        search=state.search,
        search_url=state.path,
        empty=_empty(
            plan,
            entity.new_url,
            entity.import_url,
            clear_url=state.url(filters=(), search="") if filtered else "",
            trashed=trashed,
        ),
        is_trash=trashed,
        more=()
        if trashed
        else _more(ctx, entity.import_url, entity.export_url, entity.trash_url, state),
        announce=found,
    )


def _column(field: Field, index: int, state: ListState, order: str) -> Column:
    ascending = order == field.name
    arrow: Literal["asc", "desc"] | None = None
    if order.lstrip("-") == field.name:
        arrow = "asc" if ascending else "desc"
    place = _PLACES[index] if index < len(_PLACES) else "hide"
    url = state.url(sort=f"-{field.name}" if ascending else field.name)
    return column_of(field, place, url if field.sortable else None, arrow)


def _columns(
    plan: EntityPlan, names: tuple[str, ...], state: ListState, *, with_step: bool
) -> tuple[Column, ...]:
    order = state.order(plan)
    columns = [_column(plan.fields[name], i, state, order) for i, name in enumerate(names)]
    if with_step:
        columns.insert(step_place(names), step_column())
    return tuple(columns)


def _range(state: ListState, listing: Listing, found: str) -> str:
    """Answer where in the list the page is: only the first one knows its numbers."""
    if state.page or not listing.next_token:
        return found
    return _("1 to %(n)s of %(found)s") % {"n": len(listing.rows), "found": found}


def step_place(names: tuple[str, ...]) -> int:
    """Answer where the next step stands: before the owner, else last."""
    return names.index("owner") if "owner" in names else len(names)


def _row(
    ctx: Context,
    plan: EntityPlan,
    names: tuple[str, ...],
    row: Any,  # noqa: ANN401 - a record of the driver
    steps: Mapping[int, Step] | None,
) -> Row:
    cells = [
        cell_of(ctx, plan.fields[name], row, main=index == 0) for index, name in enumerate(names)
    ]
    if plan.lifecycle is not None or plan.steps is not None:
        # Deals and steps have no face: initials of their titles say nothing.
        cells[0] = msgspec.structs.replace(cells[0], avatar=None)
    if steps is not None:
        stage = str(row[plan.lifecycle.column] or "") if plan.lifecycle else ""
        cells.insert(step_place(names), step_cell(ctx, plan, stage, steps.get(row["id"])))
    return Row(
        id=str(row["id"]),
        url=f"/{plan.name}/{row['id']}",
        cells=tuple(cells),
        label=str(row[plan.title] or ""),
        version=str(row["version"]),
        call=next((c.url for c in cells if c.url and c.url.startswith("tel:")), None),
    )


def _groups(ctx: Context, state: ListState, groups: list[GroupRow]) -> tuple[RowGroup, ...]:
    made = []
    for group in groups:
        empty = group.value in (None, "")
        each = Filter(state.group, "empty" if empty else "is", "" if empty else str(group.value))
        total = format_money(ctx, group.total, ctx.config.currency) if group.total else None
        made.append(
            RowGroup(
                label=_("Without") if empty else _(group.title),
                count=format_number(ctx, group.count),
                sum=total,
                url=state.url(group="", filters=(*state.filters, each)),
                open=False,
            )
        )
    return tuple(made)


def _columns_menu(
    plan: EntityPlan, names: tuple[str, ...], *, with_step: bool
) -> tuple[ColumnChoice, ...]:
    order = (*names, *(name for name in plan.fields if name not in names))
    choices = [
        ColumnChoice(
            name=name,
            label=_(plan.fields[name].label),
            checked=name in names,
            locked=name == plan.title,
            source=plan.fields[name].source or None,
        )
        for name in order
    ]
    if plan.step_links:
        choice = ColumnChoice(name=NEXT_STEP, label=_("Next step"), checked=with_step)
        choices.insert(len(names), choice)
    return tuple(choices)


def _group_choices(plan: EntityPlan, state: ListState) -> tuple[Link, ...]:
    fields = [plan.fields[name] for name in plan.filters if plan.fields[name].kind in _GROUPABLE]
    none = Link(label=_("Not grouped"), url=state.url(group=""), current=not state.group)
    return (
        none,
        *(
            Link(label=_(f.label), url=state.url(group=f.name), current=state.group == f.name)
            for f in fields
        ),
    )


def _bulk(ctx: Context, plan: EntityPlan, *, trashed: bool) -> tuple[BulkAction, ...]:
    may_delete = allowed(ctx, plan, "delete")
    if trashed:
        label = _("Restore")
        return (BulkAction(name="restore", label=label, icon="restore"),) if may_delete else ()
    actions: list[BulkAction] = []
    if allowed(ctx, plan, "edit"):
        # Assigning first, then what the list shows: that is what people repair in many rows.
        order = dict.fromkeys(("owner", *plan.list, *plan.filters))
        for name in order:
            found = plan.field(name)
            if found is None or not found.editable or name == plan.title:
                continue
            if found.kind in _IN_BULK and len(actions) < _MOST_BULK:
                actions.append(
                    BulkAction(
                        name=f"set-{name}",
                        label=_("Assign")
                        if name == "owner"
                        else _("Set %(field)s") % {"field": _(found.label).lower()},
                        fields=(input_of(ctx, found, ""),),
                    )
                )
    actions += [
        BulkAction(
            name=f"do-{action.name}",
            label=_(action.label),
            icon=action.icon or None,
            fields=action_inputs(ctx, action),
            confirm=_(action.confirm) if action.confirm else None,
        )
        for action in actions_of(plan)
        if action.bulk and may(ctx, plan, action.permission)
    ]
    if may_delete:
        actions.append(
            BulkAction(
                name="trash", label=_("Move to trash"), icon="trash", kind="danger",
                confirm=_("The records can be restored from the trash."),
            )
        )  # fmt: skip
    return tuple(actions)


def _empty(
    plan: EntityPlan, new_url: str | None, import_url: str | None, *, clear_url: str, trashed: bool
) -> Empty:
    if trashed:
        return Empty(title=_("The trash is empty"), icon="trash")
    if clear_url:
        return Empty(
            title=_("Nothing found"),
            text=_("Remove a filter to see more."),
            icon="search",
            actions=(Link(label=_("Show all"), url=clear_url),),
        )
    actions = []
    if new_url:
        label = _("New %(what)s") % {"what": _(plan.singular).lower()}
        actions.append(Link(label=label, url=new_url, icon="plus"))
    if import_url:
        actions.append(Link(label=_("Import a file"), url=import_url, icon="upload"))
    return Empty(
        title=_("No %(what)s yet") % {"what": _(plan.label).lower()},
        text=_("Enter the first one, or bring them from a CSV file.") if actions else "",
        icon=plan.icon,
        actions=tuple(actions),
    )


def _more(
    ctx: Context,
    import_url: str | None,
    export_url: str | None,
    trash_url: str | None,
    state: ListState,
) -> tuple[Link, ...]:
    links = []
    if import_url:
        links.append(Link(label=_("Import"), url=import_url, icon="upload"))
    if export_url:
        query = state.url().partition("?")[2]
        url = f"{export_url}?{query}" if query else export_url
        links.append(Link(label=_("Export as CSV"), url=url, icon="download"))
        for _plugin, each in ctx.site.contributions["file_formats"]:
            label = _("Export as %(format)s") % {"format": _(each.label)}
            more = f"{url}{'&' if query else '?'}{urlencode({'as': each.name})}"
            links.append(Link(label=label, url=more, icon="download"))
    if trash_url:
        links.append(Link(label=_("Trash"), url=trash_url, icon="trash"))
    return tuple(links)
