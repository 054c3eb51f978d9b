"""The health of plugins, asked anew every few seconds however many look."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import structlog

from crmkit.records.plugins.health import ask_health

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.context import Context
    from crmkit.records.plugins.health import Health

_log = structlog.get_logger("crmkit.health")
#: `/readyz` is open to anybody: who asks often must not make plugins work often.
KEPT_SECONDS = 15.0


class HealthWatch:
    """What the checks of plugins said last."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._asked_at = -KEPT_SECONDS
        self._known: Sequence[Health] = ()

    async def ask(self, ctx: Context) -> Sequence[Health]:
        """Answer what they say, or said within the last 15 seconds; logs what fails."""
        async with self._lock:
            if time.monotonic() - self._asked_at < KEPT_SECONDS:
                return self._known
            self._known = await ask_health(ctx)
            self._asked_at = time.monotonic()
            for each in self._known:
                if each.problem:
                    _log.warning(
                        "health check fails",
                        plugin=each.plugin, check=each.name, problem=each.problem,
                    )  # fmt: skip
            return self._known
