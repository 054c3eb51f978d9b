"""Runs a state machine of orders against a database: loop and connection are its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from crmkit.db.engine import Database

if TYPE_CHECKING:
    from crmkit.testing.sites import Running


def run_machine(
    base: Any,  # noqa: ANN401 - a machine with `running`, `loop` and `db`
    site: Running,
    examples: int,
    steps: int,
    *,
    number: int | None = None,
    shrinks: bool = True,
) -> None:
    """Do so many times so many steps.

    Args:
        number: Seed; None does the same each time.
    """
    loop = asyncio.new_event_loop()
    # Of this run, as a seed stays with the class that it is given to.
    machine: Any = type(base.__name__, (base,), {})
    machine.running, machine.loop = site, loop
    machine.db = Database(site.dsn, pool_min=1, pool_max=1)
    loop.run_until_complete(machine.db.open())
    try:
        run_state_machine_as_test(
            machine if number is None else seed(number)(machine),
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                derandomize=number is None,
                phases=list(Phase) if shrinks else [Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        loop.run_until_complete(machine.db.close())
        loop.close()
