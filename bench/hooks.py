"""Prints what one implementation of a hook costs to call, in microseconds: `python bench/hooks.py`.

The implementations do nothing, as most do for most events; the target is below 5.
"""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from crmkit.plugin.dispatch import Dispatcher
from crmkit.plugin.hookspecs import Plugin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.plugin.events import AccessEvent, PageEvent, QueryEvent, SaveEvent
    from crmkit.plugin.sql import Sql

PLUGINS, CALLS, ROUNDS = 20, 400, 5


class _Idle(Plugin):
    """Is asked everything and wants nothing."""

    async def after_save(self, event: SaveEvent) -> None:
        """Do nothing."""

    async def validate(self, event: SaveEvent) -> dict[str, str] | None:
        """See no problem."""

    async def timeline(self, event: PageEvent) -> Any:  # noqa: ANN401
        """Know of nothing."""

    async def check_access(self, event: AccessEvent) -> bool | None:
        """Abstain."""

    def filter_query(self, event: QueryEvent) -> Sql | None:
        """Hide nothing."""


async def measure(call: Callable[[], Awaitable[object]]) -> float:
    """Answer the microseconds of one implementation, the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for _ in range(CALLS):
            await call()
        best = min(best, time.perf_counter() - begin)
    return best / CALLS / PLUGINS * 1e6


async def main() -> None:
    """Measure each way hooks are called."""
    hooks = Dispatcher({f"idle{number}": _Idle() for number in range(PLUGINS)})
    event = SimpleNamespace(ctx=None, first=1)

    async def conditions() -> object:
        return hooks.conditions(event)

    ways: dict[str, Callable[[], Awaitable[object]]] = {
        "run": lambda: hooks.run("after_save", event),
        "answers": lambda: hooks.answers("validate", event),
        "collect": lambda: hooks.collect("timeline", event),
        "denied": lambda: hooks.denied(event),
        "conditions": conditions,
    }
    for name, call in ways.items():
        print(f"{name:12}{await measure(call):6.2f}")


if __name__ == "__main__":
    asyncio.run(main())
