"""Two records side by side, about to become one."""

from typing import Literal

from crmkit.web.views.form import Duplicate
from crmkit.web.views.pieces import EntityLink, FieldInput, Html, Pair, View


class MergeRecord(View, frozen=True, kw_only=True):
    """One of the two; `keep_url` of the one that goes turns round which is kept."""

    title: str
    url: str
    note: str
    keep_url: str | None = None


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
    """Merging. Sent as POST to `action_url`; with a `chooser` as GET, which asks for the other."""

    title: str
    entity: EntityLink
    action_url: str
    cancel_url: str
    chooser: FieldInput | None = None
    duplicates: tuple[Duplicate, ...] = ()
    duplicates_note: str = ""
    kept: MergeRecord | None = None
    gone: MergeRecord | None = None
    fields: tuple[MergeField, ...] = ()
    same: tuple[tuple[str, Html], ...] = ()  # label and value of what is equal
    moves: tuple[tuple[str, str], ...] = ()  # label and number of what refers to the other one
    hidden: tuple[Pair, ...] = ()
    errors: tuple[str, ...] = ()
