"""A form must come from our own page: by Origin, and by a token of the session (TRAPS S2)."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from crmkit.errors import ForbiddenError
from crmkit.web.api.answers import is_api
from crmkit.web.secret_paths import HOOKS
from crmkit.web.services import services_of, sign, unmask, visit_of
from crmkit.web.translate import _

if TYPE_CHECKING:
    from crmkit.web.services import AnyRequest

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


async def check_form(request: AnyRequest) -> None:
    """Let a write through when it comes from our page and, signed in, carries the token.

    Raises:
        ForbiddenError: Another site sent it, or the page belongs to an ended session.
    """
    if request.method in _SAFE or visit_of(request).token is not None:
        return  # no browser sends a token of the API on its own
    if request.url.path.startswith(HOOKS):
        return  # programs send it, and the guard looks for no session there
    _check_origin(request)
    visit = visit_of(request)
    if visit.principal is None:
        return
    token = request.headers.get("x-csrf-token") or ""
    if not token and not is_api(request.url.path):
        form = await request.form()
        token = str(form.get("csrf_token", ""))
    if not hmac.compare_digest(unmask(token).encode(), sign(visit.session, "csrf").encode()):
        raise ForbiddenError(
            _("This page is from an earlier sign-in. Reload it and send the form again.")
        )


def _check_origin(request: AnyRequest) -> None:
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        raise ForbiddenError(_("Another site sent this form. Open the page here and try again."))
    origin = request.headers.get("origin")
    if origin is None:
        return
    base = services_of(request).config.server.base_url
    own = {request.headers.get("host", ""), urlsplit(base).netloc} - {""}
    if urlsplit(origin).netloc not in own:
        raise ForbiddenError(_("Another site sent this form. Open the page here and try again."))
