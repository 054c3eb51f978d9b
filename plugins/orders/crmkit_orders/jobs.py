"""What happens by itself, on time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit import Job
from crmkit_orders.following import follow_goods, recount_promises
from crmkit_orders.quoting import expire_quotes
from crmkit_orders.repeating import repeat_orders
from crmkit_orders.watching import watch_agreements

if TYPE_CHECKING:
    from crmkit import JobEvent


async def expire(event: JobEvent) -> None:
    """Expire quotes whose last day has passed."""
    await expire_quotes(event.ctx)


JOBS = (
    Job("recount_promises", recount_promises, timeout=300),
    Job("follow_goods", follow_goods, timeout=300),
    Job("expire_quotes", expire, every="5 * * * *"),
    Job("watch_agreements", watch_agreements, every="10 * * * *"),
    Job("repeat", repeat_orders, every="*/15 * * * *"),
)
