"""What was done, newest first, and undoing it."""

from itertools import groupby
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.records.history import list_operations, undo_operation
from crmkit.web.format import format_long_date, format_number, format_time
from crmkit.web.policy import SIGNED_IN
from crmkit.web.render import answer, came_from, go
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.translate import _, ngettext
from crmkit.web.views import Empty, Flash, HistoryItem, HistoryPage, Link


@get("/history", policy=SIGNED_IN)
async def history_show(request: AnyRequest) -> Response[str]:
    """Show one's own operations; an administrator sees everybody's."""
    ctx = context_of(request)
    kinds = {
        "create": _("created"), "update": _("changed"), "trash": _("moved to the trash"),
        "restore": _("restored"), "bulk": _("changed in bulk"), "import": _("imported"),
        "undo": _("undid"), "demo": _("wrote sample records"), "action": _("did"),
        "command": _("ran"), "erase": _("erased personal data"), "merge": _("merged"),
    }  # fmt: skip
    rows = await list_operations(ctx)
    days = []
    for day, items in groupby(rows, lambda row: row.at.astimezone(ctx.time_zone).date()):
        lines = []
        for row in items:
            records = ngettext("%(n)s record", "%(n)s records", row.records) % {
                "n": format_number(ctx, row.records)
            }
            lines.append(
                HistoryItem(
                    icon="history",
                    who=row.who or "crmkit",
                    what=f"{kinds.get(row.kind, row.kind)}: {_(row.label)} ({records})",
                    time=format_time(ctx, row.at),
                    iso=row.at.isoformat(),
                    undo_url=f"/history/{row.id}/undo" if row.can_undo else None,
                )
            )
        days.append((format_long_date(ctx, day), tuple(lines)))
    empty = None if days else Empty(title=_("Nothing was changed yet"), icon="history")
    page = HistoryPage(
        title=_("History"),
        days=tuple(days),
        empty=empty,
        links=(Link(label=_("Background work"), url="/runs"),),
    )
    return answer(request, "history.html", title=page.title, page=page)


@post("/history/{operation:int}/undo", policy=SIGNED_IN)
async def undo_create(request: AnyRequest, operation: FromPath[int]) -> Response[Any]:
    """Undo an operation; what changed since is kept and counted."""
    result = await undo_operation(context_of(request), operation)
    text = ngettext("%(n)s record put back", "%(n)s records put back", result.undone) % {
        "n": result.undone
    }
    if result.kept:
        text += ", " + _("%(n)s kept because they changed since") % {"n": len(result.kept)}
    return go(
        request,
        came_from(request, "/history"),
        Flash(text=text, kind="warn" if result.kept else "ok"),
    )


HANDLERS = (history_show, undo_create)
