"""Errors to answers: one table, a page or a fragment, the number of the request on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import structlog
from litestar.exceptions import HTTPException
from litestar.response import Redirect

from crmkit.errors import (
    ConflictError,
    CrmkitError,
    ForbiddenError,
    HookFailedError,
    InvalidError,
    LimitError,
    MalformedError,
    NotFoundError,
    SignInError,
    StorageFullError,
    UnavailableError,
)
from crmkit.model.values import in_words
from crmkit.web.api.answers import error_answer, is_api
from crmkit.web.api.body import MediaTypeError
from crmkit.web.render import answer, wants_fragment
from crmkit.web.secret_paths import shown_path
from crmkit.web.services import services_of, visit_of
from crmkit.web.trackers import report_error
from crmkit.web.translate import _
from crmkit.web.views import ErrorPage, Link

if TYPE_CHECKING:
    from litestar import Response

    from crmkit.web.services import AnyRequest

_log = structlog.get_logger("crmkit.errors")

#: The first class that fits decides.
STATUS: tuple[tuple[type[CrmkitError], int], ...] = (
    (SignInError, 401),
    (ForbiddenError, 403),
    (NotFoundError, 404),
    (HookFailedError, 503),
    (MalformedError, 400),
    (MediaTypeError, 415),
    (InvalidError, 422),
    (ConflictError, 409),
    (LimitError, 429),
    (StorageFullError, 507),
    (UnavailableError, 503),
)
_SERVER = 500


def status_of(error: Exception) -> int:
    """Answer the HTTP status of an error; 500 for what nobody foresaw."""
    if isinstance(error, HTTPException):
        return error.status_code
    return next((status for kind, status in STATUS if isinstance(error, kind)), _SERVER)


def _title(status: int) -> str:
    return {
        400: _("The request cannot be read"),
        401: _("Sign in first"),
        403: _("You may not do this"),
        404: _("There is nothing here"),
        405: _("This page cannot be used that way"),
        409: _("Somebody was faster"),
        413: _("That is too large"),
        415: _("The request cannot be read"),
        422: _("Something needs a correction"),
        429: _("Too many tries"),
        503: _("The database does not answer"),
        507: _("The disk is full"),
    }.get(status, _("Something went wrong"))


def _text(error: Exception, status: int) -> str:
    if isinstance(error, CrmkitError):
        problems = getattr(error, "problems", {})
        message = in_words(error.message, _)
        return " ".join([message, *(f"{name}: {what}." for name, what in problems.items())])
    if status == 404:  # noqa: PLR2004
        return _("The address leads nowhere. Look at how it is spelled or begin at Today.")
    if status == 413:  # noqa: PLR2004
        return _("A file may have 50 MB. Split a larger one and send the parts.")
    if status < _SERVER:
        return _(
            "The address or the form holds something that does not fit. Go back and change it."
        )
    return _(
        "Nothing was saved. Try again; if it happens again, tell your administrator the number."
    )


def handle_error(request: AnyRequest, error: Exception) -> Response[Any]:
    """Answer an error that no page handled; what nobody foresaw is logged with its trace."""
    status = status_of(error)
    visit = visit_of(request)
    if is_api(request.url.path):
        if status >= _SERVER:
            _log.error("request failed", id=visit.request_id, path=request.url.path, exc_info=error)
        return error_answer(visit.request_id, request.url.path, status, error, _text(error, status))
    if isinstance(error, SignInError) and request.method == "GET" and not wants_fragment(request):
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return Redirect(f"/login?next={quote(target)}", status_code=303)
    path = shown_path(request.url.path)
    if status >= _SERVER:
        _log.error("request failed", id=visit.request_id, path=path, exc_info=error)
    if status == _SERVER or isinstance(error, HookFailedError):
        where = f"{request.method} {path}"
        report_error(services_of(request).site, where, error, visit.request_id)
    headers = {"HX-Redirect": "/login"} if isinstance(error, SignInError) else {}
    if isinstance(error, LimitError) and error.retry_after:
        headers["Retry-After"] = str(error.retry_after)
    page = ErrorPage(
        status=status,
        title=_title(status),
        text=_text(error, status),
        request_id=visit.request_id,
        actions=(Link(label=_("Go to Today"), url="/"),),
    )
    return answer(
        request,
        "error.html",
        title=page.title,
        block="toast" if status >= _SERVER else "alert",
        status=status,
        headers=headers,
        page=page,
    )
