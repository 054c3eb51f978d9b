"""Deadlines of the whole site that run, as administrators see them beside the jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from crmkit.web.deadline_view import URL as WHY
from crmkit.web.deadline_view import kind_label, state_label
from crmkit.web.format import format_moment, format_number
from crmkit.web.translate import _
from crmkit.web.views import Cell, Column, Empty, Link, Row, TablePage
from crmkit.work.deadline_history import count_open, list_open, names_of, titles_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.work.deadline_rows import Deadline

_URL = "/settings/work"
_PAGE = 50
_FARTHEST = 10_000


async def deadlines_page(
    ctx: Context,
    query: Mapping[str, str],
    tabs: tuple[Link, ...],
    filters: tuple[Link, ...],
) -> TablePage:
    """Answer the page of running deadlines; `kind` or `plugin` narrows it.

    Args:
        tabs: Of the settings.
        filters: States of jobs, and deadlines.
    """
    kind, plugin = query.get("kind", ""), query.get("plugin", "")
    typed = query.get("skip", "")
    skip = min(int(typed), _FARTHEST) if typed.isascii() and typed.isdigit() else 0
    found = await list_open(ctx, plugin=plugin, kind=kind, most=_PAGE + 1, skip=skip)
    rows = found[:_PAGE]
    titles = await titles_of(ctx, rows)
    people = await names_of(ctx, (row.responsible for row in rows))
    told = _("What is late comes first. Each says why it is there and what became of it.")
    return TablePage(
        title=_("Deadlines"),
        intro=told,
        tabs=tabs,
        filters=filters,
        narrower=await _narrower(ctx, kind, plugin),
        columns=tuple(
            Column(name=name, label=label)
            for name, label in (
                ("kind", _("Deadline")), ("record", _("Record")), ("state", _("State")),
                ("due", _("Due")), ("next", _("Next step")), ("responsible", _("Responsible")),
            )
        ),
        rows=tuple(_row(ctx, row, titles, people) for row in rows),
        empty=None
        if rows
        else Empty(
            title=_("No deadline runs"),
            text=_("Activities with a due moment have one, and whatever plugins set one for."),
            icon="clock",
        ),
        prev_url=_url(kind, plugin, skip - _PAGE) if skip else None,
        next_url=_url(kind, plugin, skip + _PAGE) if len(found) > _PAGE else None,
    )  # fmt: skip


def _url(kind: str, plugin: str, skip: int = 0) -> str:
    words = {"state": "deadlines", "kind": kind, "plugin": plugin, "skip": max(skip, 0) or ""}
    return f"{_URL}?{urlencode({name: value for name, value in words.items() if value})}"


async def _narrower(ctx: Context, kind: str, plugin: str) -> tuple[Link, ...]:
    """Answer a link for all, for each plugin with several kinds, and for each kind."""
    numbers = await count_open(ctx)
    by_plugin: dict[str, int] = {}
    for (owner, _kind), number in numbers.items():
        by_plugin[owner] = by_plugin.get(owner, 0) + number
    several = [each for each in by_plugin if sum(owner == each for owner, _ in numbers) > 1]

    def link(label: str, number: int, of_kind: str = "", of_plugin: str = "") -> Link:
        return Link(
            label=label, url=_url(of_kind, of_plugin), count=format_number(ctx, number),
            current=(of_kind, of_plugin) == (kind, plugin),
        )  # fmt: skip

    if len(numbers) < 2 and not (kind or plugin):  # noqa: PLR2004 - nothing to choose
        return ()
    links = [link(_("All"), sum(numbers.values()))]
    links += [link(_plugin(ctx, each), by_plugin[each], of_plugin=each) for each in several]
    links += [link(kind_label(ctx, name), n, of_kind=name) for (_o, name), n in numbers.items()]
    return tuple(links)


def _plugin(ctx: Context, plugin: str) -> str:
    info = ctx.site.plugins.get(plugin)
    return _(info.manifest.name) if info is not None else plugin


def _row(
    ctx: Context, row: Deadline, titles: Mapping[tuple[str, int], str], people: Mapping[int, str]
) -> Row:
    plan = ctx.site.entities.get(row.entity)
    label = kind_label(ctx, row.kind)
    name = f"{_(plan.singular) if plan is not None else row.entity} {row.record}"
    title = titles.get((row.entity, row.record)) or name
    is_late = row.state == "missed"
    cells = (
        Cell(html=label),
        Cell(html=title, url=f"/{row.entity}/{row.record}" if plan is not None else None),
        Cell(html=state_label(row), tone="bad" if is_late else ""),
        Cell(html=format_moment(ctx, row.due_at) if row.state != "paused" else ""),
        Cell(html=format_moment(ctx, row.next_at) if row.next_at else ""),
        Cell(html=people.get(row.responsible or 0, _("nobody"))),
    )
    # The page of a deadline shows its record, which is there while its plugin is on.
    why = f"{WHY}/{row.id}" if (row.entity, row.record) in titles else ""
    return Row(id=str(row.id), url=why, cells=cells, label=f"{label} {title}")
