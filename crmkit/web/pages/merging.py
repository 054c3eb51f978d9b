"""Two records of one entity become one."""

from collections.abc import Mapping
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.errors import HookFailedError, InvalidError, StaleVersionError
from crmkit.model.context import Context
from crmkit.model.field import Field
from crmkit.plugin.plan import EntityPlan
from crmkit.records.import_values import find_references
from crmkit.records.merge import check_merge, merge_records
from crmkit.records.read import get_record
from crmkit.web.merge_view import TAKE, chooser_page, merge_page
from crmkit.web.render import answer, go
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _
from crmkit.web.views import Flash, Link, MergePage

_LONGEST = 18


def _show(request: AnyRequest, page: MergePage, status: int = 200) -> Response[str]:
    crumbs = (
        Link(label=page.entity.label, url=page.entity.url),
        Link(label=page.title, url="", current=True),
    )
    return answer(request, "merge.html", title=page.title, status=status, crumbs=crumbs, page=page)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST else None


async def _other(ctx: Context, plan: EntityPlan, sent: Mapping[str, str]) -> int | None:
    """Answer the record that was chosen, or typed by its name where no script offers any."""
    chosen, typed = sent.get("with", "").strip(), sent.get("with.title", "").strip()
    if chosen or not typed or not typed.isprintable():
        return _number(chosen)
    link = Field(name="with", label="", kind="reference", reference=plan.name)
    return (await find_references(ctx, link, [typed])).ids.get(typed)


async def _choose(
    request: AnyRequest, plan: EntityPlan, record: dict[str, Any], sent: Mapping[str, str]
) -> Response[str]:
    """Ask for the other record, again when what was entered names none or the same one."""
    ctx = context_of(request)
    typed = (sent.get("with.title") or sent.get("with") or "").strip()
    error = _("No single other record is meant by that. Choose one from the list.")
    asked = bool(typed) or request.method == "POST"
    page = await chooser_page(ctx, plan, record, typed=typed[:200], error=error if asked else "")
    return _show(request, page, 422 if asked else 200)


@get("/{entity:str}/{record_id:int}/merge", policy="entity.edit")
async def merge_show(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[str]:
    """Show both records side by side; without `with` ask for the other one."""
    ctx = context_of(request)
    plan: EntityPlan = ctx.site.entity(entity)
    check_merge(ctx, plan)
    record = await get_record(ctx, plan, record_id, "edit")
    sent = dict(request.query_params)
    other = await _other(ctx, plan, sent)
    if other is None or other == record_id:
        return await _choose(request, plan, record, sent)
    gone = await get_record(ctx, plan, other, "edit")
    return _show(request, await merge_page(ctx, plan, record, gone, {}))


@post("/{entity:str}/{record_id:int}/merge", policy="entity.edit")
async def merge_create(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[Any]:
    """Merge; 422 with what was chosen when a rule refuses, 409 when somebody saved in between."""
    ctx = context_of(request)
    plan: EntityPlan = ctx.site.entity(entity)
    check_merge(ctx, plan)
    sent = {name: str(value) for name, value in (await request.form()).items()}
    other = await _other(ctx, plan, sent)
    if other is None or other == record_id:
        record = await get_record(ctx, plan, record_id, "edit")
        return await _choose(request, plan, record, sent)
    choices = {n.removeprefix(TAKE): side for n, side in sent.items() if n.startswith(TAKE)}
    seen = {record_id: _number(sent.get("version", "")),
            other: _number(sent.get("version.with", ""))}  # fmt: skip
    versions = {record: version for record, version in seen.items() if version is not None}
    try:
        operation = await merge_records(ctx, plan, record_id, other, choices, versions)
    except HookFailedError:
        raise  # nothing the person chose is wrong
    except (InvalidError, StaleVersionError) as error:
        kept = await get_record(ctx, plan, record_id, "edit")
        gone = await get_record(ctx, plan, other, "edit")
        page = await merge_page(ctx, plan, kept, gone, choices, error)
        return _show(request, page, 409 if isinstance(error, StaleVersionError) else 422)
    flash = Flash(text=_("The two records are one now"), undo_url=f"/history/{operation}/undo")
    return go(request, f"/{entity}/{record_id}", flash)


HANDLERS = (merge_show, merge_create)
