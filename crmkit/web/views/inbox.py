"""What a person was told."""

from crmkit.web.views.pieces import Empty, Link, View


class Told(View, frozen=True, kw_only=True):
    """One thing; `url` takes a POST, which marks it as read and leads on."""

    id: str
    text: str
    time: str
    iso: str = ""
    is_read: bool = False
    url: str | None = None


class InboxPage(View, frozen=True, kw_only=True):
    """Everything a person was told; `read_url` takes a POST."""

    title: str
    told: tuple[Told, ...] = ()
    filters: tuple[Link, ...] = ()
    read_url: str | None = None
    settings_url: str | None = None
    next_url: str | None = None
    empty: Empty | None = None
