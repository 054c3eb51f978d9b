"""Records of every entity: read, made, changed, thrown away and taken back."""

from typing import Any

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath

from crmkit.access.predicate import check
from crmkit.errors import NotFoundError
from crmkit.model.context import Context
from crmkit.plugin.plan import EntityPlan
from crmkit.records.idempotency import Outcome
from crmkit.records.read import get_record
from crmkit.records.save import create_record, restore_record, save_record, trash_record
from crmkit.web.api.answers import respond
from crmkit.web.api.body import read_body
from crmkit.web.api.call import (
    api_context,
    check_record_id,
    outcome_of,
    structs_of,
    wanted_version,
    write,
)
from crmkit.web.api.listing import read_page
from crmkit.web.api.methods import BASE
from crmkit.web.api.values import read_values, show_current
from crmkit.web.services import AnyRequest


async def _shown(ctx: Context, plan: EntityPlan, record_id: int, status: int = 200) -> Outcome:
    """Show what was written; who gave a record away no longer reads it and gets its id."""
    headers = {"Location": f"{BASE}/{plan.name}/{record_id}"} if status == 201 else {}  # noqa: PLR2004
    try:
        row = await get_record(ctx, plan, record_id)
    except NotFoundError:
        return outcome_of({"id": record_id}, status, headers)
    return outcome_of(
        show_current(ctx, plan, row), status, {**headers, "ETag": f'"{row["version"]}"'}
    )


@get("/api/v1/{entity:str}", policy="entity.read")
async def api_list_show(request: AnyRequest, entity: FromPath[str]) -> Response[Any]:
    """Show a page of a list."""
    ctx = api_context(request)
    plan: EntityPlan = ctx.site.entity(entity)
    pairs = list(request.query_params.multi_items())
    if ("trashed", "true") in pairs:
        check(ctx, plan, "delete")
    return respond(outcome_of(await read_page(ctx, plan, pairs)))


@get("/api/v1/{entity:str}/{record_id:int}", policy="entity.read")
async def api_record_show(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[Any]:
    """Show a record, in the trash or not."""
    ctx = api_context(request)
    plan: EntityPlan = ctx.site.entity(entity)
    row = await get_record(ctx, plan, check_record_id(record_id))
    return respond(outcome_of(show_current(ctx, plan, row), 200, {"ETag": f'"{row["version"]}"'}))


@post("/api/v1/{entity:str}", policy="entity.create")
async def api_record_create(request: AnyRequest, entity: FromPath[str]) -> Response[Any]:
    """Create a record."""
    ctx = api_context(request)
    plan: EntityPlan = ctx.site.entity(entity)

    async def work() -> Outcome:
        sent = await read_body(request)
        values = read_values(ctx, plan, structs_of(request).of(plan), sent)
        return await _shown(ctx, plan, await create_record(ctx, plan, values), 201)

    return await write(request, ctx, work)


@patch("/api/v1/{entity:str}/{record_id:int}", policy="entity.edit")
async def api_record_update(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[Any]:
    """Change fields of a record as it was read; 409 when somebody saved in between."""
    ctx = api_context(request)
    plan: EntityPlan = ctx.site.entity(entity)

    async def work() -> Outcome:
        sent = await read_body(request)
        version = wanted_version(request, sent, needed=True)
        values = read_values(ctx, plan, structs_of(request).of(plan), sent)
        await save_record(ctx, plan, check_record_id(record_id), values, version)
        return await _shown(ctx, plan, record_id)

    return await write(request, ctx, work, plan)


@delete("/api/v1/{entity:str}/{record_id:int}", policy="entity.delete", status_code=200)
async def api_record_trash(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[Any]:
    """Move a record to the trash."""
    ctx = api_context(request)
    plan: EntityPlan = ctx.site.entity(entity)

    async def work() -> Outcome:
        version = wanted_version(request, {}, needed=False)
        await trash_record(ctx, plan, check_record_id(record_id), version)
        return Outcome(204)

    return await write(request, ctx, work, plan)


@post("/api/v1/{entity:str}/{record_id:int}/restore", policy="entity.delete")
async def api_record_restore(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[Any]:
    """Take a record out of the trash."""
    ctx = api_context(request)
    plan: EntityPlan = ctx.site.entity(entity)

    async def work() -> Outcome:
        await restore_record(ctx, plan, check_record_id(record_id))
        return await _shown(ctx, plan, record_id)

    return await write(request, ctx, work)


HANDLERS = (
    api_list_show,
    api_record_show,
    api_record_create,
    api_record_update,
    api_record_trash,
    api_record_restore,
)
