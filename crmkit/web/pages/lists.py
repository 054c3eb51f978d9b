"""Lists: read by URL, changed in bulk, exported; the trash is a list, too."""

from collections import Counter
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.errors import InvalidError
from crmkit.model.context import Context
from crmkit.model.values import N_
from crmkit.plugin.plan import EntityPlan
from crmkit.records.actions import find_action
from crmkit.records.bulk import BulkResult, Meter, Selection, bulk_edit, bulk_trash
from crmkit.records.bulk_actions import bulk_action
from crmkit.records.query import (
    COUNT_CAP,
    Listing,
    count_records,
    group_records,
    list_records,
)
from crmkit.records.runs import Work, is_large, start_run
from crmkit.records.saved_views import delete_view, list_views, save_view
from crmkit.records.steps import next_steps
from crmkit.records.values import parse_values
from crmkit.web.action_form import action_values
from crmkit.web.format import format_number
from crmkit.web.list_filters import narrowing_of
from crmkit.web.list_url import parse_state
from crmkit.web.list_view import list_page
from crmkit.web.panels import slot_html, with_computed
from crmkit.web.references import with_references
from crmkit.web.render import answer, go
from crmkit.web.saved_views import with_views
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _, ngettext
from crmkit.web.views import Flash


async def _show(
    request: AnyRequest, entity: str, path: str, *, trashed: bool = False
) -> Response[str]:
    ctx = context_of(request)
    plan: EntityPlan = ctx.site.entity(entity)
    state = parse_state(path, request.query_params.multi_items())
    query = state.query(plan, trashed=trashed)
    groups = None
    listing = Listing([])
    if state.group:
        groups = await group_records(ctx, plan, query, state.group, next(iter(plan.sums), ""))
    else:
        listing = await list_records(ctx, plan, query)
    steps = None
    if state.shows_steps(plan):
        steps = await next_steps(ctx, plan, [row["id"] for row in listing.rows])
    count = await count_records(ctx, plan, query, None if state.count_all else COUNT_CAP)
    narrowing = await narrowing_of(ctx, plan, state)
    page = list_page(
        ctx, plan, state, listing, count, narrowing, groups=groups, steps=steps, trashed=trashed
    )
    if not trashed:
        page = with_views(page, state, plan, await list_views(ctx, plan))
        page = msgspec.structs.replace(
            page, slots=await slot_html(ctx, plan.name, 0, "list.toolbar")
        )
    page = await with_computed(ctx, plan, page)
    title = _("Trash: %(what)s") % {"what": page.entity.label} if trashed else page.entity.label
    return answer(request, "list.html", title=title, block="list", page=page)


@get("/{entity:str}", policy="entity.read")
async def list_show(request: AnyRequest, entity: FromPath[str]) -> Response[str]:
    """Show a list."""
    return await _show(request, entity, f"/{entity}")


@get("/{entity:str}/trash", policy="entity.delete")
async def trash_show(request: AnyRequest, entity: FromPath[str]) -> Response[str]:
    """Show what lies in the trash."""
    return await _show(request, entity, f"/{entity}/trash", trashed=True)


def _left(ctx: Context, result: BulkResult) -> str:
    """Say how many records were left as they were, and why most of them."""
    reasons = Counter(reason for _record, reason in result.skipped)
    number = format_number(ctx, len(result.skipped))
    return _("%(n)s left as they were: %(reason)s") % {
        "n": number,
        "reason": reasons.most_common(1)[0][0],
    }


async def _work(
    ctx: Context,
    plan: EntityPlan,
    selection: Selection,
    action: str,
    pairs: list[tuple[str, str]],
) -> tuple[str, Work]:
    """Answer the name of what the form asks for, and what does it.

    Raises:
        InvalidError: There is no such action, or what was typed does not fit.
    """
    if action in {"trash", "restore"}:
        back = action == "restore"
        label = N_("Restore") if back else N_("Move to trash")
        return label, lambda meter: bulk_trash(ctx, plan, selection, restore=back, meter=meter)
    if action.startswith("set-"):
        name = action.removeprefix("set-")
        sent = await with_references(ctx, plan, dict(pairs), f"{action}.")
        values = parse_values(ctx, plan, {name: sent.get(f"{action}.{name}", "")})
        return N_("Change a field"), lambda meter: bulk_edit(ctx, plan, selection, values, meter)
    if action.startswith("do-"):
        name = action.removeprefix("do-")
        found = find_action(plan, name)
        sent = {n.removeprefix(f"{action}."): v for n, v in pairs if n.startswith(f"{action}.")}
        raw = action_values(sent)
        return found.label, lambda meter: bulk_action(ctx, plan, name, selection, raw, meter)
    raise InvalidError(_("There is no such action. Reload the page and choose again."))


@post("/{entity:str}/bulk", policy="entity.read")
async def bulk_create(request: AnyRequest, entity: FromPath[str]) -> Response[Any]:
    """Do one thing to the chosen rows; they can be undone as one."""
    ctx = context_of(request)
    plan: EntityPlan = ctx.site.entity(entity)
    form = await request.form()
    pairs = [(name, str(value)) for name, value in form.multi_items()]
    action = str(form.get("action", ""))
    trashed = action == "restore"
    path = f"/{entity}/trash" if trashed else f"/{entity}"
    state = parse_state(path, pairs)
    ids = [int(value) for name, value in pairs if name == "ids" and value.isdecimal()]
    everything = form.get("all") == "1"
    if not ids and not everything:
        raise InvalidError(_("No rows are chosen. Tick some and try again."))
    selection = (
        Selection(query=state.query(plan, trashed=trashed))
        if everything
        else Selection(ids=tuple(ids))
    )
    label, work = await _work(ctx, plan, selection, action, pairs)
    if await is_large(ctx, plan, selection):
        number = await start_run(ctx, plan, label, work)
        return go(request, f"/runs/{number}")
    result = await work(Meter())
    changed = {"n": format_number(ctx, result.changed)}
    text = ngettext("%(n)s record changed", "%(n)s records changed", result.changed) % changed
    if result.skipped:
        text += ", " + _left(ctx, result)
    undo = f"/history/{result.operation}/undo" if result.operation and result.changed else None
    return go(request, state.url(), Flash(text=text, undo_url=undo))


@post("/{entity:str}/views", policy="entity.read")
async def view_create(request: AnyRequest, entity: FromPath[str]) -> Response[Any]:
    """Save the list as it is under a name."""
    ctx = context_of(request)
    plan: EntityPlan = ctx.site.entity(entity)
    form = await request.form()
    state = parse_state(f"/{entity}", [(name, str(value)) for name, value in form.multi_items()])
    query = state.url().partition("?")[2]
    await save_view(ctx, plan, str(form.get("name", "")), query, shared=form.get("shared") == "1")
    return go(request, state.url(), Flash(text=_("View saved")))


@post("/{entity:str}/views/{view_id:int}/delete", policy="entity.read")
async def view_delete(
    request: AnyRequest, entity: FromPath[str], view_id: FromPath[int]
) -> Response[Any]:
    """Delete one of one's own views; the records stay."""
    ctx = context_of(request)
    await delete_view(ctx, ctx.site.entity(entity), view_id)
    return go(request, f"/{entity}", Flash(text=_("View deleted")))


HANDLERS = (list_show, trash_show, bulk_create, view_create, view_delete)
