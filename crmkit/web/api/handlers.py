"""All handlers of the API."""

from crmkit.web.api import actions, index, records

HANDLERS = (*index.HANDLERS, *records.HANDLERS, *actions.HANDLERS)
