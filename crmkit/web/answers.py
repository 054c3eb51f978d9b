"""What plugins answer, checked before a page uses it; the wrong kind counts as a failure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from crmkit.web.translate import _
from crmkit.web.views import (
    Action,
    AgendaSection,
    Chart,
    FunnelStep,
    LooseEnd,
    Panel,
    SearchResult,
    Suggestion,
    TimelineItem,
)

if TYPE_CHECKING:
    from crmkit.model.context import Context


def plugin_name(ctx: Context, plugin: str) -> str:
    """Answer how people know a plugin."""
    info = ctx.site.plugins.get(plugin)
    return _(info.manifest.name) if info is not None else plugin


def check_panels(answer: Any) -> list[Panel]:  # noqa: ANN401 - a stranger's answer
    """Answer panels of a record's page."""
    return [_is(each, Panel) for each in answer]


def check_entries(answer: Any) -> list[tuple[datetime, TimelineItem]]:  # noqa: ANN401
    """Answer lines of a timeline with their moments, which must be aware."""
    found = []
    for moment, item in answer:
        if _is(moment, datetime).tzinfo is None:
            raise TypeError("a moment of the timeline has no zone")
        found.append((moment, _is(item, TimelineItem)))
    return found


def check_buttons(answer: Any) -> list[Action]:  # noqa: ANN401
    """Answer buttons of a record's page, which lead to addresses of this site."""
    return [_local(_is(each, Action)) for each in answer]


def check_hits(answer: Any) -> list[SearchResult]:  # noqa: ANN401
    """Answer hits of a search, which lead to addresses of this site."""
    return [_local(_is(each, SearchResult)) for each in answer]


def _local(link: Any) -> Any:  # noqa: ANN401
    if not link.url.startswith("/") or link.url.startswith("//"):
        raise ValueError(f"{link.url!r} is no address of this site; begin with a single /")
    return link


#: Part of the home page to the type of its elements, or of itself.
_LISTS: dict[str, type] = {
    "sections": AgendaSection,
    "loose_ends": LooseEnd,
    "funnel": FunnelStep,
    "figures": tuple,
    "leaders": tuple,
}
_PARTS: dict[str, type] = {"suggestion": Suggestion, "chart": Chart, "loose_count": str}
_TEXTS = frozenset({"summary", "loose_url", "pipeline_title", "pipeline_url", "leaders_title"})


def check_home(answer: Any) -> dict[str, Any]:  # noqa: ANN401
    """Answer parts of the home page, each of the type its field has."""
    return {name: _part(name, value) for name, value in dict(answer).items()}


def _part(name: str, value: Any) -> Any:  # noqa: ANN401
    if name in _LISTS:
        return tuple(_is(each, _LISTS[name]) for each in value)
    if name not in _TEXTS and name not in _PARTS:
        raise TypeError(f"`{name}` is no part of the home page")
    return None if value is None else _is(value, _PARTS.get(name, str))


def _is(value: Any, kind: type[Any]) -> Any:  # noqa: ANN401
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value
