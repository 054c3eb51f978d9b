"""What a plugin declares and the core calls: counted by name, called with what is meant now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.plugin.dispatch import MOST_FAILURES, Dispatcher, Implementation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def _answering(value: str) -> Callable[[object], Awaitable[str]]:
    async def answer(_event: object) -> str:
        if value == "broken":
            raise ZeroDivisionError
        return value

    return answer


async def test_each_call_is_the_one_that_was_handed_over() -> None:
    """A panel of one record must not show up on the page of the next."""
    hooks = Dispatcher({})
    assert (True, "Ada") == await hooks.attempt("loyalty", "panel", None, _answering("Ada"))
    assert (True, "Bob") == await hooks.attempt("loyalty", "panel", None, _answering("Bob"))


async def test_silencing_is_told_once_and_stays() -> None:
    hooks = Dispatcher({})
    told: list[Implementation] = []
    hooks.on_silenced = told.append
    for _ in range(MOST_FAILURES + 5):
        assert (False, None) == await hooks.attempt("trial", "panel", None, _answering("broken"))
    assert [("trial", "panel", MOST_FAILURES)] == [(e.plugin, e.hook, e.failed) for e in told]
    assert (False, None) == await hooks.attempt("trial", "panel", None, _answering("fine"))
    assert (True, "fine") == await hooks.attempt("trial", "other", None, _answering("fine"))
