"""Whatever comes after what: called off is what was confirmed, and never more than was agreed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from crmkit_orders import ordering
from orders_calls_machine import Calls
from orders_machine_run import run_machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmkit.testing.sites import Running


def test_calls_do_what_the_plain_model_says(site: Running) -> None:
    run_machine(Calls, site, examples=5, steps=20)


@pytest.mark.long
def test_calls_do_what_the_plain_model_says_for_long(site: Running) -> None:
    run_machine(Calls, site, examples=100, steps=40)


async def _nothing(*_args: Any) -> None:  # noqa: ANN401 - as the function
    pass


@pytest.mark.long
@pytest.mark.parametrize("guard", ["check_calls", "recount_lines"])
def test_the_machine_finds_a_guard_that_is_gone(
    site: Running, guard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without: Callable[..., Any] = _nothing
    monkeypatch.setattr(ordering, guard, without)
    with pytest.raises(AssertionError):
        run_machine(Calls, site, examples=20, steps=20, shrinks=False)
