"""What the API has for its reader: a short list, and the whole as an OpenAPI document."""

import asyncio
from typing import Any

from litestar import Response, get

from crmkit.access.predicate import allowed
from crmkit.access.tokens import NarrowRole
from crmkit.model.role import VERBS
from crmkit.records.actions import actions_of, may_act
from crmkit.web.api.answers import JSON, respond
from crmkit.web.api.call import api_context, outcome_of, structs_of
from crmkit.web.api.document import build_document
from crmkit.web.api.methods import BASE
from crmkit.web.policy import SIGNED_IN
from crmkit.web.services import AnyRequest, services_of
from crmkit.web.translate import _

#: Documents kept for one Site: each role, and narrowed ones of tokens.
_MOST_DOCUMENTS = 64


@get(BASE, policy=SIGNED_IN)
async def api_index_show(request: AnyRequest) -> Response[Any]:
    """Show the entities the reader may read, and what else they may do there."""
    ctx = api_context(request)
    found = [
        {
            "name": plan.name,
            "label": _(plan.label),
            "url": f"{BASE}/{plan.name}",
            "verbs": [verb for verb in VERBS if allowed(ctx, plan, verb)],
            "actions": [a.name for a in actions_of(plan) if may_act(ctx, plan, a)],
        }
        for plan in services_of(request).site.entities.values()
        if allowed(ctx, plan, "read")
    ]
    return respond(outcome_of({"entities": found, "document": f"{BASE}/openapi.json"}))


@get(f"{BASE}/openapi.json", policy=SIGNED_IN)
async def api_document_show(request: AnyRequest) -> Response[Any]:
    """Show the OpenAPI document of what the reader may see; built once for a Site and a role."""
    ctx = api_context(request)
    structs = structs_of(request)
    role = ctx.principal.role
    narrow = (role.read_only, role.patterns) if isinstance(role, NarrowRole) else ()
    key = (role.name, narrow)
    document = structs.documents.get(key)
    if document is None:
        title = services_of(request).config.name
        document = await asyncio.to_thread(build_document, ctx, structs, title)
        if len(structs.documents) >= _MOST_DOCUMENTS:
            structs.documents.clear()
        structs.documents[key] = document
    return Response(document, media_type=JSON)


HANDLERS = (api_index_show, api_document_show)
