"""One record: its page, its form, one field at a time."""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.errors import InvalidError, NotFoundError, StaleVersionError
from crmkit.model.context import Context
from crmkit.model.field import Field
from crmkit.plugin.events import FormEvent
from crmkit.plugin.plan import EntityPlan
from crmkit.records.duplicates import find_duplicates
from crmkit.records.merged import find_kept
from crmkit.records.read import get_record, is_readable
from crmkit.records.save import (
    create_record,
    save_record,
)
from crmkit.records.values import parse_values
from crmkit.web.fields import raw_text, show_text
from crmkit.web.held_view import held_intro
from crmkit.web.neighbours import beside, crumbs_from, list_before
from crmkit.web.panels import find_panel
from crmkit.web.record_page import crumbs_of, full_page, plan_of, sent_version
from crmkit.web.record_view import field_editor, field_view, form_page
from crmkit.web.references import with_references
from crmkit.web.related_view import similar_records
from crmkit.web.render import answer, go, wants_fragment
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _
from crmkit.web.views import Flash


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
    plan = plan_of(ctx, entity)
    await get_record(ctx, plan, record_id)
    if not wants_fragment(request):
        return go(request, f"/{entity}/{record_id}")
    panel = await find_panel(ctx, plan.name, record_id, plugin, name)
    return answer(request, "panel.html", title=panel.title, block="panel", panel=panel)


async def _where_it_went(ctx: Context, plan: EntityPlan, record_id: int) -> int | None:
    kept = await find_kept(ctx, plan, record_id)
    return kept if kept is not None and await is_readable(ctx, plan, kept) else None


@get("/{entity:str}/{record_id:int}", policy="entity.read")
async def record_show(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[str]:
    """Show a record; the address of one that was merged leads to where it went."""
    ctx = context_of(request)
    plan = plan_of(ctx, entity)
    show = request.query_params.get("show", "")
    try:
        page = await full_page(ctx, plan, record_id, show, request.query_params)
    except NotFoundError:
        kept = await _where_it_went(ctx, plan, record_id)
        if kept is None:
            raise
    else:
        # What was merged lies in the trash.
        kept = await _where_it_went(ctx, plan, record_id) if page.trashed else None
    if kept is not None:
        text = _("The record you opened was merged into this one.")
        return go(request, f"/{entity}/{kept}", Flash(text=text))
    wanted = request.query_params.get("write", "")
    if any(tab.name == wanted for tab in page.composer):
        tabs = tuple(msgspec.structs.replace(t, current=t.name == wanted) for t in page.composer)
        page = msgspec.structs.replace(page, composer=tabs)
    came = list_before(request, plan)
    if came is not None and not page.trashed and not wants_fragment(request):
        page = await beside(ctx, plan, page, record_id, came)
    crumbs = crumbs_from(crumbs_of(plan, page.title), page)
    return answer(
        request, "record.html", title=page.title, block="timeline", crumbs=crumbs, page=page
    )


def _form(  # noqa: PLR0913 - what a form knows
    request: AnyRequest,
    plan: EntityPlan,
    raw: Mapping[str, str],
    *,
    record: dict[str, Any] | None = None,
    displays: Mapping[str, str] | None = None,
    invalid: InvalidError | None = None,
    stale: StaleVersionError | None = None,
    intro: str | None = None,
) -> Response[str]:
    ctx = context_of(request)
    page = form_page(ctx, plan, raw, record=record, displays=displays, invalid=invalid, stale=stale)
    page = msgspec.structs.replace(page, intro=intro)
    status = 409 if stale else 422 if invalid else 200
    crumbs = crumbs_of(plan, page.title)
    return answer(request, "form.html", title=page.title, status=status, crumbs=crumbs, page=page)


async def _displays(ctx: Context, plan: EntityPlan, raw: Mapping[str, str]) -> dict[str, str]:
    """Answer titles of the records a form refers to."""
    found: dict[str, str] = {}
    for name, text in raw.items():
        field = plan.field(name)
        if field is None or not field.reference or not text.isdecimal():
            continue
        target = plan_of(ctx, field.reference)
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
    plan = plan_of(ctx, entity)
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
    plan = plan_of(ctx, entity)
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
    plan = plan_of(ctx, entity)
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
    plan = plan_of(ctx, entity)
    record = await get_record(ctx, plan, record_id, "edit")
    currency = str(record.get("currency") or "")
    raw = {n: raw_text(ctx, field, record[n], currency) for n, field in plan.fields.items()}
    displays = {
        name: show_text(ctx, field, record)
        for name, field in plan.fields.items()
        if field.reference
    }
    intro = await held_intro(ctx, plan, record)
    return _form(request, plan, raw, record=record, displays=displays, intro=intro)


@post("/{entity:str}/{record_id:int}/edit", policy="entity.edit")
async def record_update(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[Any]:
    """Save a form; 422 with wrong input, 409 when somebody saved in between."""
    ctx = context_of(request)
    plan = plan_of(ctx, entity)
    form = await request.form()
    raw = await with_references(ctx, plan, _raw(plan, form))
    invalid: InvalidError | None = None
    stale: StaleVersionError | None = None
    try:
        await save_record(ctx, plan, record_id, parse_values(ctx, plan, raw), sent_version(form))
    except InvalidError as error:
        invalid = error
    except StaleVersionError as error:
        stale = error
    if invalid is None and stale is None:
        return go(request, f"/{entity}/{record_id}", Flash(text=_("Saved")))
    record = await get_record(ctx, plan, record_id, "edit")
    if invalid is not None:  # the next save still compares with what this form has seen
        record = {**record, "version": sent_version(form) or record["version"]}
    displays = await _displays(ctx, plan, raw)
    return _form(request, plan, raw, record=record, displays=displays, invalid=invalid, stale=stale)


@get("/{entity:str}/{record_id:int}/field/{name:str}", policy="entity.read")
async def field_show(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int], name: FromPath[str]
) -> Response[str]:
    """Show one field, after its editor was left."""
    ctx = context_of(request)
    plan = plan_of(ctx, entity)
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
    plan = plan_of(ctx, entity)
    field = plan.field(name)
    if field is None or not field.editable:
        raise NotFoundError(_("There is no such field to edit."))
    record = await get_record(ctx, plan, record_id, "edit")
    editor = field_editor(ctx, plan, field, record)
    return answer(request, "field.html", title=editor.field.label, block="editor", editor=editor)


async def _currency(ctx: Context, plan: EntityPlan, field: Field, record_id: int) -> str:
    """Answer in which currency one amount of a record is; "" where that does not matter."""
    if field.kind not in {"money", "decimal"} or "currency" not in plan.fields:
        return ""
    return str((await get_record(ctx, plan, record_id)).get("currency") or "")


@post("/{entity:str}/{record_id:int}/field/{name:str}", policy="entity.edit")
async def field_update(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int], name: FromPath[str]
) -> Response[Any]:
    """Save one field; the editor stays with what was typed when it cannot be saved."""
    ctx = context_of(request)
    plan = plan_of(ctx, entity)
    field = plan.field(name)
    if field is None or not field.editable:
        raise NotFoundError(_("There is no such field to edit."))
    form = await request.form()
    sent = {key: str(value) for key, value in form.items()}
    typed = (await with_references(ctx, plan, sent)).get(name, "")
    problem: str | None = None
    stale: StaleVersionError | None = None
    try:
        values = parse_values(
            ctx, plan, {name: typed}, await _currency(ctx, plan, field, record_id)
        )
        await save_record(ctx, plan, record_id, values, sent_version(form))
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
        version = str(sent_version(form) or record["version"])
        editor = msgspec.structs.replace(editor, version=version)
    return answer(
        request,
        "field.html",
        title=editor.field.label,
        block="editor",
        status=409 if stale else 422,
        editor=editor,
    )


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
)
