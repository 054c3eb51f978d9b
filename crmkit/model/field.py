"""A field as everything else sees it: resolved from a column or from a custom field."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog

from crmkit.model.adapters import FieldType
from crmkit.model.values import Choice

_log = structlog.get_logger("crmkit.fields")
#: Kind to a value after all others, which stands for none.
_LAST = {
    "number": "9223372036854775807::numeric",
    "decimal": "'Infinity'::numeric",
    "money": "'Infinity'::numeric",
    "date": "'9999-12-31'::date",
    "datetime": "'9999-12-31 00:00+00'::timestamptz",
}


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A field of an entity.

    Attributes:
        name: Column, or `custom.<owner>.<key>` where owner is `user` or a plugin's id.
        label: English label, translated when shown.
        kind: text, textarea, number, decimal, money, date, datetime, checkbox, choice,
            reference, email, phone, url or currency.
        reference: Name of the entity a reference points to; "" when that is not loaded.
        target_table: Table a reference points to.
        target_title: SQL of the title in that table's row `{alias}`, set when the Site is built.
        sleeping: Name of the entity a reference points to while its plugin is off.
        choices: For choice and lifecycle fields.
        has_key: A stored `<name>_key` folds case and accents.
        indexed_sort: The list may be sorted by it.
        max_length: In characters; None is unlimited.
        grouped: Thousands are set apart when shown; a year's are not.
        type: Of a plugin, for a text that is checked and shown in a way of its own.
        unique: A reference that no two records have alike.
        related: A reference whose records are listed on the page of what it refers to.
        said: What is stored is said in the reader's language by `say_kept`.
        share_of: Name of the field that a number is a part of; "" is of none.
    """

    name: str
    label: str
    kind: str
    required: bool = False
    help: str = ""
    choices: tuple[Choice, ...] = ()
    reference: str = ""
    target_table: str = ""
    target_title: str = ""
    sleeping: str = ""
    editable: bool = True
    listed: bool = True
    filterable: bool = False
    sortable: bool = False
    searchable: bool = False
    has_key: bool = False
    max_length: int | None = None
    source: str = ""
    grouped: bool = True
    type: FieldType | None = None
    unique: bool = False
    related: bool = True
    said: bool = False
    share_of: str = ""

    def shown(self, value: Any) -> str:  # noqa: ANN401 - a stored value
        """Answer a stored value as a plugin's kind of field writes it; the value when it fails."""
        if self.type is None:
            return str(value)
        try:
            return str(self.type.show(str(value)))
        except Exception as error:  # noqa: BLE001 - a page must not fall to one value
            _log.error("field type failed", type=self.type.name, error=repr(error))
            return str(value)

    @property
    def is_custom(self) -> bool:
        """Whether it lies in the jsonb column `custom`."""
        return self.name.startswith("custom.")

    def sql(self, alias: str = "t") -> str:
        """Answer the expression that reads it; names were checked when declared."""
        if not self.is_custom:
            return f'{alias}."{self.name}"'
        _, owner, key = self.name.split(".", 2)
        path = f"{alias}.custom->'{owner}'->>'{key}'"
        if self.kind in {"number", "decimal", "money"}:
            return f"({path})::numeric"
        if self.kind == "date":
            return f"crm_date({path})"
        return f"({path})"

    def sort_sql(self, alias: str = "t") -> str:
        """Answer the expression lists are sorted and filtered by: never NULL, empty comes last.

        Row values compare only without NULL; an index of each sortable field holds the same
        expression and the id.
        """
        if self.has_key:
            return f'{alias}."{self.name}_key"'
        last = _LAST.get(self.kind)
        if last is None:
            return f"coalesce({self.sql(alias)}, '')"
        cast = "::numeric" if self.kind == "number" else ""
        return f"coalesce({self.sql(alias)}{cast}, {last})"

    def title_sql(self, alias: str) -> str:
        """Answer the expression that reads the title of what a reference points to."""
        return self.target_title.format(alias=alias)

    def choice_label(self, value: str) -> str:
        """Answer the English label of a stored key; the key itself when it is unknown."""
        return next((c.label for c in self.choices if c.value == value), value)
