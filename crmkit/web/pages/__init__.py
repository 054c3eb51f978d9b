"""One module for each kind of page; each lists its handlers."""

from crmkit.web.pages import (
    boards,
    exports,
    fields,
    health,
    history,
    home,
    imports,
    lists,
    lookup,
    people,
    records,
    search,
    settings,
    signin,
    tokens,
)

HANDLERS = (
    *health.HANDLERS,
    *signin.HANDLERS,
    *home.HANDLERS,
    *search.HANDLERS,
    *settings.HANDLERS,
    *tokens.HANDLERS,
    *people.HANDLERS,
    *fields.HANDLERS,
    *history.HANDLERS,
    *lists.HANDLERS,
    *boards.HANDLERS,
    *exports.HANDLERS,
    *imports.HANDLERS,
    *lookup.HANDLERS,
    *records.HANDLERS,
)
