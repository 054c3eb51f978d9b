"""Mail templates by API: which there are, to read."""

from typing import Any

import msgspec
from litestar import Response, get

from crmkit.web.api.answers import respond
from crmkit.web.api.call import api_context, outcome_of
from crmkit.web.api.methods import BASE
from crmkit.web.policy import SIGNED_IN
from crmkit.web.services import AnyRequest
from crmkit.work.mail_templates import list_templates


@get(f"{BASE}/mail-templates", policy=SIGNED_IN)
async def api_mail_templates_show(request: AnyRequest) -> Response[Any]:
    """Show the mail templates, each version of them."""
    rows = [msgspec.to_builtins(each) for each in await list_templates(api_context(request))]
    return respond(outcome_of({"rows": rows}))


HANDLERS = (api_mail_templates_show,)
