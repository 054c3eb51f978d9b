"""Merging by API: what `take` names comes from the other record."""

from typing import TYPE_CHECKING, Any

from litestar import Response, post
from litestar.params import FromPath

from crmkit.errors import InvalidError
from crmkit.records.idempotency import Outcome
from crmkit.records.merge import check_merge, merge_records
from crmkit.web.api.body import read_body
from crmkit.web.api.call import api_context, check_record_id, outcome_of, wanted_version, write
from crmkit.web.services import AnyRequest
from crmkit.web.translate import _

if TYPE_CHECKING:
    from crmkit.plugin.plan import EntityPlan

_SIDES = {"other": "gone", "own": "kept"}


def _read(sent: dict[str, Any]) -> tuple[int, dict[str, str]]:
    """Answer the other record and the choices.

    Raises:
        InvalidError: A member is unknown, missing or of another type; all are named.
    """
    problems = {name: _("is not known here") for name in sent if name not in {"with", "take"}}
    other, take = sent.get("with"), sent.get("take", {})
    if type(other) is not int:
        problems["with"] = _("must be the id of the other record")
    if not isinstance(take, dict) or not all(
        isinstance(side, str) and side in _SIDES for side in take.values()
    ):
        problems["take"] = _('must be an object of fields to "own" or "other"')
    if problems or type(other) is not int or not isinstance(take, dict):
        raise InvalidError(_("The records were not merged."), problems)
    return other, {name: _SIDES[side] for name, side in take.items()}


@post("/api/v1/{entity:str}/{record_id:int}/merge", policy="entity.edit", status_code=200)
async def api_merge_create(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[Any]:
    """Merge another record into this one; both answers and refusals are those of an action."""
    ctx = api_context(request)
    plan: EntityPlan = ctx.site.entity(entity)
    check_merge(ctx, plan)

    async def work() -> Outcome:
        sent = await read_body(request)
        version = wanted_version(request, sent, needed=False)
        other, choices = _read(sent)
        kept = check_record_id(record_id)
        versions = {} if version is None else {kept: version}
        operation = await merge_records(ctx, plan, kept, other, choices, versions)
        return outcome_of({"url": f"/{plan.name}/{kept}", "operation": operation})

    return await write(request, ctx, work, plan)


HANDLERS = (api_merge_create,)
