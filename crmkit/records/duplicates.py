"""Finds records that may be the one somebody is about to enter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from crmkit.access.predicate import predicate
from crmkit.records.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

_MOST = 5
_CANDIDATES = 10
_SHORTEST_NAME = 3
#: The end of a number is the same whether the country's code is written or not.
_DIGITS = 9

#: Kind to the expression that an index of the entity's migration holds, `{}` is the column.
COMPARED = {
    "email": "lower({})",
    "phone": "right(regexp_replace({}, '\\D', '', 'g'), 9)",
    "url": "lower(split_part(regexp_replace({}, '^https?://(www\\.)?', ''), '/', 1))",
}


class Duplicate(msgspec.Struct, frozen=True):
    """A record that may be the same; reasons are "same name", "similar name" or field names."""

    id: int
    title: str
    reasons: tuple[str, ...]


class Duplicates(msgspec.Struct, frozen=True):
    """What was found, the likeliest first, and how many the reader may not see."""

    found: tuple[Duplicate, ...] = ()
    hidden: int = 0


def compared_value(kind: str, text: str) -> str:
    """Answer what a typed value is compared by; "" when it is too short to say anything."""
    if kind == "email":
        return text.strip().lower() if "@" in text else ""
    if kind == "phone":
        digits = re.sub(r"\D", "", text)[-_DIGITS:]
        return digits if len(digits) == _DIGITS else ""
    try:
        host = urlsplit(text if "//" in text else f"//{text}").hostname or ""
    except ValueError:
        return ""
    return host.removeprefix("www.") if "." in host else ""


async def find_duplicates(
    ctx: Context, plan: EntityPlan, values: Mapping[str, str], but: int | None = None
) -> Duplicates:
    """Find records with the same or a similar name, or the same e-mail, phone or website.

    Args:
        values: Field to what was typed so far, checked or not.
        but: Id of the record that is being edited.

    One statement, each part served by an index.
    """
    statement = Statement()
    parts = _parts(plan, values, statement)
    if not parts:
        return Duplicates()
    rule = predicate(ctx, plan, "read", "t", len(statement.args) + 1)
    statement.args.extend(rule.args)
    rows = await ctx.db.rows(
        f'SELECT t.id, t."{plan.title}" AS title, m.reason, m.near, ({rule.text}) AS visible '  # noqa: S608 - checked names
        f'FROM ({" UNION ALL ".join(parts)}) m JOIN "{plan.tablename}" t ON t.id = m.id '
        f"WHERE t.trashed_at IS NULL AND t.id <> {statement.add(but or 0)}::bigint",
        *statement.args,
    )
    return _collect(rows)


def _parts(plan: EntityPlan, values: Mapping[str, str], statement: Statement) -> list[str]:
    parts = []
    name = values.get(plan.title, "").strip().replace("\x00", "")[:200]
    table = f'"{plan.tablename}" t'
    if len(name) >= _SHORTEST_NAME and plan.title_field.has_key:
        typed = f"lower(crm_unaccent({statement.add(name)}))"
        key = f't."{plan.title}_key"'
        parts.append(
            f"(SELECT t.id, CASE WHEN {key} = {typed} THEN 'same name' ELSE 'similar name' END "  # noqa: S608
            f"AS reason, similarity({key}, {typed}) AS near FROM {table} WHERE {key} % {typed} "
            f"AND similarity({key}, {typed}) > 0.5 ORDER BY near DESC, t.id LIMIT {_CANDIDATES})"
        )
    for field in plan.fields.values():
        if field.kind not in COMPARED or field.is_custom:
            continue
        wanted = compared_value(field.kind, values.get(field.name, "").replace("\x00", ""))
        if wanted:
            expression = COMPARED[field.kind].format(f't."{field.name}"')
            parts.append(
                f"(SELECT t.id, '{field.name}' AS reason, 1.0 AS near FROM {table} "  # noqa: S608
                f"WHERE {expression} = {statement.add(wanted)} AND t.\"{field.name}\" <> '' "
                # `+ 0` keeps PostgreSQL from walking the primary key: it expects 500 rows of one
                # address where there is one, since it has no statistics of partial indexes.
                f"ORDER BY t.id + 0 LIMIT {_CANDIDATES})"
            )
    return parts


def _collect(rows: list[Any]) -> Duplicates:
    reasons: dict[int, list[str]] = {}
    near: dict[int, float] = {}
    titles: dict[int, str] = {}
    hidden = set()
    for row in rows:
        if not row["visible"]:
            hidden.add(row["id"])
            continue
        reasons.setdefault(row["id"], []).append(row["reason"])
        near[row["id"]] = near.get(row["id"], 0.0) + float(row["near"])
        titles[row["id"]] = row["title"]
    best = sorted(reasons, key=lambda record: (-near[record], record))[:_MOST]
    return Duplicates(
        tuple(Duplicate(record, titles[record], tuple(reasons[record])) for record in best),
        len(hidden),
    )
