"""The page of a record with all that stands on it, and what its handlers share."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import msgspec

from crmkit.model.context import Context
from crmkit.model.messages import MESSAGE
from crmkit.plugin.events import PageEvent
from crmkit.plugin.plan import EntityPlan
from crmkit.records.history import list_changes
from crmkit.records.read import get_record
from crmkit.records.related import list_related
from crmkit.records.sides import list_sides
from crmkit.records.steps import next_steps
from crmkit.web.action_form import input_rows
from crmkit.web.answers import check_buttons, check_entries, check_panels, plugin_name
from crmkit.web.call_view import call_log_url
from crmkit.web.deadline_view import deadline_panels
from crmkit.web.document_view import document_entries, documents_of, documents_panel
from crmkit.web.held_view import first_hand_over, held_on, held_panel, left_warning
from crmkit.web.message_view import EMAIL, mail_tab, message_entries
from crmkit.web.panels import find_tab, panels_of, slot_html, tab_names
from crmkit.web.parts_view import parts_grids
from crmkit.web.record_view import buttons_of, fitting_actions, record_page
from crmkit.web.related_view import related_panels
from crmkit.web.side_view import side_groups
from crmkit.web.timeline import by_day, change_entries
from crmkit.web.translate import _
from crmkit.web.views import Action, Link, Panel, RecordPage, TimelineDay
from crmkit.work.documents import Document


def plan_of(ctx: Context, entity: str) -> EntityPlan:
    """Answer the whole plan of an entity.

    Raises:
        NotFoundError: No plugin that is on declares it.
    """
    plan: EntityPlan = ctx.site.entity(entity)
    return plan


def sent_version(form: Mapping[str, Any]) -> int | None:
    """Answer the version a form showed; None relies on the row lock."""
    text = str(form.get("version", ""))
    return int(text[:9]) if text.isdecimal() else None


def crumbs_of(plan: EntityPlan, title: str) -> tuple[Link, ...]:
    """Answer the way from the list to a record."""
    return (
        Link(label=_(plan.label), url=f"/{plan.name}"),
        Link(label=title, url="", current=True),
    )


async def _days(
    ctx: Context, plan: EntityPlan, record_id: int, show: str, documents: list[Document]
) -> tuple[TimelineDay, ...]:
    """Answer the timeline: everything, only what people did, or only what changed."""
    entries = []
    if show != "done":
        record = await get_record(ctx, plan, record_id)
        changes = await list_changes(ctx, plan, record_id)
        currency = str(record.get("currency") or ctx.config.currency)
        entries += await change_entries(ctx, plan, changes, currency)
    if show != "changes":
        entries += document_entries(ctx, documents)
        entries += await message_entries(ctx, plan, record_id)
        event = PageEvent(ctx, entity=plan, record_id=record_id)
        for _plugin, more in await ctx.site.hooks.collect("timeline", event, check_entries):
            entries.extend(more)
    return by_day(ctx, entries)


async def full_page(
    ctx: Context,
    plan: EntityPlan,
    record_id: int,
    show: str = "",
    query: Mapping[str, str] = MappingProxyType({}),
) -> RecordPage:
    """Answer a record's page with timeline, panels, buttons and slots of plugins.

    Args:
        show: Of the timeline "done" or "changes", or a tab of a plugin; all else is everything.
        query: Of the page; `reply` and `draft` begin a message with another one.

    Raises:
        NotFoundError: There is no such record, or it is not the reader's.
    """
    ctx = ctx.for_page()
    record = await get_record(ctx, plan, record_id)
    event = PageEvent(ctx, entity=plan, record_id=record_id)
    panels: list[Panel] = []
    for _plugin, more in await ctx.site.hooks.collect("page_panels", event, check_panels):
        panels.extend(more)
    panels += await panels_of(ctx, plan.name, record_id)
    panels = [*await deadline_panels(ctx, plan.name, record_id), *panels]
    buttons: list[Action] = []
    for plugin, given in await ctx.site.hooks.collect("record_actions", event, check_buttons):
        source = plugin_name(ctx, plugin)
        buttons += [msgspec.structs.replace(each, source=source) for each in given]
    tab = await find_tab(ctx, plan.name, record_id, show)
    documents = await documents_of(ctx, plan, record_id)
    days = () if tab is not None else await _days(ctx, plan, record_id, show, documents)
    step = (await next_steps(ctx, plan, [record_id])).get(record_id)
    related, moving = related_panels(ctx, record_id, await list_related(ctx, plan, record_id))
    papers = (documents_panel(ctx, plan, record_id, documents),) if documents else ()
    held = await held_on(ctx, plan, record)
    panels = [*moving, *papers, *([held_panel(ctx, held)] if held else []), *panels]
    rows = await input_rows(ctx, fitting_actions(ctx, plan, record), record_id)
    page = record_page(ctx, plan, record, days, step, related=related, panels=tuple(panels))
    if held and (warning := left_warning(ctx, record, held)):
        page = msgspec.structs.replace(
            page, warnings=(*page.warnings, warning), actions=first_hand_over(page.actions)
        )
    page = msgspec.structs.replace(
        page,
        groups=(*page.groups, *side_groups(ctx, record, await list_sides(ctx, plan, record_id))),
        actions=(*buttons, *buttons_of(ctx, plan, record, rows)),
        header_slot=await slot_html(ctx, plan.name, record_id, "detail.header"),
        parts=await parts_grids(ctx, plan, record),
        main_slot=await slot_html(ctx, plan.name, record_id, "detail.main"),
        tab=tab,
        call_log_url=call_log_url(ctx, plan, record),
    )
    if plan.plugin != "core" or plan.name == MESSAGE:
        written = await mail_tab(ctx, plan, record, query) if not page.trashed else None
        if written is not None:
            written = msgspec.structs.replace(written, current=not page.composer)
            contacts = tuple(
                msgspec.structs.replace(each, url=f"{page.url}?{urlencode({'write': EMAIL})}")
                if each.url.startswith("mailto:")
                else each
                for each in page.contacts
            )
            page = msgspec.structs.replace(
                page, composer=(*page.composer, written), contacts=contacts
            )
        elif page.composer:
            page = msgspec.structs.replace(page, mail_setup_url="/settings/mail")
    tabs = tab_names(ctx, plan.name)
    if not page.composer and not tabs:
        return page
    kinds = [("", _("Everything"))]
    if page.composer:
        kinds += [("done", _("Notes and calls")), ("changes", _("Changes"))]
    kinds += tabs
    filters = tuple(
        Link(label=label, url=f"{page.url}?show={name}" if name else page.url, current=name == show)
        for name, label in kinds
    )
    return msgspec.structs.replace(page, timeline_filters=filters)
