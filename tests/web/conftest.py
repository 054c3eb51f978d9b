"""A browser for each role, without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from crmkit.access.sessions import open_session
from crmkit.web.app import create_app
from crmkit.web.services import sign

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.config import Config
    from crmkit.db.engine import Database
    from crmkit.plugin.site import Site

    Browse = Callable[[str], Awaitable[httpx.AsyncClient]]


@pytest.fixture
def browse(site: Site, db: Database, config: Config) -> Browse:
    """Answer a signed-in client of a new user with a role; "" is nobody."""
    app = create_app(site, db, config)

    async def start(role: str = "") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        if role:
            user = await db.value(
                "INSERT INTO core_user (name, role) VALUES ('Anna Snelling', $1) RETURNING id",
                role,
            )
            session = await open_session(db, user, "127.0.0.1", "test")
            client.cookies.set("crmkit", session.token)
            client.headers["X-CSRF-Token"] = sign(session.token, "csrf")
        return client

    return start
