"""How a table is listed, shown, edited and searched: one declaration for all doors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from typing import Any

    from piccolo.columns import Column

    from crmkit.model.action import Action
    from crmkit.model.context import Context
    from crmkit.model.lifecycle import Lifecycle
    from crmkit.model.record import Record
    from crmkit.model.values import Choice


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
        choices: Makes a choice of a text column, where they are known only when the Site is built.
        derived: Computed from other values and written by `ctx.derive` alone; never by hand.
        related: Of a reference: listed on the page of what it refers to. False where a panel of
            the plugin shows it there.
        said: Of a text that code writes: it holds what `keep_sentences` or `keep_words` answered,
            and is read in the language of each reader. Plain words in it are read as they are,
            English ones that the catalogues know translated.
        share_of: Of a number: the column it is a part of. On pages of records a small bar below
            the number shows how much of it.
    """

    label: str = ""
    help: str = ""
    required: bool | None = None
    readonly: bool = False
    hidden: bool = False
    choices: Sequence[Choice] = ()
    derived: bool = False
    related: bool = True
    said: bool = False
    share_of: Column | None = None


@dataclass(frozen=True)
class StepKind:
    """A kind of step people write on a record.

    Attributes:
        value: Key of the choice in `Steps.kind`.
        icon: Tabler outline name.
        key: Letter that opens its tab on a record's page.
        planned: Written with a due moment and open; otherwise done the moment it is written.
        offered: Has a tab of its own on the pages of records.
    """

    value: str
    icon: str
    key: str = ""
    planned: bool = False
    offered: bool = True


@dataclass(frozen=True)
class CallLog:
    """Says that steps of one kind are calls.

    From it come "Log this call" after a number was clicked, and the form that opens for a call
    that comes in.

    Attributes:
        kind: Value of `Steps.kind` that a call has.
        began: Moment a call began; often `Steps.done`, since what is logged has been done.
        direction: Choice column whose values "in" and "out" say who called.
    """

    kind: str
    began: Column
    direction: Column | None = None


@dataclass(frozen=True)
class Steps:
    """Says that the records of an entity are things done, or to be done, about other records.

    From it come the composer on every record the entity refers to, the button "Done", the next
    step of a record in lists, boards and facts, and the filter by it.

    Attributes:
        kind: Choice column.
        due: Moment a planned one is due.
        done: Moment it was done; empty while it is open.
        text: Words besides the title.
        kinds: What the choice holds, in the order of the tabs.
        call: Which of them are calls; None keeps no log of calls.
        minutes: Number column of how long one takes.
    """

    kind: Column
    due: Column
    done: Column
    text: Column
    kinds: Sequence[StepKind]
    call: CallLog | None = None
    minutes: Column | None = None


@dataclass(frozen=True)
class Total:
    """A line below a grid of parts: a label and an amount as the reader writes it."""

    label: str
    value: str
    is_sum: bool = False


@dataclass(frozen=True)
class Parts:
    """Says that records of another entity are lines of this one's, edited on its page as a grid.

    The entity of the lines says `part_of` the same reference: their rights are those of the whole.

    Attributes:
        reference: Of the lines to the whole, such as `OrderLine.order`.
        label: English heading, such as "Lines".
        columns: Of the grid, from left to right; those that are not edited are shown.
        order: Number column of the lines that keeps their order.
        below: Columns that stand small under the first one, such as a text of the product; those
            that can be edited are inputs there.
        needed: Column of the grid to `(record)`, whether a line needs it; sync. While none does,
            the column is left out.
        offered: Column of the grid to `async (ctx, record_id)`, whether lines of this record can
            have it; where they cannot, the column is left out.
        totals: `async (ctx, record_id)` answers what stands below the lines.
        locked: `(ctx, record)` answers English why they cannot be changed now, "" while they can;
            sync. What it says must be refused in `before_save` as well.
        paste: `async (ctx, record_id, text)` makes lines of a pasted text and answers a sentence;
            called in one transaction, as one operation that can be undone.
        table: `async (ctx, record_id, table)` does the same with a `TableFile`, a CSV file or a
            workbook of 500 rows at most that was sent.
        table_help: English, which columns it has.
    """

    reference: Column
    label: str
    columns: Sequence[Column]
    order: Column
    below: Sequence[Column] = ()
    needed: Mapping[Column, Callable[[Mapping[str, Any]], bool]] = field(default_factory=dict)
    offered: Mapping[Column, Callable[[Context, int], Awaitable[bool]]] = field(
        default_factory=dict
    )
    totals: Callable[[Context, int], Awaitable[Sequence[Total]]] | None = None
    locked: Callable[[Context, Mapping[str, Any]], str] | None = None
    paste: Callable[[Context, int, str], Awaitable[str]] | None = None
    table: Callable[[Context, int, Any], Awaitable[str]] | None = None
    table_help: str = ""


@dataclass(frozen=True)
class Entity:
    """A table and how people meet it.

    Attributes:
        table: The record table; its name is `<plugin>_<name>`, the entity is `<plugin>.<name>`.
        label: English plural, such as "People".
        title: The column that names a record.
        singular: English singular, such as "Person"; default the label.
        icon: Tabler outline name.
        list: Columns of the list; title first when not named.
        filters: Columns one can filter by.
        search: Columns that global search reads besides the title.
        form: Columns or groups of the form, in order; default all.
        board: Column of the board, a lifecycle's.
        fields: Column to what differs.
        lifecycle: State machine of one column.
        sums: Money columns that groups and boards add up.
        order: Column the list is sorted by until people choose: numbers such as a position from
            the smallest on, all else the newest first.
        closed: Date a record reached a final state; boards show final ones of this month only.
        subtitle: Columns of the line under the title of a record's page.
        facts: Columns of the key facts on a record's page; default the list's.
        steps: Its records are things done, or to be done, about other records.
        actions: What people can do with a record besides editing it.
        person: Each record is about one person, whose data can be exported and erased.
        part_of: Reference to the whole its records are lines of: who may read or edit the whole
            may read or edit them, and roles say nothing of them.
        parts: What its own records consist of.
        shared: Whoever may read some of its records reads all of them: a catalogue, which is
            nobody's own. Roles say by a right on the entity itself where that is not so.
        permission: Of the plugin, such as "orders.margin": who has it not meets none of the
            records at any door, whatever the role says of the entity.
        in_menu: Has an entry in the menu and under "New". False for what people meet on the pages
            of others: its list keeps its address, and the palette finds it by name.
        silent: What never happens to its records by the ways of records, such as "created" of what
            code writes set by set and tells of by events of its own.
    """

    table: type[Record]
    label: str
    title: Column
    singular: str = ""
    icon: str = "database"
    list: Sequence[Column] = ()
    filters: Sequence[Column] = ()
    search: Sequence[Column] = ()
    form: Sequence[Column | Group] = ()
    board: Column | None = None
    fields: Mapping[Column, FieldOptions] = field(default_factory=dict)
    lifecycle: Lifecycle | None = None
    sums: Sequence[Column] = ()
    order: Column | None = None
    closed: Column | None = None
    subtitle: Sequence[Column] = ()
    facts: Sequence[Column] = ()
    steps: Steps | None = None
    actions: Sequence[Action] = ()
    person: bool = False
    part_of: Column | None = None
    parts: Sequence[Parts] = ()
    shared: bool = False
    permission: str = ""
    in_menu: bool = True
    silent: Sequence[str] = ()
