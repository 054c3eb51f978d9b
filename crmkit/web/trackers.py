"""Hands errors nobody foresaw to the `on_error` hooks of plugins."""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING

from crmkit.errors import HookFailedError
from crmkit.plugin.events import ErrorEvent

if TYPE_CHECKING:
    from crmkit.plugin.site import Site

#: Errors handed over at the same time; more are in the log alone, so that a storm stays one.
MOST_AT_ONCE = 20
#: The loop keeps weak references only.
_under_way: set[asyncio.Task[object]] = set()


def report_error(site: Site, where: str, error: BaseException, request_id: str = "") -> None:
    """Hand an error over, in a task of its own: nobody's answer waits for an error tracker.

    Args:
        where: Such as "GET /crm.person".
    """
    if not site.hooks.implementations("on_error") or len(_under_way) >= MOST_AT_ONCE:
        return
    cause = error.__cause__ if isinstance(error, HookFailedError) else None
    event = ErrorEvent(where, cause or error, request_id)
    # A fresh context: the failing request's transaction is over by then (TRAPS C9).
    task = asyncio.get_running_loop().create_task(
        site.hooks.collect("on_error", event),
        context=contextvars.Context(),
    )
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)
