"""Semantic columns: what a value is decides its cell, input, parser, search and export.

Thin subclasses of Piccolo's columns. `kind` is the word everything else asks for.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from piccolo import columns as piccolo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from piccolo.table import Table

    from crmkit.model.values import Choice

__all__ = [
    "Currency",
    "Date",
    "Email",
    "Flag",
    "Line",
    "Markdown",
    "Measure",
    "Moment",
    "Money",
    "Name",
    "Number",
    "Phone",
    "Pick",
    "Reference",
    "Text",
    "Url",
    "Year",
]


class Line(piccolo.Varchar):
    """One line of text, at most `length` characters."""

    kind: ClassVar[str] = "text"


class Name(Line):
    """A name people sort and search by; `<column>_key` beside it folds case and accents."""


class Text(piccolo.Text):
    """Several lines of plain text."""

    kind: ClassVar[str] = "textarea"


class Markdown(Text):
    """Several lines with Markdown."""


class Email(Line):
    """An e-mail address as typed; compared in lower case."""

    kind: ClassVar[str] = "email"


class Phone(Line):
    """A telephone number as typed; `<column>_e164` is not stored apart yet."""

    kind: ClassVar[str] = "phone"


class Url(Line):
    """A web address."""

    kind: ClassVar[str] = "url"


class Number(piccolo.BigInt):
    """A whole number, empty allowed."""

    kind: ClassVar[str] = "number"

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - passed on to Piccolo
        super().__init__(**{"default": None, "null": True, **kwargs})


class Year(Number):
    """A year of the calendar, written without separators."""

    grouped: ClassVar[bool] = False


class Measure(piccolo.Numeric):
    """A decimal number that is no money, such as a size or a share; empty allowed."""

    kind: ClassVar[str] = "decimal"

    def __init__(self, digits: tuple[int, int] = (18, 4), **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(digits=digits, **{"default": None, "null": True, **kwargs})


class Money(piccolo.Numeric):
    """An amount; its ISO 4217 code stands in the column `currency` of its table, or of its whole.

    The column has no number of places of its own: records are saved with those of the currency.
    """

    kind: ClassVar[str] = "money"
    value_type = Decimal

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**{"default": None, "null": True, **kwargs})


class Currency(piccolo.Varchar):
    """An ISO 4217 code; empty means the site's currency when saved."""

    kind: ClassVar[str] = "currency"

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(length=3, **{"default": "", **kwargs})


class Date(piccolo.Date):
    """A calendar day without a time."""

    kind: ClassVar[str] = "date"

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**{"default": None, "null": True, **kwargs})


class Moment(piccolo.Timestamptz):
    """An instant, stored in UTC, shown in the reader's zone."""

    kind: ClassVar[str] = "datetime"

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**{"default": None, "null": True, **kwargs})


class Flag(piccolo.Boolean):
    """Yes or no."""

    kind: ClassVar[str] = "checkbox"


class Pick(piccolo.Varchar):
    """One of a few keys; people see the labels.

    Args:
        options: What may be chosen; "" is always allowed unless required.
    """

    kind: ClassVar[str] = "choice"

    def __init__(self, options: Sequence[Choice] = (), **kwargs: Any) -> None:  # noqa: ANN401
        self.options = tuple(options)
        super().__init__(length=64, **{"default": "", **kwargs})


class Reference(piccolo.BigInt):
    """Points to a record of another table.

    Args:
        target: The table, or its name where the class does not exist yet.
        on_delete: "restrict" inside a plugin; "set null" or "cascade" across plugins, so that a
            disabled plugin never blocks the core.
        unique: No two records point to the same one, not even one in the trash.
    """

    kind: ClassVar[str] = "reference"

    def __init__(
        self,
        target: type[Table] | str,
        on_delete: str = "set null",
        *,
        unique: bool = False,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        self.target = target if isinstance(target, str) else target._meta.tablename  # noqa: SLF001
        self.on_delete = on_delete
        self.unique = unique
        super().__init__(**{"default": None, "null": True, "unique": unique, **kwargs})


class Custom(piccolo.JSONB):
    """Custom and extension fields, keyed by `user` or the plugin's id."""

    kind: ClassVar[str] = "json"
