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


class Meter:
    """Times one action of one system, in rounds.

    The systems of a row take turns, so that a machine that is busy for a while is so for all.
    """

    def __init__(self, browser: Browser, action: Action, counter: StatementCounter) -> None:
        self._browser, self._action, self._counter = browser, action, counter
        self._next = 0
        self._taken: list[float] = []
        self._sizes: list[int] = []
        self._statements = 0
        self._done, self._seconds = 0, 0.0

    async def warm(self) -> None:
        """Run the action some times that do not count."""
        for _turn in range(_WARM):
            await run_action(self._browser, self._take())
        await self._browser.close()

    async def measure(self, times: int) -> None:
        """Run the action with one connection."""
        await run_action(self._browser, self._take())  # connects
        before = await self._counter.read()
        for _turn in range(times):
            requests = self._take()
            began = time.perf_counter()
            self._sizes.append(await run_action(self._browser, requests))
            self._taken.append((time.perf_counter() - began) * 1000)
        self._statements += await self._counter.read() - before
        await self._browser.close()

    async def crowd(self, seconds: float) -> None:
        """Run the action from eight connections at once."""
        began = time.perf_counter()

        async def click() -> None:
            own = type(self._browser)(self._browser.port, self._browser.cookie)
            while time.perf_counter() - began < seconds:
                await run_action(own, self._take())
                self._done += 1
            await own.close()

        await asyncio.gather(*(click() for _ in range(CONNECTIONS)))
        self._seconds += time.perf_counter() - began

    def _take(self) -> Sequence[Request]:
        self._next += 1
        return self._action(self._next)

    def figures(self) -> Figures:
        """Answer what all rounds together showed."""
        return Figures(
            p50=statistics.median(self._taken),
            p99=percentile(self._taken, 99),
            per_second=self._done / self._seconds if self._seconds else None,
            statements=self._statements / len(self._taken),
            kib=statistics.mean(self._sizes) / 1024,
            requests=len(self._action(0)),
        )


def percentile(values: Sequence[float], share: float) -> float:
    """Answer the smallest value that `share` percent of the values do not exceed."""
    ordered = sorted(values)
    place = max(0, -(-len(ordered) * share // 100) - 1)
    return ordered[int(place)]
