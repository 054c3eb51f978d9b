"""Forms of their own page."""

from crmkit.web.views.pieces import Action, Avatar, EntityLink, FieldInput, Pair, Tag, View


class FormGroup(View, frozen=True, kw_only=True):
    """Inputs under one heading."""

    fields: tuple[FieldInput, ...]
    label: str | None = None
    source: str | None = None


class Duplicate(View, frozen=True, kw_only=True):
    """A record that may be the same, and why."""

    title: str
    url: str
    avatar: Avatar
    subtitle: str = ""
    reasons: tuple[Tag, ...] = ()
    use_label: str | None = None


class Conflict(View, frozen=True, kw_only=True):
    """Somebody saved this record in between."""

    who: str
    when: str
    version: str


class FormPage(View, frozen=True, kw_only=True):
    """A form of its own page: new, edit, settings. Sent as POST to `action_url`.

    `duplicates_url` is asked with the form's values while typing and answers the block
    `duplicates`. `again` sends the button `again=1`.
    """

    title: str
    groups: tuple[FormGroup, ...]
    action_url: str
    cancel_url: str
    submit: str
    entity: EntityLink | None = None
    again: str | None = None
    version: str | None = None
    errors: tuple[str, ...] = ()  # not of one field
    duplicates: tuple[Duplicate, ...] = ()
    duplicates_url: str | None = None
    duplicates_note: str = ""
    conflict: Conflict | None = None
    intro: str | None = None
    draft_key: str | None = None  # the browser keeps unsent values under this name
    hidden: tuple[Pair, ...] = ()
    narrow: bool = False
    danger: tuple[Action, ...] = ()
    multipart: bool = False
    is_get: bool = False  # the button only goes on, nothing is sent
