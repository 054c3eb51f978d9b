"""Suggests what a file's columns are, by their headings and by what stands below them."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING

from crmkit.access.predicate import allowed
from crmkit.records.import_fields import Matching, field_key
from crmkit.records.import_plan import (
    LINE_COLUMN,
    REASON_COLUMN,
    ImportPlan,
    Unknown,
    closest,
    is_heading_of,
    suggest_mapping,
)
from crmkit.records.import_values import find_references
from crmkit.records.values import ValueProblem, parse_decimal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.csv_file import CsvFile

_NUMERIC = frozenset({"number", "decimal", "money"})
_LOOKED_AT = 200
_MOST_CHOICES = 50
_REPEATED = 3
_HALF = 0.5
_NUMBER = re.compile(r"(^|[\W_])(id|no|nr|number|code|key|uuid|guid)$", re.IGNORECASE)
_SLASHED = re.compile(r"^\d{1,4}[/.\-]\d{1,2}[/.\-]\d{1,4}$")


async def suggest(ctx: Context, plan: EntityPlan, file: CsvFile) -> Matching:
    """Offer a matching that a person only has to confirm."""
    texts = {
        column: list(dict.fromkeys(filter(None, map(str.strip, file.values(column)))))
        for column in file.columns
        if column not in {LINE_COLUMN, REASON_COLUMN}
    }
    headings = suggest_mapping(plan, file.columns, ctx.translate)
    found = {
        column: name
        for column, name in headings.items()
        if _fits(ctx, plan.fields[name], texts[column])
    }
    external = _external(ctx, file, texts, found, plan)
    await _by_values(ctx, plan, texts, found, external)
    new, fields_only = _new_fields(ctx, plan, file, texts, found, external)
    titled = plan.title in found.values()
    wanted = ImportPlan(
        map=found,
        external=external,
        key=_key(plan, file, found) if not external else "",
        templates={} if titled or fields_only else _title(plan, texts, found, new),
        unknown=_unknown(ctx, plan, found),
    )
    return Matching(wanted, new=new, fields_only=fields_only)


def _fits(ctx: Context, field: Field, texts: Sequence[str]) -> bool:
    """Say whether at least half of the texts could be values of a field."""
    some = texts[:_LOOKED_AT]
    good = sum(1 for text in some if _could_be(ctx, field, text))
    return good >= len(some) * _HALF


def _could_be(ctx: Context, field: Field, text: str) -> bool:
    if field.kind in _NUMERIC:
        return _is_number(text)
    if field.kind == "date":
        return _is_date(text)
    if field.kind == "choice":
        labels = {c.label.lower(): c.label for c in field.choices}
        labels |= {c.value.lower(): c.label for c in field.choices}
        labels |= {ctx.translate(c.label).lower(): c.label for c in field.choices}
        return text.lower() in labels or closest(text, labels) is not None
    if field.kind == "email":
        return "@" in text
    return True


def _is_number(text: str) -> bool:
    with suppress(ValueProblem):
        parse_decimal(text)
        return True
    return False


def _is_date(text: str) -> bool:
    with suppress(ValueError):
        date.fromisoformat(text)
        return True
    return bool(_SLASHED.match(text))


def _is_words(texts: Sequence[str]) -> bool:
    some = texts[:_LOOKED_AT]
    return bool(some) and not any(_is_number(text) or _is_date(text) for text in some)


def _external(
    ctx: Context,
    file: CsvFile,
    texts: dict[str, list[str]],
    found: dict[str, str],
    plan: EntityPlan,
) -> str:
    """Answer the column that numbers its rows; each row has another number."""
    for column, distinct in texts.items():
        field = plan.fields.get(found.get(column, ""))
        # A column that is called as a field is that field, also one called "Code".
        is_own = field is not None and is_heading_of(column, field, ctx.translate)
        free = not is_own and found.get(column) != plan.title
        if free and file.rows and _NUMBER.search(column) and len(distinct) == len(file.rows):
            found.pop(column, None)
            return column
    return ""


async def _by_values(
    ctx: Context,
    plan: EntityPlan,
    texts: dict[str, list[str]],
    found: dict[str, str],
    external: str,
) -> None:
    """Match columns whose headings say nothing by what their texts are."""
    for column, distinct in texts.items():
        if column in found or column == external or not _is_words(distinct):
            continue
        for field in plan.fields.values():
            if field.name in found.values() or not field.editable:
                continue
            if field.kind == "choice" and field.choices and _fits(ctx, field, distinct):
                found[column] = field.name
                break
            if field.reference and field.reference != plan.name:
                some = distinct[:_LOOKED_AT]
                named = (await find_references(ctx, field, some)).ids
                if len(named) >= len(some) * _HALF:
                    found[column] = field.name
                    break
            if field.kind == "email" and all("@" in text for text in distinct[:_LOOKED_AT]):
                found[column] = field.name
                break


def _new_fields(
    ctx: Context,
    plan: EntityPlan,
    file: CsvFile,
    texts: dict[str, list[str]],
    found: dict[str, str],
    external: str,
) -> tuple[tuple[str, ...], bool]:
    """Answer the columns that become choice fields, and whether that is all the file is for."""
    if not allowed(ctx, plan, "admin") or plan.plugin == "core":
        return (), False
    own = {name.rsplit(".", 1)[-1]: name for name in plan.fields if name.startswith("custom.user.")}
    if not external and plan.title not in found.values():
        lists = [
            column
            for column, distinct in texts.items()
            if _is_words(distinct)
            and len(distinct) == len(file.rows) <= _MOST_CHOICES
            and found in ({}, {column: own.get(field_key(column))})
        ]
        if lists:
            found.clear()
            return (lists[0],), True
    new = tuple(
        column
        for column, distinct in texts.items()
        if column not in found
        and column != external
        and field_key(column) not in own
        and _is_words(distinct)
        and len(distinct) <= _MOST_CHOICES
        and len(file.rows) >= len(distinct) * _REPEATED
    )
    return new, False


def _title(
    plan: EntityPlan, texts: dict[str, list[str]], found: dict[str, str], new: tuple[str, ...]
) -> dict[str, str]:
    """Compose the title of what a row is about, when no column is the title."""
    parts = [
        column
        for column in texts
        if column in new
        or found.get(column, "").startswith("custom.")
        or found.get(column) in {"company", "person"}
    ]
    parts = parts or [column for column, distinct in texts.items() if _is_words(distinct)][:2]
    text = " ".join(f"{{{column}}}" for column in parts)
    return {plan.title: text} if text and "}" not in "".join(parts) else {}


def _key(plan: EntityPlan, file: CsvFile, found: dict[str, str]) -> str:
    """Answer the field that tells rows apart: an address, a number, a name, if it is unique."""
    numbers = [name for column, name in found.items() if _NUMBER.search(column)]
    for name in ("email", *numbers, plan.title):
        for column in (column for column, field in found.items() if field == name):
            values = [text.strip().casefold() for text in file.values(column)]
            if all(values) and len(set(values)) == len(values):
                return name
    return ""


def _unknown(ctx: Context, plan: EntityPlan, found: dict[str, str]) -> dict[str, Unknown]:
    """Offer to create teams that the file names: a name is all they need."""
    return {
        name: "create"
        for name in found.values()
        if plan.fields[name].reference == "core.team"
        and plan.name != "core.team"
        and allowed(ctx, ctx.site.entity("core.team"), "create")
    }
