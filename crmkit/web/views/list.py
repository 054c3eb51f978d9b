"""Lists and the trash."""

from typing import Literal

from crmkit.web.views.pieces import (
    Align,
    Avatar,
    Empty,
    EntityLink,
    FieldInput,
    Html,
    Link,
    Option,
    Pair,
    View,
)


class Column(View, frozen=True, kw_only=True):
    """A column. `place` is where the cell stands on a phone: main, sub, end, next, act, hide."""

    name: str
    label: str
    align: Align = "start"
    sort_url: str | None = None
    sorted: Literal["asc", "desc"] | None = None
    kind: str = "text"
    place: str = "hide"
    width: str | None = None  # "120" pixels or "15%"
    source: str | None = None


class Cell(View, frozen=True, kw_only=True, gc=False):
    """A cell: printed text or `Markup`, a class, a link, an avatar before it."""

    html: Html = ""
    css: str = ""
    url: str | None = None
    avatar: Avatar | None = None
    icon: str | None = None
    tone: str = ""


class Row(View, frozen=True, kw_only=True):
    """A row; the first cell is the main one and links to `url`."""

    id: str
    url: str
    cells: tuple[Cell, ...]
    selected: bool = False
    label: str = ""  # name for screen readers
    version: str | None = None
    call: str | None = None  # tel: or mailto: link of the button on a phone


class RowGroup(View, frozen=True, kw_only=True):
    """Rows of one value when grouped; without `rows` only the head with its figures."""

    label: str
    count: str
    sum: str | None = None
    url: str | None = None
    open: bool = True
    rows: tuple[Row, ...] = ()


class FilterChip(View, frozen=True, kw_only=True):
    """A filter in force."""

    label: str
    value: str
    remove_url: str


class FilterField(View, frozen=True, kw_only=True):
    """A field one can filter by."""

    name: str
    label: str
    kind: str = "text"
    operators: tuple[Option, ...] = ()
    options: tuple[Option, ...] = ()
    remote_url: str | None = None
    source: str | None = None
    hint: str = ""  # an example of what is typed
    in_days: tuple[str, ...] = ()  # operators whose value is a number, sent as `days`


class ColumnChoice(View, frozen=True, kw_only=True):
    """A line of the columns menu."""

    name: str
    label: str
    checked: bool = False
    locked: bool = False
    source: str | None = None


class BulkAction(View, frozen=True, kw_only=True):
    """An action on the chosen rows. Its inputs are sent as "<action>.<field>"."""

    name: str
    label: str
    icon: str | None = None
    fields: tuple[FieldInput, ...] = ()
    confirm: str | None = None
    kind: Literal["ghost", "danger"] = "ghost"


class ListPage(View, frozen=True, kw_only=True):
    """A list, also the trash.

    All state is in the URL. A filter is added by GET `filter_action` with the pairs `state`
    and `add` (field), `op`, `value` (or `days`); columns by GET with `columns` repeated; the
    term by `q`.
    Bulk is a POST to `bulk_url` with `ids` repeated, `action`, `all=1` for all matches, and
    `state`. Saving a view is a POST to `save_view_url` with `name`, `shared` and `state`.
    """

    entity: EntityLink
    columns: tuple[Column, ...]
    count: str  # "1–50 of 1,000+"
    rows: tuple[Row, ...] = ()
    groups: tuple[RowGroup, ...] = ()
    views: tuple[Link, ...] = ()
    chips: tuple[FilterChip, ...] = ()
    clear_url: str | None = None
    filters: tuple[FilterField, ...] = ()
    filter_action: str = ""
    state: tuple[Pair, ...] = ()
    columns_menu: tuple[ColumnChoice, ...] = ()
    columns_action: str = ""
    group_choices: tuple[Link, ...] = ()
    summary: Html = ""  # sums beside the List | Board switch
    prev_url: str | None = None
    next_url: str | None = None
    count_url: str | None = None  # "Count all"
    bulk: tuple[BulkAction, ...] = ()
    bulk_url: str | None = None
    total: str | None = None  # for "Select all 1,000+"
    search: str = ""
    search_url: str | None = None
    save_view_url: str | None = None
    delete_view_url: str | None = None
    empty: Empty | None = None
    is_trash: bool = False
    more: tuple[Link, ...] = ()  # import, export, trash
    note: str | None = None
    slots: Html = ""  # list.toolbar
    announce: str | None = None  # "5 people found"
