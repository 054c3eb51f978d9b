"""Runs one job: its handler and the mark that it is done are one transaction."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from crmkit.access.principals import find_principal
from crmkit.errors import CrmkitError, ForbiddenError, UnavailableError
from crmkit.model.job import JobEvent
from crmkit.plugin.events import ErrorEvent
from crmkit.work.claims import leave, mark_done
from crmkit.work.failures import LeaseLostError, is_final, text_of, wait_before

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from crmkit.db.engine import Database
    from crmkit.model.context import Context
    from crmkit.model.job import Job
    from crmkit.work.claims import Claimed

_log = structlog.get_logger("crmkit.work")


@dataclass(slots=True)
class Execution:
    """One attempt at a job.

    Attributes:
        control: Where its state is written outside of the handler's transaction.
        ctx: The system's, on the pool of handlers.
        seen: What handlers reported and was not written yet: id to (done, total).
    """

    control: Database
    ctx: Context
    job: Claimed
    declared: Job
    worker: str
    seen: dict[int, tuple[int, int]] = field(default_factory=dict)

    async def run(self, turn: AbstractAsyncContextManager[None] | None = None) -> None:
        """Run it, and write what became of it. A worker that stops gives it back by cancelling.

        Args:
            turn: Waited for first; who is cancelled meanwhile is given back as well.
        """
        try:
            async with turn or contextlib.nullcontext():
                await self._attempt()
        except asyncio.CancelledError:
            # Given back at once; if that fails the lease does it.
            with contextlib.suppress(CrmkitError):
                await leave(
                    self.control, self.job, self.worker, "ready", wait=timedelta(), counted=False
                )
            raise
        except LeaseLostError:
            _log.warning("a job was taken away", job=self.job.name, id=self.job.id)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises ends its attempt
            await self._failed(error)
        finally:
            self.seen.pop(self.job.id, None)

    async def _attempt(self) -> None:
        job, seconds = self.job, self.declared.timeout
        limit = asyncio.timeout(seconds)
        try:
            async with self.ctx.db.transaction():
                async with limit:
                    event = JobEvent(
                        await self._context(), job.id, job.name, job.args, job.attempts,
                        self._progress,
                    )  # fmt: skip
                    await self.declared.handler(event)
                if not await mark_done(self.ctx.db, job, self.worker):
                    raise LeaseLostError(f"The job {job.id} is another worker's.")
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise UnavailableError(f"It took longer than {seconds:g} seconds.") from error

    async def _context(self) -> Context:
        if not self.declared.as_user or self.job.created_by is None:
            return self.ctx
        person = await find_principal(self.ctx.db, self.job.created_by, self.ctx.site.roles)
        if person is None:
            raise ForbiddenError("Who queued it may not sign in any more.")
        return replace(self.ctx, principal=person)

    def _progress(self, done: int, total: int) -> None:
        self.seen[self.job.id] = (done, total)

    async def _failed(self, error: Exception) -> None:
        job = self.job
        is_dead = is_final(error) or job.attempts >= job.max_attempts
        _log.warning(
            "a job is dead" if is_dead else "a job failed",
            job=job.name, id=job.id, attempt=job.attempts, reason=text_of(error),
            exc_info=None if isinstance(error, CrmkitError) else error,
        )  # fmt: skip
        try:
            await leave(
                self.control, job, self.worker, "dead" if is_dead else "later",
                wait=wait_before(job.attempts), error=text_of(error),
            )  # fmt: skip
        except CrmkitError as lost:
            # Without a database nothing can be written; the lease brings the job back.
            _log.warning("a failure was not written", id=job.id, reason=lost.message)
        if not isinstance(error, CrmkitError):
            # Nobody foresaw it: error trackers are told, as of pages.
            event = ErrorEvent(f"job {job.name}", error)
            await self.ctx.site.hooks.collect("on_error", event)
