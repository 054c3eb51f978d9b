"""Search, sign-in, set-up and errors."""

from typing import Literal

from crmkit.web.views.form import FormGroup
from crmkit.web.views.pieces import Avatar, FieldInput, Html, Link, Pair, View


class SearchResult(View, frozen=True, kw_only=True):
    """A line of the palette; `html` may mark the match with <mark>."""

    html: Html
    url: str
    sub: Html = ""
    avatar: Avatar | None = None
    icon: str | None = None
    source: str | None = None
    key: str | None = None
    method: Literal["get", "post"] = "get"
    call: str | None = None  # tel: link of a button beside it, on the page


class SearchGroup(View, frozen=True, kw_only=True):
    """Results under one heading."""

    label: str
    results: tuple[SearchResult, ...]


class SearchPage(View, frozen=True, kw_only=True):
    """Results; the block `results` is what the palette shows."""

    query: str = ""
    groups: tuple[SearchGroup, ...] = ()
    announce: str = ""


class LoginPage(View, frozen=True, kw_only=True):
    """Sign-in. POST `name`, `password`, `next` to `action_url`."""

    action_url: str
    next_url: str = "/"
    name: str = ""
    error: str | None = None
    intro: str | None = None
    ways: tuple[Link, ...] = ()  # of plugins
    fields: tuple[FieldInput, ...] = ()  # instead of name and password, e.g. a second factor


class SetupChoice(View, frozen=True, kw_only=True):
    """A large check box of the set-up."""

    name: str
    value: str
    label: str
    text: str
    icon: str
    checked: bool = False
    source: str | None = None
    radio: bool = False


class SetupPage(View, frozen=True, kw_only=True):
    """One step of the first start."""

    title: str
    text: str
    steps: tuple[Pair, ...]  # (state "done" | "current" | "next", label)
    action_url: str
    submit: str
    groups: tuple[FormGroup, ...] = ()
    choices: tuple[SetupChoice, ...] = ()
    errors: tuple[str, ...] = ()
    back_url: str | None = None
    skip_url: str | None = None
    skip_label: str | None = None
    note: str | None = None
    hidden: tuple[Pair, ...] = ()
    multipart: bool = False


class ErrorPage(View, frozen=True, kw_only=True):
    """An error. `request_id` is the same as in the log."""

    status: int
    title: str
    text: str
    request_id: str = ""
    actions: tuple[Link, ...] = ()
