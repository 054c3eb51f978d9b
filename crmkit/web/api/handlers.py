"""All handlers of the API."""

from crmkit.web.api import actions, approvals, deadlines, index, merging, metrics, records

HANDLERS = (
    *index.HANDLERS,
    *metrics.HANDLERS,
    *records.HANDLERS,
    *actions.HANDLERS,
    *merging.HANDLERS,
    *approvals.HANDLERS,
    *deadlines.HANDLERS,
)
