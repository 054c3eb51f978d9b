"""The browser of the web tests is the one of all tests; here is its type."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    Browse = Callable[[str], Awaitable[httpx.AsyncClient]]
