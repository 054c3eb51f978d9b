"""Turns the cells of an import into values: each distinct text is parsed once."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.access.predicate import predicate
from crmkit.errors import InvalidError
from crmkit.records.values import ValueProblem, file_marks, parse_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from crmkit.model.context import Context
    from crmkit.model.field import Field

_SLASHED = re.compile(r"^(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4})$")
_MONTHS = 12


def date_order(texts: Iterable[str], wanted: str = "") -> str:
    """Find the order of day and month from all values of a column: iso, mdy or dmy.

    Raises:
        InvalidError: Every value fits both orders; the person must choose.
    """
    if wanted:
        return wanted
    first = second = 0
    slashed = dotted = False
    for text in texts:
        match = _SLASHED.match(text.strip())
        if match:
            slashed, dotted = True, dotted or "." in text
            first, second = max(first, int(match[1])), max(second, int(match[2]))
    if not slashed:
        return "iso"
    if second > _MONTHS:
        return "mdy"
    if first > _MONTHS or dotted:
        return "dmy"
    raise InvalidError("Days and months cannot be told apart. Choose the order of the dates.")


def parse_day(text: str, order: str) -> date:
    """Parse a date in the order of its column.

    Raises:
        ValueProblem: It is none.
    """
    match = _SLASHED.match(text)
    try:
        if match is None:
            return date.fromisoformat(text)
        first, second, year = (int(part) for part in match.groups())
        month, day = (first, second) if order == "mdy" else (second, first)
        return date(year, month, day)
    except ValueError as error:
        raise ValueProblem("is not a date") from error


def make_parser(
    ctx: Context, field: Field, texts: Iterable[str], dates: str
) -> Callable[[str], Any]:
    """Answer a function from text to value; it raises ValueProblem."""
    if field.kind == "date":
        order = date_order(texts, dates)
        return lambda text: parse_day(text.strip(), order) if text.strip() else None
    if field.kind == "choice":
        known = {choice.value.lower(): choice.value for choice in field.choices}
        known |= {choice.label.lower(): choice.value for choice in field.choices}
        known |= {ctx.translate(choice.label).lower(): choice.value for choice in field.choices}

        def choose(text: str) -> Any:  # noqa: ANN401
            if not text.strip():
                return ""
            try:
                return known[text.strip().lower()]
            except KeyError:
                raise ValueProblem("is not one of the choices") from None

        return choose
    if field.kind in {"decimal", "money"}:
        marks = file_marks(ctx, texts)
        return lambda text: parse_value(ctx, field, text, marks)
    return lambda text: parse_value(ctx, field, text)


class Found(msgspec.Struct, frozen=True):
    """Records that texts name.

    Attributes:
        ids: Text to the id of the one record it names.
        several: Texts that name more than one readable record.
    """

    ids: dict[str, int]
    several: frozenset[str]


async def find_references(ctx: Context, field: Field, texts: Iterable[str]) -> Found:
    """Find the records that texts name by their titles, in one statement."""
    target = ctx.site.entity(field.reference)
    wanted = sorted({text.strip() for text in texts if text.strip()})
    allowed = predicate(ctx, target, "read", "t", 2)
    rows = await ctx.db.rows(
        f"SELECT w.text, min(t.id) AS id, count(t.id) AS number "  # noqa: S608 - checked names
        f"FROM unnest($1::text[]) AS w (text) "
        f'JOIN "{target.tablename}" t ON t.{target.title}_key = lower(crm_unaccent(w.text)) '
        f"WHERE t.trashed_at IS NULL AND ({allowed.text}) GROUP BY w.text",
        wanted,
        *allowed.args,
    )
    return Found(
        {row["text"]: row["id"] for row in rows if row["number"] == 1},
        frozenset(row["text"] for row in rows if row["number"] > 1),
    )
