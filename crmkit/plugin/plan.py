"""An entity as the Site resolved it: names, fields, labels, all checked."""

from __future__ import annotations

from typing import Any

import msgspec

from crmkit.model.action import Action
from crmkit.model.entity import StepKind
from crmkit.model.field import Field
from crmkit.model.lifecycle import Lifecycle
from crmkit.model.record import Record
from crmkit.plugin.filtering import AddedFilter


class FormGroup(msgspec.Struct, frozen=True):
    """Fields of the form under one English heading, "" for none."""

    label: str
    names: tuple[str, ...]
    source: str = ""


class AddedFields(msgspec.Struct, frozen=True):
    """Fields beside the table's own: the company's, or a plugin's under its name."""

    label: str
    fields: tuple[Field, ...]
    source: str = ""


class CallPlan(msgspec.Struct, frozen=True):
    """`CallLog` with the names of its columns; `direction` is "" where none is kept."""

    kind: str
    began: str
    direction: str


class StepPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`Steps` with the names of its columns; `minutes` is "" where no length is kept."""

    kind: str
    due: str
    done: str
    text: str
    kinds: tuple[StepKind, ...]
    call: CallPlan | None = None
    minutes: str = ""

    def of(self, value: str) -> StepKind | None:
        """Answer the kind with that key."""
        return next((each for each in self.kinds if each.value == value), None)


class StepLink(msgspec.Struct, frozen=True):
    """An entity of steps and its column that refers to records of this entity."""

    entity: str
    column: str


class PartOf(msgspec.Struct, frozen=True):
    """The entity of the whole, and the column of the part that refers to it."""

    entity: str
    column: str


class PartsPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`Parts` with the names of its entity and columns; what is called is as declared."""

    entity: str
    column: str
    label: str
    columns: tuple[str, ...]
    order: str
    below: tuple[str, ...] = ()
    needed: dict[str, Any] = msgspec.field(default_factory=dict)
    offered: dict[str, Any] = msgspec.field(default_factory=dict)
    totals: Any = None
    locked: Any = None
    paste: Any = None
    table: Any = None
    table_help: str = ""


class EntityPlan(msgspec.Struct, frozen=True, kw_only=True):
    """An entity of the Site.

    Attributes:
        table: The declared class.
        name: `<plugin>.<name>`, the same in URL, API, command line, permissions and imports.
        fields: Every field people may see, custom ones included, in the order of the form.
        title: Name of the field that names a record.
        board: Name of the lifecycle's field, or "".
        sums: Names of money fields that groups and boards add up.
        order: Name of the field the list is sorted by downwards, or "" for the title upwards.
        closed: Name of the date a record reached a final state, or "".
        subtitle: Names of the fields under the title of a record's page.
        facts: Names of the key facts on a record's page.
        steps: Its records are steps of other records.
        actions: What people can do with a record besides editing it.
        step_links: Where the steps of its own records are.
        person: Each record is about one person, whose data can be exported and erased.
        part_of: The whole its records are lines of, whose rights are theirs.
        parts: The lines of its own records.
        shared: Whoever may read some of its records reads all of them.
        permission: Without it none of the records is met.
        in_menu: Has an entry in the menu and under "New".
        silent: What never happens to its records, such as "created".
        derived: Names of the columns that `ctx.derive` writes, hidden ones included.
        added_filters: Filters that plugins add to its list, by name.
    """

    table: type[Record]
    name: str
    plugin: str
    tablename: str
    label: str
    singular: str
    icon: str
    title: str
    fields: dict[str, Field]
    list: tuple[str, ...]
    filters: tuple[str, ...]
    search: tuple[str, ...]
    form: tuple[FormGroup, ...]
    board: str = ""
    lifecycle: Lifecycle | None = None
    sums: tuple[str, ...] = ()
    order: str = ""
    closed: str = ""
    subtitle: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    steps: StepPlan | None = None
    actions: tuple[Action, ...] = ()
    step_links: tuple[StepLink, ...] = ()
    person: bool = False
    part_of: PartOf | None = None
    parts: tuple[PartsPlan, ...] = ()
    derived: frozenset[str] = frozenset()
    shared: bool = False
    permission: str = ""
    in_menu: bool = True
    silent: frozenset[str] = frozenset()
    added_filters: dict[str, AddedFilter] = {}

    @property
    def title_field(self) -> Field:
        """The field that names a record."""
        return self.fields[self.title]

    @property
    def is_newest_first(self) -> bool:
        """Whether the list begins with the latest until people choose; positions begin with 1."""
        return bool(self.order) and self.fields[self.order].kind != "number"

    def field(self, name: str) -> Field | None:
        """Answer a field by name."""
        return self.fields.get(name)

    def filter_field(self, name: str) -> Field | None:
        """Answer what a list is filtered by: a field, or how people meet an added filter."""
        added = self.added_filters.get(name)
        return added.field if added is not None else self.fields.get(name)
