"""How a table is listed, shown, edited and searched: one declaration for all doors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from piccolo.columns import Column

    from crmkit.model.lifecycle import Lifecycle
    from crmkit.model.record import Record


@dataclass(frozen=True)
class Group:
    """Fields of a form under one heading."""

    label: str
    columns: Sequence[Column]


@dataclass(frozen=True)
class FieldOptions:
    """What differs from the default for one column.

    Attributes:
        label: English label; default from the column's name.
        help: A sentence shown beside the input.
        required: Must be filled.
        readonly: Shown, never edited by hand.
        hidden: Neither shown nor sent.
    """

    label: str = ""
    help: str = ""
    required: bool | None = None
    readonly: bool = False
    hidden: bool = False


@dataclass(frozen=True)
class Entity:
    """A table and how people meet it.

    Attributes:
        table: The record table; its name is `<plugin>_<name>`, the entity is `<plugin>.<name>`.
        label: English plural, such as "People".
        singular: English singular, such as "Person".
        title: The column that names a record.
        icon: Tabler outline name.
        list: Columns of the list; title first when not named.
        filters: Columns one can filter by.
        search: Columns that global search reads besides the title.
        form: Columns or groups of the form, in order; default all.
        board: Column of the board, a lifecycle's.
        fields: Column to what differs.
        lifecycle: State machine of one column.
        sums: Money columns that groups and boards add up.
    """

    table: type[Record]
    label: str
    singular: str
    title: Column
    icon: str = "database"
    list: Sequence[Column] = ()
    filters: Sequence[Column] = ()
    search: Sequence[Column] = ()
    form: Sequence[Column | Group] = ()
    board: Column | None = None
    fields: Mapping[Column, FieldOptions] = field(default_factory=dict)
    lifecycle: Lifecycle | None = None
    sums: Sequence[Column] = ()
