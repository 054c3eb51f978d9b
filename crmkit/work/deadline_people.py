"""Who is told of a deadline: the responsible, who stands in, and up the teams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from crmkit.model.context import Context

# The person first, then the managers of the team and of the teams above, each with who stands in.
_LADDER = """
WITH RECURSIVE up (id, manager, parent, depth) AS (
    SELECT t.id, t.manager, t.parent, 1 FROM core_team t
    WHERE t.id = (SELECT team FROM core_user WHERE id = $1)
    UNION ALL
    SELECT t.id, t.manager, t.parent, up.depth + 1 FROM core_team t
    JOIN up ON t.id = up.parent WHERE up.depth < 20
), away AS (
    SELECT a.absentee, min(a.deputy) AS deputy FROM core_absence a
    WHERE a.trashed_at IS NULL AND a.hours = '' AND a.first_day <= $2
        AND coalesce(a.last_day, a.first_day) >= $2
        AND (a.absentee = $1 OR a.absentee IN (SELECT manager FROM up))
    GROUP BY a.absentee
)
SELECT u.id, u.active AND u.trashed_at IS NULL AS is_active, a.absentee IS NOT NULL AS is_away,
    (SELECT d.id FROM core_user d WHERE d.id = a.deputy AND d.active AND d.trashed_at IS NULL
        AND NOT EXISTS (SELECT FROM core_absence o WHERE o.absentee = d.id
            AND o.trashed_at IS NULL AND o.hours = '' AND o.first_day <= $2
            AND coalesce(o.last_day, o.first_day) >= $2)) AS deputy
FROM (SELECT $1::bigint AS id, 0 AS depth UNION ALL SELECT manager, depth FROM up) p
JOIN core_user u ON u.id = p.id LEFT JOIN away a ON a.absentee = u.id
ORDER BY p.depth
"""
_ADMINISTRATORS = """
SELECT id FROM core_user WHERE active AND trashed_at IS NULL AND role = ANY($1) ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Rung:
    """A person of the ladder today."""

    id: int
    is_active: bool
    is_away: bool
    deputy: int | None

    @property
    def here(self) -> int | None:
        """Who acts: the person, or who stands in; None when nobody does."""
        if self.is_active and not self.is_away:
            return self.id
        return self.deputy


async def people_for(
    ctx: Context, to: str | int, responsible: int | None, now: datetime
) -> tuple[int, ...]:
    """Answer whom a step tells: one person, or the administrators where the ladder ends.

    Args:
        to: Level of the ladder, or the id of a person.
        now: Whose day in the zone of the site is asked for absences.
    """
    start = to if isinstance(to, int) else responsible
    if start is not None:
        today = now.astimezone(ctx.config.zone).date()
        rows = await ctx.db.rows(_LADDER, start, today)
        ladder = list(dict.fromkeys(Rung(**dict(row)) for row in rows))
        found = choose(to, start, ladder)
        if found is not None:
            return (found,)
    roles = [
        role.name for role in ctx.site.roles.values() if role.scope("core.user", "admin") == "all"
    ]
    return tuple(row["id"] for row in await ctx.db.rows(_ADMINISTRATORS, roles))


def choose(to: str | int, start: int, ladder: list[Rung]) -> int | None:
    """Answer the person of a level; None where the ladder ends at the administrators."""
    own = next((rung for rung in ladder if rung.id == start), None)
    above = [rung for rung in ladder if rung.id != start]
    if own is not None:
        if isinstance(to, int) or to == "responsible":
            # Away with nobody to stand in: it is waiting for the one it is for.
            at_all = own.here or (own.id if own.is_active else None)
            if at_all is not None:
                return at_all
        elif to == "deputy" and own.deputy is not None:
            return own.deputy
    places = above[1:] if to == "head" else above
    return next((rung.here for rung in places if rung.here is not None), None)
