"""Calls that come in."""

from crmkit.web.views.pieces import Link, View


class CallCard(View, frozen=True, kw_only=True):
    """A call; each button is sent as `go` to `answer_url`."""

    id: str
    number: str
    time: str
    answer_url: str
    url: str | None = None  # tel: link that calls back
    callers: tuple[Link, ...] = ()
    buttons: tuple[Link, ...] = ()


class CallsPage(View, frozen=True, kw_only=True):
    """Calls to the reader; the block `calls` is what every page shows."""

    title: str
    calls: tuple[CallCard, ...] = ()
