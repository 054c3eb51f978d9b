"""Mail templates by API: which there are, to read."""

from typing import Any

import msgspec
from litestar import Response, get

from crmkit.access.predicate import allowed, check
from crmkit.model.messages import MESSAGE
from crmkit.web.api.answers import respond
from crmkit.web.api.call import api_context, outcome_of
from crmkit.web.api.methods import BASE
from crmkit.web.policy import SIGNED_IN
from crmkit.web.services import AnyRequest
from crmkit.work.mail_templates import list_templates


@get(f"{BASE}/mail-templates", policy=SIGNED_IN)
async def api_mail_templates_show(request: AnyRequest) -> Response[Any]:
    """Show the mail templates for records the caller may read, each version of them."""
    ctx = api_context(request)
    # A token for other entities has no business with mail.
    check(ctx, ctx.site.entity(MESSAGE), "read")
    readable = {plan.name for plan in ctx.site.entities.values() if allowed(ctx, plan, "read")}
    rows = [
        msgspec.to_builtins(each)
        for each in await list_templates(ctx)
        if each.entity in readable | {""}
    ]
    return respond(outcome_of({"rows": rows}))


HANDLERS = (api_mail_templates_show,)
