"""Finds who has a telephone number, of all that the reader may see."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from crmkit.access.predicate import may_use, predicate
from crmkit.records.duplicates import COMPARED
from crmkit.records.statement import Statement

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

_MOST = 5
#: The end of a number is the same whether the country's code is written or not.
_DIGITS = 9
_FEWEST = 2


class Caller(msgspec.Struct, frozen=True):
    """A record that has the number."""

    entity: str
    id: int
    title: str


def number_end(text: str) -> str:
    """Answer what a number is compared by, a short extension as it is; "" when it says nothing."""
    digits = re.sub(r"[^0-9]", "", text)[-_DIGITS:]
    return digits if len(digits) >= _FEWEST else ""


async def find_callers(ctx: Context, number: str) -> list[Caller]:
    """Find records of all entities with phone fields that have a number, people first.

    Only what the reader may see. One statement, each part served by an index where the entity has
    the one that the check for duplicates uses.
    """
    end = number_end(number)
    if not end:
        return []
    statement = Statement(end)
    parts: list[str] = []
    for plan in sorted(ctx.site.entities.values(), key=_rank):
        columns = [f.name for f in plan.fields.values() if f.kind == "phone" and not f.is_custom]
        if not columns or not await may_use(ctx, plan, "read"):
            continue
        rule = predicate(ctx, plan, "read", "t", statement.next)
        statement.args.extend(rule.args)
        same = " OR ".join(
            f"({COMPARED['phone'].format(f't.{_quoted(name)}')} = $1 AND t.{_quoted(name)} <> '')"
            for name in columns
        )
        parts.append(
            f"(SELECT {len(parts)} AS rank, '{plan.name}' AS entity, t.id, "  # noqa: S608 - checked names
            f't."{plan.title}" AS title FROM "{plan.tablename}" t '
            f"WHERE ({same}) AND t.trashed_at IS NULL AND ({rule.text}) "
            f"ORDER BY t.id + 0 DESC LIMIT {_MOST})"
        )
    if not parts:
        return []
    rows = await ctx.db.rows(
        f"SELECT * FROM ({' UNION ALL '.join(parts)}) found ORDER BY rank, id DESC LIMIT {_MOST}",  # noqa: S608
        *statement.args,
    )
    return [Caller(row["entity"], row["id"], row["title"]) for row in rows]


def _quoted(name: str) -> str:
    return f'"{name}"'


def _rank(plan: EntityPlan) -> int:
    """People before companies, colleagues last."""
    return 2 if plan.plugin == "core" else 0 if plan.person else 1
