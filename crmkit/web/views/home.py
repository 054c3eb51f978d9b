"""Today: what to do next and why."""

from crmkit.web.views.pieces import Action, Avatar, Empty, Html, Link, Pair, Tag, View
from crmkit.web.views.record import Panel


class Suggestion(View, frozen=True, kw_only=True):
    """The one thing to start with, why, and its actions."""

    title: str
    text: Html
    url: str
    avatar: Avatar | None = None
    reasons: tuple[Tag, ...] = ()
    value: str | None = None
    value_note: str | None = None
    actions: tuple[Action, ...] = ()


class AgendaItem(View, frozen=True, kw_only=True):
    """A line of the agenda. `done_url` takes a POST with `version`."""

    id: str
    title: str
    url: str
    icon: str = "checkbox"
    record: str = ""
    record_url: str | None = None
    note: str = ""
    value: str | None = None
    due: str = ""
    due_title: str | None = None
    tone: str = ""
    done_url: str | None = None
    version: str = ""


class AgendaSection(View, frozen=True, kw_only=True):
    """Overdue, due today, can wait."""

    name: str
    label: str
    count: str
    tone: str = ""
    items: tuple[AgendaItem, ...] = ()
    more_url: str | None = None
    more_label: str | None = None


class LooseEnd(View, frozen=True, kw_only=True):
    """Records that miss something."""

    label: str
    count: str
    url: str


class FunnelStep(View, frozen=True, kw_only=True):
    """A stage of the funnel; `share` is 0 to 100, of the largest."""

    label: str
    count: str
    sum: str
    share: float
    seq: int = 1
    url: str | None = None


class ChartBar(View, frozen=True, kw_only=True):
    """A bar of stacked parts; heights in percent of the chart."""

    label: str
    parts: tuple[tuple[int, float], ...]  # (seq, percent)
    total: str = ""


class Chart(View, frozen=True, kw_only=True):
    """A bar chart drawn by the server as SVG, with the same figures as a table."""

    label: str
    bars: tuple[ChartBar, ...]
    legend: tuple[tuple[int, str], ...] = ()
    axis: tuple[tuple[float, str], ...] = ()  # (percent from below, text)


class Tile(View, frozen=True, kw_only=True):
    """A figure with the list behind it."""

    label: str
    value: str
    url: str
    note: str = ""
    tone: str = ""
    help: str = ""


class HomePage(View, frozen=True, kw_only=True):
    """Today."""

    date: str
    greeting: str
    summary: Html
    segment: tuple[Link, ...] = ()  # Mine, Team, All
    tiles: tuple[Tile, ...] = ()
    suggestion: Suggestion | None = None
    sections: tuple[AgendaSection, ...] = ()
    loose_ends: tuple[LooseEnd, ...] = ()
    loose_count: str | None = None
    loose_url: str | None = None
    pipeline_title: str = ""
    pipeline_url: str | None = None
    figures: tuple[Pair, ...] = ()  # (value, what it is)
    chart: Chart | None = None
    funnel: tuple[FunnelStep, ...] = ()
    leaders: tuple[tuple[str, str, float], ...] = ()  # (name, value, share 0 to 100)
    leaders_title: str = ""
    empty: Empty | None = None
    panels: tuple[Panel, ...] = ()
