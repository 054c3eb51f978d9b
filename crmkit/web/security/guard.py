"""The outermost layer: what holds for answers that no handler makes, too."""

from __future__ import annotations

import secrets
import time
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog
from litestar.enums import ScopeType

from crmkit.access.sessions import find_session
from crmkit.access.tokens import find_token
from crmkit.errors import UnavailableError
from crmkit.web.api.answers import is_api, refuse_early
from crmkit.web.api.methods import allowed_methods
from crmkit.web.flash import FLASH_COOKIE
from crmkit.web.secret_paths import CALENDARS, HOOKS, shown_path
from crmkit.web.security.headers import secure_headers
from crmkit.web.services import Visit
from crmkit.web.translate import catalogue_in_force

if TYPE_CHECKING:
    from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

    from crmkit.web.services import Services

_log = structlog.get_logger("crmkit.request")
_LOCAL = frozenset({"127.0.0.1", "localhost", "[::1]", "testserver"})
_METHODS = frozenset({"GET", "HEAD", "POST"})
_LONGEST_COOKIE = 8192
#: What says itself how long it may be kept.
_KEEPABLE = ("/static/", "/theme/", CALENDARS)
#: Where nobody is signed in, whatever cookie comes along.
_NOBODY = ("/static/", "/healthz", "/readyz", HOOKS)
#: What a page asks for every few seconds, whether somebody sits before it or not.
_BY_ITSELF = frozenset({"/calls/ringing"})


class Guard:
    """Wraps the application.

    It names the request, refuses foreign hosts and methods no page has, finds the session,
    and sets the headers of every answer, those of errors and files included.
    """

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services
        server = services.config.server
        self._hosts = _LOCAL | {server.host}
        if server.base_url:
            self._hosts |= {urlsplit(server.base_url).hostname or ""}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        http = scope
        started = time.perf_counter()
        path: str = scope["path"]
        visit = Visit(
            request_id=secrets.token_hex(8),
            nonce=secrets.token_urlsafe(16),
            address=(scope.get("client") or ("", 0))[0],
        )
        scope["visit"] = visit  # type: ignore[typeddict-unknown-key]
        status = 0

        async def send_secured(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = secure_headers(
                    list(message.get("headers", [])),
                    nonce=visit.nonce,
                    request_id=visit.request_id,
                    is_https=self._services.is_https,
                    is_private=not path.startswith(_KEEPABLE) or status >= 400,  # noqa: PLR2004
                )
            await send(message)

        try:
            await self._answer(http, receive, send_secured, visit)
        finally:
            _log.info(
                "request",
                id=visit.request_id,
                method=http["method"],
                path=shown_path(path),
                status=status,
                ms=round((time.perf_counter() - started) * 1000, 1),
                user=visit.principal.user_id if visit.principal else None,
            )

    async def _answer(self, scope: HTTPScope, receive: Receive, send: Send, visit: Visit) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if not self._knows_host(headers.get(b"host", b"").decode("latin-1")):
            await _plain(send, 421, "This site does not answer to that name.")
            return
        if is_api(scope["path"]):
            await self._answer_api(scope, receive, send, visit)
            return
        if scope["method"] not in _METHODS:
            await _plain(send, 405, "Pages are read with GET and changed with POST.")
            return
        if not scope["path"].startswith(_NOBODY):
            try:
                await self._find_session(headers, visit, by_itself=scope["path"] in _BY_ITSELF)
            except UnavailableError as error:
                await _plain(send, 503, error.message)
                return
        person = visit.principal
        self._speak((person.language if person else "") or self._services.config.language)
        await self._app(scope, receive, send)

    def _speak(self, code: str) -> None:
        catalogue_in_force.set(self._services.texts.of(code))

    async def _answer_api(
        self, scope: HTTPScope, receive: Receive, send: Send, visit: Visit
    ) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        path = scope["path"]
        allowed = allowed_methods(path)
        if scope["method"] == "OPTIONS":
            await _empty(send, allowed)
            return
        if allowed and scope["method"] not in allowed:
            await _json(send, refuse_early(visit.request_id, 405, ", ".join(allowed)), allowed)
            return
        try:
            await self._find_token(headers, visit)
        except UnavailableError as error:
            await _json(send, refuse_early(visit.request_id, 503, error.message))
            return
        person = visit.principal
        self._speak((person.language if person else "") or self._services.config.language)
        await self._app(scope, receive, send)

    async def _find_token(self, headers: dict[bytes, bytes], visit: Visit) -> None:
        """Find who a request of the API acts as; a token that does not fit is nobody."""
        scheme, _, secret = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if not scheme:
            await self._find_session(headers, visit)
            return
        if scheme.lower() != "bearer":
            return
        services = self._services
        found = await find_token(services.db, secret.strip(), services.site.roles)
        if found is not None:
            visit.principal, visit.token = found

    def _knows_host(self, host: str) -> bool:
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        return name.lower() in self._hosts or self._services.config.server.host == "0.0.0.0"  # noqa: S104

    async def _find_session(
        self, headers: dict[bytes, bytes], visit: Visit, *, by_itself: bool = False
    ) -> None:
        raw = headers.get(b"cookie", b"")
        if not raw or len(raw) > _LONGEST_COOKIE:
            return
        try:
            cookies: SimpleCookie = SimpleCookie(raw.decode("latin-1"))
        except CookieError:
            return
        morsel = cookies.get(self._services.cookie)
        if morsel is None or not morsel.value:
            return
        services = self._services
        principal = await find_session(
            services.db, morsel.value, services.site.roles, by_itself=by_itself
        )
        if principal is None:
            return
        visit.principal, visit.session = principal, morsel.value
        flash = cookies.get(FLASH_COOKIE)
        visit.flash = flash.value if flash is not None else ""


async def _empty(send: Any, allowed: tuple[str, ...]) -> None:  # noqa: ANN401 - an ASGI callable
    allow = [(b"allow", ", ".join(allowed).encode())] if allowed else []
    status = 204 if allowed else 404
    await send({"type": "http.response.start", "status": status, "headers": allow})
    await send({"type": "http.response.body", "body": b""})


async def _json(
    send: Any,  # noqa: ANN401 - an ASGI callable
    refusal: tuple[int, bytes],
    allowed: tuple[str, ...] = (),
) -> None:
    status, body = refusal
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *([(b"allow", ", ".join(allowed).encode())] if allowed else []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _plain(send: Any, status: int, text: str) -> None:  # noqa: ANN401 - an ASGI callable
    body = text.encode()
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", str(len(body)).encode()),
                *([(b"allow", b"GET, HEAD, POST")] if status == 405 else []),  # noqa: PLR2004
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
