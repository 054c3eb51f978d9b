"""What a plugin adds to an entity of another plugin: extend, never replace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from crmkit.model.action import Action
    from crmkit.model.context import Context
    from crmkit.model.list_filter import ListFilter
    from crmkit.model.record import Record
    from crmkit.model.role import Verb

    #: (ctx, record id) to HTML that is safe (`ctx.render`), or lines, or None for nothing.
    Render = Callable[[Context, int], Awaitable[object]]
    #: (ctx, record ids of the page) to what the cell of each says.
    Load = Callable[[Context, Sequence[int]], Awaitable[Mapping[int, object]]]

#: Where a panel may stand; the home page is the one dashboard there is. One in `detail.tabs` is
#: rendered when its tab, beside the timeline's, is opened. Entries of the menu are `NavEntry`s.
Slot = Literal[
    "detail.header",
    "detail.main",
    "detail.side",
    "detail.tabs",
    "list.toolbar",
    "form.bottom",
    "home",
]

#: Python type of an extension field to the kind of field people meet.
KINDS: dict[type, str] = {
    str: "text",
    int: "number",
    Decimal: "decimal",
    bool: "checkbox",
    date: "date",
}


@dataclass(frozen=True)
class ExtField:
    """A field in another's record; its value lies in `custom` under the plugin's id.

    Attributes:
        name: Key; the field is `custom.<plugin>.<name>`.
        type: str, int, Decimal, bool or date; with `choices` one of a few keys.
        label: English; default from the name.
        choices: Keys one may choose, or (key, English label).
        listed: A column of the list.
        filter: People filter by it; an expression index makes that fast.
    """

    name: str
    type: type = str
    label: str = ""
    choices: Sequence[str | tuple[str, str]] = ()
    listed: bool = False
    filter: bool = False
    required: bool = False
    help: str = ""


@dataclass(frozen=True)
class Panel:
    """A part of a page that a plugin fills; one that fails shows a line, the page works.

    Attributes:
        name: Letters, digits and dashes.
        title: English heading.
        render: Called with the page, or after it when `lazy`.
        slot: Where it stands.
        order: Smaller comes first; ties by plugin, then name.
        permission: Verb of the entity the reader needs.
    """

    name: str
    title: str
    render: Render
    slot: Slot = "detail.side"
    order: int = 50
    permission: str = "read"
    hide_if_empty: bool = False
    lazy: bool = False


@dataclass(frozen=True)
class Computed:
    """A column of a list that a plugin computes, for all rows of a page at once.

    Attributes:
        reads: Names of the entities it is computed from; who may read none of one has no column.
    """

    name: str
    label: str
    load: Load
    reads: Sequence[str] = ()


@dataclass(frozen=True)
class Side:
    """Fields in a table of the plugin's own: one record of it stands beside a record of another.

    For what needs a foreign key, uniqueness or heavy use; else `ExtField` costs less. The table is
    one of the plugin's `entities()` and has a reference that is `unique` and `required`.

    Attributes:
        table: The record table.
        label: English heading of the group on the other record's page.
        order: Smaller comes first; ties by plugin, then table.
        permission: Verb of the table's own entity the reader needs besides `read`.
    """

    table: type[Record]
    label: str
    order: int = 50
    permission: Verb = "read"


@dataclass(frozen=True)
class Extension:
    """All that a plugin adds to one entity; without that entity it sleeps."""

    entity: str
    fields: Sequence[ExtField] = ()
    panels: Sequence[Panel] = ()
    columns: Sequence[Computed] = ()
    actions: Sequence[Action] = ()
    sides: Sequence[Side] = ()
    filters: Sequence[ListFilter] = ()
