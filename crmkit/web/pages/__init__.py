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
    plugins,
    records,
    search,
    settings,
    signin,
    theme,
)

HANDLERS = (
    *health.HANDLERS,
    *theme.HANDLERS,
    *signin.HANDLERS,
    *home.HANDLERS,
    *search.HANDLERS,
    *settings.HANDLERS,
    *people.HANDLERS,
    *plugins.HANDLERS,
    *fields.HANDLERS,
    *history.HANDLERS,
    *lists.HANDLERS,
    *boards.HANDLERS,
    *exports.HANDLERS,
    *imports.HANDLERS,
    *lookup.HANDLERS,
    *records.HANDLERS,
)
