"""The frame around each page."""

from typing import Literal

from crmkit.web.views.pieces import Avatar, Link, View


class UserBadge(View, frozen=True, kw_only=True):
    """The signed-in person."""

    name: str
    avatar: Avatar
    url: str


class NavItem(View, frozen=True, kw_only=True):
    """An entry of the side bar; `key` is the letter after g, `count` waits for somebody."""

    label: str
    url: str
    icon: str
    count: str | None = None
    tone: str = ""
    current: bool = False
    key: str | None = None


class NavGroup(View, frozen=True, kw_only=True):
    """Entries under one heading, or without one."""

    items: tuple[NavItem, ...]
    label: str | None = None


class Flash(View, frozen=True, kw_only=True):
    """A message shown once. `kind` is a tone; `undo_url` takes a POST."""

    text: str
    kind: str = "ok"
    undo_url: str | None = None


class Notice(View, frozen=True, kw_only=True):
    """What administrators read above every page until it is put right."""

    text: str
    link: Link
    kind: Literal["warn", "bad"] = "warn"


class Shell(View, frozen=True, kw_only=True):
    """The frame around each page."""

    site_name: str
    title: str
    user: UserBadge | None = None
    navigation: tuple[NavGroup, ...] = ()
    inbox: NavItem | None = None  # also in the bar below on a phone
    csrf: str = ""
    language: str = "en"
    theme: Literal["light", "dark", "system"] = "system"
    crumbs: tuple[Link, ...] = ()
    new_items: tuple[Link, ...] = ()
    flashes: tuple[Flash, ...] = ()
    active_entity: str | None = None
    home_url: str = "/"
    search_url: str = "/search"
    new_url: str | None = None
    read_url: str = ""  # of a page that refuses a form: where the form stood, which can be read
    settings_url: str | None = "/settings"
    logout_url: str = "/logout"
    theme_url: str = "/settings/theme"
    languages: tuple[Link, ...] = ()
    keys_on: bool = True
    notices: tuple[Notice, ...] = ()
    calls_url: str | None = None  # asked every few seconds for calls to the person
    dial_url: str | None = None  # takes a number to call, where a plugin's telephone does it
    user_items: tuple[Link, ...] = ()  # of plugins, in the person's menu
