"""What an import does with a file: columns to fields, the key, and what is read as what."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import msgspec
from rapidfuzz import fuzz, process

from crmkit.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan

Mode = Literal["both", "create", "update"]
Unknown = Literal["refuse", "empty", "create"]
Dates = Literal["", "iso", "mdy", "dmy"]

_PLACE = re.compile(r"\{([^{}]+)\}")


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
        unknown: Reference field to what happens with rows whose text names no record: refuse
            the row (default), write it without, or create the record.
        exact: Choice fields whose close spellings are not read as a choice.
        filled: Fields without which a row is left out.
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
    dates: Dates = ""
    mode: Mode = "both"
    unknown: dict[str, Unknown] = {}
    exact: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()


class Refusal(msgspec.Struct, frozen=True):
    """A row that was not written, and why.

    Attributes:
        written: The row was written, but for this value.
    """

    line: int
    column: str
    value: str
    reason: str
    written: bool = False


class ColumnReport(msgspec.Struct, frozen=True):
    """What the texts of a column are.

    Attributes:
        distinct: Number of different texts that are not empty.
        empty: Rows without a text.
        failed: Rows whose text does not fit.
        missing: Number of different texts that name no record or choice.
        unknown: The most frequent of them to the number of their rows.
        made: Text whose record was created to the number of its rows.
        read_as: Close spelling to what it was read as and the number of its rows.
        order: Of day and month, for dates.
    """

    field: str
    distinct: int
    empty: int
    failed: int = 0
    missing: int = 0
    unknown: dict[str, int] = {}
    made: dict[str, int] = {}
    read_as: dict[str, tuple[str, int]] = {}
    order: str = ""


class ImportReport(msgspec.Struct, frozen=True):
    """How an import went.

    Attributes:
        operation: Undoes it; 0 when nothing was written.
        empty: Column to the number of its empty cells.
        read_as: Field to close spellings and what they were read as.
        columns: Column to what its texts are.
        repeated: Rows that name the same record as a row above them; the first one counts.
        preview: Some lines of each effect: create, update, same, refuse.
        fields: Labels of the fields that were defined or got new choices.
    """

    created: int
    updated: int
    unchanged: int
    refused: tuple[Refusal, ...]
    operation: int = 0
    empty: dict[str, int] = {}
    read_as: dict[str, dict[str, str]] = {}
    columns: dict[str, ColumnReport] = {}
    repeated: int = 0
    preview: dict[str, tuple[int, ...]] = {}
    fields: tuple[str, ...] = ()

    @property
    def written(self) -> int:
        """Rows that changed something."""
        return self.created + self.updated

    @property
    def left_out(self) -> int:
        """Rows that were not written because of what they hold."""
        return len({each.line for each in self.refused if not each.written})


def unused_columns(wanted: ImportPlan, columns: Sequence[str]) -> list[str]:
    """Answer the columns of a file that a plan brings nowhere."""
    places = {place for text in wanted.templates.values() for place in _PLACE.findall(text)}
    used = {*wanted.map, wanted.external, *places, LINE_COLUMN, REASON_COLUMN}
    return [column for column in columns if column not in used]


def fill(template: str, cells: Mapping[str, str]) -> str:
    """Put cells into the {column} places of a text; nothing else in it means anything."""
    return " ".join(_PLACE.sub(lambda place: cells.get(place[1], ""), template).split())


def check_plan(plan: EntityPlan, wanted: ImportPlan, columns: Sequence[str]) -> None:
    """Refuse a plan that names what is not there.

    Raises:
        InvalidError: A column or a field does not exist, or nothing is mapped.
    """
    problems: dict[str, str] = {}
    places = [place for text in wanted.templates.values() for place in _PLACE.findall(text)]
    external = (wanted.external,) if wanted.external else ()
    for column in (*wanted.map, *external, *places):
        if column not in columns:
            problems[column] = f"is no column of the file; it has {', '.join(columns)}"
    names = (*wanted.map.values(), *wanted.constants, *wanted.templates)
    for name in (*names, *((wanted.key,) if wanted.key else ())):
        field = plan.fields.get(name)
        if field is None or not field.editable:
            problems[name] = f"is no field of {plan.name} that can be written"
    twice = {name for name in names if names.count(name) > 1}
    problems |= dict.fromkeys(twice, "is filled from two places; choose one")
    if wanted.key and wanted.key not in names:
        problems[wanted.key] = "tells known rows apart, but no column gives it; match one"
    if not names:
        problems[""] = "no column is matched to a field; match at least one"
    if problems:
        raise InvalidError("The columns do not fit.", problems)


_SYNONYMS = {
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
    "company": "company_name",
    "salesprice": "price",
    "sellingprice": "price",
    "unitprice": "price",
    "sku": "code",
    "articlenumber": "code",
    "itemnumber": "code",
    "productcode": "code",
}
#: Headings that name a record: in its own entity they are the title, elsewhere a reference.
_NAMES = {
    "crm.company": ("account", "company", "organisation", "organization", "client", "customer"),
    "core.user": ("salesagent", "agent", "seller", "salesperson", "rep", "salesrep", "owner"),
    "core.team": ("team", "regionaloffice", "region", "department", "branch"),
    "crm.person": ("contact", "contactperson", "person"),
}
#: Columns that the file of rows left out adds; they stay out when it is sent again.
LINE_COLUMN, REASON_COLUMN = "import_line", "import_reason"


def suggest_mapping(
    plan: EntityPlan, columns: Sequence[str], translate: Callable[[str], str] = str
) -> dict[str, str]:
    """Offer a field for each column whose heading looks like one; each field once.

    Args:
        translate: English label to the reader's language: exported headings are translated.
    """
    fields: dict[str, str] = {}
    for name, field in plan.fields.items():
        if field.editable:
            for text in (name.rsplit(".", 1)[-1], field.label, translate(field.label)):
                fields.setdefault(_plain(text), name)
    found: dict[str, str] = {}
    for column in columns:
        if column in {LINE_COLUMN, REASON_COLUMN}:
            continue
        text = _plain(column)
        own = {_plain(plan.singular), _plain(translate(plan.singular))}
        for name in (
            fields.get(text, ""),
            plan.title if text in own else "",
            _by_entity(plan, text),
            fields.get(_plain(_SYNONYMS.get(text, "")), ""),
            _close(text, fields),
        ):
            if name and name not in found.values():
                found[column] = name
                break
    return found


def is_heading_of(column: str, field: Field, translate: Callable[[str], str] = str) -> bool:
    """Say whether a heading is the name or the label of a field."""
    names = (field.name.rsplit(".", 1)[-1], field.label, translate(field.label))
    return _plain(column) in map(_plain, names)


def _by_entity(plan: EntityPlan, text: str) -> str:
    """Answer the field for a heading that names a record: "account" is a company."""
    entity = next((name for name, words in _NAMES.items() if text in words), "")
    if entity == plan.name:
        return plan.title
    names = [name for name, field in plan.fields.items() if field.reference == entity and entity]
    return "owner" if "owner" in names else next(iter(names), "")


def _close(text: str, fields: Mapping[str, str]) -> str:
    best = process.extractOne(text, list(fields), scorer=fuzz.ratio, score_cutoff=84)
    return fields[best[0]] if best else ""


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.lower())


def closest(text: str, known: Mapping[str, str]) -> str | None:
    """Answer what a misspelt text means: "GTXPro" is "GTX Pro"; None when nothing is close.

    Args:
        known: Folded text to the text people know, of choices for instance.
    """
    best = process.extractOne(text.strip().lower(), list(known), scorer=fuzz.ratio, score_cutoff=85)
    return known[best[0]] if best else None
