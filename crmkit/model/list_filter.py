"""A filter that a plugin adds to a list: by rows of its own that belong to a record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.context import Context
    from crmkit.model.values import Choice

Build = Callable[["FilterQuestion"], str]

#: Kind of a field to the ways it is filtered by.
OPERATORS: dict[str, tuple[str, ...]] = {
    "text": ("contains", "is", "not", "empty", "filled"),
    "textarea": ("contains", "empty", "filled"),
    "email": ("contains", "is", "empty", "filled"),
    "phone": ("contains", "is", "empty", "filled"),
    "url": ("contains", "empty", "filled"),
    "number": ("is", "from", "over", "under", "empty", "filled"),
    "decimal": ("is", "from", "over", "under", "empty", "filled"),
    "money": ("from", "over", "under", "is", "empty", "filled"),
    "date": ("is", "from", "over", "under", "recent", "older", "coming", "empty", "filled"),
    "datetime": ("from", "over", "under", "recent", "older", "coming", "empty", "filled"),
    "checkbox": ("is",),
    "choice": ("is", "not", "in", "empty", "filled"),
    "reference": ("contains", "is", "not", "me", "empty", "filled"),
    "currency": ("is",),
}
#: Their value is a number of days, counted from the reader's today; a saved view moves with it.
IN_DAYS = frozenset({"recent", "older", "coming"})

#: As the value of a filter on a moment: the present one.
NOW = "now"

FilterKind = Literal[
    "text", "number", "decimal", "money", "date", "datetime", "checkbox", "choice", "reference"
]


class FilterQuestion(Protocol):
    """What a filter is made of: every row it looks at is one the reader may see.

    Attributes:
        op: Operator that is asked for. `not` is asked as `is`, and `empty` as `filled`: the answer
            is turned round afterwards.
        record: SQL of the id of the record that is listed.
        currency: Of a money filter: what was typed behind the number, else the site's own.
    """

    ctx: Context
    op: str
    record: str
    currency: str

    def rows(self, entity: str, alias: str) -> str:
        """Answer what stands in FROM for the rows of an entity that the reader may see.

        Args:
            alias: Name of the rows in the statement, of lower-case letters.

        Raises:
            LookupError: The filter does not name the entity in `reads`.
        """

    def parts(self, entity: str, alias: str, whole: str) -> str:
        """Answer what stands in FROM, behind `rows` of the whole, for the lines of each of them.

        Args:
            whole: Alias of the rows that they are lines of.
        """

    def test(self, expression: str) -> str:
        """Answer the condition that a value of the declared kind is as it was asked for."""

    def add(self, value: object) -> str:
        """Add an argument of the statement and answer its placeholder; no value stands in SQL."""


@dataclass(frozen=True)
class ListFilter:
    """A filter by what lies in a plugin's own tables; its name is `<plugin>.<name>`.

    It works wherever lists are filtered: on the page, in saved views, the API, exports and bulk.
    A reader who may not read the entities it looks at does not have it.

    Attributes:
        name: Lower-case letters, digits and _.
        label: English.
        build: Answers the SQL condition; it is asked with a `FilterQuestion`.
        reads: Names of the entities whose rows it looks at.
        kind: What people type, and which operators there are.
        reference: Entity of a reference.
        choices: Of a choice.
        operators: Those of the kind that make sense; empty are all.
        hint: English example of what is typed.
    """

    name: str
    label: str
    build: Build
    reads: Sequence[str]
    kind: FilterKind = "text"
    reference: str = ""
    choices: Sequence[Choice] = ()
    operators: Sequence[str] = ()
    hint: str = ""
