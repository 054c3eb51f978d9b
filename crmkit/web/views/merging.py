"""Two records side by side, about to become one."""

from typing import Literal

from crmkit.web.views.form import Duplicate
from crmkit.web.views.pieces import EntityLink, FieldInput, Html, Link, Pair, View


class MergeRecord(View, frozen=True, kw_only=True):
    """One of the two: its title, where it is, and since when and by whom it is known."""

    title: str
    url: str
    note: str


class MergeField(View, frozen=True, kw_only=True):
    """A field in which the two differ. The radio `name` sends "kept" or "gone"."""

    name: str
    label: str
    kept: Html
    gone: Html
    taken: Literal["kept", "gone"] = "kept"
    source: str | None = None
    error: str | None = None


class MergePage(View, frozen=True, kw_only=True):
    """Merging. Sent as POST to `action_url`; while `chooser` stands it is a GET for the other one.

    `keep` are links that turn round which record is kept.
    """

    title: str
    entity: EntityLink
    action_url: str
    cancel_url: str
    chooser: FieldInput | None = None
    duplicates: tuple[Duplicate, ...] = ()
    duplicates_note: str = ""
    keep: tuple[Link, ...] = ()
    kept: MergeRecord | None = None
    gone: MergeRecord | None = None
    fields: tuple[MergeField, ...] = ()
    same: tuple[tuple[str, Html], ...] = ()  # label and value of what is equal
    moves: tuple[tuple[str, str], ...] = ()  # label and number of what refers to the other one
    hidden: tuple[Pair, ...] = ()
    errors: tuple[str, ...] = ()
