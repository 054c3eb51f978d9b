"""Calls hooks: one implementation after another, each named and on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from crmkit.plugin.hookspecs import implements

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.plugin.hookspecs import Plugin

_log = structlog.get_logger("crmkit.hooks")


class Dispatcher:
    """The plugins of one Site, asked in the order they were loaded.

    pluggy's own call loses async results and stops at the first exception (TRAPS H1, H2).
    """

    def __init__(self, plugins: Mapping[str, Plugin]) -> None:
        self._plugins = dict(plugins)
        self._plans: dict[str, list[tuple[str, Any]]] = {}

    def implementations(self, hook: str) -> list[tuple[str, Any]]:
        """Answer (plugin id, bound method) of those that implement the hook."""
        if hook not in self._plans:
            self._plans[hook] = [
                (name, getattr(plugin, hook))
                for name, plugin in self._plugins.items()
                if implements(plugin, hook)
            ]
        return self._plans[hook]

    async def run(self, hook: str, event: object) -> None:
        """Call all inside the caller's transaction; an exception rolls it back."""
        for _, implementation in self.implementations(hook):
            await implementation(event)

    async def collect(self, hook: str, event: Any) -> list[tuple[str, Any]]:  # noqa: ANN401
        """Ask all; one that fails is logged by name and left out, the others answer.

        Returns:
            (plugin id, answer) of those that answered something.
        """
        answers: list[tuple[str, Any]] = []
        for name, implementation in self.implementations(hook):
            try:
                answer = await _isolated(event, implementation)
            except Exception as error:  # noqa: BLE001 - isolation is what this is for
                _log.error("hook failed", plugin=name, hook=hook, error=repr(error))
                continue
            if answer:
                answers.append((name, answer))
        return answers


async def _isolated(event: Any, implementation: Any) -> Any:  # noqa: ANN401 - any hook
    """Call one implementation; inside a transaction in a savepoint.

    SQL that fails in it then does not poison what the caller still writes (TRAPS C10).
    """
    ctx = getattr(event, "ctx", None)
    if ctx is None or not ctx.db.in_transaction:
        return await implementation(event)
    async with ctx.db.transaction():
        return await implementation(event)
