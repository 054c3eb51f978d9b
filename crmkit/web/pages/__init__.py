"""One module for each kind of page; each lists its handlers."""

from crmkit.web.pages import (
    boards,
    health,
    history,
    home,
    lists,
    lookup,
    records,
    search,
    settings,
    signin,
)

HANDLERS = (
    *health.HANDLERS,
    *signin.HANDLERS,
    *home.HANDLERS,
    *search.HANDLERS,
    *settings.HANDLERS,
    *history.HANDLERS,
    *lists.HANDLERS,
    *boards.HANDLERS,
    *lookup.HANDLERS,
    *records.HANDLERS,
)
