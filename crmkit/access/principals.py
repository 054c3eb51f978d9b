"""Who somebody is without a session or a token: work that goes on in a person's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.model.context import Principal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.db.engine import Database
    from crmkit.model.role import Role

_FIND = """
WITH RECURSIVE me AS (
    SELECT id, name, role, team, language, time_zone, theme FROM core_user
    WHERE id = $1 AND active AND trashed_at IS NULL
), mine (id) AS (
    SELECT team FROM me WHERE team IS NOT NULL
    UNION SELECT t.id FROM core_team t JOIN me ON t.manager = me.id
), led (id) AS (
    SELECT t.id FROM core_team t JOIN me ON t.manager = me.id
    UNION SELECT t.id FROM core_team t JOIN led ON t.parent = led.id
)
SELECT me.*, ARRAY(SELECT id FROM mine UNION SELECT id FROM led) AS teams FROM me
"""


async def find_principal(db: Database, user_id: int, roles: Mapping[str, Role]) -> Principal | None:
    """Answer a person with role and teams as they are now; None when disabled or gone."""
    row = await db.row(_FIND, user_id)
    role = roles.get(row["role"]) if row is not None else None
    if row is None or role is None:
        return None
    return Principal(
        user_id=row["id"],
        name=row["name"],
        role=role,
        teams=tuple(row["teams"]),
        language=row["language"],
        time_zone=row["time_zone"],
        theme=row["theme"],
    )
