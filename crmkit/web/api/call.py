"""What every handler of the API begins with and ends with."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crmkit.access.tokens import SECRET
from crmkit.errors import InvalidError, MalformedError, StaleVersionError
from crmkit.model.values import in_words
from crmkit.records.idempotency import Call, Outcome, answer_once
from crmkit.web.api.answers import encode, error_body, respond
from crmkit.web.api.body import is_storable
from crmkit.web.api.structs import SiteStructs
from crmkit.web.api.values import show_current
from crmkit.web.errors import status_of
from crmkit.web.services import context_of, services_of, visit_of
from crmkit.web.translate import _

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from litestar import Response

    from crmkit.errors import CrmkitError
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from crmkit.web.services import AnyRequest

_KEY = re.compile(r"[!-~]{1,200}")
_TAG = re.compile(r'(?:W/)?"?(\d{1,18})"?')
_SERVER = 500
#: A refusal that says nothing of the request itself; the same key may try again.
_PASSING = frozenset({401, 429})


def api_context(request: AnyRequest) -> Context:
    """Answer the context of a call; what it writes has the cause "api".

    Raises:
        MalformedError: The address holds a token, or what cannot be stored.
    """
    query = request.query_params.multi_items()
    if SECRET.search(request.url.query):
        raise MalformedError(
            _(
                "A token in an address ends up in logs. Send it as Authorization: Bearer, and "
                "revoke this one."
            )
        )
    for name, value in query:
        if not (is_storable(name) and is_storable(value)):
            raise MalformedError(_("The request holds a character that cannot be stored."))
    return replace(context_of(request), cause="api")


def structs_of(request: AnyRequest) -> SiteStructs:
    """Answer the structs of the Site that is served at this moment."""
    site = services_of(request).site
    found: SiteStructs | None = request.app.state.get("api")
    if found is None or found.site is not site:
        found = SiteStructs(site)
        request.app.state["api"] = found
    return found


def check_record_id(number: int) -> int:
    """Answer an id that a row can have; 0 is nobody's."""
    return number if abs(number) < 2**63 else 0


def wanted_version(request: AnyRequest, sent: dict[str, Any], *, needed: bool) -> int | None:
    """Take the version out of If-Match or the object sent.

    Raises:
        InvalidError: It is needed and there is none, or it is no number.
    """
    member = sent.pop("version", None)
    header = request.headers.get("if-match")
    if header is not None:
        match = _TAG.fullmatch(header.strip())
        if match is None:
            raise InvalidError(_("If-Match holds no version."), {"version": _("is no version")})
        return int(match[1])
    if member is None and needed:
        raise InvalidError(
            _("A change needs the version of the record it was made from."),
            {"version": _("is needed; send it as you read it, or as If-Match")},
        )
    if member is not None and (isinstance(member, bool) or not isinstance(member, int)):
        raise InvalidError(_("The version is no whole number."), {"version": _("is no version")})
    return member


async def write(
    request: AnyRequest,
    ctx: Context,
    work: Callable[[], Awaitable[Outcome]],
    plan: EntityPlan | None = None,
) -> Response[Any]:
    """Do a write; with an Idempotency-Key once, and every time with the same answer.

    Args:
        plan: Of the record that a stale save shows.

    Raises:
        MalformedError: The key is no short word.
    """

    async def told() -> Outcome:
        try:
            return await work()
        except StaleVersionError as error:
            if plan is not None:
                error.current = show_current(ctx, plan, error.current)
            raise

    key = request.headers.get("idempotency-key")
    if key is None:
        return respond(await told())
    if not _KEY.fullmatch(key):
        raise MalformedError(_("An Idempotency-Key has 1 to 200 visible ASCII characters."))
    outcome, again = await answer_once(
        ctx, await _call(request, ctx, key), told, lambda error: _refusal(request, error)
    )
    return respond(outcome, {"Idempotency-Replayed": "true"} if again else None)


async def _call(request: AnyRequest, ctx: Context, key: str) -> Call:
    token = visit_of(request).token
    body = await request.body()
    parts = (
        request.headers.get("if-match", "").encode("latin-1"),
        request.headers.get("content-type", "").encode("latin-1"),
        request.url.query.encode(),
        body,
    )
    return Call(
        f"token:{token}" if token is not None else f"user:{ctx.user_id}",
        key,
        f"{request.method} {request.url.path}",
        hashlib.sha256(b"\n".join(parts)).hexdigest(),
    )


def _refusal(request: AnyRequest, error: CrmkitError) -> Outcome | None:
    status = status_of(error)
    if status >= _SERVER or status in _PASSING:
        return None
    problems: Mapping[str, str] = error.problems if isinstance(error, InvalidError) else {}
    current = error.current if isinstance(error, StaleVersionError) else None
    request_id = visit_of(request).request_id
    return Outcome(status, error_body(request_id, in_words(error.message, _), problems, current))


def outcome_of(
    value: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Outcome:
    """Answer an outcome with a JSON value."""
    return Outcome(status, encode(value), headers or {})
