"""Documents of a record on its page: a panel, and lines of the timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from babel.numbers import format_decimal
from markupsafe import Markup, escape

from crmkit.records.merged import list_merged
from crmkit.web.format import format_moment
from crmkit.web.translate import _
from crmkit.web.views import Panel, PanelLine, TimelineItem
from crmkit.work.documents import list_documents

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from crmkit.work.documents import Document

_SHOWN = 5
_KILO = 1000


async def documents_of(ctx: Context, plan: EntityPlan, record_id: int) -> list[Document]:
    """Answer the documents of a record that the reader may read, and of those merged into it."""
    merged = [gone for gone, _operation in await list_merged(ctx, plan, record_id)]
    return await list_documents(ctx, plan.name, [record_id, *merged])


def documents_panel(
    ctx: Context, plan: EntityPlan, record_id: int, documents: Sequence[Document]
) -> Panel:
    """Answer the card of a record's documents; while one is made it asks again each second."""
    waits = any(each.state == "ordered" for each in documents[:_SHOWN])
    return Panel(
        id="documents",
        title=_("Documents"),
        count=str(len(documents)) if documents else None,
        lines=tuple(_line(ctx, each) for each in documents[:_SHOWN]),
        poll_url=f"/{plan.name}/{record_id}/documents" if waits else None,
    )


def _line(ctx: Context, document: Document) -> PanelLine:
    label = _(document.label)
    if document.state != "made":
        told = document.error if document.state == "failed" else _("is being made")
        return PanelLine(html=f"{label}: {told}", icon="file-text")
    size = format_decimal(-(-document.size // _KILO), locale=ctx.language)
    url = f"/documents/{document.id}"
    return PanelLine(
        html=label,
        url=url,
        sub=format_moment(ctx, document.made_at or document.ordered_at),
        value=_("%(n)s kB") % {"n": size},
        icon="file-text",
        download=f"{url}?download=1",
    )


def document_entries(
    ctx: Context, documents: Sequence[Document]
) -> list[tuple[datetime, TimelineItem]]:
    """Answer what was made as (moment, line) of the timeline."""
    made = []
    for each in documents:
        if each.made_at is None:
            continue
        link = Markup('<a href="{}">{}</a>').format(f"/documents/{each.id}", _(each.label))
        item = TimelineItem(
            icon="file-text",
            who=each.made_by or "crmkit",
            what=escape(_("made %(what)s")) % {"what": link},
            time=format_moment(ctx, each.made_at),
            iso=each.made_at.isoformat(),
            id=f"d{each.id}",
        )
        made.append((each.made_at, item))
    return made
