"""A message as it was formatted."""

from crmkit.web.views.pieces import Html, Link, View


class MessagePage(View, frozen=True, kw_only=True):
    """A message; `html` and `folded` are clean, `images` are those that were not loaded."""

    title: str
    who: str
    to: str
    time: str
    iso: str
    html: Html
    folded: Html = ""
    images: tuple[Link, ...] = ()
