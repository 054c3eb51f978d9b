"""Settings, tables of them, and the history."""

from crmkit.web.views.form import FormPage
from crmkit.web.views.list import Column, Row
from crmkit.web.views.pieces import Action, Empty, Html, Link, View


class TablePage(View, frozen=True, kw_only=True):
    """A plain table of the settings: users, teams, roles, jobs, plugins."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    intro: str | None = None
    actions: tuple[Action, ...] = ()
    tabs: tuple[Link, ...] = ()
    filters: tuple[Link, ...] = ()  # which of the rows are shown
    narrower: tuple[Link, ...] = ()  # and of those which
    empty: Empty | None = None
    #: Row id to its menu; what is primary stands beside it as a button.
    row_actions: tuple[tuple[str, tuple[Action, ...]], ...] = ()
    prev_url: str | None = None
    next_url: str | None = None
    count: str | None = None
    search_url: str | None = None  # of a page that can be searched by `q`
    search: str = ""
    search_label: str = ""


class SettingsPage(View, frozen=True, kw_only=True):
    """Forms of the settings, one under the other; each has its own Save."""

    title: str
    forms: tuple[FormPage, ...] = ()
    intro: str | None = None
    tabs: tuple[Link, ...] = ()
    links: tuple[Link, ...] = ()
    danger: tuple[Action, ...] = ()


class Change(View, frozen=True, kw_only=True):
    """A changed field: before and after."""

    label: str
    before: Html
    after: Html


class HistoryItem(View, frozen=True, kw_only=True):
    """One change of one or more records."""

    icon: str
    who: str
    what: Html
    time: str
    iso: str = ""
    changes: tuple[Change, ...] = ()
    undo_url: str | None = None
    undo_label: str | None = None
    source: str | None = None


class HistoryPage(View, frozen=True, kw_only=True):
    """All changes, newest first; of one record if `url` leads back to it."""

    title: str
    days: tuple[tuple[str, tuple[HistoryItem, ...]], ...] = ()
    url: str | None = None
    next_url: str | None = None
    empty: Empty | None = None
    tabs: tuple[Link, ...] = ()
    links: tuple[Link, ...] = ()  # beside the heading
