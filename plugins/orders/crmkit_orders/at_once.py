"""Documents added up once after many of their lines were written, not after each of them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from crmkit import Context

    AddUp = Callable[[Context, int], Awaitable[object]]

#: What waits to be added up: how, and the document.
_waiting: ContextVar[dict[tuple[AddUp, int], None] | None] = ContextVar(
    "orders_waiting", default=None
)


@asynccontextmanager
async def added_up_once(ctx: Context) -> AsyncIterator[None]:
    """Let documents wait for their sums until all lines are written; an error leaves them."""
    waiting: dict[tuple[AddUp, int], None] = {}
    token = _waiting.set(waiting)
    try:
        yield
    finally:
        _waiting.reset(token)
    for add_up, document in waiting:
        await add_up(ctx, document)


async def add_up_later(ctx: Context, add_up: AddUp, document: int) -> None:
    """Add a document up, now or when all its lines are written."""
    waiting = _waiting.get()
    if waiting is None:
        await add_up(ctx, document)
    else:
        waiting[add_up, document] = None
