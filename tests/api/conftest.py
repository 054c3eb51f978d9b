"""A client of the API with the token of a new person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from crmkit.access.tokens import make_token
from crmkit.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from crmkit.config import Config
    from crmkit.db.engine import Database
    from crmkit.plugin.site import Site

    Api = Callable[..., Awaitable[httpx.AsyncClient]]
    Make = Callable[..., Awaitable[int]]
    Browse = Callable[[str], Awaitable[httpx.AsyncClient]]


@pytest.fixture
def api(site: Site, db: Database, config: Config) -> Api:
    """Answer a client with a token: `await api("seller", read_only=True)`; "" has none."""
    app = create_app(site, db, config)

    async def start(
        role: str = "administrator",
        *,
        read_only: bool = False,
        patterns: Sequence[str] = (),
    ) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        if role:
            user = await db.value(
                "INSERT INTO core_user (name, role) VALUES ('Anna Snelling', $1) RETURNING id", role
            )
            token = await make_token(db, user, "test", read_only=read_only, patterns=patterns)
            client.headers["Authorization"] = f"Bearer {token.secret}"
        return client

    return start
