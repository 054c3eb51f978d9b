"""What an import does with a file: columns to fields, the key, and what is read as what."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import msgspec
from rapidfuzz import fuzz, process

from crmkit.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit.plugin.plan import EntityPlan

Mode = Literal["both", "create", "update"]


class ImportPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a file becomes records.

    Attributes:
        map: Column of the file to field.
        key: Field that tells whether a row is known; "" when `external` does.
        external: Column whose value is the record's number in the source system.
        source: Name of that system.
        constants: Field to the same text for all rows.
        only_if: Constants that hold for rows of one state: state to field to text.
        templates: Field to a text with {column} places, such as "{product} {account}".
        prefixes: Field to what stands before each text of it, such as {"team": "Team "}.
        aliases: Field to what is read as what, such as {"GTXPro": "GTX Pro"}.
        dates: Order of day and month in dates: iso, mdy or dmy; "" finds it.
        mode: Create and update, or one of them.
    """

    map: dict[str, str]
    key: str = ""
    external: str = ""
    source: str = "file"
    constants: dict[str, str] = {}
    only_if: dict[str, dict[str, str]] = {}
    templates: dict[str, str] = {}
    prefixes: dict[str, str] = {}
    aliases: dict[str, dict[str, str]] = {}
    dates: str = ""
    mode: Mode = "both"


class Refusal(msgspec.Struct, frozen=True):
    """A row that was not written, and why."""

    line: int
    column: str
    value: str
    reason: str


class ImportReport(msgspec.Struct, frozen=True):
    """How an import went.

    Attributes:
        operation: Undoes it; 0 when nothing was written.
        empty: Column to the number of its empty cells.
        read_as: Column to close spellings and what they were read as.
    """

    created: int
    updated: int
    unchanged: int
    refused: tuple[Refusal, ...]
    operation: int = 0
    empty: dict[str, int] = {}
    read_as: dict[str, dict[str, str]] = {}

    @property
    def written(self) -> int:
        """Rows that changed something."""
        return self.created + self.updated


def check_plan(plan: EntityPlan, wanted: ImportPlan, columns: Sequence[str]) -> None:
    """Refuse a plan that names what is not there.

    Raises:
        InvalidError: A column or a field does not exist, or nothing is mapped.
    """
    problems: dict[str, str] = {}
    for column in (*wanted.map, *((wanted.external,) if wanted.external else ())):
        if column not in columns:
            problems[column] = f"is no column of the file; it has {', '.join(columns)}"
    names = (*wanted.map.values(), *wanted.constants, *wanted.templates)
    for name in (*names, *((wanted.key,) if wanted.key else ())):
        field = plan.fields.get(name)
        if field is None or not field.editable:
            problems[name] = f"is no field of {plan.name} that can be written"
    twice = {name for name in names if names.count(name) > 1}
    problems |= dict.fromkeys(twice, "is filled from two places; choose one")
    if not names:
        problems[""] = "no column is matched to a field; match at least one"
    if problems:
        raise InvalidError("The columns do not fit.", problems)


_SYNONYMS = {
    "account": "company",
    "organisation": "company",
    "organization": "company",
    "client": "company",
    "salesagent": "owner",
    "agent": "owner",
    "seller": "owner",
    "rep": "owner",
    "dealstage": "stage",
    "status": "state",
    "closevalue": "amount",
    "value": "amount",
    "yearestablished": "founded",
    "officelocation": "country",
    "subsidiaryof": "parent",
    "mail": "email",
    "telephone": "phone",
    "title": "job_title",
}


def suggest_mapping(plan: EntityPlan, columns: Sequence[str]) -> dict[str, str]:
    """Offer a field for each column whose heading looks like one; each field once."""
    fields = {
        _plain(name.rsplit(".", 1)[-1]): name for name, f in plan.fields.items() if f.editable
    }
    fields |= {_plain(f.label): name for name, f in plan.fields.items() if f.editable}
    found: dict[str, str] = {}
    for column in columns:
        plain = _plain(column)
        synonym = _SYNONYMS.get(plain, "")
        name = fields.get(plain) or fields.get(_plain(synonym)) or ""
        if not name and plain in {
            _plain(plan.name.split(".")[1]),
            _plain(plan.singular),
            "account",
        }:
            name = plan.title
        if not name:
            best = process.extractOne(plain, list(fields), scorer=fuzz.ratio, score_cutoff=84)
            name = fields[best[0]] if best else ""
        if name and name not in found.values():
            found[column] = name
    if plan.title not in found.values():
        for column in columns:
            if column not in found and _plain(column) in {"account", "name"}:
                found[column] = plan.title
                break
    return found


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.lower())


def closest(text: str, known: Mapping[str, str]) -> str | None:
    """Answer what a misspelt text means: "GTXPro" is "GTX Pro"; None when nothing is close.

    Args:
        known: Folded text to the text people know, of choices for instance.
    """
    best = process.extractOne(text.strip().lower(), list(known), scorer=fuzz.ratio, score_cutoff=85)
    return known[best[0]] if best else None
