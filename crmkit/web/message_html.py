"""A message as it was formatted: the one place that shows HTML of strangers, cleaned."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from crmkit.web.format import format_moment
from crmkit.web.translate import _
from crmkit.web.views import Link, MessagePage
from crmkit.work.mail.cleaning import clean_message
from crmkit.work.mail.html_quotes import part_html

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmkit.model.context import Context

_LONGEST_LABEL = 120


async def message_page(ctx: Context, message: dict[str, Any]) -> MessagePage:
    """Answer a message as it was formatted: cleaned anew, its quotes folded.

    Colours and widths are the page's own, whose policy forbids styles and images of others.
    """
    rows = await ctx.db.rows(
        "SELECT id, content_id FROM core_message_file WHERE message = $1 AND content_id <> ''",
        message["id"],
    )
    files = {row["content_id"].strip("<>"): f"/mail/files/{row['id']}" for row in rows}
    (new, first), (quoted, more) = await asyncio.to_thread(
        _parts, message["source_html"], files.get
    )
    links = [f"https:{each}" if each.startswith("//") else each
             for each in dict.fromkeys((*first, *more))]  # fmt: skip
    return MessagePage(
        title=message["subject"] or _("Without a subject"),
        who=message["sender"] or _("Unknown sender"),
        to=message["recipients"],
        time=format_moment(ctx, message["at"]),
        iso=message["at"].isoformat(),
        html=new or message["body"],
        folded=quoted,
        images=tuple(Link(label=each[:_LONGEST_LABEL], url=each) for each in links),
    )


def _parts(
    html: str, image_url: Callable[[str], str | None]
) -> tuple[tuple[Markup, tuple[str, ...]], tuple[Markup, tuple[str, ...]]]:
    """Answer what is new and what is quoted; takes long for a large message, so in a thread."""
    new, quoted = part_html(html)
    return _clean(new, image_url), _clean(quoted, image_url)


def _clean(html: str, image_url: Callable[[str], str | None]) -> tuple[Markup, tuple[str, ...]]:
    """Answer HTML that may be shown, and the addresses of images that were left out."""
    clean = clean_message(html, image_url=image_url, styles=False)
    return Markup(clean.html), clean.addresses  # noqa: S704 - cleaned on the line above
