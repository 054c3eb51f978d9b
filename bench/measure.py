"""Times actions: one person clicking, then eight at once."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.client import Browser, Request
    from bench.statements import StatementCounter

    #: The requests of one action; a different one for each number.
    Action = Callable[[int], Sequence[Request]]

CONNECTIONS = 8
_WARM = 5


@dataclass(frozen=True, slots=True)
class Figures:
    """What one system did in one row. Times in ms, sizes in KiB; None was not measured."""

    p50: float | None = None
    p99: float | None = None
    per_second: float | None = None
    statements: float | None = None
    kib: float | None = None
    requests: int | None = None


async def run_action(browser: Browser, requests: Sequence[Request]) -> int:
    """Send the requests of one action, one after another; answer the bytes received."""
    size = 0
    for request in requests:
        size += (await browser.send(request)).size
    return size


async def measure_action(
    browser: Browser, action: Action, *, times: int, counter: StatementCounter, seconds: float
) -> Figures:
    """Time an action alone, count its statements, then run it from eight connections.

    Args:
        times: Measured runs with one connection; some more warm up before.
        seconds: How long eight connections go on; 0 leaves that out.
    """
    for number in range(_WARM):
        await run_action(browser, action(number))
    taken, sizes = [], []
    before = await counter.read()
    for number in range(_WARM, _WARM + times):
        requests = action(number)
        began = time.perf_counter()
        sizes.append(await run_action(browser, requests))
        taken.append((time.perf_counter() - began) * 1000)
    statements = (await counter.read() - before) / times
    await browser.close()
    rate = await _rate(browser, action, _WARM + times, seconds) if seconds else None
    return Figures(
        p50=statistics.median(taken),
        p99=percentile(taken, 99),
        per_second=rate,
        statements=statements,
        kib=statistics.mean(sizes) / 1024,
        requests=len(action(0)),
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Answer the smallest value that `share` percent of the values do not exceed."""
    ordered = sorted(values)
    place = max(0, -(-len(ordered) * share // 100) - 1)
    return ordered[int(place)]


async def _rate(browser: Browser, action: Action, first: int, seconds: float) -> float:
    """Answer the actions a second of eight connections."""
    done = 0
    numbers = iter(range(first, first + 1_000_000))
    began = time.perf_counter()

    async def click() -> None:
        nonlocal done
        own = type(browser)(browser.port, browser.cookie)
        while time.perf_counter() - began < seconds:
            await run_action(own, action(next(numbers)))
            done += 1
        await own.close()

    await asyncio.gather(*(click() for _ in range(CONNECTIONS)))
    return done / (time.perf_counter() - began)
