"""Answers of the API: JSON, and one shape for everything that went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Response

from crmkit.errors import CrmkitError, InvalidError, LimitError, StaleVersionError
from crmkit.model.values import in_words
from crmkit.web.api.methods import allowed_methods
from crmkit.web.translate import _

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.records.idempotency import Outcome

JSON = "application/json"
_METHOD, _LARGE, _MISSING, _SIGN_IN = 405, 413, 404, 401


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong: for people, and by field for programs."""

    message: str
    request_id: str
    problems: dict[str, str] = {}
    current: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class ErrorBody(msgspec.Struct, frozen=True):
    """The one shape of a refusal."""

    error: Problem


def is_api(path: str) -> bool:
    """Say whether an address is one of the API."""
    return path == "/api" or path.startswith("/api/")


def encode(value: object) -> str:
    """Answer JSON; decimals as strings, moments with their zone."""
    return msgspec.json.encode(value).decode()


def respond(outcome: Outcome, more: Mapping[str, str] | None = None) -> Response[Any]:
    """Answer an outcome."""
    return Response(
        outcome.body.encode() if outcome.body else b"",
        status_code=outcome.status,
        media_type=JSON,
        headers={**outcome.headers, **(more or {})},
    )


def error_body(
    request_id: str,
    message: str,
    problems: Mapping[str, str] | None = None,
    current: Mapping[str, Any] | None = None,
) -> str:
    """Answer the JSON of a refusal.

    Args:
        current: The record as it is stored now, when a save was stale.
    """
    shown = msgspec.UNSET if current is None else dict(current)
    return encode(ErrorBody(Problem(message, request_id, dict(problems or {}), shown)))


def error_answer(
    request_id: str, path: str, status: int, error: Exception, page_text: str
) -> Response[Any]:
    """Answer an error with the status of the table that pages use, too.

    Args:
        page_text: What a page would say.
    """
    message = _text(status, page_text)
    if isinstance(error, CrmkitError) and status != _SIGN_IN:
        message = in_words(error.message, _)
    problems = error.problems if isinstance(error, InvalidError) else {}
    current = error.current if isinstance(error, StaleVersionError) else None
    headers = {}
    if isinstance(error, LimitError) and error.retry_after:
        headers["Retry-After"] = str(error.retry_after)
    if status == _SIGN_IN:
        headers["WWW-Authenticate"] = "Bearer"
    if status == _METHOD:
        headers["Allow"] = ", ".join(allowed_methods(path))
    body = error_body(request_id, message, problems, current)
    return Response(body.encode(), status_code=status, media_type=JSON, headers=headers)


def _text(status: int, page_text: str) -> str:
    return {
        _SIGN_IN: _("Sign in, or send a token that has not ended as Authorization: Bearer."),
        _MISSING: _("There is nothing at this address. Ask GET /api/v1 for what there is."),
        _LARGE: _("The body of a request may have 2 MB. Send less at once."),
    }.get(status, page_text)


def refuse_early(request_id: str, status: int, detail: str) -> tuple[int, bytes]:
    """Answer (status, JSON) before any handler is found.

    Args:
        detail: The methods of the address for 405, else the sentence itself.
    """
    message = f"This address takes {detail}." if status == _METHOD else detail
    return status, error_body(request_id, message).encode()
