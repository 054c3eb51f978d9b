"""Small pieces that several pages share."""

from typing import Literal

import msgspec

Html = str
Pair = tuple[str, str]
Align = Literal["start", "end", "center"]


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all view structs: immutable, made with keywords."""


class Avatar(View, frozen=True, kw_only=True):
    """Initials on a hue; people are round, things are square."""

    initials: str
    hue: int = 8
    square: bool = False


class Link(View, frozen=True, kw_only=True):
    """A link in a menu, a bar or a list."""

    label: str
    url: str
    icon: str | None = None
    key: str | None = None
    current: bool = False
    count: str | None = None
    tone: str = ""
    help: str | None = None


class Tag(View, frozen=True, kw_only=True):
    """A coloured label."""

    label: str
    hue: int = 8
    tone: str = ""
    url: str | None = None
    icon: str | None = None


class Empty(View, frozen=True, kw_only=True):
    """What belongs here, and the actions that fill it."""

    title: str
    text: str = ""
    icon: str = "inbox"
    actions: tuple[Link, ...] = ()


class Option(View, frozen=True, kw_only=True):
    """A value one can choose."""

    value: str
    label: str
    selected: bool = False
    hue: int | None = None


class FieldInput(View, frozen=True, kw_only=True):
    """One input. `kind` decides the element; `value` is the raw text to show again.

    A `reference` shows `display` for its `value` and asks `remote_url?q=` for more, which
    answers the block `options` of `options.html`; without JavaScript it is a select of `options`.
    One that is `free` also takes what was typed. `unticked` is what a checkbox sends that is not
    ticked, where that is not the same as nothing.
    """

    name: str
    label: str
    kind: Literal[
        "text",
        "textarea",
        "number",
        "money",
        "date",
        "datetime",
        "time",
        "checkbox",
        "select",
        "multiselect",
        "reference",
        "email",
        "phone",
        "url",
        "choice",
        "password",
        "file",
        "hidden",
    ] = "text"
    value: str = ""
    display: str = ""
    options: tuple[Option, ...] = ()
    required: bool = False
    help: str | None = None
    error: str | None = None
    autocomplete: str | None = None
    remote_url: str | None = None
    currency: str | None = None
    currencies: tuple[Option, ...] = ()
    checked: bool = False
    unticked: str = ""
    free: bool = False
    wide: bool = False
    readonly: bool = False
    autofocus: bool = False
    max_length: int | None = None
    source: str | None = None
    conflict: str | None = None  # the other person's stored value, shown when the form is stale
    id: str | None = None  # of the element; default "f-" and the name
    step: str | None = None
    is_row: bool = False  # one of several of a field; that it may be empty goes without saying


class Action(View, frozen=True, kw_only=True):
    """A button. `method` "get" makes a link, "post" a form with the CSRF field.

    `fields` are asked for in a small menu first; `confirm` is the question of a dialog whose
    button repeats `label`. `values` are hidden inputs, `version` among them where needed.
    """

    name: str
    label: str
    url: str
    icon: str | None = None
    method: Literal["get", "post"] = "post"
    kind: Literal["primary", "secondary", "ghost", "danger"] = "secondary"
    confirm: str | None = None
    fields: tuple[FieldInput, ...] = ()
    values: tuple[Pair, ...] = ()
    key: str | None = None
    source: str | None = None
    errors: tuple[str, ...] = ()  # why it was not done; its menu is open then


class EntityLink(View, frozen=True, kw_only=True):
    """The entity a page is about. `label` is the plural, `name` like "crm.person"."""

    name: str
    label: str
    singular: str
    icon: str
    url: str
    new_url: str | None = None
    board_url: str | None = None
    import_url: str | None = None
    export_url: str | None = None
    trash_url: str | None = None
