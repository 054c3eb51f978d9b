"""What a running application holds, and how handlers reach it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from litestar import Request

from crmkit.errors import ConflictError
from crmkit.model.context import Context
from crmkit.records.plugins.start import rebuild_site
from crmkit.records.store import RecordStore
from crmkit.web.health import HealthWatch
from crmkit.web.templating import draw
from crmkit.web.translate import Texts

if TYPE_CHECKING:
    from jinja2 import Environment

    from crmkit.config import Config
    from crmkit.db.engine import Database
    from crmkit.model.context import Principal
    from crmkit.plugin.site import Site
    from crmkit.web.live import Hub

_TOKEN_BYTES = 32  # of SHA-256
AnyRequest: TypeAlias = Request[Any, Any, Any]


class Exchange(Protocol):
    """What serves one Site after another.

    Attributes:
        problem: Why the last Site could not be built, "" when it could.
        live: The streams of the process, which outlive a Site.
    """

    problem: str
    live: Hub

    async def renew(self) -> None:
        """Serve the site as the database now says."""


@dataclass(slots=True)
class Services:
    """The parts of one application, which serves one Site.

    Attributes:
        owner_dsn: Address of the owner of the tables; "" where plugins cannot be switched.
        exchange: The serving process, which builds the next application; None in tests.
        health: What the health checks of plugins said last.
    """

    site: Site
    db: Database
    config: Config
    environment: Environment
    owner_dsn: str = ""
    exchange: Exchange | None = None
    health: HealthWatch = field(default_factory=HealthWatch)
    texts: Texts = field(init=False)

    def __post_init__(self) -> None:
        """Make ready what belongs to the Site."""
        self.texts = Texts(self.site)

    async def renew(self) -> None:
        """Serve the site as the database now says: plugins, settings, fields.

        In a serving process the whole application is exchanged, and this one ends with its
        requests.
        """
        if self.exchange is not None:
            await self.exchange.renew()
        else:
            self.site = await rebuild_site(self.config, self.db, self.site)
            self.texts = Texts(self.site)

    @property
    def problem(self) -> str:
        """Why the last Site could not be built, "" when it could."""
        return self.exchange.problem if self.exchange is not None else ""

    @property
    def live(self) -> Hub | None:
        """The streams of open pages; None where no process serves."""
        return self.exchange.live if self.exchange is not None else None

    @property
    def is_https(self) -> bool:
        """Whether people reach the site over TLS."""
        return self.config.server.base_url.startswith("https://")

    @property
    def cookie(self) -> str:
        """Name of the session cookie; browsers keep `__Host-` ones only from https."""
        return "__Host-crmkit" if self.is_https else "crmkit"


@dataclass(slots=True)
class Visit:
    """One request as the guard found it.

    Attributes:
        session: Secret of the session cookie, "" without a session.
        token: Id of the API token the request came with; None with a session.
        nonce: Of the content security policy, fresh for each answer.
        flash: Message left by the last answer, still signed.
        language: Of a page for somebody without an account; "" is the reader's, or the site's.
    """

    request_id: str
    nonce: str
    address: str
    session: str = ""
    principal: Principal | None = None
    flash: str = ""
    token: int | None = None
    language: str = ""

    @property
    def csrf(self) -> str:
        """The token forms send back; it dies with the session it is made of.

        It reads differently on each page, so that the size of a compressed page tells nothing
        about it (the BREACH attack).
        """
        if not self.session:
            return ""
        pad = secrets.token_bytes(_TOKEN_BYTES)
        token = bytes.fromhex(sign(self.session, "csrf"))
        return (pad + bytes(a ^ b for a, b in zip(pad, token, strict=True))).hex()


def unmask(text: str) -> str:
    """Answer the token of a masked one; any other text as it is."""
    if len(text) != _TOKEN_BYTES * 4:
        return text
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return text
    pad, masked = raw[:_TOKEN_BYTES], raw[_TOKEN_BYTES:]
    return bytes(a ^ b for a, b in zip(pad, masked, strict=True)).hex()


def sign(secret: str, text: str) -> str:
    """Answer the HMAC-SHA256 of a text, 64 hexadecimal digits."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def services_of(request: AnyRequest) -> Services:
    """Answer the parts of the application that got the request."""
    found: Services = request.app.state["services"]
    return found


def visit_of(request: AnyRequest) -> Visit:
    """Answer what the guard found out about the request."""
    found: Visit = request.scope["visit"]  # type: ignore[typeddict-item]
    return found


def base_url(request: AnyRequest) -> str:
    """Answer what a link of this site begins with.

    The name in the request is one the guard knows, so nobody chooses where a link leads.

    Raises:
        ConflictError: The site answers to any name, and its own is not configured.
    """
    server = services_of(request).config.server
    if server.base_url:
        return server.base_url
    if server.host == "0.0.0.0":  # noqa: S104 - compared, not listened on
        raise ConflictError("Links need the address of this site: set `base_url` in crmkit.toml.")
    return f"http://{request.headers['host']}"


def context_of(request: AnyRequest) -> Context:
    """Answer the context of the signed-in person; handlers with a policy always have one."""
    services, visit = services_of(request), visit_of(request)
    if visit.principal is None:
        raise RuntimeError("A handler without a signed-in person asks for a context.")
    language = visit.principal.language or services.config.language
    translate = services.texts.of(language).gettext
    return Context(
        services.db,
        services.site,
        services.config,
        visit.principal,
        translate=lambda text: translate(text) if text else "",
        store=RecordStore(),
        draw=lambda template, values: draw(services.environment, visit, template, values),
    )
