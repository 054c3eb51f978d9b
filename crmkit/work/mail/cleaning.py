"""HTML of strangers made safe to show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from crmkit.work.mail.html_text import parse_html

if TYPE_CHECKING:
    from collections.abc import Callable

#: What an image that is not shown has as its address: no browser asks anybody for it, and a style
#: sheet can choose it, `img[src="cid:blocked"]`.
BLOCKED = "cid:blocked"
#: The same for an image of the message that is not there.
MISSING = "cid:missing"
_MOST = 2_000_000
_MOST_ADDRESSES = 100
_TAGS = {
    "a", "abbr", "address", "article", "b", "bdi", "big", "blockquote", "br", "caption", "center",
    "cite", "code", "col", "colgroup", "dd", "del", "details", "dfn", "div", "dl", "dt", "em",
    "figcaption", "figure", "font", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr",
    "i", "img", "ins", "kbd", "li", "main", "mark", "ol", "p", "pre", "q", "s", "samp", "section",
    "small", "span", "strike", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot",
    "th", "thead", "time", "tr", "tt", "u", "ul", "var", "wbr",
}  # fmt: skip
#: Gone with all that is in them.
_GONE = {
    "script", "style", "head", "title", "iframe", "object", "embed", "applet", "svg", "math",
    "template", "noscript", "noembed", "noframes", "xmp", "plaintext", "textarea", "select",
    "audio", "video", "canvas", "frameset", "frame", "form", "button", "input", "meta", "link",
    "base", "portal",
}  # fmt: skip
#: What a page shows in its own colours and widths.
_PLAIN_ATTRIBUTES = {
    "*": {"title", "dir", "lang"},
    "a": {"href"},
    "img": {"src", "alt"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "ol": {"start", "type"},
}
_CELL = {"align", "valign", "width", "height", "bgcolor", "colspan", "rowspan"}
_ATTRIBUTES = {
    "*": {"style", "title", "dir", "lang"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height", "align", "border"},
    "table": {"align", "width", "border", "cellpadding", "cellspacing", "bgcolor"},
    "td": _CELL,
    "th": _CELL,
    "tr": {"align", "valign", "bgcolor"},
    "col": {"width", "span"},
    "font": {"color", "face", "size"},
    "ol": {"start", "type"},
    "p": {"align"},
    "div": {"align"},
}
#: Nothing that moves a part out of its place, hides it, lays it over the page or asks a server.
_STYLES = {
    "background-color", "border", "border-bottom", "border-collapse", "border-color",
    "border-left", "border-right", "border-style", "border-top", "border-width", "color",
    "font-family", "font-size", "font-style", "font-weight", "line-height", "list-style-type",
    "margin-bottom", "margin-left", "margin-right", "margin-top", "padding", "padding-bottom",
    "padding-left", "padding-right", "padding-top", "text-align", "text-decoration",
    "vertical-align", "white-space", "width",
}  # fmt: skip
_STYLE_ASKS = re.compile(
    r"url|image|expression|import|src|\\|@|/\*|-\d|var\(|attr\(", re.IGNORECASE
)
_LINK = re.compile(r"(?:https?://|mailto:|tel:)[^\s]", re.IGNORECASE)
_REMOTE = re.compile(r"(?:https?:)?//", re.IGNORECASE)
_INLINE = re.compile(r"data:image/(?:png|gif|jpeg|webp);base64,[A-Za-z0-9+/=\s]{1,200000}")
_OURS = re.compile(r"/[A-Za-z0-9_.~-][^\s\"'<>\\]*")


class CleanHtml(Struct, frozen=True):
    """HTML that may be shown."""

    html: str
    #: Images that were not asked for, so that the page can offer to.
    blocked_images: int
    #: Their addresses, each once, the first hundred.
    addresses: tuple[str, ...] = ()


def clean_html(
    html: str,
    *,
    remote_images: bool = False,
    image_url: Callable[[str], str | None] | None = None,
) -> str:
    """Answer the HTML of `clean_message`, for those who do not count images."""
    return clean_message(html, remote_images=remote_images, image_url=image_url).html


def clean_message(
    html: str,
    *,
    remote_images: bool = False,
    image_url: Callable[[str], str | None] | None = None,
    styles: bool = True,
) -> CleanHtml:
    """Clean the HTML of a message, by a list of what may stay.

    Scripts, forms, styles of the page, classes and ids go; links open elsewhere and tell nobody
    where from. Levels beyond 256 and letters beyond two million are left out.

    Args:
        remote_images: Let images of other servers be asked for; that tells the sender who reads
            the message, when and where.
        image_url: Content id, without brackets, to a local address that begins with `/`, or None
            for an image the message does not have.
        styles: Keep colours, fonts and widths; without them a page whose policy forbids styles
            shows it, and an image that is not shown has no address at all.
    """
    import nh3  # noqa: PLC0415 - for those who read mail

    blocked = 0
    addresses: list[str] = []

    def judge(_tag: str, attribute: str, value: str) -> str | None:
        nonlocal blocked
        if attribute == "style":
            return None if _STYLE_ASKS.search(value) else value
        if attribute == "href":
            return value if _LINK.match(value.strip()) else None
        if attribute != "src":
            return value
        source = _image(value.strip(), image_url, remote_images=remote_images)
        if source == BLOCKED:
            blocked += 1
            addresses.append(value.strip())
        return source if styles or source not in {BLOCKED, MISSING} else None

    cleaned = nh3.clean(
        _levelled(html),
        tags=_TAGS,
        clean_content_tags=_GONE,
        attributes=_ATTRIBUTES if styles else _PLAIN_ATTRIBUTES,
        attribute_filter=judge,
        url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
        link_rel="noopener nofollow noreferrer",
        set_tag_attribute_values={"a": {"target": "_blank"}, "img": {"loading": "lazy"}},
        filter_style_properties=_STYLES,
    )
    return CleanHtml(cleaned.strip(), blocked, tuple(dict.fromkeys(addresses))[:_MOST_ADDRESSES])


def _levelled(html: str) -> str:
    """Write the HTML anew with a bounded depth.

    The cleaner follows the rules of HTML 5 for what is wrongly nested, and those take a quadratic
    time: 200,000 open `div`s held it for five minutes. libxml2 stops at 256 levels.
    """
    from lxml import html as lxml_html  # noqa: PLC0415 - for those who read mail

    root: Any = parse_html(html[:_MOST])
    if root is None:
        return ""
    return str(lxml_html.tostring(root, encoding="unicode"))


def _image(
    source: str, image_url: Callable[[str], str | None] | None, *, remote_images: bool
) -> str | None:
    """Answer the address of an image; None leaves it without one."""
    if source.lower().startswith("cid:"):
        found = image_url(source[4:].strip("<> ")) if image_url else None
        return found if found and _OURS.fullmatch(found) else MISSING
    if _REMOTE.match(source):
        return source if remote_images else BLOCKED
    return source if _INLINE.fullmatch(source) else None
