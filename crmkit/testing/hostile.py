"""Hooks that raise, sleep or answer rubbish: what must not take anything else down."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

from crmkit.plugin import dispatch
from crmkit.plugin.hookspecs import HOOKS, SYNC, Kind, Plugin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RUBBISH = (42, "text", {"sections": 7}, [None], {"name": object()})
#: raises, sleeps, or the number of a piece of rubbish.
MODES = ("raises", "sleeps", *map(str, range(len(RUBBISH))))
_SECONDS = 0.05


def is_sync(hook: str) -> bool:
    """Say whether a hook is called without waiting: one that sleeps cannot be made of it."""
    return hook in SYNC or HOOKS[hook] is Kind.REGISTRATION


def hostile_method(hook: str, mode: str) -> Callable[..., Any]:
    """Answer an implementation of a hook that misbehaves."""

    def broken(_self: Plugin, _event: object = None) -> Any:  # noqa: ANN401
        if mode == "raises":
            raise ZeroDivisionError(mode)
        return RUBBISH[int(mode)] if mode.isdecimal() else None

    async def waiting(self: Plugin, event: object) -> Any:  # noqa: ANN401
        if mode == "sleeps":
            await asyncio.sleep(60)
        return broken(self, event)

    method: Any = broken if is_sync(hook) else waiting
    # The shape of a hook is checked when the class is made.
    method.__signature__ = inspect.signature(getattr(Plugin, hook))
    return method  # type: ignore[no-any-return]


def hostile_plugin(hook: str, mode: str) -> Plugin:
    """Answer a plugin that does nothing but misbehave in one hook."""
    made: Plugin = type("Hostile", (Plugin,), {hook: hostile_method(hook, mode)})()
    return made


@contextmanager
def misbehaving(plugin: type[Plugin], hook: str, mode: str) -> Iterator[None]:
    """Let a plugin's own implementation of a hook misbehave for a while."""
    with ExitStack() as stack:
        stack.enter_context(impatient())
        stack.enter_context(mock.patch.object(plugin, hook, hostile_method(hook, mode)))
        yield


@contextmanager
def impatient() -> Iterator[None]:
    """Let the time limits of hooks end soon."""
    with (
        mock.patch.object(dispatch, "ISOLATED_SECONDS", _SECONDS),
        mock.patch.object(dispatch, "TRANSACTION_SECONDS", _SECONDS),
    ):
        yield
