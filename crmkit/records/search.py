"""Finds records of all entities by any word of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from crmkit.access.predicate import may_use, predicate

if TYPE_CHECKING:
    from crmkit.model.context import Context

_LONGEST = 200


class Hit(msgspec.Struct, frozen=True):
    """A record that was found."""

    entity: str
    id: int
    title: str
    body: str


async def search_records(ctx: Context, text: str, limit: int = 20) -> list[Hit]:
    """Find records whose title or body contains a text, those that begin with it first.

    Case, accents and Cyrillic case are folded. Each entity's own permission predicate decides;
    one statement serves all entities.
    """
    term = text.strip()[:_LONGEST].replace("\x00", "")
    if not term:
        return []
    escaped = term.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    args: list[object] = [f"%{escaped}%", f"{escaped}%"]
    parts = []
    for plan in ctx.site.entities.values():
        if not await may_use(ctx, plan, "read"):
            continue
        rule = predicate(ctx, plan, "read", "t", len(args) + 1)
        args.extend(rule.args)
        name = plan.name.replace("'", "''")
        parts.append(
            f'SELECT m.* FROM matches m JOIN "{plan.tablename}" t ON t.id = m.record '  # noqa: S608
            f"WHERE m.entity = '{name}' AND ({rule.text})"
        )
    if not parts:
        return []
    rows = await ctx.db.rows(
        "WITH matches AS MATERIALIZED (SELECT entity, record, title, body, "  # noqa: S608
        "(lower(crm_unaccent(title)) LIKE lower(crm_unaccent($2))) AS starts FROM core_search "
        "WHERE NOT trashed AND folded LIKE lower(crm_unaccent($1)) LIMIT 3000) "
        f"SELECT * FROM ({' UNION ALL '.join(parts)}) found "
        f"ORDER BY starts DESC, length(title), title, record LIMIT {int(limit)}",
        *args,
    )
    return [Hit(row["entity"], row["record"], row["title"], row["body"]) for row in rows]
