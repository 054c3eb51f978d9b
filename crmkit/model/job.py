"""Work besides requests, as a plugin declares it and as its handler gets it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crmkit.model.crontab import Crontab

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from crmkit.model.context import Context

_NAME = re.compile(r"^[a-z][a-z0-9_]{0,40}$")


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A job that runs.

    Attributes:
        ctx: The system's, with every right; with `Job.as_user` that of who queued it. Its
            transaction is open: what is written through it stands when the job is done, once.
        id: Number of the job; the same at each attempt, so it is the key for services outside.
        name: Such as "loyalty.expire".
        args: As they were queued.
        attempt: 1 for the first.
        progress: `event.progress(done, total)` notes how far it is; shown at once, written at most
            four times a second, and costs nothing.
    """

    ctx: Context
    id: int
    name: str
    args: Mapping[str, Any]
    attempt: int
    progress: Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOrder:
    """One job to be queued.

    Attributes:
        args: What its handler gets; as JSON can say it.
        at: Aware moment before which it is not run; None is at once.
        key: Of one key one job waits; queued again meanwhile, it stays one. "" is no key.
        lane: Jobs of a lane run one at a time, in the order they were queued in; one that is tried
            again holds up those behind it, one that is dead does not. A lane belongs to the plugin.
        priority: The highest is run first.
        max_attempts: None is what the job says.
    """

    args: Mapping[str, Any] = field(default_factory=dict)
    at: datetime | None = None
    key: str = ""
    lane: str = ""
    priority: int = 0
    max_attempts: int | None = None


@dataclass(frozen=True)
class Job:
    """Work besides requests, queued by `ctx.enqueue("<plugin>.<name>", ...)` or by the clock.

    Attributes:
        name: Without the plugin's id, such as "expire".
        handler: `async (event: JobEvent)`. It runs in a transaction that also marks the job done;
            what it does outside the database may happen again, with the same `event.id`.
        every: Crontab expression for periodic work, in the time zone of the site: "30 2 * * *". It
            runs once for each moment, whatever number of workers there are, and once for all
            moments that were missed while none was there. `event.args["moment"]` says which.
        max_attempts: After so many it is dead and waits for an administrator.
        timeout: Seconds an attempt may take.
        as_user: Run it with the rights of who queued it, as they are when it runs.

    Raises:
        ValueError: The name, the expression or a number cannot be.
    """

    name: str
    handler: Callable[[JobEvent], Awaitable[None]]
    every: str = ""
    max_attempts: int = 8
    timeout: float = 300.0
    as_user: bool = False

    def __post_init__(self) -> None:
        """Refuse what could not run later."""
        if not _NAME.match(self.name):
            raise ValueError(
                f"The job `{self.name}` needs a name of lower-case letters, digits and _, "
                "without the plugin's id."
            )
        if self.every:
            Crontab.parse(self.every)
        if self.max_attempts < 1 or self.timeout <= 0:
            raise ValueError(f"The job `{self.name}` needs an attempt and some seconds at least.")
