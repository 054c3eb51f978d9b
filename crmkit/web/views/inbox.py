"""What a person was told."""

from crmkit.web.views.form import FormPage
from crmkit.web.views.pieces import Empty, FieldInput, Link, View


class Told(View, frozen=True, kw_only=True):
    """One thing; `url` takes a POST, which marks it as read and leads on."""

    id: str
    text: str
    time: str
    iso: str = ""
    is_read: bool = False
    url: str | None = None


class ToldDay(View, frozen=True, kw_only=True):
    """What a person was told on one day, newest first."""

    label: str
    told: tuple[Told, ...]


class InboxPage(View, frozen=True, kw_only=True):
    """Everything a person was told; `read_url` takes a POST."""

    title: str
    days: tuple[ToldDay, ...] = ()
    filters: tuple[Link, ...] = ()
    read_url: str | None = None
    settings_url: str | None = None
    next_url: str | None = None
    empty: Empty | None = None


class NoticeRow(View, frozen=True, kw_only=True):
    """One kind of notice: a box for each column."""

    label: str
    boxes: tuple[FieldInput, ...]


class NoticesPage(View, frozen=True, kw_only=True):
    """What a person is told of and how; the groups of the form stand below the table."""

    form: FormPage
    tabs: tuple[Link, ...]
    columns: tuple[str, ...]
    rows: tuple[NoticeRow, ...]
    note: str
    warning: str | None = None
