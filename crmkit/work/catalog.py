"""Which jobs a Site has: those of its plugins, and the core's own."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from crmkit.errors import NotFoundError
from crmkit.model.job import Job
from crmkit.plugin.site import CORE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from crmkit.model.job import JobEvent
    from crmkit.model.site import SiteLike


def _at(module: str, name: str) -> Callable[[JobEvent], Awaitable[None]]:
    """Answer a handler that is imported when it runs: layers above this one have some as well."""

    async def handler(event: JobEvent) -> None:
        await getattr(import_module(module), name)(event)

    return handler


#: Jobs of the core; their names begin with `core.`.
CORE_JOBS: tuple[Job, ...] = (
    Job("remove_done_jobs", _at("crmkit.work.cleaning", "remove_done_jobs"), every="17 3 * * *"),
    Job("send_webhook", _at("crmkit.work.webhook_calls", "send_webhook"), timeout=30.0),
    Job(
        "remove_old_calls",
        _at("crmkit.work.webhook_calls", "remove_old_calls"),
        every="29 3 * * *",
    ),
    Job(
        "remove_old_hook_calls",
        _at("crmkit.work.incoming_hooks", "remove_old_hook_calls"),
        every="31 3 * * *",
    ),
    Job("deliver_event", _at("crmkit.work.events", "deliver_event")),
    Job("step_deadline", _at("crmkit.work.deadline_steps", "step_deadline")),
    Job(
        "sweep_deadlines", _at("crmkit.work.deadline_sweep", "sweep_deadlines"), every="41 * * * *"
    ),
    Job("recount_deadlines", _at("crmkit.work.deadline_recount", "recount_deadlines")),
    Job("tell_of_held", _at("crmkit.records.holding", "tell_of_held")),
    Job("stand_in", _at("crmkit.work.standing_in", "stand_in")),
    Job("follow_deadlines", _at("crmkit.work.deadline_refollow", "follow_again")),
    Job(
        "render_document",
        _at("crmkit.web.document_job", "render_document"),
        as_user=True,
        timeout=120,
    ),
    # Longer than a server may take for its answer, ten minutes.
    Job("send_mail", _at("crmkit.work.delivery", "send_mail"), timeout=900),
    Job("send_receipt", _at("crmkit.web.receipt_job", "send_receipt")),
    Job("tell_by_mail", _at("crmkit.web.notice_mail", "tell_by_mail")),
    Job("read_mailboxes", _at("crmkit.work.inbox", "read_mailboxes"), every="* * * * *"),
    Job("read_mailbox", _at("crmkit.work.inbox", "read_mailbox"), timeout=600),
)


@dataclass(frozen=True)
class Catalog:
    """What can be worked with a Site.

    Attributes:
        jobs: Whole name to job.
        plugins: Ids of those that are on, and the core; only their work is done.
    """

    jobs: Mapping[str, Job]
    plugins: frozenset[str]


def catalog_of(site: SiteLike) -> Catalog:
    """Answer the jobs of a Site."""
    jobs = {f"{CORE}.{job.name}": job for job in CORE_JOBS}
    jobs |= {f"{plugin}.{job.name}": job for plugin, job in site.contributions["jobs"]}
    plugins = (name for name, info in site.plugins.items() if info.is_on)
    return Catalog(jobs, frozenset({CORE, *plugins}))


def find_job(site: SiteLike, name: str) -> Job:
    """Answer a job by its whole name.

    Raises:
        NotFoundError: No plugin that is on declares it; names one that is spelled alike.
    """
    jobs = catalog_of(site).jobs
    try:
        return jobs[name]
    except KeyError:
        near = difflib.get_close_matches(name, list(jobs), 1)
        hint = f" Did you mean `{near[0]}`?" if near else " Its plugin declares it in `jobs`."
        raise NotFoundError(f"There is no job `{name}`.{hint}") from None
