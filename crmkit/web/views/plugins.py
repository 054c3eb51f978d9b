"""The page of plugins: cards, and beside them what one is and what a switch would change."""

from crmkit.web.views.pieces import Action, Link, Pair, Tag, View


class PluginCard(View, frozen=True, kw_only=True):
    """A plugin: `url` opens what it is, `switch` what switching it would change."""

    id: str
    name: str
    version: str
    icon: str
    summary: str
    adds: str
    badge: Tag
    url: str
    is_on: bool
    is_chosen: bool
    switch: Link | None = None
    reason: str = ""
    settings_url: str | None = None


class ChangeLine(View, frozen=True, kw_only=True):
    """A line of what would change."""

    icon: str
    label: str
    text: str


class Fault(View, frozen=True, kw_only=True):
    """A hook or part that failed here: how often, the last time why."""

    name: str
    text: str
    silenced: bool = False


class PluginDetail(View, frozen=True, kw_only=True):
    """What stands beside the cards."""

    title: str
    intro: str
    close_url: str
    obstacle: str = ""
    reason: str = ""
    trace: str = ""
    notices: tuple[str, ...] = ()
    changes: tuple[ChangeLine, ...] = ()
    facts: tuple[Pair, ...] = ()
    faults: tuple[Fault, ...] = ()
    action: Action | None = None
    note: str = ""
    links: tuple[Link, ...] = ()
    more: tuple[Action, ...] = ()


class PluginsPage(View, frozen=True, kw_only=True):
    """All plugins of the site."""

    title: str
    tabs: tuple[Link, ...]
    filters: tuple[Link, ...]
    cards: tuple[PluginCard, ...]
    path: str = "/settings/plugins"
    search: str = ""
    state: str = ""
    law: str = ""
    broken: tuple[Pair, ...] = ()
    detail: PluginDetail | None = None
    problem: str = ""
