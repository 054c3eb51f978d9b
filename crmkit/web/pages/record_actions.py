"""What is done with one record: its state, actions, trash, notes and steps."""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Response, post
from litestar.params import FromPath

from crmkit.access.predicate import check
from crmkit.errors import HookFailedError, InvalidError, NotFoundError, SecondPersonError
from crmkit.plugin.plan import EntityPlan
from crmkit.records.actions import done_words, find_action, run_action
from crmkit.records.journal import one_operation
from crmkit.records.read import get_record
from crmkit.records.save import (
    restore_record,
    save_record,
    trash_record,
)
from crmkit.records.steps import finish_step, write_step
from crmkit.records.values import parse_values
from crmkit.web.action_form import action_values, with_problems
from crmkit.web.pages.boards import ask_instead, asked_flash, moved_flash
from crmkit.web.record_page import crumbs_of, full_page, plan_of, sent_version
from crmkit.web.render import answer, came_from, go
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _
from crmkit.web.views import Flash


@post("/{entity:str}/{record_id:int}/move", policy="entity.edit")
async def state_update(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[Any]:
    """Move a record to another state of its lifecycle."""
    ctx = context_of(request)
    plan = plan_of(ctx, entity)
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
    try:
        async with one_operation(ctx, "update", plan.singular) as inner:
            await save_record(inner, plan, record_id, values, sent_version(form))
    except SecondPersonError:
        flash = await ask_instead(ctx, plan, record_id, str(form.get("to", "")))
        return go(request, f"/{entity}/{record_id}", flash)
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
    page = await full_page(context_of(request), plan, record_id)
    actions = tuple(
        with_problems(each, values, error) if each.name == name else each for each in page.actions
    )
    button = next((each for each in actions if each.name == name), None)
    shown = {each.name for each in button.fields} if button else set()
    # What is wrong and has no place in the menu is said as well, in the words of its field.
    loose = [
        f"{_(field.label) if (field := plan.field(key)) else key}: {text.rstrip('.')}."
        for key, text in error.problems.items()
        if key not in shown
    ]
    label = button.label if button else ""
    return answer(
        request,
        "record.html",
        title=page.title,
        status=422,
        crumbs=crumbs_of(plan, page.title),
        # Where no script opens the menu, the message says where to look.
        flashes=(Flash(text=" ".join([f"{label}: {error.message}", *loose]), kind="bad"),),
        page=msgspec.structs.replace(page, actions=actions),
    )


@post("/{entity:str}/{record_id:int}/actions/{name:str}", policy="entity.read")
async def action_create(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int], name: FromPath[str]
) -> Response[Any]:
    """Do a declared action; the action's own permission decides."""
    ctx = context_of(request)
    plan = plan_of(ctx, entity)
    form = await request.form()
    action = find_action(plan, name)
    check(ctx, plan, action.permission)
    values = action_values(form, action)
    try:
        result = await run_action(ctx, plan, name, record_id, values, sent_version(form))
    except HookFailedError:
        raise  # nothing the person typed is wrong
    except InvalidError as error:
        return await refused_page(request, plan, record_id, name, values, error)
    if action.second_person:
        return go(request, f"/{entity}/{record_id}", asked_flash())
    undo = f"/history/{result.operation}/undo" if action.undoable else None
    return go(request, result.url, Flash(text=done_words(ctx, action), undo_url=undo))


@post("/{entity:str}/{record_id:int}/trash", policy="entity.delete")
async def record_trash(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[Any]:
    """Move a record to the trash; the message offers to take it back."""
    ctx = context_of(request)
    plan = plan_of(ctx, entity)
    await trash_record(ctx, plan, record_id, sent_version(await request.form()))
    flash = Flash(text=_("Moved to the trash"), undo_url=f"/{entity}/{record_id}/restore")
    return go(request, f"/{entity}", flash)


@post("/{entity:str}/{record_id:int}/restore", policy="entity.delete")
async def record_restore(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[Any]:
    """Take a record out of the trash."""
    ctx = context_of(request)
    await restore_record(ctx, plan_of(ctx, entity), record_id)
    return go(request, f"/{entity}/{record_id}", Flash(text=_("Restored")))


@post("/{entity:str}/{record_id:int}/timeline/{kind:str}", policy="entity.read")
async def note_create(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int], kind: FromPath[str]
) -> Response[Any]:
    """Write a note, a call or a task on a record."""
    ctx = context_of(request)
    plan = plan_of(ctx, entity)
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
    page = await full_page(ctx, plan, record_id)
    if problem is None:
        # Who writes one often writes another of its kind.
        tabs = tuple(msgspec.structs.replace(t, current=t.name == kind) for t in page.composer)
        page = msgspec.structs.replace(page, composer=tabs)
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
    plan = plan_of(ctx, entity)
    operation = await finish_step(ctx, plan, record_id, sent_version(await request.form()))
    flash = Flash(text=_("Done"), undo_url=f"/history/{operation}/undo" if operation else None)
    return go(request, came_from(request), flash)


HANDLERS = (
    state_update,
    record_trash,
    record_restore,
    note_create,
    step_update,
    action_create,
)
