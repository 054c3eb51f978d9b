"""What is held on a person, as a file; and erasing it, for good."""

from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.errors import InvalidError
from crmkit.records.personal import check_person, erase_person, export_person
from crmkit.web.pages.record_actions import refused_page
from crmkit.web.personal_view import CONFIRMATION, ERASE
from crmkit.web.policy import ADMIN
from crmkit.web.render import answer, go
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _
from crmkit.web.views import Cell, Column, Flash, Link, Row, TablePage

if TYPE_CHECKING:
    from crmkit.plugin.plan import EntityPlan

_log = structlog.get_logger("crmkit.personal")


@get("/{entity:str}/{record_id:int}/personal", policy=ADMIN)
async def personal_show(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[bytes]:
    """Send all that is held on a person, as JSON."""
    ctx = context_of(request)
    found = await export_person(ctx, ctx.site.entity(entity), record_id)
    # The history shows changes only; who took a person's data along is asked for later.
    _log.info("personal data exported", entity=entity, record=record_id, user=ctx.user_id)
    return Response(
        msgspec.json.format(msgspec.json.encode(found), indent=2),
        media_type="application/json",
        headers={
            "Content-Disposition": f'attachment; filename="{entity}-{record_id}.json"',
            "Cache-Control": "no-store",
        },
    )


@post("/{entity:str}/{record_id:int}/erase", policy=ADMIN)
async def erasure_create(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[Any]:
    """Erase a person once its number was typed, and say what is kept."""
    ctx = context_of(request)
    plan: EntityPlan = ctx.site.entity(entity)
    check_person(ctx, plan)
    typed = str((await request.form()).get(CONFIRMATION, "")).strip()
    if typed != str(record_id):
        error = InvalidError(
            _("Nothing was erased."), {CONFIRMATION: _("is not the number of this record")}
        )
        return await refused_page(request, plan, record_id, ERASE, {CONFIRMATION: typed}, error)
    done = await erase_person(ctx, plan, record_id)
    if not done.kept:
        return go(request, f"/{entity}/{record_id}", Flash(text=_("Personal data erased")))
    return _kept_page(request, plan, record_id, done.kept)


def _kept_page(
    request: AnyRequest, plan: "EntityPlan", record_id: int, kept: tuple[str, ...]
) -> Response[str]:
    """List what is kept: too much for a message, and whoever asked must be told."""
    url = f"/{plan.name}/{record_id}"
    page = TablePage(
        title=_("Personal data erased"),
        intro=_("This is still held:"),
        columns=(Column(name="kept", label=_("Kept"), place="main"),),
        rows=tuple(
            Row(id=str(number), url=url, cells=(Cell(html=text),), label=text)
            for number, text in enumerate(kept)
        ),
    )
    crumbs = (
        Link(label=_(plan.label), url=f"/{plan.name}"),
        Link(label=page.title, url="", current=True),
    )
    return answer(request, "table.html", title=page.title, crumbs=crumbs, page=page)


HANDLERS = (personal_show, erasure_create)
