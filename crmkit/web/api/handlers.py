"""All handlers of the API."""

from crmkit.web.api import (
    actions,
    approvals,
    calls,
    deadlines,
    index,
    mail,
    merging,
    metrics,
    records,
)

HANDLERS = (
    *index.HANDLERS,
    *metrics.HANDLERS,
    *calls.HANDLERS,
    *records.HANDLERS,
    *actions.HANDLERS,
    *merging.HANDLERS,
    *approvals.HANDLERS,
    *deadlines.HANDLERS,
    *mail.HANDLERS,
)
