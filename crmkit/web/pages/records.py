"""One record: its page, its form, one field at a time, its state, its trash."""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.access.predicate import check
from crmkit.errors import HookFailedError, InvalidError, NotFoundError, StaleVersionError
from crmkit.model.context import Context
from crmkit.plugin.events import FormEvent, PageEvent
from crmkit.plugin.plan import EntityPlan
from crmkit.records.actions import find_action, run_action
from crmkit.records.duplicates import find_duplicates
from crmkit.records.history import list_changes
from crmkit.records.journal import one_operation
from crmkit.records.merged import find_kept
from crmkit.records.read import get_record, is_readable
from crmkit.records.related import list_related
from crmkit.records.save import (
    create_record,
    restore_record,
    save_record,
    trash_record,
)
from crmkit.records.sides import list_sides
from crmkit.records.steps import finish_step, next_steps, write_step
from crmkit.records.values import parse_values
from crmkit.web.action_form import action_values, with_problems
from crmkit.web.answers import check_buttons, check_entries, check_panels
from crmkit.web.fields import raw_text, show_text
from crmkit.web.pages.boards import moved_flash
from crmkit.web.panels import find_panel, find_tab, panels_of, slot_html, tab_names
from crmkit.web.record_view import field_editor, field_view, form_page, record_page
from crmkit.web.references import with_references
from crmkit.web.related_view import related_panels, similar_records
from crmkit.web.render import answer, came_from, go, wants_fragment
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.side_view import side_groups
from crmkit.web.timeline import by_day, change_entries
from crmkit.web.translate import _
from crmkit.web.views import Action, Flash, Link, Panel, RecordPage, TimelineDay


def _plan(ctx: Context, entity: str) -> EntityPlan:
    plan: EntityPlan = ctx.site.entity(entity)
    return plan


def _version(form: Mapping[str, Any]) -> int | None:
    text = str(form.get("version", ""))
    return int(text[:9]) if text.isdecimal() else None


def _crumbs(plan: EntityPlan, title: str) -> tuple[Link, ...]:
    return (
        Link(label=_(plan.label), url=f"/{plan.name}"),
        Link(label=title, url="", current=True),
    )


def _raw(plan: EntityPlan, form: Mapping[str, Any]) -> dict[str, str]:
    """Answer what a whole form sent; a checkbox that is off sends nothing."""
    raw = {
        name: str(value)
        for name, value in form.items()
        if name not in {"csrf_token", "version", "again"}
    }
    for group in plan.form:
        for name in group.names:
            if plan.fields[name].kind == "checkbox" and plan.fields[name].editable:
                raw.setdefault(name, "")
    return raw


async def _days(
    ctx: Context, plan: EntityPlan, record_id: int, show: str
) -> tuple[TimelineDay, ...]:
    """Answer the timeline: everything, only what people did, or only what changed."""
    entries = []
    if show != "done":
        entries += change_entries(ctx, plan, await list_changes(ctx, plan, record_id))
    if show != "changes":
        event = PageEvent(ctx, entity=plan, record_id=record_id)
        for _plugin, more in await ctx.site.hooks.collect("timeline", event, check_entries):
            entries.extend(more)
    return by_day(ctx, entries)


async def _page(ctx: Context, plan: EntityPlan, record_id: int, show: str = "") -> RecordPage:
    record = await get_record(ctx, plan, record_id)
    event = PageEvent(ctx, entity=plan, record_id=record_id)
    panels: list[Panel] = []
    for _plugin, more in await ctx.site.hooks.collect("page_panels", event, check_panels):
        panels.extend(more)
    panels += await panels_of(ctx, plan.name, record_id)
    buttons: list[Action] = []
    for plugin, given in await ctx.site.hooks.collect("record_actions", event, check_buttons):
        source = _(ctx.site.plugins[plugin].manifest.name) if plugin in ctx.site.plugins else plugin
        buttons += [msgspec.structs.replace(each, source=source) for each in given]
    tab = await find_tab(ctx, plan.name, record_id, show)
    days = () if tab is not None else await _days(ctx, plan, record_id, show)
    step = (await next_steps(ctx, plan, [record_id])).get(record_id)
    related, moving = related_panels(ctx, record_id, await list_related(ctx, plan, record_id))
    page = record_page(ctx, plan, record, days, step, related=related, panels=(*moving, *panels))
    page = msgspec.structs.replace(
        page,
        groups=(*page.groups, *side_groups(ctx, record, await list_sides(ctx, plan, record_id))),
        actions=(*buttons, *page.actions),
        header_slot=await slot_html(ctx, plan.name, record_id, "detail.header"),
        main_slot=await slot_html(ctx, plan.name, record_id, "detail.main"),
        tab=tab,
    )
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


@get("/{entity:str}/{record_id:int}/panels/{plugin:str}/{name:str}", policy="entity.read")
async def panel_show(
    request: AnyRequest,
    entity: FromPath[str],
    record_id: FromPath[int],
    plugin: FromPath[str],
    name: FromPath[str],
) -> Response[Any]:
    """Show one panel of a plugin, fetched after the page or tried again."""
    ctx = context_of(request)
    plan = _plan(ctx, entity)
    await get_record(ctx, plan, record_id)
    if not wants_fragment(request):
        return go(request, f"/{entity}/{record_id}")
    panel = await find_panel(ctx, plan.name, record_id, plugin, name)
    return answer(request, "panel.html", title=panel.title, block="panel", panel=panel)


@get("/{entity:str}/{record_id:int}", policy="entity.read")
async def record_show(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[str]:
    """Show a record; the address of one that was merged leads to where it went."""
    ctx = context_of(request)
    plan = _plan(ctx, entity)
    kept = await find_kept(ctx, plan, record_id)
    if kept is not None and await is_readable(ctx, plan, kept):
        text = _("The record you opened was merged into this one.")
        return go(request, f"/{entity}/{kept}", Flash(text=text))
    show = request.query_params.get("show", "")
    page = await _page(ctx, plan, record_id, show)
    wanted = request.query_params.get("write", "")
    if any(tab.name == wanted for tab in page.composer):
        tabs = tuple(msgspec.structs.replace(t, current=t.name == wanted) for t in page.composer)
        page = msgspec.structs.replace(page, composer=tabs)
    crumbs = _crumbs(plan, page.title)
    return answer(
        request, "record.html", title=page.title, block="timeline", crumbs=crumbs, page=page
    )


def _form(
    request: AnyRequest,
    plan: EntityPlan,
    raw: Mapping[str, str],
    *,
    record: dict[str, Any] | None = None,
    displays: Mapping[str, str] | None = None,
    invalid: InvalidError | None = None,
    stale: StaleVersionError | None = None,
) -> Response[str]:
    ctx = context_of(request)
    page = form_page(ctx, plan, raw, record=record, displays=displays, invalid=invalid, stale=stale)
    status = 409 if stale else 422 if invalid else 200
    crumbs = _crumbs(plan, page.title)
    return answer(request, "form.html", title=page.title, status=status, crumbs=crumbs, page=page)


async def _displays(ctx: Context, plan: EntityPlan, raw: Mapping[str, str]) -> dict[str, str]:
    """Answer titles of the records a form refers to."""
    found: dict[str, str] = {}
    for name, text in raw.items():
        field = plan.field(name)
        if field is None or not field.reference or not text.isdecimal():
            continue
        target = _plan(ctx, field.reference)
        try:
            record = await get_record(ctx, target, int(text[:18]))
        except NotFoundError:
            continue  # the form shows the number, saving says what is wrong
        found[name] = str(record[target.title])
    return found


@get("/{entity:str}/new", policy="entity.create")
async def record_new(request: AnyRequest, entity: FromPath[str]) -> Response[str]:
    """Show an empty form; pairs of the URL fill fields."""
    ctx = context_of(request)
    plan = _plan(ctx, entity)
    raw = {n: v for n, v in request.query_params.items() if n in plan.fields}
    event = FormEvent(ctx, plan, dict(raw))
    for _plugin, given in await ctx.site.hooks.collect("initial_values", event, dict):
        texts = {n: raw_text(ctx, plan.fields[n], v) for n, v in given.items() if n in plan.fields}
        raw = {**texts, **raw}
    if "owner" in plan.fields and ctx.user_id is not None:
        raw.setdefault("owner", str(ctx.user_id))
    if plan.lifecycle is not None:
        raw.setdefault(plan.lifecycle.column, plan.lifecycle.initial)
    if "currency" in plan.fields:
        raw.setdefault("currency", ctx.config.currency)
    return _form(request, plan, raw, displays=await _displays(ctx, plan, raw))


@post("/{entity:str}/similar", policy="entity.create")
async def similar_show(request: AnyRequest, entity: FromPath[str]) -> Response[str]:
    """Show what may be the same as the record in the form, while it is typed."""
    ctx = context_of(request)
    plan = _plan(ctx, entity)
    form = await request.form()
    typed = {name: str(value) for name, value in form.items()}
    found = await find_duplicates(ctx, plan, typed)
    similar, note = similar_records(ctx, plan, found)
    page = form_page(ctx, plan, typed)
    page = msgspec.structs.replace(page, duplicates=similar, duplicates_note=note)
    return answer(request, "form.html", title=page.title, block="duplicates", page=page)


@post("/{entity:str}/new", policy="entity.create")
async def record_create(request: AnyRequest, entity: FromPath[str]) -> Response[Any]:
    """Create a record; wrong input shows the form again."""
    ctx = context_of(request)
    plan = _plan(ctx, entity)
    form = await request.form()
    raw = await with_references(ctx, plan, _raw(plan, form))
    try:
        record_id = await create_record(ctx, plan, parse_values(ctx, plan, raw))
    except InvalidError as error:
        return _form(request, plan, raw, displays=await _displays(ctx, plan, raw), invalid=error)
    url = f"/{entity}/new" if form.get("again") else f"/{entity}/{record_id}"
    return go(request, url, Flash(text=_("%(what)s saved") % {"what": _(plan.singular)}))


@get("/{entity:str}/{record_id:int}/edit", policy="entity.edit")
async def record_edit(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[str]:
    """Show the form of a stored record."""
    ctx = context_of(request)
    plan = _plan(ctx, entity)
    record = await get_record(ctx, plan, record_id, "edit")
    raw = {name: raw_text(ctx, field, record[name]) for name, field in plan.fields.items()}
    displays = {
        name: show_text(ctx, field, record)
        for name, field in plan.fields.items()
        if field.reference
    }
    return _form(request, plan, raw, record=record, displays=displays)


@post("/{entity:str}/{record_id:int}/edit", policy="entity.edit")
async def record_update(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[Any]:
    """Save a form; 422 with wrong input, 409 when somebody saved in between."""
    ctx = context_of(request)
    plan = _plan(ctx, entity)
    form = await request.form()
    raw = await with_references(ctx, plan, _raw(plan, form))
    invalid: InvalidError | None = None
    stale: StaleVersionError | None = None
    try:
        await save_record(ctx, plan, record_id, parse_values(ctx, plan, raw), _version(form))
    except InvalidError as error:
        invalid = error
    except StaleVersionError as error:
        stale = error
    if invalid is None and stale is None:
        return go(request, f"/{entity}/{record_id}", Flash(text=_("Saved")))
    record = await get_record(ctx, plan, record_id, "edit")
    if invalid is not None:  # the next save still compares with what this form has seen
        record = {**record, "version": _version(form) or record["version"]}
    displays = await _displays(ctx, plan, raw)
    return _form(request, plan, raw, record=record, displays=displays, invalid=invalid, stale=stale)


@get("/{entity:str}/{record_id:int}/field/{name:str}", policy="entity.read")
async def field_show(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int], name: FromPath[str]
) -> Response[str]:
    """Show one field, after its editor was left."""
    ctx = context_of(request)
    plan = _plan(ctx, entity)
    field = plan.field(name)
    if field is None:
        raise NotFoundError(_("There is no such field."))
    record = await get_record(ctx, plan, record_id)
    view = field_view(ctx, plan, field, record)
    return answer(request, "field.html", title=view.label, block="field", field=view)


@get("/{entity:str}/{record_id:int}/field/{name:str}/edit", policy="entity.edit")
async def field_edit(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int], name: FromPath[str]
) -> Response[str]:
    """Show the editor of one field."""
    ctx = context_of(request)
    plan = _plan(ctx, entity)
    field = plan.field(name)
    if field is None or not field.editable:
        raise NotFoundError(_("There is no such field to edit."))
    record = await get_record(ctx, plan, record_id, "edit")
    editor = field_editor(ctx, plan, field, record)
    return answer(request, "field.html", title=editor.field.label, block="editor", editor=editor)


@post("/{entity:str}/{record_id:int}/field/{name:str}", policy="entity.edit")
async def field_update(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int], name: FromPath[str]
) -> Response[Any]:
    """Save one field; the editor stays with what was typed when it cannot be saved."""
    ctx = context_of(request)
    plan = _plan(ctx, entity)
    field = plan.field(name)
    if field is None or not field.editable:
        raise NotFoundError(_("There is no such field to edit."))
    form = await request.form()
    sent = {key: str(value) for key, value in form.items()}
    typed = (await with_references(ctx, plan, sent)).get(name, "")
    problem: str | None = None
    stale: StaleVersionError | None = None
    try:
        values = parse_values(ctx, plan, {name: typed})
        await save_record(ctx, plan, record_id, values, _version(form))
    except InvalidError as error:
        problem = error.problems.get(name) or error.message.rstrip(".")
    except StaleVersionError as error:
        stale = error
    record = await get_record(ctx, plan, record_id)
    if problem is None and stale is None:
        view = field_view(ctx, plan, field, record, saved=True)
        if request.headers.get("hx-request") == "true":
            return answer(request, "field.html", title=view.label, block="field", field=view)
        return go(request, f"/{entity}/{record_id}", Flash(text=_("Saved")))
    editor = field_editor(ctx, plan, field, record, value=typed, error=problem, stale=stale)
    if problem is not None:
        version = str(_version(form) or record["version"])
        editor = msgspec.structs.replace(editor, version=version)
    return answer(
        request,
        "field.html",
        title=editor.field.label,
        block="editor",
        status=409 if stale else 422,
        editor=editor,
    )


@post("/{entity:str}/{record_id:int}/move", policy="entity.edit")
async def state_update(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[Any]:
    """Move a record to another state of its lifecycle."""
    ctx = context_of(request)
    plan = _plan(ctx, entity)
    form = await request.form()
    raw = {
        name: str(value)
        for name, value in form.items()
        if name not in {"csrf_token", "version", "to", "before"}
    }
    if plan.lifecycle is None:
        raise NotFoundError(_("This record has no states."))
    await get_record(ctx, plan, record_id, "edit")
    values = parse_values(ctx, plan, raw) | {plan.lifecycle.column: str(form.get("to", ""))}
    async with one_operation(ctx, "update", plan.singular) as inner:
        await save_record(inner, plan, record_id, values, _version(form))
    return go(
        request,
        f"/{entity}/{record_id}",
        moved_flash(plan, str(form.get("to", "")), inner.operation),
    )


async def refused_page(
    request: AnyRequest,
    plan: EntityPlan,
    record_id: int,
    name: str,
    values: Mapping[str, Any],
    error: InvalidError,
) -> Response[str]:
    """Answer the record again, what was typed and what is wrong in the menu of the button."""
    page = await _page(context_of(request), plan, record_id)
    actions = tuple(
        with_problems(each, values, error) if each.name == name else each for each in page.actions
    )
    label = next((each.label for each in actions if each.name == name), "")
    return answer(
        request,
        "record.html",
        title=page.title,
        status=422,
        crumbs=_crumbs(plan, page.title),
        # Where no script opens the menu, the message says where to look.
        flashes=(Flash(text=f"{label}: {error.message}", kind="bad"),),
        page=msgspec.structs.replace(page, actions=actions),
    )


@post("/{entity:str}/{record_id:int}/actions/{name:str}", policy="entity.read")
async def action_create(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int], name: FromPath[str]
) -> Response[Any]:
    """Do a declared action; the action's own permission decides."""
    ctx = context_of(request)
    plan = _plan(ctx, entity)
    form = await request.form()
    action = find_action(plan, name)
    check(ctx, plan, action.permission)
    values = action_values(form)
    try:
        result = await run_action(ctx, plan, name, record_id, values, _version(form))
    except HookFailedError:
        raise  # nothing the person typed is wrong
    except InvalidError as error:
        return await refused_page(request, plan, record_id, name, values, error)
    text = _("Done: %(what)s") % {"what": _(action.label)}
    flash = Flash(text=text, undo_url=f"/history/{result.operation}/undo")
    return go(request, result.url, flash)


@post("/{entity:str}/{record_id:int}/trash", policy="entity.delete")
async def record_trash(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[Any]:
    """Move a record to the trash; the message offers to take it back."""
    ctx = context_of(request)
    plan = _plan(ctx, entity)
    await trash_record(ctx, plan, record_id, _version(await request.form()))
    flash = Flash(text=_("Moved to the trash"), undo_url=f"/{entity}/{record_id}/restore")
    return go(request, f"/{entity}", flash)


@post("/{entity:str}/{record_id:int}/restore", policy="entity.delete")
async def record_restore(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[Any]:
    """Take a record out of the trash."""
    ctx = context_of(request)
    await restore_record(ctx, _plan(ctx, entity), record_id)
    return go(request, f"/{entity}/{record_id}", Flash(text=_("Restored")))


@post("/{entity:str}/{record_id:int}/timeline/{kind:str}", policy="entity.read")
async def note_create(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int], kind: FromPath[str]
) -> Response[Any]:
    """Write a note, a call or a task on a record."""
    ctx = context_of(request)
    plan = _plan(ctx, entity)
    await get_record(ctx, plan, record_id)
    form = await request.form()
    more = {
        name: str(value)
        for name, value in form.items()
        if name not in {"csrf_token", "text", "composer"}
    }
    problem: InvalidError | None = None
    text = str(form.get("text", ""))
    try:
        await write_step(ctx, plan, record_id, kind, text, more)
    except InvalidError as error:
        problem = error
    if problem is None and request.headers.get("hx-request") != "true":
        return go(request, f"/{entity}/{record_id}")
    page = await _page(ctx, plan, record_id)
    if problem is None:
        return answer(request, "record.html", title=page.title, block="timeline", page=page)
    reason = " ".join(f"{text}." for text in problem.problems.values()) or problem.message
    tabs = tuple(
        msgspec.structs.replace(tab, current=True, text=text, error=reason)
        if tab.name == kind
        else msgspec.structs.replace(tab, current=False)
        for tab in page.composer
    )
    page = msgspec.structs.replace(page, composer=tabs)
    return answer(request, "record.html", title=page.title, block="timeline", status=422, page=page)


@post("/{entity:str}/{record_id:int}/done", policy="entity.edit")
async def step_update(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[Any]:
    """Mark a step as done; the message offers to take it back."""
    ctx = context_of(request)
    plan = _plan(ctx, entity)
    operation = await finish_step(ctx, plan, record_id, _version(await request.form()))
    flash = Flash(text=_("Done"), undo_url=f"/history/{operation}/undo" if operation else None)
    return go(request, came_from(request), flash)


HANDLERS = (
    record_show,
    panel_show,
    record_new,
    similar_show,
    record_create,
    record_edit,
    record_update,
    field_show,
    field_edit,
    field_update,
    state_update,
    record_trash,
    record_restore,
    note_create,
    step_update,
    action_create,
)
